"""Card content as people read it: numbers, amounts, times, prices."""

from typing import Any

from dianka.cardos.files import card_files
from dianka.desk.prices import price, stamp
from dianka.money import HIGHEST_FEN, yuan

Lines = list[tuple[str, str]]


def number(value: int) -> str:
    """A meter's or a customer's number."""
    return f"{value:012d}"


def decimal(value: int, places: int) -> str:
    """A whole number of the smallest unit, with its point; nothing is rounded."""
    digits = f"{value:0{places + 1}d}"
    return f"{digits[:-places]}.{digits[-places:]}"


def params_lines(params: dict[str, Any]) -> Lines:
    """Whose meter it is, and when it warns."""
    return [
        ("meter", number(params["meter_no"])),
        ("customer", number(params["customer_no"]) if params["customer_no"] else "none yet"),
        ("alarm amounts", f"{yuan(params['alarm1_fen'])} and {yuan(params['alarm2_fen'])} yuan"),
    ]


def limits_lines(limits: dict[str, Any]) -> Lines:
    return [
        ("overdraft limit", f"{yuan(limits['overdraft_limit_fen'])} yuan"),
        (
            "hoard limit",
            f"{yuan(limits['hoard_limit_fen'] or HIGHEST_FEN)} yuan",
        ),  # zero is as much as the display holds
        ("closes above", f"{yuan(limits['close_above_fen'])} yuan"),
    ]


def silence_line(params: dict[str, Any]) -> Lines:
    """How long the metering chip may be silent, where that is not left to the meter."""
    minutes = params["silence_min"]
    return [("silent chip", f"the supply opens after {minutes} min")] if minutes else []


def tariff_line(records: dict[int, Any], sfi: int) -> Lines:
    """The rates, each as long as it differs from the one before."""
    return [("price", _rates(records, sfi))] if records.get(sfi) else []


def new_price_line(params: dict[str, Any], records: dict[int, Any], sfi: int) -> Lines:
    """What set 2 says, and from when on; it stays there when it has begun."""
    planned = plans_price(params) and records.get(sfi)
    return [(f"price from {stamp(params['switch_time'])}", _rates(records, sfi))] if planned else []


def plans_price(params: dict[str, Any]) -> bool:
    """Whether the switch time is a price's; in an initialisation card's it is when that was made."""
    return bool(params["switch_time"] and params["customer_no"])


def _rates(records: dict[int, Any], sfi: int) -> str:
    rates = [
        rate
        for at, rate in enumerate(records[sfi]["rates_e4"])
        if not at or rate != records[sfi]["rates_e4"][at - 1]
    ]
    return ", ".join(price(rate) for rate in rates)


def keys_state(info: dict[str, Any]) -> str:
    return "private" if info["state"] == card_files.KEYS_PRIVATE else "public"


def named_bits(value: int, names: tuple[str, ...]) -> str:
    """The names of the bits that are set, from bit 0 on."""
    found = [name for at, name in enumerate(names) if value >> at & 1]
    rest = value >> len(names)
    return ", ".join([*found, f"unknown {rest << len(names):02X}"] if rest else found) or "nothing"
