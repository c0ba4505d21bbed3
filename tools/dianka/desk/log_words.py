"""A meter's log of events in words: what docs/journal.md ("Events") says of each kind."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from dianka.desk.event_log import MeterLog, event_chain, name_entry
from dianka.desk.log_check import find_break, unpack_entry
from dianka.desk.prices import UTC_OFFSET, card_minute, format_time
from dianka.desk.words import Lines, format_number, name_bits
from dianka.money import signed_yuan, yuan

CAUSES = (
    "on",
    "production test",
    "not initialised",
    "account not opened",
    "account closed",
    "overdraft used up",
    "credit used up",
    "no credit left",
    "alarm 2",
    "mains voltage too high",
    "mains voltage too low",
    "overload, locked",
    "overload",
    "heating load, locked for today",
    "heating load",
    "metering chip silent",
    "mains interrupted too often",
    "waits its turn after an outage",
    "mains too low to switch",
)  # fmt: skip  as in firmware/supply.py
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  UTC
_TRIPS = ("overload", "overload, locked", "heating load", "heating load, locked for today")
_POWER = ("up", "up after a reset of the controller alone", "down")
_PARAMETERS = {
    event_chain.BY_INITIALISATION: "initialisation card",
    event_chain.BY_USER_CARD: "user card",
    event_chain.BY_KEY_CARD: "key card",
}


def describe_log(log: MeterLog, belongs: bool) -> Lines:
    """Return a line about the log and one for each entry; `belongs`: it is of the newest visit."""
    lines = [("log of meter", f"{format_number(log.meter_no)}, {format_time(log.time)}")]
    lines.append(("log", _format_state(log, belongs)))
    for (ring, number), entry in zip(log.list_places(), log.entries, strict=False):
        words = describe_entry(entry) if entry else "the meter's memory has lost it"
        lines.append((name_entry(ring.kind, number), words))
    return lines


def _format_state(log: MeterLog, belongs: bool) -> str:
    if not belongs:
        return "of an earlier visit: put the card into the meter again"
    broken = find_break(log)
    if log.is_partial:
        return f"not all was copied ({broken}): put the card into the meter again"
    return f"BROKEN at {broken}" if broken else f"{log.promised} entries, each chain is whole"


def describe_entry(entry: bytes) -> str:
    """Return what an entry says, in one line; its digits if that is nothing known."""
    try:
        found = unpack_entry(entry)
    except ValueError:
        return f"damaged: {entry.hex()}"
    describe = _WORDS.get(found["kind"])
    words = describe(found["what"], found["detail"]) if describe else ""
    return f"{words or _format_unknown(found)}; {format_time(found['time'])}"


def _format_unknown(found: dict[str, Any]) -> str:
    return f"{found['what']:02X} {found['detail'].hex()}"


def _describe_purchase(what: int, detail: bytes) -> str:
    amount, count = int.from_bytes(detail[:4], "big"), int.from_bytes(detail[4:8], "big")
    return f"{yuan(amount)} yuan, number {count}; balance {_format_balance(detail[8:])}"


def _describe_supply(what: int, detail: bytes) -> str:
    if what >= len(CAUSES):
        return ""
    words = "on" if not what else f"oFF-{what:02d} {CAUSES[what]}"
    return f"{words}; balance {_format_balance(detail[:5])}"


def _describe_power(what: int, detail: bytes) -> str:
    if what >= len(_POWER):
        return ""
    return f"{_POWER[what]}; balance {_format_balance(detail[:5])}"


def _format_balance(raw: bytes) -> str:
    return f"{signed_yuan(int.from_bytes(raw, 'big', signed=True))} yuan"


def _describe_card(what: int, detail: bytes) -> str:
    command, sw = detail[8:11].hex(" ").upper(), detail[11:13].hex().upper()
    return f"code {what}, card {detail[:8].hex()}, {sw} to {command}"


def _describe_parameters(what: int, detail: bytes) -> str:
    if what == event_chain.BY_MIRROR:
        wh = int.from_bytes(detail[5:13], "big")
        return f"memory lost, {_format_balance(detail[:5])} and {wh} Wh taken back from the ESAM"
    if what == event_chain.BY_CLOSING:
        count = int.from_bytes(detail[:4], "big")
        return f"account closed by order {count} with {_format_balance(detail[4:9])}"
    by = _PARAMETERS.get(what)
    return f"by {by} {detail[:8].hex()}, {detail[8]:02X}" if by else ""


def _describe_clock(what: int, detail: bytes) -> str:
    former, seconds = int.from_bytes(detail[:4], "big"), int.from_bytes(detail[4:8], "big")
    before = _format_seconds(former) if former else "unknown"
    return f"set from {before} to {_format_seconds(seconds)}"


def _format_seconds(seconds: int) -> str:
    at = _EPOCH + timedelta(seconds=seconds) + UTC_OFFSET
    return f"{format_time(card_minute(at))}:{at.second:02d}" if at.year < 2100 else str(seconds)


def _describe_overload(what: int, detail: bytes) -> str:
    return f"{name_bits(what, _TRIPS)} at {int.from_bytes(detail[:5], 'big') // 1000} W"


def _describe_fault(what: int, detail: bytes) -> str:
    code = what & ~event_chain.GONE
    if code == event_chain.BACKWARDS:
        wh = int.from_bytes(detail[:8], "big")
        if what & event_chain.GONE:
            return f"energy has flowed backwards, {wh} Wh so far"
        return f"energy flows backwards, {wh} Wh so far"
    return f"Err-{code:02d} {'ended' if what & event_chain.GONE else 'stands'}"


def _describe_update(what: int, detail: bytes) -> str:
    version = detail.rstrip(b"\0")
    name = version.decode() if version.isascii() and version.decode().isprintable() else ""
    return f"version {name or version.hex()} {'refused' if what else 'kept'}"


def _describe_case(what: int, detail: bytes) -> str:
    at_start = ", found at the start" if detail[0] else ""
    return f"{'opened' if what else 'closed'}{at_start}"


_WORDS: dict[int, Callable[[int, bytes], str]] = {
    event_chain.PURCHASE: _describe_purchase,
    event_chain.SUPPLY: _describe_supply,
    event_chain.POWER: _describe_power,
    event_chain.CARD: _describe_card,
    event_chain.PARAMETERS: _describe_parameters,
    event_chain.CLOCK: _describe_clock,
    event_chain.OVERLOAD: _describe_overload,
    event_chain.FAULT: _describe_fault,
    event_chain.UPDATE: _describe_update,
    event_chain.CASE: _describe_case,
}
