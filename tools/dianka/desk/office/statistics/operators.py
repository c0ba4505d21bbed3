"""Rule O1: operators who reverse, reissue or sell at odd hours more than others."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

from django.db.models import Count

from dianka.desk.office.cards.models import Card
from dianka.desk.office.statistics.histories import find_median
from dianka.desk.office.statistics.limits import Limits
from dianka.desk.office.statistics.query import Sums, read_sums
from dianka.desk.office.statistics.rules import Hit
from dianka.desk.office.statistics.sales_reports import read_acts
from dianka.desk.office.statistics.table import format_decimal
from dianka.desk.office.statistics.times import Period, begin_of
from dianka.desk.office.vending.models import Sale
from dianka.desk.prices import UTC_OFFSET

_MONTH, _YEAR = timedelta(days=30), timedelta(days=365)


def find_odd_operators(today: date, limits: Limits) -> Iterator[tuple[str, Hit]]:
    """Yield each operator that O1 hits, by the last 30 days, and why."""
    period = Period(today - _MONTH, today)
    words = defaultdict(list)
    for name, told in (
        *_find_reversals(period, limits),
        *_find_reissues(today, limits),
        *_find_odd_hours(period, limits),
    ):
        words[name].append(told)
    for name in sorted(words):
        yield name, Hit("O1", limits.o1_points, "; ".join(words[name]))


def _find_reversals(period: Period, limits: Limits) -> Iterator[tuple[str, str]]:
    sold = read_sums("sale", period, "operator")
    back: dict[str, int] = defaultdict(int)
    for (name, word), sums in read_acts(period).items():
        if word in ("refund", "reversal"):
            back[name] += sums.count
    if not back:
        return
    usual = find_median([back[name] for name in {*sold, *back}])
    for name, count in sorted(back.items()):
        sales = sold.get(name, Sums()).count
        if usual and count > limits.o1_times * usual:
            yield name, f"{count} reversals and refunds, median of the office {usual}"
        elif count > 1 and count * 1000 > limits.o1_permille * sales:
            share = f" ({format_decimal(count * 1000 // sales, 1)} %)" if sales else ""
            yield name, f"{count} reversals and refunds beside {sales} sales{share}"


def _find_reissues(today: date, limits: Limits) -> Iterator[tuple[str, str]]:
    since = begin_of(today - _YEAR)
    made = Card.objects.filter(kind="user", made_at__gte=since, contract__isnull=False)
    rows = made.exclude(made_by="").values("made_by", "contract__customer__number").order_by()
    # The first card of a contract is none of the reissues.
    for row in rows.annotate(n=Count("id")).filter(n__gt=limits.o1_reissues):
        number = row["contract__customer__number"]
        yield row["made_by"], f"{row['n']} cards within a year to customer {number:012d}"


def _find_odd_hours(period: Period, limits: Limits) -> Iterator[tuple[str, str]]:
    hours = [f"{hour:02d}" for hour in range(24)]
    odd = [*hours[: limits.o1_open_hour], *hours[limits.o1_close_hour :]]
    sums = read_sums("sale", period, "hour")
    if not any(sums.get(hour, Sums()).count for hour in odd):
        return
    found: dict[str, int] = defaultdict(int)
    last = begin_of(period.last + timedelta(days=1))
    sales = Sale.objects.filter(written_at__gte=begin_of(period.first), written_at__lt=last)
    for name, at in sales.values_list("operator", "written_at").iterator(2000):
        if f"{(at + UTC_OFFSET).hour:02d}" in odd:
            found[name] += 1
    for name, count in sorted(found.items()):
        yield name, f"{count} sales before {limits.o1_open_hour} or after {limits.o1_close_hour}"
