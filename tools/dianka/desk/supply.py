"""The rules of the supply as the desk takes them from people: words to fields, and back to words.

`firmware/supply_rules.py` judges them, for desk and meter alike; what each field means is in
docs/cards/files.md (`SUPPLY`). Each option is one word, since its parts have no meaning alone.
"""

import re
from collections.abc import Mapping

from dianka.card_port import CardError
from dianka.cardos.files import card_files
from dianka.firmware import load_shared

Rules = dict[str, int]
supply_rules, friendly_time = load_shared("supply_rules"), load_shared("friendly")

OVERLOAD_EXAMPLE = "3000W,30s,3x60s"
HEATING_EXAMPLE = "300-2000W,0.95,3x60s"
VOLTAGE_EXAMPLE = "180-250V,5V,10s"
FRIENDLY_EXAMPLE = "22-06h,sat,sun,month12-02,date10-01"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_OVERLOAD = re.compile(r"([1-9]\d{0,5})W,(\d{1,3})s(?:,(\d{1,3})x(\d{1,4})s)?")
_HEATING = re.compile(r"([1-9]\d{0,5})-(\d{1,6})W,([01](?:\.\d{1,3})?)(?:,(\d{1,3})x(\d{1,4})s)?")
_VOLTAGE = re.compile(r"(\d{0,3})-(\d{0,3})V,(\d{1,2})V,(\d{1,3})s")
_HOURS = re.compile(r"(\d\d)-(\d\d)h")
_MONTHS = re.compile(r"month(\d\d?)-(\d\d?)")
_DATE = re.compile(r"date(\d\d-\d\d)")


def parse_supply(
    overload: str, heating: str, voltage: str, friendly: str, overdraft_fen: int
) -> Rules:
    """Return the fields of SUPPLY that these options give; "" gives none.

    Raise CardError if a word is not understood, or if the meter could not keep the rules: friendly
    time without an overdraft would spare nobody at zero.
    """
    if friendly and not overdraft_fen:
        raise CardError("--friendly spares within the overdraft: give --overdraft as well")
    rules = {
        **_parse_overload(overload),
        **_parse_heating(heating),
        **_parse_voltage(voltage),
        **_parse_friendly(friendly),
    }
    try:
        supply_rules.check(fill_rules(rules))
    except ValueError as error:
        raise CardError(f"the meter can't keep these rules: {error}") from None
    return rules


def fill_rules(rules: Mapping[str, int]) -> Rules:
    """Return all fields of SUPPLY, zero where none is given."""
    return {name: rules.get(name, 0) for name, _, _ in card_files.SUPPLY}


def _match(pattern: re.Pattern[str], option: str, text: str, example: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if not found:
        raise CardError(f"{text!r} is no {option}: write it as {example}")
    return found


def _parse_overload(text: str) -> Rules:
    if not text:
        return {}
    limit, delay, returns, pause = _match(_OVERLOAD, "--overload", text, OVERLOAD_EXAMPLE).groups()
    return {
        "overload_w": int(limit),
        "overload_delay_s": int(delay),
        "overload_returns": int(returns or 0),
        "overload_return_s": int(pause or 0),
    }


def _parse_heating(text: str) -> Rules:
    if not text:
        return {}
    found = _match(_HEATING, "--heating", text, HEATING_EXAMPLE)
    first, last, power_factor, returns, pause = found.groups()
    whole, _, part = power_factor.partition(".")
    return {
        "step_from_w": int(first),
        "step_to_w": int(last),
        "step_pf_milli": int(whole + part.ljust(3, "0")),
        "step_returns": int(returns or 0),
        "step_return_s": int(pause or 0),
    }


def _parse_voltage(text: str) -> Rules:
    if not text:
        return {}
    found = _match(_VOLTAGE, "--voltage", text, VOLTAGE_EXAMPLE)
    under, over, hysteresis, delay = (int(number or 0) for number in found.groups())
    return {
        "under_v": under,
        "over_v": over,
        "hysteresis_v": hysteresis,
        "voltage_delay_s": delay,
    }


def _parse_friendly(text: str) -> Rules:
    rules: Rules = {}
    dates = 0
    for word in filter(None, text.lower().split(",")):
        if word in DAYS:
            rules["friendly_days"] = rules.get("friendly_days", 0) | 1 << DAYS.index(word)
        elif found := _HOURS.fullmatch(word):
            rules |= _name_both("friendly_from_h", "friendly_to_h", found, rules, text)
            if found[1] == found[2]:
                raise CardError(f"{word!r} is no time at all: for all day name months or days")
        elif found := _MONTHS.fullmatch(word):
            rules |= _name_both("friendly_from_month", "friendly_to_month", found, rules, text)
        elif found := _DATE.fullmatch(word):
            dates += 1
            if dates > friendly_time.DATES:
                raise CardError(f"--friendly takes {friendly_time.DATES} dates: name fewer")
            rules[f"friendly_date_{dates}"] = int(found[1].replace("-", ""))
        else:
            raise CardError(f"{word!r} is no --friendly time: write it as {FRIENDLY_EXAMPLE}")
    return rules


def _name_both(
    first: str, last: str, found: re.Match[str], rules: Rules, text: str
) -> dict[str, int]:
    if first in rules:
        raise CardError(f"--friendly {text} names two spans of one kind: give one")
    return {first: int(found[1]), last: int(found[2])}


def describe_supply(rules: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return a line for each rule that is given, in the words of the options."""
    r = rules
    lines = []
    if r["overload_w"]:
        returns = _describe_returns(r["overload_returns"], r["overload_return_s"], "a card")
        lines.append(("overload", f"{r['overload_w']} W for {r['overload_delay_s']} s{returns}"))
    if r["step_from_w"]:
        window = f"steps of {r['step_from_w']} to {r['step_to_w']} W"
        whole, milli = divmod(r["step_pf_milli"], 1000)
        power_factor = f"power factor {whole}.{milli:03} or more"
        returns = _describe_returns(r["step_returns"], r["step_return_s"], "the next day")
        lines.append(("heating load", f"{window}, {power_factor}{returns}"))
    if r["under_v"] or r["over_v"]:
        limits = f"{r['under_v'] or 'any'} to {r['over_v'] or 'any'} V"
        rest = f"hysteresis {r['hysteresis_v']} V, after {r['voltage_delay_s']} s"
        lines.append(("mains voltage", f"{limits}, {rest}"))
    if friendly_time.has_friendly_time(dict(r)):
        lines.append(("friendly time", ", ".join(_describe_friendly(r))))
    return lines


def _describe_returns(returns: int, pause_s: int, until: str) -> str:
    if not returns:
        return f", locked until {until}"
    return f", returns {returns} x after {pause_s} s, then locked until {until}"


def _describe_friendly(r: Mapping[str, int]) -> list[str]:
    words = []
    if r["friendly_from_h"] != r["friendly_to_h"]:
        words.append(f"{r['friendly_from_h']:02}-{r['friendly_to_h']:02}h")
    words += [day for bit, day in enumerate(DAYS) if r["friendly_days"] >> bit & 1]
    if r["friendly_from_month"]:
        words.append(f"month{r['friendly_from_month']:02}-{r['friendly_to_month']:02}")
    dates = friendly_time.list_dates(dict(r))
    return words + [f"date{date // 100:02}-{date % 100:02}" for date in dates]
