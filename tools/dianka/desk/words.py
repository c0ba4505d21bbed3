"""Card content formatted for people: numbers, amounts, times, prices."""

from typing import Any

from dianka.cardos.files import card_files
from dianka.desk.prices import format_price, format_time
from dianka.money import HIGHEST_FEN, yuan

Lines = list[tuple[str, str]]


def format_number(value: int) -> str:
    """Format a meter number or a customer number."""
    return f"{value:012d}"


def format_decimal(value: int, places: int) -> str:
    """Format a whole number of the smallest unit with its decimal point; nothing is rounded."""
    digits = f"{value:0{places + 1}d}"
    return f"{digits[:-places]}.{digits[-places:]}"


def describe_params(params: dict[str, Any]) -> Lines:
    """Return the lines about whose meter it is and at which balances it warns."""
    return [
        ("meter", format_number(params["meter_no"])),
        ("customer", format_number(params["customer_no"]) if params["customer_no"] else "none yet"),
        ("alarm amounts", f"{yuan(params['alarm1_fen'])} and {yuan(params['alarm2_fen'])} yuan"),
    ]


def describe_limits(limits: dict[str, Any]) -> Lines:
    """Return the lines about the limits."""
    return [
        ("overdraft limit", f"{yuan(limits['overdraft_limit_fen'])} yuan"),
        # Zero stands for the highest amount that the display can show.
        ("hoard limit", f"{yuan(limits['hoard_limit_fen'] or HIGHEST_FEN)} yuan"),
        ("closes above", f"{yuan(limits['close_above_fen'])} yuan"),
    ]


def describe_silence(params: dict[str, Any]) -> Lines:
    """Return the line about how long the metering chip may be unresponsive.

    There is none where that is left to the meter.
    """
    minutes = params["silence_min"]
    return [("silent chip", f"the supply opens after {minutes} min")] if minutes else []


def describe_tariff(records: dict[int, Any], sfi: int) -> Lines:
    """Return the line with the rates; a rate that equals the one before it is left out."""
    return [("price", _format_rates(records, sfi))] if records.get(sfi) else []


def describe_new_price(params: dict[str, Any], records: dict[int, Any], sfi: int) -> Lines:
    """Return the line with set 2 and the time from which it holds.

    Set 2 stays in the file after that time.
    """
    planned = has_planned_price(params) and records.get(sfi)
    return (
        [(f"price from {format_time(params['switch_time'])}", _format_rates(records, sfi))]
        if planned
        else []
    )


def has_planned_price(params: dict[str, Any]) -> bool:
    """Return whether the switch time belongs to a price.

    In an initialisation card it is the time when the card was made.
    """
    return bool(params["switch_time"] and params["customer_no"])


def _format_rates(records: dict[int, Any], sfi: int) -> str:
    """Format the rates, and by what they change."""
    rates = [
        rate
        for at, rate in enumerate(records[sfi]["rates_e4"])
        if not at or rate != records[sfi]["rates_e4"][at - 1]
    ]
    by = [
        words
        for name, words in (("slots", "by the time of day"), ("limits", "with steps"))
        if records[sfi][name][0]
    ]
    return ", ".join([*(format_price(rate) for rate in rates), *by])


def format_keys_state(info: dict[str, Any]) -> str:
    return "private" if info["state"] == card_files.KEYS_PRIVATE else "public"


def name_bits(value: int, names: tuple[str, ...]) -> str:
    """Return the names of the bits that are set, from bit 0 on."""
    found = [name for at, name in enumerate(names) if value >> at & 1]
    rest = value >> len(names)
    return ", ".join([*found, f"unknown {rest << len(names):02X}"] if rest else found) or "nothing"
