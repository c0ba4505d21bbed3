"""What is known of one place over the years, as the rules of suspicion look at it.

Energy is cumulative and linear between two statements of the meter, in whole Wh.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from dianka.desk.office.statistics.times import MINUTES_PER_DAY


@dataclass(frozen=True)
class Bought:
    """A purchase: when, how much, its count."""

    minute: int
    fen: int
    count: int


@dataclass(frozen=True)
class Statement:
    """What the meter said. `minute` is when it wrote that, by its own clock."""

    minute: int
    count: int
    balance_fen: int
    loaded_fen: int
    used_fen: int
    unexplained_fen: int
    illegal_cards: int
    used_wh: int  # since the statement before


@dataclass(frozen=True)
class Log:
    """What an inspection card told of the meter's events."""

    hours: int
    off_hours: int
    covers: int
    relay_faults: int
    outage_hours: int  # of the off hours, that the supplier knows of


@dataclass
class History:
    """One contract."""

    contract: int
    subject: str
    building: str
    tariff: int
    opened: int
    closed: int | None = None
    suspended: bool = False
    vacant: bool = False
    former_count: int = 0
    replaced: int = 0  # cards that were given as replacements
    replaced_in_year: int = 0
    bought: list[Bought] = field(default_factory=list)
    said: list[Statement] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)

    def __post_init__(self) -> None:
        # What was used before the first statement has no beginning.
        later = [statement.used_wh for statement in self.said[1:]]
        self._minutes = [statement.minute for statement in self.said]
        self._total_wh = list(accumulate(later, initial=0))

    @property
    def end(self) -> int:
        """Return the minute of the last statement; 0 if there is none."""
        return self._minutes[-1] if self._minutes else 0

    def read_total_wh(self, minute: int) -> int | None:
        """Return the energy used up to a minute since the first statement, None outside of them."""
        if len(self._minutes) < 2 or not self._minutes[0] <= minute <= self._minutes[-1]:
            return None
        place = bisect_right(self._minutes, minute) - 1
        if place == len(self._minutes) - 1:
            return self._total_wh[-1]
        span = self._minutes[place + 1] - self._minutes[place]
        used_wh = self._total_wh[place + 1] - self._total_wh[place]
        return self._total_wh[place] + used_wh * (minute - self._minutes[place]) // span

    def use_wh_per_day(self, begin: int, end: int) -> int | None:
        """Return the mean use between two minutes, None if statements don't reach so far."""
        first, last = self.read_total_wh(begin), self.read_total_wh(end)
        if first is None or last is None or end <= begin:
            return None
        return (last - first) * MINUTES_PER_DAY // (end - begin)

    def use_fen_per_day(self) -> int | None:
        """Return what the last three times between statements cost a day."""
        some = self.said[-4:]
        minutes = some[-1].minute - some[0].minute if some else 0
        if not minutes:
            return None
        return sum(each.used_fen for each in some[1:]) * MINUTES_PER_DAY // minutes


def find_median(values: list[int]) -> int:
    """Return the lower median. ValueError if there are no values."""
    if not values:
        raise ValueError("no median of nothing")
    return sorted(values)[(len(values) - 1) // 2]


def find_mad(values: list[int]) -> int:
    """Return the median of the absolute deviations from the median."""
    middle = find_median(values)
    return find_median([abs(value - middle) for value in values])


def find_slope_milli(values: list[int]) -> int:
    """Return the Theil-Sen slope, in thousandths a step: the median over all pairs."""
    slopes = [
        (later - earlier) * 1000 // (place - before)
        for place, later in enumerate(values)
        for before, earlier in enumerate(values[:place])
    ]
    return find_median(slopes)


def find_intervals(bought: list[Bought]) -> list[int]:
    """Return the minutes between purchases."""
    return [later.minute - earlier.minute for earlier, later in pairwise(bought)]
