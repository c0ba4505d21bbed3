"""How long everything takes over years of a large office: proofs, statements, searches, reports."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from dianka.desk.office import nightly
from dianka.desk.office.audit.file_check import check_files
from dianka.desk.office.audit.files import write_nights
from dianka.desk.office.customers import search
from dianka.desk.office.customers.models import Customer
from dianka.desk.office.figures.history import make_history
from dianka.desk.office.figures.measured import Figure, Size, time_ms
from dianka.desk.office.figures.search_figures import measure_searches
from dianka.desk.office.nightly import Proof
from dianka.desk.office.one_view import one_view
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.state.replay import replay
from dianka.desk.office.statistics import suspects
from dianka.desk.office.statistics.query import Query, read_today
from dianka.desk.office.statistics.reports import REPORTS
from dianka.desk.office.statistics.sales_reports import GROUPINGS
from dianka.desk.office.statistics.statement import statement
from dianka.desk.office.statistics.summaries import catch_up
from dianka.desk.office.statistics.times import Period

_PROOF_MS, _REPORT_MS, _STATEMENT_MS = 60_000, 2000, 50
_STATEMENTS = 50
_ENERGY = ("month", "day", "area", "tariff")
_OF_SUSPECTS = ("suspects", "hit-rate")  # want a list that is made


def measure(size: Size) -> Iterator[Figure]:
    """Make a history of this size, then yield how long each thing takes over it."""
    actor = Actor("figures", "desk1", frozenset({"manager"}))
    yield from _measure_proofs(size)
    yield from _measure_statements(actor, size)
    yield Figure("indexing all customers", time_ms(search.rebuild, 1), "ms")
    yield from measure_searches()
    yield Figure("summing up all of it", time_ms(catch_up, 1), "ms")
    yield from _measure_reports(actor, size, [name for name in REPORTS if name not in _OF_SUSPECTS])
    yield Figure("making a list of suspects", time_ms(lambda: suspects.make_list(actor), 1), "ms")
    yield from _measure_reports(actor, size, _OF_SUSPECTS)


def _measure_proofs(size: Size) -> Iterator[Figure]:
    """Prove all but the last day whole, then that day alone, and write its file."""
    proofs: list[Proof] = []
    taken_ms: list[int] = []

    def prove(whole: bool) -> None:
        taken_ms.append(time_ms(lambda: proofs.append(nightly.prove(whole)), 1))

    made = make_history(size.meters, size.sales, size.months, size.seed, lambda: prove(whole=True))
    yield Figure("sales", made.sales, "")
    yield Figure("meters", made.meters, "")
    yield Figure("acts", made.acts, "")
    yield Figure("entries", made.entries, "")
    yield Figure("making the history", int(made.seconds * 1000), "ms")
    yield Figure("database", _find_size_mb(), "MB")
    yield Figure("whole proof", taken_ms[0], "ms")
    prove(whole=False)
    yield Figure("sales of the last day", proofs[1].books.sold.sales, "")
    yield Figure("daily proof", taken_ms[1], "ms", _PROOF_MS)
    faults = [line for proof in proofs for line in proof.faults]
    with one_view():
        taken = time_ms(lambda: faults.extend(replay().faults), 1)
    yield Figure("comparing rows with acts, of the whole proof", taken, "ms")
    if not faults:
        with tempfile.TemporaryDirectory(prefix="dianka-night-") as folder:
            taken = time_ms(lambda: write_nights(2, Path(folder)), 1)
            (file,) = Path(folder).iterdir()
            yield Figure("file of the day's acts", file.stat().st_size // 1000, "kB")
            yield Figure("writing it", taken, "ms")
            checked = time_ms(lambda: faults.extend(check_files([file], True).faults), 1)
            yield Figure("checking it", checked, "ms")
    yield Figure("faults that the proofs found", len(faults), "", 0)


def _measure_reports(actor: Actor, size: Size, names: Iterable[str]) -> Iterator[Figure]:
    today = read_today()
    # Begins and ends within a month: whole months and single days are read.
    period = Period(today - timedelta(days=size.months * 365 // 12 - 5), today)
    for name in names:
        report = REPORTS[name]
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


def _find_size_mb() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            pages, size = (_read(cursor, f"PRAGMA {name}") for name in ("page_count", "page_size"))
            return pages * size // 1_000_000
        return _read(cursor, "SELECT pg_database_size(current_database())") // 1_000_000


def _read(cursor: Any, statement: str) -> int:
    cursor.execute(statement)
    return cursor.fetchone()[0]
