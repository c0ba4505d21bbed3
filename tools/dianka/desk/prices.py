"""A new price on a user card: tariff set 2 and the minute from which it holds, brought to the meter with a purchase.

The card keeps the plan. The desk sends it along with every sale until it has begun, so that a sale that was broken off or a
resident who comes late leaves no meter behind; a meter that knows the plan already is not changed by it. With a plan go both
tariff sets: set 2 with the new price, set 1 with the price in force until then, which the meter only has its ESAM keep, and
only if it is true (docs/cards/sessions.md). Times are the meters' local ones, YYMMDDhhmm as a decimal number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dianka.card_port import CardError, CardPort, read_file
from dianka.cardos.files import card_files
from dianka.desk.issue import NEW_PRICE, user_tariff

UTC_OFFSET = timedelta(hours=8)  # of the meters (firmware/ds3231.py)
HIGHEST_E4 = 99_999_999  # NNNN.NNNN on the card
_TARIFF_BYTES = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD


@dataclass(frozen=True)
class NewPrice:
    price_e4: int
    switch_time: int


@dataclass(frozen=True)
class Changes:
    """What a sale writes of prices: fields of file 01, and tariff files, the first before file 01 and the second after it."""

    params: dict[str, Any]
    tariff_1: bytes | None = None
    tariff_2: bytes | None = None


def switch_minute(text: str) -> int:
    """'2026-03-01T00:00' or '2026-03-01' as the card says it."""
    try:
        if not re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2})?", text):
            raise ValueError(text)
        return card_minute(datetime.fromisoformat(text))
    except ValueError:
        raise CardError(f"{text!r} is no time from 2000 to 2099: write it as 2026-03-01T00:00") from None


def card_minute(at: datetime) -> int:
    return int(at.strftime("%y%m%d%H%M"))


def now_minute() -> int:
    """The meters' local time now, by the desk's clock."""
    return card_minute(datetime.now(UTC) + UTC_OFFSET)


def changes(card: CardPort, params: dict[str, Any], undelivered: bool, new: NewPrice | None, now: int) -> Changes:
    """What the sale carries. `undelivered`: what file 01 says now has not reached the meter."""
    planned = params["switch_time"]
    if new is None:
        kept = params["update_flag"] & NEW_PRICE if undelivered else 0
        return Changes({"update_flag": NEW_PRICE if planned > now else kept})
    if not 0 < new.price_e4 <= HIGHEST_E4 or not new.switch_time:
        raise CardError("a new price is from 0.0001 to 9999.9999 yuan per kWh and has a time: give both")
    before = card_files.CARD_TARIFF_2 if 0 < planned <= now else card_files.CARD_TARIFF_1
    return Changes(
        {"update_flag": NEW_PRICE, "switch_time": new.switch_time},
        user_tariff(read_rates(card, before)),
        user_tariff([new.price_e4]),
    )


def read_rates(card: CardPort, sfi: int) -> Sequence[int]:
    """All rates of a tariff file, which needs no key."""
    try:
        _, data = card_files.unframe(read_file(card, sfi, _TARIFF_BYTES))
        rates = tuple(card_files.unpack_tariff(data)["rates_e4"])
        if not rates[0]:
            raise ValueError("a tariff without a price")
        return rates
    except ValueError as error:
        raise CardError(f"the card is damaged ({error}): make a replacement card from its numbers and amounts") from None
