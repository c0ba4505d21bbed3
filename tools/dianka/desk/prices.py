"""New prices on a user card: tariff set 2 and the minute from which it holds.

The card brings both to the meter with a purchase, and keeps the plan. The desk sends the plan along
with every sale until it has begun. So a sale that was broken off or a resident who comes late
leaves no meter behind; a meter that knows the plan already is not changed by it. With a plan go
both tariff sets: set 2 with the new price, and set 1 with the price in force until then. The meter
hands set 1 to its ESAM alone, and only if it is the price in force (docs/cards/sessions.md, step 7
of the user card). Times are the meters' local times, YYMMDDhhmm as a decimal number.

Price and time are in two files. While they are written, file 01 is marked `UNFINISHED` and has no
switch time: a card that is pulled in between carries no plan, and nothing is sold to it without a
new price.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dianka.card_port import CardError, CardPort, read_file
from dianka.cardos.files import card_files
from dianka.desk.issue import NEW_PRICE, pack_user_tariff

UTC_OFFSET = timedelta(hours=8)  # of the meters (firmware/ds3231.py)
HIGHEST_E4 = 99_999_999  # NNNN.NNNN on the card
# Set 1 without set 2: no complete sale leaves that. A meter in use then takes neither.
UNFINISHED = card_files.UPDATE_TARIFF_1
_TARIFF_BYTES = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD


@dataclass(frozen=True)
class NewPrice:
    """A price in 0.0001 yuan per kWh, and the local minute (YYMMDDhhmm) from which it holds.

    Of several prices `price_e4` is rate 1, and `tariff` has the data of the set.
    """

    price_e4: int
    switch_time: int
    at_once: bool = False  # a time that has passed is meant
    tariff: bytes = b""


@dataclass(frozen=True)
class Changes:
    """The part of a sale that is about prices: fields of file 01, and the new tariff sets."""

    params: dict[str, Any]
    tariff_1: bytes | None = None  # also None if the card does not have the price in force
    tariff_2: bytes | None = None
    former_e4: int | None = None  # the price in force, if the card has it


def parse_minute(text: str) -> int:
    """Convert '2026-03-01T00:00' or '2026-03-01' to YYMMDDhhmm, as cards carry it.

    Raise CardError if the text is no time from 2000 to 2099.
    """
    try:
        if not re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2})?", text):
            raise ValueError(text)
        return card_minute(datetime.fromisoformat(text))
    except ValueError:
        raise CardError(
            f"{text!r} is no time from 2000 to 2099: write it as 2026-03-01T00:00"
        ) from None


def card_minute(at: datetime) -> int:
    """Return the time as YYMMDDhhmm."""
    return int(at.strftime("%y%m%d%H%M"))


def get_local_minute() -> int:
    """Return the meters' local time now, by the desk's clock."""
    return card_minute(datetime.now(UTC) + UTC_OFFSET)


def plan_changes(
    card: CardPort, params: dict[str, Any], undelivered: bool, new: NewPrice | None, now: int
) -> Changes:
    """Return the price fields and tariff sets that the sale writes.

    `undelivered` says that file 01, as it is, has not reached the meter. `now` is a local minute.
    Raise CardError if a new price is needed or the given one can't be taken.
    """
    planned = params["switch_time"]
    if new is None:
        if params["update_flag"] & NEW_PRICE == UNFINISHED:
            raise CardError(
                "a sale with a new price was broken off, and the card does not say which price "
                "holds when: sell with --price and --from, as the price list says"
            )
        kept = params["update_flag"] & NEW_PRICE
        if planned > now:
            kept = kept or NEW_PRICE
        elif not undelivered:
            kept = 0
        return Changes({"update_flag": kept})
    if not 0 < new.price_e4 <= HIGHEST_E4 or not new.switch_time:
        raise CardError(
            "a new price is from 0.0001 to 9999.9999 yuan per kWh and has a time: give both"
        )
    former = read_set(
        card, card_files.CARD_TARIFF_2 if 0 < planned <= now else card_files.CARD_TARIFF_1
    )
    former_e4 = card_files.unpack_tariff(former)["rates_e4"][0] if former else None
    if new.switch_time <= now and not new.at_once:
        raise CardError(
            f"{format_time(new.switch_time)} has passed: {format_price(new.price_e4)} would begin "
            f"at once, {format_difference(new.price_e4, former_e4)}; give --at-once if that is "
            "meant, or a later --from"
        )
    flag, tariff_1 = (
        (NEW_PRICE, pack_user_tariff((), former)) if former else (card_files.UPDATE_TARIFF_2, None)
    )
    fields = {"update_flag": flag, "switch_time": new.switch_time}
    if new.tariff or params["user_type"] == card_files.SEVERAL_RATES:
        fields["user_type"] = card_files.SEVERAL_RATES
    return Changes(fields, tariff_1, pack_user_tariff([new.price_e4], new.tariff), former_e4)


def mark_unfinished(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters as file 01 has them while a plan is written: marked, without a time."""
    rest = params["update_flag"] & ~NEW_PRICE
    return params | {"update_flag": rest | UNFINISHED, "switch_time": 0}


def format_price(price_e4: int) -> str:
    """Format a price for people, with its unit."""
    return f"{price_e4 // 10_000}.{price_e4 % 10_000:04d} yuan/kWh"


def format_time(time: int) -> str:
    """Format YYMMDDhhmm for people.

    A meter whose clock has stopped writes zeros; the text then says that the time is not known.
    """
    if not time:
        return "at a time that the meter did not know"
    digits = f"{time:010d}"
    return f"20{digits[:2]}-{digits[2:4]}-{digits[4:6]} {digits[6:8]}:{digits[8:]}"


def format_difference(price_e4: int, former_e4: int | None) -> str:
    """Say how far a price is from the former one, in percent."""
    if former_e4 is None:
        return "and the card does not say the former price"
    more_e4 = price_e4 - former_e4
    if not more_e4:
        return "the same as the former price"
    percent = abs(more_e4) * 100 // former_e4
    return f"{percent} % {'above' if more_e4 > 0 else 'below'} the former {format_price(former_e4)}"


def is_far(price_e4: int, former_e4: int | None) -> bool:
    """Return whether a price differs from the former one by more than half of the former one."""
    return former_e4 is not None and 2 * abs(price_e4 - former_e4) > former_e4


def read_rates(card: CardPort, sfi: int) -> Sequence[int]:
    """Return all rates of a tariff file, none if it is blank, as on a card made without a price.

    Raise CardError as `read_set`.
    """
    data = read_set(card, sfi)
    return tuple(card_files.unpack_tariff(data)["rates_e4"]) if data else ()


def read_set(card: CardPort, sfi: int) -> bytes:
    """Return the data of a tariff file, none if it is blank.

    Raise CardError if the file is damaged or its first rate is zero.
    """
    try:
        block = read_file(card, sfi, _TARIFF_BYTES)
        if not any(block):
            return b""
        _, data = card_files.unframe(block)
        if not card_files.unpack_tariff(data)["rates_e4"][0]:
            raise ValueError("a tariff without a price")
        return data
    except ValueError as error:
        raise CardError(
            f"the card is damaged ({error}): make a replacement card from its numbers and amounts"
        ) from None
