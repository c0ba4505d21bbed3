"""Compose the statement at the meter: the newest purchases, and what the last days took.

Imported when somebody asks for it by the key. It has lines, one for each purchase and day, newest
first; a line is texts that take turns on the digits, composed when it is first shown.
"""

from micropython import const

from display import add_label, decimal
from ds3231 import split
from event_chain import PURCHASE
from events import Events
from page_texts import fit
from use_history import UseHistory

_PURCHASES = const(10)
_DAYS = const(10)
_DAY_S = const(86_400)
_NO_DATE = "--------"
_UNKNOWN = "--"


def list_lines(events: "Events", history: "UseHistory") -> tuple:
    """Return functions, one for each line, that return its texts."""
    try:
        newest = events.newest_number(PURCHASE)
        first = max(newest - _PURCHASES, events.oldest_number(PURCHASE) - 1)
    except OSError:
        newest = first = 0
    lines = [_Line(_compose_purchase, events, number) for number in range(newest, first, -1)]
    if not lines:
        lines = [lambda: (add_label("b", _UNKNOWN),)]
    if history.today is not None:
        lines += [_Line(_compose_day, history, back) for back in range(_DAYS + 1)]
    return tuple(lines)


class _Line:
    """A line that is composed once."""

    def __init__(self, compose, source, number: int) -> None:
        self._ask = (compose, source, number)
        self._texts = None

    def __call__(self) -> tuple:
        if self._texts is None:
            compose, source, number = self._ask
            self._texts = compose(source, number)
        return self._texts


def _compose_purchase(events: "Events", number: int) -> tuple:
    """Return date, count and amount."""
    try:
        purchase = events.read_purchase(number)
    except OSError:
        purchase = None
    if not purchase:
        return _NO_DATE, add_label("b", _UNKNOWN)
    minute, amount_fen, count = purchase
    date = _format_date(minute // 10_000) if minute else _NO_DATE
    return date, add_label("bn", str(count)), fit("b", amount_fen, 2)


def _compose_day(history: "UseHistory", back: int) -> tuple:
    """Return date, energy and money of a day, of today so far."""
    year, month, day, _, _, _ = split(((history.today or 0) - back) * _DAY_S)
    date = _format_date((year * 100 + month) * 100 + day)
    use = history.compute_use(back)
    if not use:
        return date, add_label("E", _UNKNOWN), add_label("C", _UNKNOWN)
    return date, fit("E", use[0] // 10, 2), add_label("C", decimal(use[1], 2))


def _format_date(date: int) -> str:
    """Return YYMMDD as people read it."""
    return "%02d-%02d-%02d" % (date // 10_000, date // 100 % 100, date % 100)
