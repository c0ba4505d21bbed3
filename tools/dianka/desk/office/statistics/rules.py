"""The rules of suspicion: each looks at one history and says in words what it found.

A list of them is a list of visits, not of thieves. Medians alone, never means: one odd value moves
nothing. A rule that hits and has an exception is told too, with 0 points.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from dianka.desk.office.statistics.histories import (
    History,
    find_intervals,
    find_mad,
    find_median,
    find_slope_milli,
)
from dianka.desk.office.statistics.limits import Limits
from dianka.desk.office.statistics.table import format_decimal
from dianka.desk.office.statistics.times import MINUTES_PER_DAY
from dianka.money import signed_yuan

_YEAR_DAYS, _MONTH_DAYS, _MONTHS = 365, 30, 12
NAMES = {
    "Z1": "长期不购电 no purchase",
    "Z2": "卡未返回 card never came back",
    "D1": "用电骤降 drop",
    "D2": "用电渐降 slide",
    "P1": "低于同类 low against peers",
    "B1": "账实不符 bought is not used",
    "C1": "计数异常 counts",
    "T1": "事件 events",
    "N1": "透支用电 used in overdraft",
    "F1": "线损 feeder loss",
    "O1": "操作员 operator",
}


@dataclass(frozen=True)
class Hit:
    """A rule that hit: its numbers in words, and the exception that excuses it, if there is one."""

    rule: str
    points: int
    words: str
    excuse: str = ""


@dataclass
class Around:
    """What surrounds a history: the day, its peers and how its building and area went."""

    now: int  # minutes
    limits: Limits
    peers_wh: list[int] = field(default_factory=list)  # use a day, of the same tariff and building
    group_permille: int = 1000  # use of this year by last year's, the lower of building and area
    lossy: str = ""  # what rule F1 says of the area


def find_hits(history: History, around: Around) -> list[Hit]:
    """Return what the rules find in a history; those that are excused have 0 points."""
    hits = [hit for rule in _RULES for hit in rule(history, around)]
    names = {hit.rule for hit in hits if hit.points}
    if around.lossy and names & {"D1", "P1"}:
        hits.append(Hit("F1", around.limits.f1_points, around.lossy))
    return hits


def measure_use(history: History, limits: Limits) -> int | None:
    """Return the use a day, in Wh, in the last window that statements cover."""
    window = limits.d1_window_days * MINUTES_PER_DAY
    return history.use_wh_per_day(history.end - window, history.end)


def measure_former_use(history: History, limits: Limits) -> int | None:
    """Return the use a day, in Wh, in the same window a year before."""
    end = history.end - _YEAR_DAYS * MINUTES_PER_DAY
    return history.use_wh_per_day(end - limits.d1_window_days * MINUTES_PER_DAY, end)


def _hit(rule: str, limits: Limits, words: str, excuse: str = "") -> Hit:
    points = 0 if excuse else getattr(limits, f"{rule.lower()}_points")
    return Hit(rule, points, words, excuse)


def _excuse_idle(history: History, around: Around) -> str:
    """Say why a place may well not buy, or nothing."""
    if history.vacant:
        return "marked vacant"
    if history.suspended:
        return "suspended"
    if around.now - history.opened < around.limits.new_days * MINUTES_PER_DAY:
        return f"opened less than {around.limits.new_days} days ago"
    use, passed = history.use_fen_per_day(), around.now - history.end
    if use is None or not history.said:
        return ""
    last = history.said[-1]
    held = last.balance_fen + sum(b.fen for b in history.bought if b.count > last.count)
    if use * passed <= held * MINUTES_PER_DAY:
        return (
            f"{signed_yuan(held)} yuan at the last receipt lasts by {signed_yuan(use)} yuan a day"
        )
    return ""


def _check_z1(history: History, around: Around) -> Iterator[Hit]:
    limits, bought = around.limits, history.bought
    if not bought:
        return
    passed = around.now - bought[-1].minute
    usual = find_median(find_intervals(bought)) if len(bought) > 1 else 0
    if passed > limits.z1_days * MINUTES_PER_DAY and passed > limits.z1_intervals * usual:
        words = (
            f"no purchase for {passed // MINUTES_PER_DAY} days; before every "
            f"{usual // MINUTES_PER_DAY} days (median)"
        )
        yield _hit("Z1", limits, words, _excuse_idle(history, around))


def _check_z2(history: History, around: Around) -> Iterator[Hit]:
    if not history.bought:
        return
    last, seen = history.bought[-1], history.said[-1].count if history.said else 0
    passed = around.now - last.minute
    usual = find_median(find_intervals(history.bought)) if len(history.bought) > 1 else 0
    if (
        last.count > seen
        and passed > around.limits.z2_days * MINUTES_PER_DAY
        and passed > 2 * usual
    ):
        words = f"bought {passed // MINUTES_PER_DAY} days ago, and no receipt since"
        yield _hit("Z2", around.limits, words, _excuse_idle(history, around))


def _check_d1(history: History, around: Around) -> Iterator[Hit]:
    limits = around.limits
    use, former = measure_use(history, limits), measure_former_use(history, limits)
    if use is None or not former or use * 100 >= limits.d1_percent * former:
        return
    if former - use <= limits.d1_lost_wh:
        return
    excuse = "marked vacant" if history.vacant else ""
    if around.group_permille < limits.d1_group_percent * 10:
        excuse = f"building or area went to {around.group_permille // 10} % as well"
    words = (
        f"{_kwh(use)} a day in the last {limits.d1_window_days} days, {_kwh(former)} in the same "
        f"days a year ago ({use * 100 // former} %)"
    )
    yield _hit("D1", limits, words, excuse)


def _check_d2(history: History, around: Around) -> Iterator[Hit]:
    slope = _measure_slide(history, history.end)
    former = _measure_slide(history, history.end - _YEAR_DAYS * MINUTES_PER_DAY)
    limit = -10 * around.limits.d2_percent
    if slope is None or slope >= limit:
        return
    if former is None:
        return  # the season may be all of it
    excuse = "marked vacant" if history.vacant else ""
    if former < limit:
        excuse = f"the year before it went by {format_decimal(former, 1)} % a month"
    words = f"use went by {format_decimal(slope, 1)} % a month over {_MONTHS} months"
    yield _hit("D2", around.limits, words, excuse)


def _measure_slide(history: History, end: int) -> int | None:
    """Return the slope of the 12 months before `end`, in permille of their median a month."""
    month = _MONTH_DAYS * MINUTES_PER_DAY
    ends = [end - place * month for place in reversed(range(_MONTHS))]
    uses = [history.use_wh_per_day(each - month, each) for each in ends]
    known = [use for use in uses if use is not None]
    if len(known) < _MONTHS or not find_median(known):
        return None
    return find_slope_milli(known) // find_median(known)


def _check_p1(history: History, around: Around) -> Iterator[Hit]:
    use, limits, peers = measure_use(history, around.limits), around.limits, around.peers_wh
    if use is None or len(peers) < limits.p1_peers:
        return
    middle = find_median(peers)
    if use * 100 < limits.p1_percent * middle:
        words = (
            f"{_kwh(use)} a day; median of {len(peers)} peers {_kwh(middle)}, "
            f"median deviation {_kwh(find_mad(peers))}"
        )
        yield _hit("P1", limits, words, "marked vacant" if history.vacant else "")


def _check_b1(history: History, around: Around) -> Iterator[Hit]:
    worst = 0
    for before, after in pairwise(history.said):
        expected = before.balance_fen + after.loaded_fen - after.used_fen
        worst = max(worst, abs(after.balance_fen - expected), abs(after.unexplained_fen), key=abs)
    if worst > around.limits.b1_fen:
        words = f"purchases less use and the change of the balance differ by {signed_yuan(worst)}"
        yield _hit("B1", around.limits, f"{words} yuan: meter, card or ledger")


def _check_c1(history: History, around: Around) -> Iterator[Hit]:
    if not history.said:
        return
    since = around.now - _YEAR_DAYS * MINUTES_PER_DAY
    grown = sum(
        max(after.illegal_cards - before.illegal_cards, 0)
        for before, after in pairwise(history.said)
        if after.minute >= since
    )
    sold = max([history.former_count, *(bought.count for bought in history.bought)])
    if history.said[-1].count > sold:
        words = f"the meter has credited purchase {history.said[-1].count}, {sold} were sold"
        yield _hit("C1", around.limits, words)
    elif grown:
        excuse = "a card was replaced: the old one may have been tried" if history.replaced else ""
        words = f"{grown} more illegal cards in the meter within a year"
        yield _hit("C1", around.limits, words, excuse)


def _check_t1(history: History, around: Around) -> Iterator[Hit]:
    limits = around.limits
    for log in history.logs[-1:]:
        found = []
        if log.covers:
            found.append(f"cover opened {log.covers} times")
        if log.relay_faults:
            found.append(f"{log.relay_faults} faults of the relay")
        off = log.off_hours * 100 > limits.t1_off_percent * log.hours
        excuse = ""
        if off and _is_low(history, around):
            found.append(f"without supply {log.off_hours} of {log.hours} hours")
            known = (log.off_hours - log.outage_hours) * 100 <= limits.t1_off_percent * log.hours
            if known and len(found) == 1:
                excuse = f"outage of {log.outage_hours} hours is known"
        if found:
            yield _hit("T1", limits, ", ".join(found), excuse)


def _is_low(history: History, around: Around) -> bool:
    use = measure_use(history, around.limits)
    if use is None or not around.peers_wh:
        return True
    return use * 100 < around.limits.t1_low_percent * find_median(around.peers_wh)


def _check_n1(history: History, around: Around) -> Iterator[Hit]:
    floor = -around.limits.n1_overdraft_fen
    for before, after in pairwise(history.said):
        if after.loaded_fen == 0 and after.balance_fen < before.balance_fen < floor:
            words = (
                f"went from {signed_yuan(before.balance_fen)} to {signed_yuan(after.balance_fen)} "
                "yuan while its relay should have been open"
            )
            yield _hit("N1", around.limits, words)
            return


def _kwh(energy_wh: int) -> str:
    return f"{format_decimal(energy_wh, 3)} kWh"


_RULES: tuple[Callable[[History, Around], Iterator[Hit]], ...] = (
    _check_z1,
    _check_z2,
    _check_d1,
    _check_d2,
    _check_p1,
    _check_b1,
    _check_c1,
    _check_t1,
    _check_n1,
)
