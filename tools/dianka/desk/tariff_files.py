"""Tariff sets as people write them, as the 199 bytes of a card, and what money buys by them.

The description is TOML, with amounts as text, as no float comes near money:

    rates = ["0.3583", "0.5583", "0.8583"]           # yuan per kWh, up to four; one is a flat price
    working_day = ["00:00-07:00 1", "07:00-24:00 2"] # which rate holds when, up to ten slots
    rest_day = ["00:00-24:00 1"]
    rest_days = ["Sat", "Sun"]
    named_days = ["01-01", "10-01"]                  # rest days of each year, MM-DD
    steps = ["200", "400"]                           # kWh, up to six limits
    step_prices = ["0", "0.05", "0.30"]              # what each step adds to the rate
    billing_days = ["07-01 00"]                      # MM-DD hh, steps begin again; none: monthly

Prices are computed by the meter's own tariff_table.py and refused by it.
"""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dianka.card_port import CardError
from dianka.cardos.files import card_files, pack_tariff
from dianka.desk.amounts import parse_decimal
from dianka.firmware import load_shared

BYTES = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD
_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # stands for the meters' local time
_KEYS = {
    "rates", "working_day", "rest_day", "rest_days", "named_days", "steps", "step_prices",
    "billing_days",
}  # fmt: skip
account, tariff_table, ds3231 = (
    load_shared(name) for name in ("account", "tariff_table", "ds3231")
)


@dataclass(frozen=True)
class Quote:
    """What money buys from one moment on: by the rate of then, and by each rate, in picojoules."""

    rate: int
    price_e4: int
    energy_pj: int
    by_rate_pj: dict[int, int]


def load_set(path: Path) -> bytes:
    """Return the 193 bytes of a set from its description or from a file of 199 bytes."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CardError(f"{path} can't be read ({error.strerror}): name another file") from None
    if len(content) == BYTES and content[0] == card_files.HEAD:
        try:
            return check_set(card_files.unframe(content)[1])
        except ValueError as error:
            raise CardError(f"{path} is damaged ({error}): make it anew") from None
    try:
        described = tomllib.loads(content.decode())
    except ValueError as error:
        raise CardError(f"{path} is no tariff ({' '.join(str(error).split())}): see it") from None
    return pack_set(described)


def check_set(data: bytes) -> bytes:
    """Return the data; raise CardError with the meter's own reason if they are no tariff."""
    try:
        record = card_files.unpack_tariff(data)
        if not record["rates_e4"][0]:
            raise ValueError("rate 1 has no price")
        tariff_table.Table(record, ds3231)
    except ValueError as error:
        raise CardError(f"a meter would refuse this tariff: {error}; change it there") from None
    return data


def pack_set(described: dict[str, Any]) -> bytes:
    """Return the data of a described set; raise CardError with the one thing that is wrong."""
    unknown = sorted(set(described) - _KEYS)
    if unknown:
        raise CardError(f"a tariff has no {unknown[0]!r}: it has {', '.join(sorted(_KEYS))}")
    for key, words in described.items():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise CardError(f'{key} is a list of texts: write {key} = ["..."]')
    rates = _read(described, "rates", lambda word: parse_decimal(word, 4, "price"))
    if not 1 <= len(rates) <= tariff_table.RATES:
        raise CardError("a tariff has one to four rates: give them in rates")
    more = {
        "limits": _read(described, "steps", lambda word: parse_decimal(word, 2, "limit in kWh")),
        "steps_e4": _read(described, "step_prices", lambda word: parse_decimal(word, 4, "price")),
        "periods": _read(described, "billing_days", _parse_billing_day),
        "named_days": _read(described, "named_days", _parse_day),
        "rest_days": [sum(1 << day for day in set(_read(described, "rest_days", _parse_weekday)))],
        "slots": _parse_slots(described.get("working_day", []), "working_day", len(rates)),
        "rest_slots": _parse_slots(described.get("rest_day", []), "rest_day", len(rates)),
    }
    try:
        return check_set(pack_tariff(rates, more))
    except ValueError as error:
        raise CardError(f"a card can't hold this tariff ({error}): shorten it") from None


def describe_set(data: bytes) -> str:
    """Return the description of a set, from which `pack_set` makes the same data again."""
    record = card_files.unpack_tariff(data)
    table = tariff_table.Table(record, ds3231)
    limits, used = _strip(record["limits"]), max(table.used_rates)
    lists = {
        "rates": [_format(rate, 4) for rate in _strip_rates(table.rates_e4, used)],
        "working_day": _format_slots(record["slots"]),
        "rest_day": _format_slots(record["rest_slots"]),
        "rest_days": [name for day, name in enumerate(_WEEK) if record["rest_days"][0] >> day & 1],
        "named_days": [f"{day // 100:02d}-{day % 100:02d}" for day in _strip(record["named_days"])],
        "steps": [_format(limit, 2) for limit in limits],
        "step_prices": [_format(step, 4) for step in table.steps_e4] if limits else [],
        "billing_days": [
            f"{at // 10_000:02d}-{at // 100 % 100:02d} {at % 100:02d}"
            for at in _strip(record["periods"])
        ],
    }
    # A JSON list of such texts is a TOML list.
    return "".join(f"{key} = {json.dumps(words)}\n" for key, words in lists.items() if words)


def quote(data: bytes, amount_fen: int, minute: int, used_kwh_x100: int) -> Quote:
    """Return what an amount buys from a local minute (YYMMDDhhmm) on, after so much use.

    The use is that of the present step period. The time of the use to come is nobody's to know: so
    it is told by the rate of that minute, and by each rate alone.
    """
    table = tariff_table.Table(card_files.unpack_tariff(data), ds3231)
    used_pj = used_kwh_x100 * account.PJ_PER_KWH // 100
    rate = table.find_rate(_count_seconds(minute))[0]
    by_rate = {
        number: _compute_energy_pj(table, number, used_pj, amount_fen)
        for number in sorted({rate, *table.used_rates})
    }
    price_e4 = table.rates_e4[rate - 1] + table.find_step(used_pj)[0]
    return Quote(rate, price_e4, by_rate[rate], by_rate)


def _compute_energy_pj(table: Any, rate: int, used_pj: int, amount_fen: int) -> int:
    """Return the whole picojoules that an amount buys by one rate, step after step."""
    left, energy_pj = amount_fen * account.FEN, 0
    while True:  # once for each step at most
        step_e4, room_pj = table.find_step(used_pj + energy_pj)
        price_e4 = table.rates_e4[rate - 1] + step_e4
        bought_pj = left // price_e4
        if not room_pj or bought_pj < room_pj:
            return energy_pj + bought_pj
        energy_pj, left = energy_pj + room_pj, left - room_pj * price_e4


def _count_seconds(minute: int) -> int:
    digits = f"{minute:010d}"
    at = datetime.strptime("20" + digits, "%Y%m%d%H%M").replace(tzinfo=UTC)
    return int((at - _EPOCH).total_seconds())


# ****** Words ******


def _read(described: dict[str, Any], key: str, parse: Callable[[str], int]) -> list[int]:
    return [parse(word) for word in described.get(key, [])]


def _parse_day(word: str) -> int:
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2}", word):
        raise CardError(f"{word!r} is no day of the year: write it as 10-01")
    return int(word[:2]) * 100 + int(word[3:])


def _parse_billing_day(word: str) -> int:
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2} [0-9]{2}", word):
        raise CardError(f"{word!r} is no billing day: write it as 07-01 00, month, day and hour")
    return _parse_day(word[:5]) * 100 + int(word[6:])


def _parse_weekday(word: str) -> int:
    if word not in _WEEK:
        raise CardError(f"{word!r} is no weekday: write {', '.join(_WEEK)}")
    return _WEEK.index(word)


def _parse_slots(words: list[str], key: str, rates: int) -> list[int]:
    """Return slots as a card has them; raise CardError where they leave a gap or overlap."""
    slots, end = [], 0
    for word in words:
        match = re.fullmatch(r"([0-9]{2}):(00|15|30|45)-([0-9]{2}):(00|15|30|45) ([1-4])", word)
        if not match:
            raise CardError(
                f"{word!r} is no slot: write it as 07:00-10:15 2, in quarters of an hour, with "
                "the number of its rate"
            )
        hour, past, to_hour, to_past, rate = map(int, match.groups())
        begin, until = hour * 4 + past // 15, to_hour * 4 + to_past // 15
        if begin != end:
            fault = "overlaps the one before it" if begin < end else "leaves a gap before it"
            raise CardError(f"{key}: {word} {fault}: begin it at {end // 4:02d}:{end % 4 * 15:02d}")
        if not begin < until <= 96:
            raise CardError(f"{key}: {word} is empty or ends after 24:00: give it another end")
        if rate > rates:
            raise CardError(f"{key}: {word} has a rate that is not in rates: give {rate} of them")
        slots.append(begin * 100 + rate)
        end = until
    if words and end != 96:
        raise CardError(f"{key} ends at {end // 4:02d}:{end % 4 * 15:02d}: go on to 24:00")
    return slots


def _strip(numbers: list[int]) -> list[int]:
    return numbers[: max((at + 1 for at, number in enumerate(numbers) if number), default=0)]


def _strip_rates(rates: list[int], least: int) -> list[int]:
    """Return at least so many rates, without those behind them that only repeat the last one."""
    used = len(rates)
    while used > least and rates[used - 1] == rates[used - 2]:
        used -= 1
    return rates[:used]


def _format(value: int, places: int) -> str:
    return f"{value // 10**places}.{value % 10**places:0{places}d}"


def _format_slots(numbers: list[int]) -> list[str]:
    slots = _strip(numbers)
    ends = [*(number // 100 for number in slots[1:]), 96][: len(slots)]
    return [
        f"{_format_quarter(number // 100)}-{_format_quarter(end)} {number % 100}"
        for number, end in zip(slots, ends, strict=True)
    ]


def _format_quarter(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"
