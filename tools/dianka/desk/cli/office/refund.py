"""`dianka office refund` and `receipt`: pay a purchase back, print a receipt again."""

from typing import TYPE_CHECKING, Annotated

import typer

from dianka.desk.cli.office.consents import ConsentOption, ask_consent
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import CardArgument, ControlOption, ReaderOption, open_control
from dianka.desk.cli.plain import report_errors
from dianka.desk.interrupts import held
from dianka.readers import find_reader, pick_place

if TYPE_CHECKING:
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending.models import Refund, Sale
    from dianka.desk.office.vending.refunds import Order


def refund_command(
    folder: FolderOption,
    number: Annotated[int, typer.Argument(help="The sale's number, as on its receipt.")],
    reason: Annotated[str, typer.Option(help="Why it is paid back.")],
    card: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
    consent: ConsentOption = "",
    method: Annotated[
        str, typer.Option(help="How it is paid back; as it was paid if not given.")
    ] = "",
    desk: Annotated[str, typer.Option(help="The desk of the sale, if not this one.")] = "",
) -> None:
    """Take a sale's purchase off its card, pay it back, and print the receipt.

    It is the last purchase, still on the card that it was sold to, and has not been in the meter.

    Exit code: 0 paid back; 1 refused, the card is as it was; 3 pay nothing yet, give the same again
    with the card.

    Example: dianka office refund 17 lin.card --reason "typed 50 for 5" --consent wu
    """
    with held, report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending import refunds
        from dianka.desk.office.vending.receipts_text import format_refund

        place = pick_place(card, reader)
        sale = refunds.find_sale(actor, number, desk)
        words = refunds.CONSENT, refunds.name_sale(sale), sale.amount_fen
        given = ask_consent(actor, consent, *words)
        order = refunds.Order(reason, method or sale.method, given)
        typer.echo(format_refund(_refund(actor, place, control, sale, order)), nl=False)


def receipt_command(
    folder: FolderOption,
    number: Annotated[int, typer.Argument(help="The receipt's number at its desk.")],
    desk: Annotated[str, typer.Option(help="The receipt's desk, if not this one.")] = "",
) -> None:
    """Print a receipt again, marked and numbered as a copy.

    Example: dianka office receipt 17
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.receipts_text import copy_receipt

        typer.echo(copy_receipt(actor, number, desk), nl=False)


def _refund(
    actor: "Actor", place: str, control: str | None, sale: "Sale", order: "Order"
) -> "Refund":
    from dianka.desk.office.vending.refund_counter import refund

    with find_reader(place).connect() as resident, open_control(place, control) as desk:
        held.raise_if_heard()  # from here to the end it is not broken off
        return refund(actor, desk.port, resident.port, sale, order, tell=typer.echo)
