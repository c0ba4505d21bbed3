"""How long reports, a statement and the daily proof take over years of a large office."""

import random
from collections.abc import Iterator
from datetime import timedelta

from dianka.desk.office.customers.models import Customer
from dianka.desk.office.figures.history import make_history
from dianka.desk.office.figures.measured import Figure, Size, time_ms
from dianka.desk.office.ledger import proof
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.statistics import suspects
from dianka.desk.office.statistics.query import Query, read_today
from dianka.desk.office.statistics.reports import REPORTS
from dianka.desk.office.statistics.sales_reports import GROUPINGS
from dianka.desk.office.statistics.statement import statement
from dianka.desk.office.statistics.summaries import catch_up
from dianka.desk.office.statistics.times import Period

_REPORT_MS, _STATEMENT_MS, _PROOF_MS = 2000, 50, 60_000
_STATEMENTS = 50
_ENERGY = ("month", "day", "area", "tariff")


def measure(size: Size) -> Iterator[Figure]:
    """Make a history of this size, then yield how long each thing takes over it."""
    made = make_history(size.meters, size.sales, size.months, size.seed)
    yield Figure("sales", made.sales, "")
    yield Figure("meters", made.meters, "")
    yield Figure("entries", made.entries, "")
    yield Figure("making the history", int(made.seconds * 1000), "ms")
    yield Figure("summing up all of it", time_ms(catch_up, 1), "ms")
    faults: list[str] = []
    yield Figure(
        "daily proof", time_ms(lambda: faults.extend(proof.find_faults()), 1), "ms", _PROOF_MS
    )
    yield Figure("faults that it found", len(faults), "", 0)
    actor = Actor("figures", "desk1", frozenset({"manager"}))
    yield Figure("making a list of suspects", time_ms(lambda: suspects.make_list(actor), 1), "ms")
    yield from _measure_reports(actor, size)
    yield from _measure_statements(actor, size)


def _measure_reports(actor: Actor, size: Size) -> Iterator[Figure]:
    today = read_today()
    # Begins and ends within a month: whole months and single days are read.
    period = Period(today - timedelta(days=size.months * 365 // 12 - 5), today)
    for name, report in REPORTS.items():
        groupings = {"sales": tuple(GROUPINGS), "energy": _ENERGY}.get(name, ("",))
        for by in groupings:
            query = Query(period, by)
            taken = time_ms(lambda query=query, report=report: report(actor, query))
            yield Figure(f"report {name} {by}".rstrip(), taken, "ms", _REPORT_MS)


def _measure_statements(actor: Actor, size: Size) -> Iterator[Figure]:
    last = Customer.objects.order_by("-id").values_list("id", flat=True).first() or 1
    rng = random.Random(size.seed)
    taken = []
    while len(taken) < _STATEMENTS:
        customer = Customer.objects.get(pk=rng.randrange(1, last + 1)).number
        taken.append(time_ms(lambda number=customer: statement(actor, number), 1))
    taken.sort()
    yield Figure("statement, median", taken[_STATEMENTS // 2], "ms", _STATEMENT_MS)
    yield Figure("statement, slowest of 50", taken[-1], "ms")
