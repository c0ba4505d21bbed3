"""`dianka office card`: read, verify, clear, scrap and list cards of the register.

batches.py beside this has the commands that make cards by the hundred.
"""

from typing import Annotated, ClassVar

import typer

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk.cli.office.acts import print_events
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import (
    CardArgument,
    ControlOption,
    ReaderOption,
    is_same_place,
    open_control,
    parse_serial,
    pick_control_place,
    print_lines,
)
from dianka.desk.cli.plain import report_errors
from dianka.desk.show import show
from dianka.lazy import Later, LazyGroup
from dianka.readers import Held, find_reader, pick_place

_SHOWN = 100  # rows of a list


class _OfficeCards(LazyGroup):
    later: ClassVar = {
        "batch": Later(
            "dianka.desk.cli.office.batches:batch_app",
            "Make or receive cards one after the other.",
        ),
    }


card_app = typer.Typer(
    cls=_OfficeCards, no_args_is_help=True, help="The register of cards, and what each card is."
)


@card_app.command("read")
def read_command(
    folder: FolderOption,
    file: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
) -> None:
    """Say in words what a card is, and whose, as the register knows it.

    A card that was made outside of the office is taken in. A making that was broken off is
    resolved. Exit code: 0 in order; 1 it must not go on being used, with the reason.

    Example: dianka office card read lin.card --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.cards.recognising import recognise

        place = pick_place(file, reader)
        with find_reader(place).connect() as card:
            print_lines(card.name, show(card.port))
            with _Control(place, control) as desk:
                seen = recognise(actor, desk.port if desk else None, card.port)
                print_lines("register", seen.describe())


@card_app.command("verify")
def verify_command(
    folder: FolderOption,
    file: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
) -> None:
    """Check a card as `dianka card verify` does, and that register and sales agree with it.

    One line for each finding. Nothing is changed. The exit code is 1 if anything is wrong.

    Example: dianka office card verify lin.card --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.cards.verifying import verify_in_office

        place = pick_place(file, reader)
        with find_reader(place).connect() as card, _Control(place, control) as desk:
            findings = verify_in_office(actor, card.port, desk.port if desk else None)
    for finding in findings:
        typer.echo(f"{'ok ' if finding.good else 'BAD'} {finding.text}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


@card_app.command("clear")
def clear_command(
    folder: FolderOption,
    file: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
) -> None:
    """Clear a replaced card that has turned up; it can be made anew then.

    Example: dianka office card clear found.card --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.cards.clearing import clear_replaced

        place = pick_place(file, reader)
        with find_reader(place).connect() as card, open_control(place, control) as desk:
            serial = clear_replaced(actor, desk.port, card.port)
        typer.echo(f"{place}: card {serial.hex()} is cleared")


@card_app.command("scrap")
def scrap_command(
    serial: Annotated[str, typer.Argument(help="The card's serial, 16 hexadecimal digits.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    folder: FolderOption,
) -> None:
    """Enter a card as scrapped that is destroyed or useless.

    Example: dianka office card scrap 00112233445566aa --reason bent --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.cards import register

        register.scrap(actor, parse_serial(serial) or b"", reason)
        typer.echo(f"card {serial} is scrapped")


@card_app.command("show")
def show_command(
    serial: Annotated[str, typer.Argument(help="The card's serial, 16 hexadecimal digits.")],
    folder: FolderOption,
) -> None:
    """Show a card of the register, and all that happened to it in order of time.

    Example: dianka office card show 00112233445566aa --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.cards.words import describe_card
        from dianka.desk.office.customers.history import list_card_history

        card, events = list_card_history(actor, (parse_serial(serial) or b"").hex())
        print_lines(f"{card.kind} card {card.serial}", describe_card(card))
        print_events(events)


@card_app.command("list")
def list_command(
    folder: FolderOption,
    state: Annotated[str, typer.Option(help="Only cards in this state, such as making.")] = "",
    kind: Annotated[str, typer.Option(help="Only cards of this kind.")] = "",
) -> None:
    """List the cards of the register, the newest first, and how many there are in each state.

    Example: dianka office card list --state making --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.cards.listing import list_cards

        if kind and kind not in kinds.ALL:
            raise CardError(f"{kind} is no kind of card: give one of {', '.join(kinds.ALL)}")
        cards, counts = list_cards(actor, state, kind, _SHOWN)
        print_lines("cards", [(card.serial, text) for card, text in cards])
        print_lines("in all", [(name, str(count)) for name, count in counts.items()])


class _Control:
    """The control card of a card that is held, or None if that is the control card itself."""

    def __init__(self, place: str, control: str | None) -> None:
        same = control is None and is_same_place(pick_control_place(place, None), place)
        self._held: Held | None = None if same else open_control(place, control)

    def __enter__(self) -> Held | None:
        return self._held

    def __exit__(self, *_error: object) -> None:
        if self._held:
            self._held.close()
