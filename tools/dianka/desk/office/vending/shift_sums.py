"""What the acts of a shift have moved: sums over an interval of its desk's chain."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from dianka.desk.office.audit.models import Act
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Account, Entry
from dianka.desk.office.vending.counting import METHODS, NOTES
from dianka.desk.office.vending.models import Refund, Sale, Shift


@dataclass(frozen=True)
class Moved:
    """What the acts of one kind moved on the desk's cash of one method."""

    method: str
    kind: str  # of the acts
    fen: int  # above zero: into the cash
    number: int


def sum_moves(shift: Shift) -> list[Moved]:
    """Return what the acts between the shift's first and its last moved on the desk's cash."""
    # By the ids of the few accounts: a join with accounts is slow while these move all the time.
    cash = Account.objects.filter(kind=posting.CASH, owner=shift.desk.name)
    methods, moved = dict(cash.values_list("id", "method")), []
    entries = _between(Entry.objects.all(), shift, "act__")
    for side, sign in (("debit", 1), ("credit", -1)):
        own = entries.filter(**{f"{side}__in": list(methods)})
        sums = own.values_list(side, "act__kind").order_by()
        for account, kind, fen, number in sums.annotate(fen=Sum("amount_fen"), number=Count("id")):
            moved.append(Moved(methods[account], kind, sign * fen, number))
    return moved


def sum_expected(shift: Shift) -> dict[str, int]:
    """Return what should be there of each method, in fen."""
    sums = Counter({NOTES: shift.float_fen})
    for moved in sum_moves(shift):
        sums[moved.method] += moved.fen
    return {method: sums[method] for method in (*METHODS, *sorted(sums.keys() - set(METHODS)))}


def sum_sales(shift: Shift) -> dict[str, int]:
    """Return number and first and last receipt of the sales posted in the shift."""
    found = _between(Sale.objects.all(), shift, "act__")
    return found.aggregate(number=Count("id"), first=Min("receipt"), last=Max("receipt"))


def list_refunds(shift: Shift) -> QuerySet[Refund]:
    """Return the refunds and reversals paid in the shift, by receipt."""
    return _between(Refund.objects.all(), shift, "act__").order_by("receipt")


def count_voids(shift: Shift) -> int:
    """Return how many sales became void in the shift."""
    return _between(Act.objects.filter(kind="sale void"), shift, "").count()


def list_pending(shift: Shift) -> list[int]:
    """Return the numbers of the desk's sales that are not finished."""
    pending = Sale.objects.filter(desk=shift.desk, state=Sale.State.PENDING)
    return list(pending.order_by("number").values_list("number", flat=True))


def _between(rows: QuerySet, shift: Shift, act: str) -> QuerySet:
    """Return the rows whose act is after the shift's first and before its last."""
    inside = Q(
        **{
            f"{act}chain": shift.opening.chain_id,
            f"{act}number__gt": shift.opening.number,
        }
    )
    if shift.closing is not None:
        inside &= Q(**{f"{act}number__lt": shift.closing.number})
    return rows.filter(inside)
