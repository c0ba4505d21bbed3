"""What a report is asked for, and sums read for it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, Sum

from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Tariff
from dianka.desk.office.estate.models import Area
from dianka.desk.office.statistics.models import Summary
from dianka.desk.office.statistics.summaries import catch_up
from dianka.desk.office.statistics.times import (
    Period,
    first_of_month,
    local_day,
    months_between,
)

NO_KEY = "(无) none"


@dataclass(frozen=True)
class Query:
    """What a report is asked for; each takes what it needs of it."""

    period: Period | None = None  # the present month if none
    by: str = ""
    days: int = 0
    month: date | None = None


@dataclass
class Sums:
    """The sums under one key."""

    count: int = 0
    amount_fen: int = 0
    energy_wh: int = 0


def read_today() -> date:
    """Return the local day, by the database's clock."""
    return local_day(chain.read_time())


def find_period(query: Query) -> Period:
    """Return the period that is asked for: without one the present month up to today."""
    today = read_today()
    return query.period or Period(first_of_month(today), today)


def read_sums(subject: str, period: Period, by: str) -> dict[str, Sums]:
    """Return the sums of a subject by a grouping, "day" or "month", all acts so far in it.

    Whole months are read as months, the days around them as days. `subject` may end in %.
    """
    catch_up()
    by_time = by in ("day", "month")
    of_subject = (
        Q(subject__startswith=subject[:-1]) if subject.endswith("%") else Q(subject=subject)
    )
    rows = Summary.objects.filter(of_subject, grouping="all" if by_time else by)
    name = "first" if by_time else "key"
    found: dict[str, Sums] = defaultdict(Sums)
    for part in _parts(period, by):
        summed = rows.filter(part).values(name).order_by()
        for row in summed.annotate(n=Sum("count"), fen=Sum("amount_fen"), wh=Sum("energy_wh")):
            key = str(row[name])[: 7 if by == "month" else None]
            sums = found[key]
            sums.count += row["n"]
            sums.amount_fen += row["fen"]
            sums.energy_wh += row["wh"]
    return {key: found[key] for key in sorted(found)}


def fill_gaps(found: dict[str, Sums], by: str) -> dict[str, Sums]:
    """Return the sums with a row for each hour, day or month between that had none."""
    keys = list(found)
    if by == "hour":
        keys = [f"{hour:02d}" for hour in range(24)]
    elif by == "day" and keys:
        first, last = date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])
        keys = [str(first + timedelta(days=each)) for each in range((last - first).days + 1)]
    elif by == "month" and keys:
        first, last = (date.fromisoformat(f"{key}-01") for key in (keys[0], keys[-1]))
        keys = [str(month)[:7] for month in months_between(first, last)]
    return {key: found.get(key, Sums()) for key in keys}


def _parts(period: Period, by: str) -> list[Q]:
    if by == "day":
        return [Q(grain="day", first__range=(period.first, period.last))]
    days, months = period.split()
    parts = [Q(grain="day", first__range=pair) for pair in days]
    return [*parts, Q(grain="month", first__range=months)] if months else parts


def name_keys(sums: dict[str, Sums], by: str) -> dict[str, str]:
    """Return the name of each key: areas and tariffs are kept by their numbers."""
    if by not in ("area", "tariff"):
        return {key: key or NO_KEY for key in sums}
    model = Area if by == "area" else Tariff
    names = {str(number): name for number, name in model.objects.values_list("id", "name")}
    return {key: names.get(key, NO_KEY) for key in sums}


def describe(period: Period) -> str:
    """Return a period for the title of a report."""
    return f"{period.first} – {period.last}"
