"""What a day takes beside its sales: a long shift that closes, a sheet that comes in."""

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dianka.desk.office.figures.estate import fill_estate
from dianka.desk.office.figures.measured import Figure, Size
from dianka.desk.office.figures.rate_figures import METERS, Seller
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.sheets.importing import import_sheet
from dianka.desk.office.vending.counting import Count
from dianka.desk.office.vending.models import Shift
from dianka.desk.office.vending.shifts import close_shift

_SALES, _SHIFT_MS = 5_000, 1_000
_ROWS, _IMPORT_MS = 10_000, 10_000
_HEADINGS = ("客户编号", "姓名", "电话")
_MANAGER = Actor("figures", "desk1", frozenset({"manager"}))


def measure(size: Size) -> Iterator[Figure]:
    """Yield what closing a shift of 5,000 sales and importing 10,000 customers takes."""
    fill_estate(2 * METERS)
    seller = Seller(1)
    for _ in range(_SALES):
        seller.sell()
    shift = Shift.objects.get(desk__name=seller.actor.desk)
    took_ms, closed = _time_ms(lambda: close_shift(seller.actor, shift.number, Count()))
    assert closed.expected_fen == seller.taken_fen, "the report tells all that was sold"
    yield Figure(f"closing a shift of {_SALES} sales", took_ms, "ms", _SHIFT_MS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "customers.csv"
        with file.open("w", encoding="utf-8", newline="") as out:
            people = ((700_000 + row, f"张{row}", f"138{row:08d}") for row in range(_ROWS))
            csv.writer(out).writerows((_HEADINGS, *people))
        took_ms, outcome = _time_ms(lambda: import_sheet(_MANAGER, "customers", file))
    assert len(outcome.new) == _ROWS
    yield Figure(f"importing {_ROWS} rows", took_ms, "ms", _IMPORT_MS)


def _time_ms(act: Callable[[], Any]) -> tuple[int, Any]:
    began_s = time.perf_counter()
    done = act()
    return int((time.perf_counter() - began_s) * 1000), done
