"""Prove the cash of the desks: at each boundary of a shift cash is what was counted.

The sums are made anew from the entries. Each closing report names the head of its desk's chain, so
a chain whose tail was cut off is found by a report that is newer.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby

from django.db.models import Count, Max, Q

from dianka.desk.office.audit.models import Act
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.vending.models import Desk, Shift, ShiftCount
from dianka.desk.office.vending.shift_report import HEAD
from dianka.desk.office.vending.shift_sums import sum_expected
from dianka.money import signed_yuan

# Shifts of a desk whose sums are made anew. Those before were proved in their time, and a chain
# that still has the act of a late report has all acts before it.
RECENT = 20
# What the acts of shifts.py tell.
_OPENED = r"shift ([0-9]+) notes ([0-9]+) fen given [0-9]+ fen: (.*)"
_CLOSED = r"shift ([0-9]+) expected counted handed fen: (.*); notes (.*); to [^;]*"


def find_faults(since: Mapping[str, int] | None = None) -> Iterator[str]:
    """Yield one line for each desk's shift or cash that is not as it should be.

    With `since`, of all shifts that closed after these acts of their desks, else of recent ones.
    """
    for desk in Desk.objects.exclude(shifts=0).order_by("name"):
        shifts = Shift.objects.filter(desk=desk).order_by("-number")
        numbers = shifts.aggregate(count=Count("id"), last=Max("number"))
        if (numbers["count"], numbers["last"]) != (desk.shifts, desk.shifts):
            yield f"desk {desk.name}: its {desk.shifts} shifts are not all there"
        shifts = shifts.select_related("desk", "opening", "closing")
        after = since.get(desk.name, 0) if since is not None else None
        new = shifts[:RECENT] if after is None else shifts.filter(closing__number__gt=after)
        for shift in new:
            yield from _find_head_fault(shift)
            yield from _find_count_faults(shift)
        yield from _find_untold(desk, after or 0)
        last = shifts.first()
        if last:
            yield from _find_cash_faults(last)


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


def _find_untold(desk: Desk, after: int) -> Iterator[str]:
    """Compare each shift that closed after this act, and an open one, with what its acts tell."""
    new = Q(closing__number__gt=after) | Q(closing=None)
    shifts = Shift.objects.filter(new, desk=desk).select_related("opening", "closing")
    counts = ShiftCount.objects.filter(shift__in=shifts).order_by("shift__number", "id")
    by_shift = {key: list(rows) for key, rows in groupby(counts.iterator(2000), _get_shift)}
    for shift in shifts.order_by("number").iterator(2000):
        rows = by_shift.get(shift.pk, [])
        opened = _is_as_opened(shift, [row for row in rows if not row.closing])
        if not opened or not _is_as_closed(shift, [row for row in rows if row.closing]):
            yield f"desk {desk.name}, shift {shift.number}: its acts tell something else"


def _get_shift(row: ShiftCount) -> int:
    return row.shift_id


def _is_as_opened(shift: Shift, rows: list[ShiftCount]) -> bool:
    told = re.fullmatch(_OPENED, shift.opening.words)
    return (
        shift.opening.operator == shift.operator
        and told is not None
        and [row.counted_fen for row in rows] == [shift.float_fen]
        and told.groups() == (str(shift.number), str(shift.float_fen), rows[0].pieces)
    )


def _is_as_closed(shift: Shift, rows: list[ShiftCount]) -> bool:
    if shift.closing is None:
        return not rows and shift.counted_fen is None and shift.expected_fen is None
    words = [f"{row.method} {row.expected_fen} {row.counted_fen} {row.handed_fen}" for row in rows]
    pieces = "".join(row.pieces for row in rows) or "none"
    told = re.fullmatch(_CLOSED, shift.closing.words)
    return (
        told is not None
        and told.groups() == (str(shift.number), ", ".join(words), pieces)
        and shift.counted_fen == sum(row.counted_fen for row in rows)
        and shift.expected_fen == sum(row.expected_fen for row in rows)
        and _reports(shift.report, rows)
    )


def _reports(report: str, rows: list[ShiftCount]) -> bool:
    """Return whether the report has each method's amounts, whatever it calls them."""
    there = Counter(re.findall(r"[-+]?[0-9]+\.[0-9]{2}", report))
    wanted: Counter[str] = Counter()
    for row in rows:
        if row.expected_fen or row.counted_fen:
            left_fen, odd_fen = row.counted_fen - row.handed_fen, row.counted_fen - row.expected_fen
            for fen in (row.expected_fen, row.counted_fen, odd_fen, row.handed_fen, left_fen):
                wanted[signed_yuan(fen)] += 1
    return wanted <= there


def _find_cash_faults(last: Shift) -> Iterator[str]:
    """Compare a desk's cash with what was counted last, and what its open shift moved since."""
    if last.closing is None:
        right = sum_expected(last)
    else:
        rows = ShiftCount.objects.filter(shift=last, closing=True)
        right = {row.method: row.counted_fen - row.handed_fen for row in rows}
    # The ledger's own proof compares balances with entries.
    accounts = Account.objects.filter(kind=posting.CASH, owner=last.desk.name)
    cash = dict(accounts.values_list("method", "balance_fen"))
    for method in sorted(right.keys() | cash.keys()):
        if cash.get(method, 0) != right.get(method, 0):
            yield (
                f"desk {last.desk.name}: its {method} are {signed_yuan(cash.get(method, 0))} yuan "
                f"in the books, {signed_yuan(right.get(method, 0))} as counted"
            )
