"""`dianka card new`, `dianka card show` and `dianka sell`: the card desk on the command line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dianka.cards import issue, kinds
from dianka.cards.image import CardFile
from dianka.cards.port import CardError
from dianka.cards.sell import sell, yuan
from dianka.cards.show import show

app = typer.Typer(no_args_is_help=True, help="Make cards and look at them.")
CONTROL_NAME = "control.card"


class NewKind(StrEnum):
    control = kinds.CONTROL
    user = kinds.USER
    init = kinds.INIT
    keys = kinds.KEYS


ControlOption = Annotated[
    Path | None,
    typer.Option("--control", help=f"System control card; by default {CONTROL_NAME} in the card's folder."),
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


@contextmanager
def _plain_errors() -> Iterator[None]:
    """A card's trouble is one line for the clerk, not a traceback."""
    try:
        yield
    except CardError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _control(card: Path, control: Path | None) -> CardFile:
    path = control or card.with_name(CONTROL_NAME)
    if not path.is_file():
        raise CardError(f"there is no control card {path.name}: make one with `dianka card new control {path}`")
    file = CardFile.open(path)
    if file.chip.kind != kinds.CONTROL:
        file.close()
        raise CardError(f"{path.name} is no system control card: choose another with --control")
    return file


@app.command()
def new(
    kind: Annotated[NewKind, typer.Argument(help="What the card is to be.")],
    file: Annotated[Path, typer.Argument(help="The card's new file.")],
    meter: Annotated[str, typer.Option(help="Meter number (user, init).")] = "1",
    customer: Annotated[str, typer.Option(help="Customer number (user).")] = "1",
    alarm1: Annotated[str, typer.Option(help="First alarm, yuan (user, init).")] = "20.00",
    alarm2: Annotated[str, typer.Option(help="Second alarm, yuan (user, init).")] = "5.00",
    rate: Annotated[list[str] | None, typer.Option("--price", help="Yuan per kWh, up to 12 times (user, init); 0.5 if none.")] = None,
    overdraft: Annotated[str, typer.Option(help="Overdraft limit, yuan (init).")] = "0",
    hoard: Annotated[str, typer.Option(help="Hoard limit, yuan; 0 is 999999.99 (init).")] = "0",
    close_above: Annotated[str, typer.Option(help="Relay closes above this balance, yuan (init).")] = "0",
    uses: Annotated[int, typer.Option(help="Meters that the card may change (keys).")] = 10,
    serial: Annotated[str | None, typer.Option(help="16 hexadecimal digits; random if none.")] = None,
    control: ControlOption = None,
) -> None:
    """Make a new card in FILE."""
    with _plain_errors():
        chosen = _serial(serial)
        rates_e4 = [decimal(text, 4, "price in yuan per kWh") for text in rate or ["0.5"]]
        if kind is NewKind.control:
            made = issue.issue_control(file, chosen)
        else:
            with _control(file, control) as desk:
                if kind is NewKind.user:
                    numbers = _number(meter, "meter"), _number(customer, "customer")
                    made = issue.issue_user(desk.chip, file, *numbers, fen(alarm1), fen(alarm2), rates_e4, chosen)
                elif kind is NewKind.init:
                    limits = fen(overdraft), fen(hoard), fen(close_above)
                    data = issue.InitData(_number(meter, "meter"), fen(alarm1), fen(alarm2), *limits, rates_e4)
                    made = issue.issue_init(desk.chip, file, data, chosen)
                else:
                    made = issue.issue_keys(desk.chip, file, uses, chosen)
        typer.echo(f"{file}: {kind} card {made.hex()}")


@app.command("show")
def show_command(file: Annotated[Path, typer.Argument(help="A card's file.")]) -> None:
    """Say in words what a card holds."""
    with _plain_errors():
        with CardFile.open(file) as card:
            lines = show(card.chip)
        _print(file.name, lines)


def sell_command(
    card: Annotated[Path, typer.Argument(help="The resident's card.", metavar="CARD")],
    amount: Annotated[str, typer.Argument(help="How much, such as 50 or 12.34.", metavar="YUAN")],
    control: ControlOption = None,
) -> None:
    """Sell credit: write a purchase to a user card."""
    with _plain_errors():
        amount_fen = fen(amount)
        with CardFile.open(card) as resident, _control(card, control) as desk:
            receipt = sell(desk.chip, resident.chip, amount_fen)
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
