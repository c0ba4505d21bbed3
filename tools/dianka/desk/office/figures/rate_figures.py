"""How many sales a second the books take, from several desks at once, and how long each one takes.

A sale is what the database does of it: the intent and the posting, two transactions. Beside it
stand bare inserts of one row each into a table of its own, by as many processes on the same machine
in the same run: figures of different machines can be compared by that ratio.
"""

import json
import os
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dianka.desk.office.opening import FOLDER, open_office

if TYPE_CHECKING:
    from dianka.desk.office.figures.measured import Figure, Size

DESKS = {"postgresql": (1, 4, 16), "sqlite": (1,)}
_GOAL = {"postgresql": 500, "sqlite": 200}  # sales a second at the most desks
_P99_MS, _LEAST_PERMILLE = 50, 50
_RUN_S = 5
METERS = 20  # of each desk; each has bought before
_AMOUNT_FEN = 5000
_LIMIT_S = 120
_BARE = "figures_bare"


def measure(size: "Size") -> Iterator["Figure"]:
    """Yield the rates of bare inserts and of sales, at 1, 4 and 16 desks where there may be."""
    from django.db import connection

    from dianka.desk.office.figures.estate import fill_estate

    vendor = connection.vendor
    fill_estate(METERS * sum(DESKS[vendor]))
    with connection.cursor() as cursor:
        key = "INTEGER" if vendor == "sqlite" else "BIGSERIAL"
        cursor.execute(f"CREATE TABLE {_BARE} (id {key} PRIMARY KEY, fen BIGINT, card VARCHAR(16))")
    first = 0
    for desks in DESKS[vendor]:
        goal = _GOAL[vendor] if desks == max(DESKS[vendor]) else 0
        yield from _measure_desks(first, desks, goal)
        first += desks


def _measure_desks(first: int, desks: int, goal: int) -> Iterator["Figure"]:
    """Yield the figures of so many desks at once; they are judged if there is a goal."""
    from dianka.desk.office.figures.measured import Figure

    named = f"at {desks} desk{'s' if desks > 1 else ''}"
    bare, _ = _run_at_once("bare", first, desks)
    sold, start_ms = _run_at_once("sales", first, desks)
    bare_rate, rate = _count_rate(bare), _count_rate(sold)
    taken_us = sorted(us for one in sold for us in one["taken_us"])
    yield Figure(f"bare inserts {named}", bare_rate, "/s")
    yield Figure(f"sales {named}", rate, "/s", goal or None, at_least=True)
    permille = 1000 * rate // max(bare_rate, 1)
    least = _LEAST_PERMILLE if goal else None
    yield Figure(f"sales of 1000 bare inserts {named}", permille, "", least, at_least=True)
    p99_ms = taken_us[len(taken_us) * 99 // 100] // 1000
    yield Figure(f"sale, p99 {named}", p99_ms, "ms", _P99_MS if goal else None)
    yield Figure(f"memory of a desk {named}", max(one["kb"] for one in sold) // 1024, "MB", 200)
    if desks == 1:
        yield Figure("start of a desk", start_ms, "ms", 2000)


def work(what: str, desk: int) -> None:
    """Insert rows or sell at one desk for a while; print how often, and what each one took."""
    act = _make_inserter() if what == "bare" else Seller(desk).sell
    for _ in range(METERS):  # imports, first plans and new accounts are not measured
        act()
    print("ready", flush=True)  # noqa: T201  to the process that waits for all desks
    sys.stdin.readline()
    taken_us, until = [], time.perf_counter() + _RUN_S
    while time.perf_counter() < until:
        began_ns = time.perf_counter_ns()
        act()
        taken_us.append((time.perf_counter_ns() - began_ns) // 1000)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"taken_us": taken_us, "kb": peak_kb}))  # noqa: T201


class Seller:
    """A desk with an open shift; it sells to one after the other of meters that are its alone."""

    def __init__(self, desk: int) -> None:
        from dianka.desk.office.customers.models import Contract
        from dianka.desk.office.people.rights import Actor
        from dianka.desk.office.vending import sales, shifts
        from dianka.desk.office.vending.counting import Count

        self._sales, self._made, self.taken_fen = sales, 0, 0
        self.actor = Actor("figures", f"desk{desk}", frozenset({"clerk"}))
        shifts.open_shift(self.actor, Count())
        related = Contract.objects.select_related("meter", "customer", "price", "tariff")
        self._contracts = list(related.order_by("pk")[desk * METERS : (desk + 1) * METERS])

    def sell(self) -> None:
        contract, count = self._contracts[self._made % METERS], self._made // METERS + 1
        form = self._sales.Form(uuid.uuid4(), "00" * 8, _AMOUNT_FEN)
        sale, _ = self._sales.begin(self.actor, form, contract, count, contract.price)
        self._sales.post(self.actor, sale)
        self._made += 1
        self.taken_fen += _AMOUNT_FEN


def _make_inserter() -> Callable[[], None]:
    from django.db import connection

    def insert() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {_BARE} (fen, card) VALUES (%s, %s)", [5000, "00" * 8])

    return insert


def _run_at_once(what: str, first: int, desks: int) -> tuple[list[dict[str, Any]], int]:
    """Let so many desks work at the same time; return what each tells, and the first one's start.

    The start is from the process's begin to an open office and one act, in ms.
    """
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, what, str(first + desk)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for desk in range(desks)
    ]
    start_ms = 0
    for process in running:
        assert process.stdout and process.stdout.readline() == "ready\n"
        start_ms = start_ms or int((time.perf_counter() - began) * 1000)
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.communicate(timeout=_LIMIT_S)[0]) for process in running], start_ms


def _count_rate(told: list[dict[str, Any]]) -> int:
    return sum(len(one["taken_us"]) for one in told) // _RUN_S


if __name__ == "__main__":
    open_office(Path(os.environ[FOLDER]))
    work(sys.argv[1], int(sys.argv[2]))
