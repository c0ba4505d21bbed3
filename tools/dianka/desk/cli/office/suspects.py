"""`dianka office suspects`, `limits` and `inspection`: whom to visit, and what was found there."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import (
    CardArgument,
    ControlOption,
    ReaderOption,
    open_control,
    parse_decimal,
    parse_number,
)
from dianka.desk.cli.plain import report_errors
from dianka.desk.prices import UTC_OFFSET
from dianka.money import signed_yuan
from dianka.readers import find_reader, pick_place

AreaOption = Annotated[str, typer.Option(help="The area's name.")]
inspection_app = typer.Typer(
    no_args_is_help=True, help="Record what was found at a place, and what was read outside."
)


def suspects_command(folder: FolderOption) -> None:
    """Make this month's list of places that should be visited; once a month.

    It goes through all accounts. `dianka office report suspects` shows it.

    Example: dianka office suspects --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.statistics.suspects import make_list

        typer.echo(f"{make_list(actor)} places are on the list: dianka office report suspects")


def limits_command(
    folder: FolderOption,
    name: Annotated[str, typer.Argument(help="The threshold to set; none: show all.")] = "",
    value: Annotated[int | None, typer.Argument(help="Its new value, a whole number.")] = None,
) -> None:
    """Show the thresholds of the rules of suspicion, or set one.

    Example: dianka office limits z1_days 120 --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dataclasses import asdict

        from dianka.desk.office.statistics.limits import read_limits, set_limit

        if name and value is None:
            raise CardError(f"give {name} its new value as well, a whole number")
        if name and value is not None:
            set_limit(actor, name, value)
        for each, now in asdict(read_limits()).items():
            if not name or each == name:
                typer.echo(f"  {each:22} {now:>8}")


@inspection_app.command("record")
def record_command(
    customer: Annotated[str, typer.Argument(help="The customer's number.")],
    found: Annotated[str, typer.Argument(help="theft, fault, nothing or 'no access'.")],
    folder: FolderOption,
    note: Annotated[str, typer.Option(help="What there is to say.")] = "",
) -> None:
    """Record what an inspection found: this is how the rules' hit rate becomes known.

    Example: dianka office inspection record 88 theft --note "bypass behind the meter"
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.statistics.inspections import record_inspection

        row = record_inspection(actor, parse_number(customer, "customer"), found, note)
        typer.echo(f"recorded: {row.found}; rules that had asked for it: {row.rules or 'none'}")


@inspection_app.command("read")
def read_command(
    folder: FolderOption,
    card: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
) -> None:
    """Take what a meter has copied to an inspection card into the books.

    Example: dianka office inspection read inspection.card --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.inspection_cards import take_inspection
        from dianka.desk.office.vending.inspection_logs import keep_log

        place = pick_place(card, reader)
        with find_reader(place).connect() as inspected, open_control(place, control) as desk:
            contract, reading = take_inspection(actor, desk.port, inspected.port)
            log = keep_log(folder, inspected.port)
        if reading is None:
            typer.echo(f"meter {contract.meter}: the books have this, or a later reading")
            typer.echo(log)
            return
        used = f"{signed_yuan(reading.used_fen)} yuan used since the last reading"
        typer.echo(f"meter {contract.meter}: {signed_yuan(reading.balance_fen)} yuan in it, {used}")
        if reading.unexplained_fen:
            typer.echo(f"{signed_yuan(reading.unexplained_fen)} yuan in it were never sold here")
        typer.echo(log)


@inspection_app.command("feeder")
def feeder_command(
    area: AreaOption,
    energy: Annotated[str, typer.Option(help="The feeder meter's total, kWh, as 12345.678.")],
    folder: FolderOption,
    at: Annotated[str, typer.Option(help="When it was read, as 2026-03-01T00:00; else now.")] = "",
) -> None:
    """Record the total of the meter that measures an area's feeder.

    Example: dianka office inspection feeder --area East --energy 12345.678
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.statistics.inspections import record_feeder_reading

        energy_wh = parse_decimal(energy, 3, "energy in kWh")
        row = record_feeder_reading(actor, area, energy_wh, parse_time(at) if at else None)
        typer.echo(f"recorded: feeder of {row.area.name}")


@inspection_app.command("outage")
def outage_command(
    area: AreaOption,
    begins: Annotated[str, typer.Option("--from", help="Local time, as 2026-03-01T08:00.")],
    ends: Annotated[str, typer.Option("--to", help="Local time.")],
    folder: FolderOption,
) -> None:
    """Record a time without supply, which excuses the meters of an area.

    Example: dianka office inspection outage --area East --from 2026-03-01T08:00 --to 2026-03-01T17:00
    """  # noqa: E501  an example is one line
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.statistics.inspections import record_outage

        record_outage(actor, area, parse_time(begins), parse_time(ends))
        typer.echo(f"recorded: no supply in {area} from {begins} to {ends}")


@inspection_app.command("log")
def log_command(
    meter: Annotated[str, typer.Argument(help="The meter's number.")],
    hours: Annotated[int, typer.Option(help="Hours since the inspection before.")],
    folder: FolderOption,
    off_hours: Annotated[int, typer.Option(help="Of these, without supply.")] = 0,
    covers: Annotated[int, typer.Option(help="Times that a cover was opened.")] = 0,
    relay_faults: Annotated[int, typer.Option(help="Faults of the relay.")] = 0,
) -> None:
    """Record what an inspection card told of a meter's events.

    Example: dianka office inspection log 7 --hours 720 --off-hours 300 --covers 1
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.statistics.inspections import record_meter_log

        number = parse_number(meter, "meter")
        row = record_meter_log(actor, number, hours, off_hours, covers, relay_faults)
        typer.echo(f"recorded: events of meter {row.meter}")


def parse_time(text: str) -> datetime:
    """Convert a local time such as 2026-03-01T08:00 to UTC. CardError if it is none."""
    try:
        local = datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise CardError(f"{text!r} is no time: write it as 2026-03-01T08:00") from None
    return local - UTC_OFFSET
