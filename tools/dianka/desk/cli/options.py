"""Options and arguments that the card commands share: amounts, numbers, serials, places of cards.

A card is a file or sits in a PC/SC reader: CARD and --control take either, and two readers at once
if needed.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from dianka.card_port import CardError, CardPort
from dianka.cardos.crypto import SM4, TDES
from dianka.cardos.files import card_files
from dianka.cardos.image import DamagedFileError, name_of, resolve_path
from dianka.desk.amounts import check_alarms, check_balances, parse_decimal, parse_fen
from dianka.desk.cli.pins import unlock
from dianka.desk.control import read_profile
from dianka.desk.in_reader import must_be_control
from dianka.desk.prices import HIGHEST_E4
from dianka.desk.supply import (
    FRIENDLY_EXAMPLE,
    HEATING_EXAMPLE,
    OVERLOAD_EXAMPLE,
    VOLTAGE_EXAMPLE,
)
from dianka.desk.tariff_files import load_set
from dianka.readers import Held, find_reader
from dianka.readers.choose import is_reader, strip_prefix

CONTROL_NAME = "control.card"


class ProfileName(StrEnum):
    """The cipher profiles, by the names that options take."""

    sm4 = SM4.name
    tdes = TDES.name


ReaderOption = Annotated[
    str | None,
    typer.Option(
        "--reader", help="Take the card in this reader: its number or name, or folder:PATH."
    ),
]
ControlOption = Annotated[
    str | None,
    typer.Option(
        "--control",
        help="System control card: a file, reader:NUMBER, reader:NAME or folder:PATH; by default "
        f"{CONTROL_NAME} in the card's folder.",
    ),
]
CardArgument = Annotated[
    str | None,
    typer.Argument(
        help="A card's file, reader:NUMBER or reader:NAME (`dianka reader list`), or folder:PATH "
        "for the card whose file lies in a folder.",
        metavar="CARD",
    ),
]
NewCardArgument = Annotated[
    str | None,
    typer.Argument(
        help="The card's new file; or a blank card in reader:NUMBER or reader:NAME.", metavar="FILE"
    ),
]
MeterOption = Annotated[str, typer.Option(help="Meter number, up to 12 digits.")]
CustomerOption = Annotated[str, typer.Option(help="Customer number, up to 12 digits.")]
Alarm1Option = Annotated[
    str | None, typer.Option(help="First alarm, yuan: a lamp. Not below the second.")
]
Alarm2Option = Annotated[
    str | None,
    typer.Option(help="Second alarm, yuan: supply off until the card is put in; 0 is none."),
]
PriceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        help="Yuan per kWh, one flat price. Up to 12 times, for the card's 12 rates; the meter "
        "charges the first alone.",
    ),
]
OverloadOption = Annotated[
    str,
    typer.Option(
        help="Cut a load above so many watts after so many seconds; returns by itself, then locked "
        f"until a card: {OVERLOAD_EXAMPLE}.",
        show_default=False,
    ),
]
HeatingOption = Annotated[
    str,
    typer.Option(
        help="Cut a step of the load within these watts, with this power factor or more; returns a "
        f"day: {HEATING_EXAMPLE}.",
        show_default=False,
    ),
]
VoltageOption = Annotated[
    str,
    typer.Option(
        help="Cut a mains voltage outside these limits (either may be left out); hysteresis, "
        f"delay: {VOLTAGE_EXAMPLE}.",
        show_default=False,
    ),
]
FriendlyOption = Annotated[
    str,
    typer.Option(
        help="When nothing is cut within the overdraft: hours, days, months, up to 4 dates: "
        f"{FRIENDLY_EXAMPLE}.",
        show_default=False,
    ),
]
TariffOption = Annotated[
    Path | None,
    typer.Option("--tariff", help="Several prices in place of --price: a file of `dianka tariff`."),
]
SerialOption = Annotated[
    str | None, typer.Option(help="Serial of a new file: 16 hexadecimal digits; random if none.")
]


def require_options(**given: str | list[str] | None) -> None:
    """Raise CardError that names every option which was not given.

    Options that decide about money have no default.
    """
    missing = [f"--{name}" for name, word in given.items() if not word]
    if missing:
        listed = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
        raise CardError(
            f"give {listed} as well: the meter will hold to what is on this card, so nothing is "
            "assumed"
        )


def parse_alarms(alarm1: str | None, alarm2: str | None) -> tuple[int, int]:
    """Return both alarms. The one that lights a lamp must come before the one that opens the relay.

    A second alarm of 0 is off. Raise CardError if one is missing or the first is below the second.
    """
    require_options(alarm1=alarm1, alarm2=alarm2)
    first, second = parse_fen(cast(str, alarm1)), parse_fen(cast(str, alarm2))
    check_alarms(first, second)
    return first, second


def parse_limits(overdraft: str, hoard: str, close_above: str) -> tuple[int, int, int]:
    """Return the meter's limits in fen: overdraft, highest balance, closing balance.

    A purchase up to the highest balance must be able to close the relay. Raise CardError otherwise.
    """
    limits = parse_fen(overdraft), parse_fen(hoard), parse_fen(close_above)
    check_balances(limits[1], limits[2])
    return limits


def parse_rates(prices: list[str] | None) -> list[int]:
    """Return the rates, none if no price was given."""
    return [parse_price(text) for text in prices or []]


def parse_tariff(prices: list[str] | None, tariff: Path | None) -> tuple[list[int], bytes]:
    """Return the rates and, of several prices, the data of the set. CardError if both are given."""
    if tariff is None:
        return parse_rates(prices), b""
    if prices:
        raise CardError("--tariff has the prices: leave --price out")
    data = load_set(tariff)
    return [card_files.unpack_tariff(data)["rates_e4"][0]], data


def parse_price(text: str) -> int:
    """Convert a price to 0.0001 yuan per kWh; raise CardError if it is out of range."""
    price = parse_decimal(text, 4, "price in yuan per kWh")
    # Price 0 too: the meter refuses a tariff without a price, but takes the money before that.
    if not 0 < price <= HIGHEST_E4:
        raise CardError("a price is from 0.0001 to 9999.9999 yuan per kWh: give another price")
    return price


def parse_number(text: str, what: str) -> int:
    """Convert a meter or customer number of up to 12 digits; raise CardError if it is none."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise CardError(f"{text!r} is no {what} number: give up to 12 digits")
    return int(text)


def parse_serial(text: str | None) -> bytes | None:
    """Convert a serial of 16 hexadecimal digits, None if none was given."""
    if text is not None and not re.fullmatch(r"[0-9A-Fa-f]{16}", text):
        raise CardError(f"{text!r} is no serial: give 16 hexadecimal digits")
    return None if text is None else bytes.fromhex(text)


def pick_control_place(card: str, control: str | None) -> str:
    """Return where the control card of this card is expected."""
    beside = CONTROL_NAME if is_reader(card) else str(Path(card).parent / CONTROL_NAME)
    return control or beside


def is_same_place(one: str, other: str) -> bool:
    """Return whether both words name one place.

    That is the same file, however it is written, or the same reader in the same words.
    """
    if is_reader(one) or is_reader(other):
        return strip_prefix(one) == strip_prefix(other)
    return Path(one).resolve() == Path(other).resolve()


def open_control(card: str, control: str | None) -> Held:
    """Open the system control card that belongs to this card, and give it its PIN if it has one.

    Raise CardError if there is none or the card there is no system control card, and WrongPin.
    """
    held = find_control(card, control)
    try:
        return unlock(held)
    except BaseException:
        held.close()
        raise


def find_control(card: str, control: str | None) -> Held:
    """Open the system control card that belongs to this card, without its PIN."""
    word = pick_control_place(card, control)
    if not is_reader(word) and not resolve_path(word).is_file():
        raise CardError(
            f"there is no control card {name_of(Path(word))}: name it with --control, or go to the "
            f"folder where it is (this one is {resolve_path(word).parent}); only who has no system "
            f"yet founds one, with `dianka keys init {word}`"
        )
    held = find_reader(word).connect()
    try:
        must_be_control(held)
    except BaseException:
        held.close()
        raise
    return held


def open_part(word: str) -> Held:
    """Open a part card.

    Report a damaged file as a damaged part, whatever the file still says of itself.
    """
    try:
        return find_reader(word).connect()
    except DamagedFileError:
        raise CardError(f"{word} is damaged: take another part of the same backup") from None


def check_new_file(path: Path) -> Path:
    """Return the path of a file to be made; raise CardError if it names a reader."""
    if is_reader(str(path)):
        raise CardError("this can't be made of a card in a reader: name a file")
    return path


def check_profile(control: CardPort, profile: ProfileName | None) -> None:
    """Raise CardError if a profile is given that is not the system's.

    A system has one cipher: whoever names another one has the wrong control card in hand.
    """
    control.power_on()
    of_system = read_profile(control).name
    if profile is not None and profile != of_system:
        raise CardError(
            f"this system's cipher is {of_system}: leave --profile out, or use another control card"
        )


def print_lines(title: str, lines: list[tuple[str, str]]) -> None:
    """Print a title, and under it each label with its text.

    Long lines are not folded: programs read them too.
    """
    typer.echo(title)
    width = max((len(label) for label, _ in lines), default=0)
    for label, text in lines:
        typer.echo(f"  {label:{width}}  {text}".rstrip())
