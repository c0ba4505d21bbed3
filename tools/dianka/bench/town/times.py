"""The town's time, and how the office's database and this PC get it.

The office takes its time from SQLite, and prices from the PC's clock (docs/office.md, "Clocks").
Both are the town's while `kept` holds: it replaces SQLite's function in each connection, and the
clock that `dianka.desk.prices` reads. Each look at it takes a millisecond, so that no two acts are
of one moment.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from dianka.bench.stage.rig import START
from dianka.desk import prices

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
_LOOK_US = 1_000
_BEGIN = START.replace(tzinfo=UTC)


class TownTime:
    """Microseconds since the town began, at 08:00 local time of its first day."""

    def __init__(self) -> None:
        self.now_us = 0

    def read(self) -> datetime:
        """Return the time (UTC); the next look gets a later one."""
        self.now_us += _LOOK_US
        return _BEGIN + timedelta(microseconds=self.now_us)

    def move_to(self, now_us: int) -> None:
        """Let time pass until then; a time that has passed changes nothing."""
        self.now_us = max(self.now_us, now_us)

    def format(self) -> str:
        """Return the time as people in the town read it."""
        local = _BEGIN + timedelta(microseconds=self.now_us) + prices.UTC_OFFSET
        return f"day {self.now_us // DAY_US + 1} {local:%m-%d %H:%M:%S}"


def compute_minute(at_us: int) -> int:
    """Return a time of the town as the local minute YYMMDDhhmm that cards carry."""
    return prices.card_minute(_BEGIN + timedelta(microseconds=at_us) + prices.UTC_OFFSET)


@contextmanager
def kept(time: TownTime) -> Iterator[None]:
    """Let the office's database and this PC have the town's time."""
    from django.db.backends.signals import connection_created

    class TownDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return time.read().astimezone(tz)

    def replace_clock(connection: Any, **_: object) -> None:
        connection.connection.create_function("strftime", -1, format_time)

    def format_time(form: str, what: str = "now", *more: str) -> str | None:
        if what.lower() == "now":
            what = time.read().strftime("%Y-%m-%d %H:%M:%S.%f")
        words = ", ".join("?" * (2 + len(more)))
        return plain.execute(f"SELECT strftime({words})", (form, what, *more)).fetchone()[0]

    former, place = prices.datetime, prices.__dict__
    with closing(sqlite3.connect(":memory:")) as plain:
        connection_created.connect(replace_clock, weak=False)
        place["datetime"] = TownDatetime
        try:
            yield
        finally:
            place["datetime"] = former
            connection_created.disconnect(replace_clock)
