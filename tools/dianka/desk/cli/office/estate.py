"""`dianka office premise` and `dianka office meter`: what there is, and what is installed where."""

from typing import TYPE_CHECKING, Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.acts import print_events
from dianka.desk.cli.office.consents import ConsentOption, ask_consent
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import parse_number, print_lines
from dianka.desk.cli.plain import report_errors

if TYPE_CHECKING:
    from dianka.desk.office.estate.models import Premise
    from dianka.desk.office.people.rights import Actor

premise_app = typer.Typer(no_args_is_help=True, help="Areas and premises.")
meter_app = typer.Typer(no_args_is_help=True, help="Meters in stock, installed, removed.")

AreaArgument = Annotated[str, typer.Argument(help="Name of the area.")]
PlaceArgument = Annotated[
    str, typer.Argument(help="AREA/BUILDING/UNIT/ROOM, or AREA/BUILDING/ROOM without units.")
]
MeterArgument = Annotated[str, typer.Argument(help="Meter number, up to 12 digits.")]


@premise_app.command("area")
def area_command(
    folder: FolderOption,
    name: AreaArgument,
    archive: Annotated[bool, typer.Option("--archive", help="Archive it.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Take it back into use.")] = False,
) -> None:
    """Add an area; or archive it, when all its premises are, or restore it.

    Example: dianka office premise area 东湖花园
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate import places

        if archive and restore:
            raise CardError("--archive or --restore: give one of them")
        act = (
            places.archive_area if archive else places.restore_area if restore else places.add_area
        )
        act(actor, name)
        typer.echo(f"area {name} is {'archived' if archive else 'there'}")


@premise_app.command("areas")
def areas_command(folder: FolderOption) -> None:
    """List the areas.

    Example: dianka office premise areas
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.places import list_areas

        for area in list_areas(actor):
            typer.echo(area.name)


@premise_app.command("add")
def add_premises_command(
    folder: FolderOption,
    area: AreaArgument,
    building: Annotated[str, typer.Option(help="A building, or a range of numbers as 1-6.")],
    room: Annotated[str, typer.Option(help="A room; or all floors and doors of 101-604.")],
    unit: Annotated[str, typer.Option(help="A unit, or a range as 1-3; none by default.")] = "",
) -> None:
    """Add one premise, or all rooms of buildings and units at once.

    Example: dianka office premise add 东湖花园 --building 1-6 --unit 1-3 --room 101-604
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.places import add_premises, spread_places

        made = add_premises(actor, area, spread_places(building, unit, room))
        typer.echo(f"{len(made)} premises are added, {made[0]} to {made[-1]}")


@premise_app.command("list")
def list_command(
    folder: FolderOption,
    area: AreaArgument,
    building: Annotated[str, typer.Option(help="Only this building.")] = "",
) -> None:
    """List the premises of an area, 1000 at most.

    Example: dianka office premise list 东湖花园 --building 3
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.places import list_premises

        for premise in list_premises(actor, area, building):
            typer.echo(f"{premise}{'  vacant' if premise.vacant else ''}")


@premise_app.command("vacant")
def vacant_command(
    folder: FolderOption,
    place: PlaceArgument,
    inhabited: Annotated[bool, typer.Option("--no", help="Somebody lives there again.")] = False,
) -> None:
    """Record that nobody lives there.

    Example: dianka office premise vacant 东湖花园/3/2/604
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.places import set_vacant

        set_vacant(actor, _find_place(actor, place).pk, not inhabited)
        typer.echo(f"{place} is {'inhabited' if inhabited else 'vacant'}")


@premise_app.command("archive")
def archive_command(
    folder: FolderOption,
    place: PlaceArgument,
    restore: Annotated[bool, typer.Option("--restore", help="Take it back into use.")] = False,
) -> None:
    """Archive a premise without a meter, or restore it.

    Example: dianka office premise archive 东湖花园/3/2/604
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate import places

        premise = _find_place(actor, place)
        act = places.restore_premise if restore else places.archive_premise
        act(actor, premise.pk)
        typer.echo(f"{premise} is {'restored' if restore else 'archived'}")


@meter_app.command("add")
def add_meters_command(
    folder: FolderOption,
    number: Annotated[str, typer.Argument(help="Meter number, the first of several.")],
    count: Annotated[int, typer.Option(help="How many, with consecutive numbers.")] = 1,
    model: Annotated[str, typer.Option(help="Model of the meter.")] = "",
) -> None:
    """Take meters into stock.

    Example: dianka office meter add 202600000001 --count 72
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.meters import add_meters

        made = add_meters(actor, parse_number(number, "meter"), count, model)
        typer.echo(f"{len(made)} meters are in stock, up to {made[-1]}")


@meter_app.command("show")
def show_command(folder: FolderOption, number: MeterArgument) -> None:
    """Show a meter, and all that happened to it in order of time: acts, readings, accounts.

    Example: dianka office meter show 202600000001
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.history import list_meter_history

        meter, events = list_meter_history(actor, _parse(number))
        lines = [
            ("state", meter.state),
            ("model", meter.model),
            ("place", str(meter.premise or "")),
        ]
        print_lines(f"meter {meter}", [line for line in lines if line[1]])
        print_events(events)


@meter_app.command("install")
def install_command(folder: FolderOption, number: MeterArgument, place: PlaceArgument) -> None:
    """Install a meter from stock.

    Example: dianka office meter install 202600000001 东湖花园/3/2/604
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.meters import install_meter

        premise = _find_place(actor, place)
        typer.echo(f"meter {install_meter(actor, _parse(number), premise.pk)} is at {premise}")


@meter_app.command("remove")
def remove_command(folder: FolderOption, number: MeterArgument) -> None:
    """Take a meter down whose account is closed.

    Example: dianka office meter remove 202600000001
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.meters import remove_meter

        remove_meter(actor, _parse(number))
        typer.echo("removed")


@meter_app.command("scrap")
def scrap_command(folder: FolderOption, number: MeterArgument) -> None:
    """Scrap a meter that is in stock or removed.

    Example: dianka office meter scrap 202600000001
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.estate.meters import scrap_meter

        scrap_meter(actor, _parse(number))
        typer.echo("scrapped")


@meter_app.command("swap")
def swap_command(
    folder: FolderOption,
    former: Annotated[str, typer.Argument(help="Number of the meter that is taken down.")],
    number: Annotated[str, typer.Argument(help="Number of the meter from stock.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    reading: Annotated[
        str | None, typer.Option(help="Number of the former meter's newest reading.")
    ] = None,
    consent: ConsentOption = "",
) -> None:
    """Exchange a meter for another one; the customer and what is in it go along.

    A second person consents to the amount that goes along.

    Example: dianka office meter swap 7 8 --reading 31 --reason "dark display" --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers import closing
        from dianka.money import yuan

        numbers = _parse(former), _parse(number)
        reading_id = parse_number(reading, "reading") if reading else None
        asked = closing.name_exchange(actor, *numbers, reading_id)
        given = ask_consent(actor, consent, *asked)
        contract = closing.exchange_meter(actor, *numbers, reading_id, reason, given)
        typer.echo(
            f"meter {contract.meter} is {contract.customer}'s now: make its opening card, which "
            f"brings {yuan(contract.brought_fen)} yuan along, with dianka card replace"
        )


def _parse(number: str) -> int:
    return parse_number(number, "meter")


def _find_place(actor: "Actor", place: str) -> "Premise":
    from dianka.desk.office.estate.places import find_premise

    words = place.split("/")
    if len(words) not in (3, 4):
        raise CardError(f"{place!r} is no place: write AREA/BUILDING/UNIT/ROOM")
    if len(words) == 3:
        words.insert(2, "")
    area, building, unit, room = (word.strip() for word in words)
    return find_premise(actor, area, building, unit, room)
