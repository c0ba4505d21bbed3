"""`dianka card new`, `dianka card show` and `dianka sell`: the card desk on the command line.

A card is a file or sits in a reader on PC/SC: CARD and --control take the one or the other, two readers at once if need be.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dianka.cards import issue, kinds
from dianka.cards.image import CardFile
from dianka.cards.inreader import make_in_reader, must_be_control
from dianka.cards.plain import plain_errors
from dianka.cards.port import CardError, CardPort
from dianka.cards.readers import Held, chosen, find
from dianka.cards.readers.choose import PREFIX
from dianka.cards.sell import sell, yuan
from dianka.cards.show import show

app = typer.Typer(no_args_is_help=True, help="Make cards and look at them.")
CONTROL_NAME = "control.card"


class NewKind(StrEnum):
    control = kinds.CONTROL
    user = kinds.USER
    init = kinds.INIT
    keys = kinds.KEYS


ReaderOption = Annotated[str | None, typer.Option("--reader", help="Take the card in this reader: its number or name.")]
ControlOption = Annotated[
    str | None,
    typer.Option(
        "--control",
        help=f"System control card, a file or reader:NUMBER or reader:NAME; by default {CONTROL_NAME} in the card's folder.",
    ),
]
CardArgument = Annotated[
    str | None,
    typer.Argument(help="A card's file, or reader:NUMBER or reader:NAME (`dianka reader list`).", metavar="CARD"),
]


def decimal(text: str, places: int, what: str) -> int:
    """'12.34' with two places is 1234. Digits are moved, nothing is rounded."""
    match = re.fullmatch(rf"([0-9]{{1,9}})(?:\.([0-9]{{1,{places}}}))?", text.strip())
    if not match:
        raise CardError(f"{text!r} is no {what}: write it as 12 or 12.{'34567890'[:places]}")
    return int(match[1] + (match[2] or "").ljust(places, "0"))


def fen(text: str) -> int:
    return decimal(text, 2, "amount in yuan")


def _number(text: str, what: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise CardError(f"{text!r} is no {what} number: give up to 12 digits")
    return int(text)


def _serial(text: str | None) -> bytes | None:
    if text is not None and not re.fullmatch(r"[0-9A-Fa-f]{16}", text):
        raise CardError(f"{text!r} is no serial: give 16 hexadecimal digits")
    return None if text is None else bytes.fromhex(text)


def _control(card: str, control: str | None) -> Held:
    """The system control card that belongs to this card; it is one, or CardError."""
    beside = CONTROL_NAME if card.startswith(PREFIX) else str(Path(card).with_name(CONTROL_NAME))
    word = control or beside
    if not word.startswith(PREFIX) and not Path(word).is_file():
        raise CardError(f"there is no control card {Path(word).name}: make one with `dianka card new control {word}`")
    held = find(word).connect()
    try:
        must_be_control(held)
    except BaseException:
        held.close()
        raise
    return held


@app.command()
def new(
    kind: Annotated[NewKind, typer.Argument(help="What the card is to be.")],
    file: Annotated[str | None, typer.Argument(help="The card's new file; or a blank card in reader:NUMBER or :NAME.")] = None,
    meter: Annotated[str, typer.Option(help="Meter number (user, init).")] = "1",
    customer: Annotated[str, typer.Option(help="Customer number (user).")] = "1",
    alarm1: Annotated[str, typer.Option(help="First alarm, yuan (user, init).")] = "20.00",
    alarm2: Annotated[str, typer.Option(help="Second alarm, yuan (user, init).")] = "5.00",
    rate: Annotated[
        list[str] | None, typer.Option("--price", help="Yuan per kWh, up to 12 times (user, init); 0.5 if none.")
    ] = None,
    overdraft: Annotated[str, typer.Option(help="Overdraft limit, yuan (init).")] = "0",
    hoard: Annotated[str, typer.Option(help="Hoard limit, yuan; 0 is 999999.99 (init).")] = "0",
    close_above: Annotated[str, typer.Option(help="Relay closes above this balance, yuan (init).")] = "0",
    uses: Annotated[int, typer.Option(help="Meters that the card may change (keys).")] = 10,
    serial: Annotated[str | None, typer.Option(help="16 hexadecimal digits; random if none.")] = None,
    blank: Annotated[
        bool, typer.Option("--blank", help="Only a file with a blank chip, to be made into a card later.")
    ] = False,
    reader: ReaderOption = None,
    control: ControlOption = None,
) -> None:
    """Make a new card in FILE, or of the blank card in a reader."""
    with plain_errors():
        place, own_serial = chosen(file, reader), _serial(serial)
        rates_e4 = [decimal(text, 4, "price in yuan per kWh") for text in rate or ["0.5"]]
        data: issue.UserData | issue.InitData | int = uses
        if kind is NewKind.user:
            numbers = _number(meter, "meter"), _number(customer, "customer")
            data = issue.UserData(*numbers, fen(alarm1), fen(alarm2), rates_e4)
        elif kind is NewKind.init:
            limits = fen(overdraft), fen(hoard), fen(close_above)
            data = issue.InitData(_number(meter, "meter"), fen(alarm1), fen(alarm2), *limits, rates_e4)
        if place.startswith(PREFIX) and (serial or blank or kind is NewKind.control):
            raise CardError(
                "the card in a reader is a blank user, init or keys chip with its own serial: for others name a file"
            )
        if blank or kind is NewKind.control:
            made = _blank(Path(place), kind, own_serial)
        else:
            with _control(place, control) as desk:
                made = _make(desk.port, kind, data, place, own_serial)
        typer.echo(f"{place}: {'blank ' * blank}{kind} card {made.hex()}")


def _blank(path: Path, kind: NewKind, serial: bytes | None) -> bytes:
    """A chip as its maker delivers it. A control card makes its keys there, and is whole."""
    with CardFile.create(path, kind, serial) as card:
        return card.chip.state.serial


def _make(
    control: CardPort, kind: NewKind, data: issue.UserData | issue.InitData | int, place: str, serial: bytes | None
) -> bytes:
    if place.startswith(PREFIX):
        with find(place).connect() as card:
            return make_in_reader(control, card.port, kind, data)
    path = Path(place)
    if isinstance(data, issue.UserData):
        money = data.alarm1_fen, data.alarm2_fen, data.rates_e4
        return issue.issue_user(control, path, data.meter_no, data.customer_no, *money, serial)
    if isinstance(data, issue.InitData):
        return issue.issue_init(control, path, data, serial)
    return issue.issue_keys(control, path, data, serial)


@app.command("show")
def show_command(file: CardArgument = None, reader: ReaderOption = None) -> None:
    """Say in words what a card holds."""
    with plain_errors():
        with find(chosen(file, reader)).connect() as card:
            lines = show(card.port)
        _print(card.name, lines)


def _sale_words(context: typer.Context, words: list[str]) -> list[str]:
    """CARD and YUAN, or YUAN alone when --reader names the card."""
    if len(words) != (1 if context.params.get("reader") else 2):
        raise typer.BadParameter("give CARD and YUAN, or YUAN and --reader")
    return words


def sell_command(
    words: Annotated[
        list[str],
        typer.Argument(
            help="The resident's card, a file or reader:NUMBER or reader:NAME; how much, such as 50 or 12.34.",
            metavar="[CARD] YUAN",
            callback=_sale_words,
        ),
    ],
    reader: Annotated[
        str | None, typer.Option("--reader", is_eager=True, help="The resident's card is in this reader: number or name.")
    ] = None,
    control: ControlOption = None,
) -> None:
    """Sell credit: write a purchase to a user card."""
    with plain_errors():
        amount_fen = fen(words[-1])
        card = chosen(words[0] if len(words) == 2 else None, reader)
        with find(card).connect() as resident, _control(card, control) as desk:
            receipt = sell(desk.port, resident.port, amount_fen)
        lines = [
            ("sold", f"{yuan(receipt.amount_fen)} yuan"),
            ("purchase", f"{receipt.count}{' (account opened)' if receipt.opened else ''}"),
            ("meter", f"{receipt.meter_no:012d}"),
            ("customer", f"{receipt.customer_no:012d}"),
            ("card", receipt.serial.hex()),
        ]
        _print("receipt", lines)


def _print(title: str, lines: list[tuple[str, str]]) -> None:
    table = Table(title=title, show_header=False)
    for label, text in lines:
        table.add_row(label, text)
    Console().print(table)
