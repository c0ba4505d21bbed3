"""The loss of an area: what its feeder gave less what its meters say they used."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dianka.desk.office.statistics.histories import History
from dianka.desk.office.statistics.limits import Limits
from dianka.desk.office.statistics.models import FeederReading
from dianka.desk.office.statistics.times import (
    MINUTES_PER_DAY,
    begin_of,
    first_of_month,
    next_month,
    previous_month,
    to_minutes,
)

_MOST_UNREAD_PERCENT = 10


@dataclass(frozen=True)
class Loss:
    """One area in one month. `unread` meters have no receipt near enough; theirs is estimated."""

    month: date
    feeder_wh: int
    used_wh: int
    meters: int
    unread: int

    @property
    def permille(self) -> int:
        return (self.feeder_wh - self.used_wh) * 1000 // self.feeder_wh if self.feeder_wh else 0

    def is_known(self) -> bool:
        """Return whether enough meters were read to say anything."""
        return self.feeder_wh > 0 and self.unread * 100 <= self.meters * _MOST_UNREAD_PERCENT


def find_months(now: datetime, limits: Limits) -> tuple[date, date]:
    """Return the last two months for which receipts have come by now, the later one first."""
    month = previous_month(first_of_month((now - timedelta(days=limits.f1_days)).date()))
    return month, previous_month(month)


def compute_loss(area: int, month: date, histories: list[History], limits: Limits) -> Loss | None:
    """Return an area's loss in a month; None if its feeder was not read before and after it."""
    begin, end = begin_of(month), begin_of(next_month(month))
    feeder_wh = _read_feeder(area, begin, end)
    if feeder_wh is None:
        return None
    first, last = to_minutes(begin), to_minutes(end)
    used_wh = meters = unread = 0
    for history in histories:
        start = max(first, history.opened)
        stop = last if history.closed is None else min(last, history.closed)
        if start >= stop:
            continue
        meters += 1
        unread += history.end < stop - limits.f1_days * MINUTES_PER_DAY
        used_wh += _estimate_use(history, start, stop)
    return Loss(month, feeder_wh, used_wh, meters, unread)


def describe_f1(losses: list[Loss | None], limits: Limits) -> str:
    """Say what rule F1 finds in the losses of two months, or nothing."""
    limit = limits.f1_technical_permille + limits.f1_permille
    found = [loss for loss in losses if loss and loss.is_known() and loss.permille > limit]
    if len(found) < len(losses):
        return ""
    told = ", ".join(f"{loss.permille // 10} % in {loss.month:%Y-%m}" for loss in found)
    return f"the area lost {told}; {limits.f1_technical_permille // 10} % is technical"


def _estimate_use(history: History, start: int, stop: int) -> int:
    """Return the use between two minutes; outside of statements at the pace of those beside it."""
    if len(history.said) < 2:
        return 0
    begin, end = history.said[0].minute, history.end
    inner = (history.read_total_wh(min(max(stop, begin), end)) or 0) - (
        history.read_total_wh(max(min(start, end), begin)) or 0
    )
    outside = max(begin - start, 0) - max(begin - stop, 0) + max(stop - end, 0)
    outside -= max(start - end, 0)
    last = history.said[-4].minute if len(history.said) > 3 else begin
    pace = history.use_wh_per_day(last, end) or 0
    return inner + pace * outside // MINUTES_PER_DAY


def _read_feeder(area: int, begin: datetime, end: datetime) -> int | None:
    rows = FeederReading.objects.filter(area=area).order_by("read_at")
    points = [(to_minutes(at), wh) for at, wh in rows.values_list("read_at", "energy_wh")]
    totals = [_interpolate(points, to_minutes(at)) for at in (begin, end)]
    return None if totals[0] is None or totals[1] is None else totals[1] - totals[0]


def _interpolate(points: list[tuple[int, int]], minute: int) -> int | None:
    place = bisect_right(points, (minute, 1 << 62)) - 1
    if place < 0:
        return None
    at, wh = points[place]
    if at == minute:
        return wh
    if place + 1 == len(points):
        return None
    later, more_wh = points[place + 1]
    return wh + (more_wh - wh) * (minute - at) // (later - at)
