"""What is typed into a field of the office's forms, read: each function says what is wrong with it.

A function here takes the text of a field and returns its value; FieldError is shown at the field.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from django.utils.translation import gettext as _

from dianka.card_port import CardError
from dianka.desk.amounts import parse_decimal
from dianka.desk.pin import LONGEST, SHORTEST
from dianka.desk.prices import HIGHEST_E4, UTC_OFFSET, parse_minute
from dianka.desk.web.fields import FieldError, plain_number, read_fen, read_text
from dianka.desk.web.page import Text
from dianka.money import HIGHEST_FEN

Read = Callable[[str], Any]
_LONGEST = 20
_HIGHEST_WH = 10**15  # a terawatt hour: a total that fits the database


def text(what: Text, most: int, least: int = 1) -> Read:
    """Return how a text of one line is read; with `least` 0 it may be left empty."""
    return lambda typed: read_text(typed, what, most, least)


def maybe(read: Read, empty: Any = None) -> Read:
    """Return how a field is read that may be left empty."""
    return lambda typed: read(typed) if plain_number(typed) else empty


def number(least: int, most: int) -> Read:
    """Return how a whole number is read."""

    def read(typed: str) -> int:
        plain = plain_number(typed)
        if not plain:
            raise FieldError(_("Give a number."))
        if not (plain.isascii() and plain.isdigit() and len(plain) <= _LONGEST):
            raise FieldError(_("That is no whole number: write it in digits."))
        if not least <= int(plain) <= most:
            told = {"least": least, "most": most}
            raise FieldError(_("A number from %(least)d to %(most)d is taken.") % told)
        return int(plain)

    return read


def meter_numbers(most: int) -> Read:
    """Return how numbers of meters are read, up to so many, with commas or spaces between them.

    From-to stands for all numbers from one to the other.
    """

    def read(typed: str) -> list[int]:
        found: dict[int, None] = {}
        for word in plain_number(typed).replace(",", " ").replace("、", " ").split():
            first, joint, last = word.partition("-")
            low = twelve_digits(first)
            high = twelve_digits(last) if joint else low
            if high < low or high - low >= most:
                raise FieldError(_("%(word)s is no range of numbers.") % {"word": word[:_LONGEST]})
            for each in range(low, high + 1):
                if each in found:
                    raise FieldError(_("%(number)d stands there twice.") % {"number": each})
                found[each] = None
        if not 0 < len(found) <= most:
            raise FieldError(_("Give 1 to %(most)d numbers.") % {"most": most})
        return list(found)

    return read


twelve_digits = number(1, 10**12 - 1)


def fen(least_fen: int = 0, most_fen: int = HIGHEST_FEN) -> Read:
    """Return how an amount in yuan is read as fen."""
    return lambda typed: read_fen(typed, least_fen, most_fen)


def signed_fen(typed: str) -> int:
    """Return an amount in yuan that may be below zero as fen; nothing is zero."""
    plain = plain_number(typed)
    if not plain:
        return 0
    below = plain[0] in "-−－"
    amount_fen = read_fen(plain[below:], 0, 100 * HIGHEST_FEN)
    return -amount_fen if below else amount_fen


def price(typed: str) -> int:
    """Return a price in yuan per kWh as 0.0001 yuan."""
    plain = plain_number(typed)
    try:
        found = parse_decimal(plain, 4, "price") if len(plain) <= _LONGEST else 0
    except CardError:
        found = 0
    if not 0 < found <= HIGHEST_E4:
        raise FieldError(_("A price is from 0.0001 to 9999.9999 yuan per kWh, as 0.5483."))
    return found


def minute(typed: str) -> int:
    """Return a local time as YYMMDDhhmm."""
    try:
        return parse_minute(plain_number(typed)[:_LONGEST])
    except CardError:
        raise FieldError(_("That is no time: write it as 2026-03-01T08:00.")) from None


def moment(typed: str) -> datetime:
    """Return a local time as a moment of the database."""
    plain = plain_number(typed)
    try:
        if len(plain) != len("2026-03-01T08:00"):
            raise ValueError(plain)
        local = datetime.strptime(plain, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise FieldError(_("That is no time: write it as 2026-03-01T08:00.")) from None
    if not 2000 <= local.year <= 2099:
        raise FieldError(_("Give a day from 2000 to 2099."))
    return local - UTC_OFFSET


def energy(typed: str) -> int:
    """Return an energy in kWh as Wh."""
    plain = plain_number(typed)
    try:
        found = parse_decimal(plain, 3, "energy") if 0 < len(plain) <= _LONGEST else -1
    except CardError:
        found = -1
    if not 0 <= found <= _HIGHEST_WH:
        raise FieldError(_("That is no energy: write it in kWh, as 12345.678."))
    return found


def day(typed: str) -> date:
    """Return a day."""
    plain = plain_number(typed)
    try:
        if len(plain) != len("2026-03-01"):
            raise ValueError(plain)
        found = date.fromisoformat(plain)
    except ValueError:
        raise FieldError(_("That is no day: write it as 2026-03-01.")) from None
    if not 2000 <= found.year <= 2099:
        raise FieldError(_("Give a day from 2000 to 2099."))
    return found


def one_of(*values: str) -> Read:
    """Return how a choice is read."""

    def read(typed: str) -> str:
        if typed not in values:
            raise FieldError(_("Choose one of these."))
        return typed

    return read


def secret(typed: str) -> str:
    """Return a password as it was typed."""
    if not typed:
        raise FieldError(_("Fill this in."))
    if len(typed) > 1000:
        raise FieldError(_("A password has up to 1000 characters."))
    return typed


def former_pin(typed: str) -> str:
    """Return a control card's PIN as it was typed, in plain digits."""
    return _read_digits(typed, 4)


def new_pin(typed: str) -> str:
    """Return a PIN that a control card is to have."""
    return _read_digits(typed, SHORTEST)


def _read_digits(typed: str, least: int) -> str:
    plain = plain_number(typed[:_LONGEST])
    if not (plain.isascii() and plain.isdigit() and least <= len(plain) <= LONGEST):
        told = {"least": least, "most": LONGEST}
        raise FieldError(_("A PIN has %(least)d to %(most)d digits, and nothing else.") % told)
    return plain


def tick(typed: str) -> bool:
    """Return whether a box is ticked."""
    return bool(typed)
