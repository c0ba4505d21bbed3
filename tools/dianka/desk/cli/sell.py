"""`dianka sell`: the sale on the command line, its receipt, and what is said when it ends early."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.desk.cli.office.signed_in import OfficeOption, open_as_actor
from dianka.desk.cli.options import (
    ControlOption,
    TariffOption,
    find_control,
    is_same_place,
    open_control,
    parse_fen,
    parse_tariff,
    pick_control_place,
    print_lines,
)
from dianka.desk.cli.output import OUTPUT_FAILED, OutputError
from dianka.desk.cli.plain import report_errors
from dianka.desk.interrupts import held
from dianka.desk.prices import NewPrice, format_difference, is_far, parse_minute
from dianka.desk.quota import find_shortage
from dianka.desk.sell import Receipt, raise_as_sale_error, sell
from dianka.desk.words import format_price, format_time
from dianka.money import yuan
from dianka.readers import find_reader, pick_place

WITHOUT_OFFICE = ("books", "no office: write this into the sales record")


def _check_sale_words(context: typer.Context, words: list[str]) -> list[str]:
    """Return the words of a sale: CARD and YUAN, or YUAN alone when --reader names the card.

    Raise BadParameter if there are more or fewer.
    """
    if len(words) != (1 if context.params.get("reader") else 2):
        raise typer.BadParameter("give CARD and YUAN, or YUAN and --reader")
    return words


WordsArgument = Annotated[
    list[str],
    typer.Argument(
        help="The resident's card, a file or reader:NUMBER or reader:NAME; how much, such as "
        "50 or 12.34.",
        metavar="[CARD] YUAN",
        callback=_check_sale_words,
    ),
]
SaleReaderOption = Annotated[
    str | None,
    typer.Option(
        "--reader", is_eager=True, help="The resident's card is in this reader: number or name."
    ),
]
NewPriceOption = Annotated[
    str,
    typer.Option(
        help="A new price, yuan per kWh, which the card brings to the meter; with --from."
    ),
]
BeginOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="When it begins, local time: 2026-03-01T00:00. Not a time that has passed.",
    ),
]
AtOnceOption = Annotated[
    bool,
    typer.Option(
        "--at-once",
        help="With a --from that has passed: the price begins when the card is put in.",
    ),
]
MethodOption = Annotated[str, typer.Option(help="How it was paid, for the office's books.")]
TenderedOption = Annotated[
    str, typer.Option(help="What the customer gives, yuan: the receipt says the change.")
]
KeyOption = Annotated[
    UUID | None,
    typer.Option(
        help="The form's key: the same key never sells twice in the office.", show_default=False
    ),
]


def sell_command(
    words: WordsArgument,
    reader: SaleReaderOption = None,
    control: ControlOption = None,
    price: NewPriceOption = "",
    begin: BeginOption = "",
    at_once: AtOnceOption = False,
    tariff: TariffOption = None,
    office: OfficeOption = None,
    method: MethodOption = "notes",
    tendered: TenderedOption = "",
    key: KeyOption = None,
) -> None:
    """Sell credit: write a purchase to a user card, and a new price if there is one.

    With an office the sale is in its books, which bring the price along; somebody is signed in
    there. Without one, write the sale into the sales record.

    Exit code: 0 sold; 1 refused, nothing was sent; 3 keep the money and sell the same again; 4
    sold, but the receipt can't be written; 128 and the signal's number if a signal ended it: its
    line says whether the money is to be kept.

    Example: dianka sell lin.card 50.00

    Example: dianka sell lin.card 50.00 --price 0.6000 --from 2026-03-01T00:00
    """
    with held, report_errors():
        amount_fen, new = parse_fen(words[-1]), _parse_new_price(price, begin, at_once, tariff)
        card = pick_place(words[0] if len(words) == 2 else None, reader)
        if office:
            if new:
                raise CardError("the office brings prices along: leave --price and --from out")
            tendered_fen = parse_fen(tendered) if tendered else None
            wish = Wish(amount_fen, method, key, tendered_fen)
            _sell_in_office(office, card, control, wish)
            return
        receipt, shortage = _sell_at_place(card, control, amount_fen, new)
        try:
            _print_receipt(receipt, new)
            if shortage:
                typer.echo(shortage)
        except OutputError as error:
            made = f"purchase {receipt.count} of {yuan(receipt.amount_fen)} yuan is on the card"
            if receipt.completes:
                raise ReceiptError(
                    f"{made}, already paid: take no money; more can't be written ({error})"
                ) from None
            by_hand = "keep the money, write the receipt by hand"
            raise ReceiptError(
                f"{made}, but its receipt can't be written ({error}): {by_hand}"
            ) from None


@dataclass(frozen=True)
class Wish:
    """What a clerk asks the office to sell. `key` is that of the form, if it has one."""

    amount_fen: int
    method: str
    key: UUID | None
    tendered_fen: int | None


def _sell_in_office(folder: Path, card: str, control: str | None, wish: Wish) -> None:
    """Sell through the office's books, and print the receipt."""
    actor = open_as_actor(folder)
    from django.db import Error

    from dianka.desk.office.vending import counter
    from dianka.desk.office.vending.patience import shorten
    from dianka.desk.office.vending.receipts_text import format_receipt

    _must_be_two(card, control)
    with find_reader(card).connect() as resident, open_control(card, control) as desk:
        sale = counter.sell(
            actor,
            desk.port,
            resident.port,
            wish.amount_fen,
            wish.method,
            wish.key,
            wish.tendered_fen,
            raise_if_stopped=held.raise_if_heard,
            tell=typer.echo,
        )
        shortage = ""
        with suppress(CardError, CardTorn):  # the sale is made, whatever the control card says
            shortage = find_shortage(desk.port, sale.amount_fen)
    try:
        typer.echo(format_receipt(sale))
        if shortage:
            typer.echo(shortage)
    except (OutputError, Error) as error:
        raise ReceiptError(
            f"sale {sale.number} is made and in the books, but its receipt can't be written "
            f"({shorten(error)}): keep the money, and run dianka office receipt {sale.receipt}"
        ) from None


class ReceiptError(CardError):
    """The sale is made, but its receipt can't be written."""

    exit_code = OUTPUT_FAILED


def _sell_at_place(
    card: str, control: str | None, amount_fen: int, new: NewPrice | None
) -> tuple[Receipt, str]:
    """Sell to the card at this place. Report any failure around the sale as one of the sale.

    Return the receipt, and a line if the control card's quota runs short.
    """
    receipts: list[Receipt] = []
    shortage = ""
    with raise_as_sale_error(lambda: bool(receipts)):
        held.raise_if_heard()  # while Python imported all this
        _must_be_two(card, control)
        with find_reader(card).connect() as resident, open_control(card, control) as desk:
            receipts.append(
                sell(
                    desk.port,
                    resident.port,
                    amount_fen,
                    new=new,
                    raise_if_stopped=held.raise_if_heard,
                )
            )
            with suppress(CardError, CardTorn):  # as above
                shortage = find_shortage(desk.port, amount_fen)
        held.raise_if_heard()
    return receipts[0], shortage


def _print_receipt(receipt: Receipt, new: NewPrice | None) -> None:
    price_lines = _describe_new_price(new, receipt.former_e4) if new else []
    if receipt.completes:
        on_card = f"{yuan(receipt.amount_fen)} yuan are on card {receipt.serial.hex()}"
        typer.echo(f"completes purchase {receipt.count}, already paid: take no money ({on_card})")
        if price_lines:
            print_lines("new price", price_lines)
        return
    lines = [
        ("sold", f"{yuan(receipt.amount_fen)} yuan"),
        ("purchase", f"{receipt.count}{' (account opened)' if receipt.opened else ''}"),
        ("meter", f"{receipt.meter_no:012d}"),
        ("customer", f"{receipt.customer_no:012d}"),
        ("card", receipt.serial.hex()),
        WITHOUT_OFFICE,
    ]
    print_lines("receipt", [*lines, *price_lines])


def _describe_new_price(new: NewPrice, former_e4: int | None) -> list[tuple[str, str]]:
    several = "several prices, rate 1 " if new.tariff else ""
    price = several + format_price(new.price_e4)
    lines = [(f"price from {format_time(new.switch_time)}", price)]
    if is_far(new.price_e4, former_e4):
        lines.append(("look at it again", format_difference(new.price_e4, former_e4)))
    return lines


def _must_be_two(card: str, control: str | None) -> None:
    """Raise CardError if the resident's card and the control card are one card.

    The message says which of the two it is, not that it is in use.
    """
    if is_same_place(card, pick_control_place(card, control)):
        with find_control(card, control) as desk:
            raise CardError(f"{desk.name} is the control card itself: name the resident's card")


def _parse_new_price(price: str, begin: str, at_once: bool, tariff: Path | None) -> NewPrice | None:
    given = bool(price or tariff)
    if given != bool(begin):
        raise CardError("a new price has a time: give --price and --from, or neither")
    if at_once and not given:
        raise CardError(
            "--at-once is a word about a new price: give --price and --from with it, or leave it "
            "out"
        )
    if not given:
        return None
    rates_e4, several = parse_tariff([price] if price else None, tariff)
    return NewPrice(rates_e4[0], parse_minute(begin), at_once, several)
