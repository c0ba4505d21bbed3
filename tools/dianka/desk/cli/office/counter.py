"""`dianka office look` and `take-in`: a resident's card at the counter, without selling to it."""

from typing import TYPE_CHECKING

import typer

from dianka.desk.cli.office.consents import ConsentOption, ask_consent
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import (
    CardArgument,
    ControlOption,
    ReaderOption,
    open_control,
    print_lines,
)
from dianka.desk.cli.plain import report_errors
from dianka.desk.prices import format_time
from dianka.money import signed_yuan, yuan
from dianka.readers import find_reader, pick_place

if TYPE_CHECKING:
    from dianka.desk.office.vending.counter import Look


def look_command(
    folder: FolderOption,
    card: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
) -> None:
    """Look at a resident's card, and bring the books into step with it.

    What its receipt tells goes into the books; a sale that was broken off is posted if the card has
    it, and void if the card proves that it has not.

    Example: dianka office look lin.card --office office
    """
    with report_errors():
        actor, place = open_as_actor(folder), pick_place(card, reader)
        from dianka.desk.office.vending.counter import look

        with find_reader(place).connect() as resident, open_control(place, control) as desk:
            seen = look(actor, desk.port, resident.port, tell=typer.echo)
        _print_look(seen)


def take_in_command(
    folder: FolderOption,
    card: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
    consent: ConsentOption = "",
) -> None:
    """Take a card in whose purchases were made outside of the office's books.

    Supervisors and managers may, with the consent of another one, as money appears in the books:
    what its meter holds counts as bought outside, once.

    Example: dianka office take-in lin.card --consent wu
    """
    with report_errors():
        actor, place = open_as_actor(folder), pick_place(card, reader)
        from dianka.desk.office.vending import outside

        with find_reader(place).connect() as resident, open_control(place, control) as desk:
            subject, amount_fen = outside.name_outside(actor, desk.port, resident.port)
        given = ask_consent(actor, consent, outside.CONSENT, subject, amount_fen)
        with find_reader(place).connect() as resident, open_control(place, control) as desk:
            seen = outside.take_in_purchases(actor, desk.port, resident.port, given)
        _print_look(seen)


def _print_look(seen: "Look") -> None:
    contract, found, back = seen.contract, seen.found, seen.found.write_back
    lines = [
        ("customer", f"{contract.customer.number:012d}"),
        ("place", str(contract.premise or "")),
        ("meter", f"{contract.meter.number:012d}"),
        ("card", f"{found.serial.hex()}, purchase {found.count} of {yuan(found.money_fen)} yuan"),
    ]
    if back:
        balance = signed_yuan(back["balance_fen"] - back["overdraft_fen"])
        lines.append(("in the meter", f"{balance} yuan, {format_time(back['time'])}"))
    elif found.count:
        lines.append(("in the meter", "not told: the card has not been there since it was sold to"))
    print_lines(contract.customer.name, lines)
