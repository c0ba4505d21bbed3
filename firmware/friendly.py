"""Tell friendly time by the rules of the supply, and say it on pages.

Rules are a dict with the fields of card_files.SUPPLY. Integers in, integers out: no hardware, no
clock. Nothing is imported here, so that the desk can load this module alone.

Friendly time is what is named: hours of each night or day, days of the week, months, dates. In it
nothing is cut within the overdraft. While the time is unknown all time is friendly: a stopped clock
puts nobody into the dark at night, and what it can cost is the overdraft that was granted anyway.
"""

from micropython import const

DATES = const(4)
_SATURDAY = const(5)  # weekday of 2000-01-01, Monday is 0


def list_dates(rules: dict) -> list:
    """Return the friendly dates as MMDD."""
    dates = [rules["friendly_date_%d" % number] for number in range(1, DATES + 1)]
    return [date for date in dates if date]


def has_friendly_time(rules: dict) -> bool:
    """Return whether the rules name any friendly time."""
    return bool(
        rules["friendly_from_h"] != rules["friendly_to_h"]
        or rules["friendly_days"]
        or rules["friendly_from_month"]
        or list_dates(rules)
    )


def is_friendly(rules: dict, minute: int, days: int) -> bool:
    """Return whether local minute `minute` (YYMMDDhhmm), `days` after 2000-01-01, is friendly time.

    An unknown time, 0, is friendly if any time is.
    """
    if not minute:
        return has_friendly_time(rules)
    date, hour = minute // 10_000 % 10_000, minute // 100 % 100
    from_h, to_h = rules["friendly_from_h"], rules["friendly_to_h"]
    first, last = rules["friendly_from_month"], rules["friendly_to_month"]
    return bool(
        (from_h != to_h and _is_between(hour, from_h, (to_h - 1) % 24))
        or rules["friendly_days"] >> (days + _SATURDAY) % 7 & 1
        or (first and _is_between(date // 100, first, last))
        or date in list_dates(rules)
    )


def compose_pages(rules: dict) -> list:
    """Return the friendly time as texts of eight digits, for people to read."""
    pages = []
    if rules["friendly_from_h"] != rules["friendly_to_h"]:
        pages.append("FH %02d-%02d" % (rules["friendly_from_h"], rules["friendly_to_h"]))
    if rules["friendly_days"]:
        days = [str(day + 1) for day in range(7) if rules["friendly_days"] >> day & 1]
        pages.append("F" + " " * (7 - len(days)) + "".join(days))
    if rules["friendly_from_month"]:
        pages.append("Fn %02d-%02d" % (rules["friendly_from_month"], rules["friendly_to_month"]))
    return pages + ["Fd %02d-%02d" % divmod(date, 100) for date in list_dates(rules)]


def _is_between(value: int, first: int, last: int) -> bool:
    """Return whether a value lies from `first` to `last`, which may be past the end of the ring."""
    if first <= last:
        return first <= value <= last
    return value >= first or value <= last
