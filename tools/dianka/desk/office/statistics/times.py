"""Local days, months and periods. Days are those of the meters' clocks (desk/prices.UTC_OFFSET)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dianka.desk.prices import UTC_OFFSET

MINUTES_PER_DAY = 1440
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Local days, `first` to `last`, both in it."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"{self.first} is after {self.last}")

    def split(self) -> tuple[list[tuple[date, date]], tuple[date, date] | None]:
        """Return the ranges of days outside of whole months, and that of the whole months.

        Ranges include both ends; that of the months is from first day to first day.
        """
        begin = self.first
        if begin.day > 1:
            begin = next_month(first_of_month(begin))
        end = first_of_month(self.last + _ONE_DAY)  # the first month that is not whole
        if begin >= end:
            return [(self.first, self.last)], None
        days = []
        if self.first < begin:
            days.append((self.first, begin - _ONE_DAY))
        if end <= self.last:
            days.append((end, self.last))
        return days, (begin, first_of_month(end - _ONE_DAY))


def first_of_month(day: date) -> date:
    """Return the first day of this day's month."""
    return day.replace(day=1)


def next_month(first: date) -> date:
    """Return the first day of the month after this one."""
    return first_of_month(first + timedelta(days=31))


def previous_month(first: date) -> date:
    """Return the first day of the month before this one."""
    return first_of_month(first - _ONE_DAY)


def months_between(first: date, last: date) -> Iterator[date]:
    """Yield the first day of each month from that of `first` to that of `last`."""
    month = first_of_month(first)
    while month <= last:
        yield month
        month = next_month(month)


def local_day(at: datetime) -> date:
    """Return the local day of a time."""
    return (at.astimezone(UTC) + UTC_OFFSET).date()


def begin_of(day: date) -> datetime:
    """Return the time at which a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - UTC_OFFSET


def to_minutes(at: datetime) -> int:
    """Return a time as whole minutes since 1970 UTC."""
    return (at - _EPOCH) // timedelta(minutes=1)


def parse_meter_minute(minute: int, seen_at: datetime) -> int:
    """Return YYMMDDhhmm of a meter's clock as minutes since 1970 UTC.

    `seen_at` stands in where the clock had stopped, tells no time or one that had not yet come.
    """
    latest = to_minutes(seen_at)
    if not minute:
        return latest
    try:
        local = datetime.strptime(f"20{minute:010d}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return latest
    told = to_minutes(local - UTC_OFFSET)
    return told if told <= latest else latest
