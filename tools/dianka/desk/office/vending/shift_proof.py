"""Prove the cash of the desks: at each boundary of a shift cash is what was counted.

The sums are made anew from the entries. Each closing report names the head of its desk's chain, so
a chain whose tail was cut off is found by a report that is newer.
"""

import re
from collections import Counter
from collections.abc import Iterator

from django.db.models import Q, Sum

from dianka.desk.office.audit.models import Act
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Entry
from dianka.desk.office.vending.counting import NOTES
from dianka.desk.office.vending.models import Desk, Shift, ShiftCount
from dianka.desk.office.vending.shift_report import HEAD
from dianka.desk.office.vending.shift_sums import sum_expected
from dianka.money import signed_yuan

RECENT = 20  # shifts of a desk whose sums are made anew; those before were proved in their time


def find_faults() -> Iterator[str]:
    """Yield one line for each desk's shift or cash that is not as it should be."""
    for desk in Desk.objects.exclude(shifts=0).order_by("name"):
        related = Shift.objects.select_related("desk", "opening", "closing")
        shifts = list(related.filter(desk=desk).order_by("number"))
        if [shift.number for shift in shifts] != list(range(1, desk.shifts + 1)):
            yield f"desk {desk.name}: its {desk.shifts} shifts are not all there"
        for shift in shifts:
            yield from _find_head_fault(shift)
        for shift in shifts[-RECENT:]:
            yield from _find_count_faults(shift)
        if shifts:
            yield from _find_cash_faults(shifts[-1])


def _find_head_fault(shift: Shift) -> Iterator[str]:
    if shift.closing is None:
        return
    told = re.search(rf"^{HEAD} +([0-9]+) ([0-9a-f]{{32}})$", shift.report, re.MULTILINE)
    act = Act.objects.filter(chain__desk=shift.desk.name, number=int(told[1]) if told else 0)
    if not told or not any(bytes(each.hash).hex()[:32] == told[2] for each in act):
        yield f"desk {shift.desk.name}: the chain is not the one that report {shift.number} names"


def _find_count_faults(shift: Shift) -> Iterator[str]:
    """Compare what a closed shift should have had with what its report says."""
    if shift.closing is None:
        return
    right = sum_expected(shift)
    kept = {row.method: row for row in ShiftCount.objects.filter(shift=shift, closing=True)}
    for method in sorted(right.keys() | kept.keys()):
        told = kept[method].expected_fen if method in kept else 0
        if told != right.get(method, 0):
            yield (
                f"desk {shift.desk.name}, shift {shift.number}: {method} should be "
                f"{signed_yuan(right.get(method, 0))} yuan, the report says {signed_yuan(told)}"
            )


def _find_cash_faults(last: Shift) -> Iterator[str]:
    """Compare a desk's cash with what was counted last, and what its open shift moved since."""
    if last.closing is None:
        right = sum_expected(last)
    else:
        rows = ShiftCount.objects.filter(shift=last, closing=True)
        right = {row.method: row.counted_fen - row.handed_fen for row in rows}
    cash = sum_cash(last.desk.name)
    for method in sorted(right.keys() | cash.keys()):
        if cash.get(method, 0) != right.get(method, 0):
            yield (
                f"desk {last.desk.name}: its {method} are {signed_yuan(cash.get(method, 0))} yuan "
                f"by the entries, {signed_yuan(right.get(method, 0))} as counted"
            )


def sum_cash(desk: str) -> dict[str, int]:
    """Return the sum of the entries on a desk's cash by method, in fen."""
    sums: Counter[str] = Counter()
    for side, sign in (("debit", 1), ("credit", -1)):
        own = Q(**{f"{side}__kind": posting.CASH, f"{side}__owner": desk})
        rows = Entry.objects.filter(own).values_list(f"{side}__method").order_by()
        for method, fen in rows.annotate(fen=Sum("amount_fen")):
            sums[method] += sign * fen
    return dict(sums) or {NOTES: 0}
