"""Prove the sales: numbers and receipts without gaps, and each sale as its act posted it.

All from the rows themselves, by the database in a few statements; the ledger's own proof is beside
it (ledger/proof.py).
"""

from collections.abc import Iterator

from django.db.models import Count, F, Max, Min, Q, Sum

from dianka.desk.office.audit.models import Act
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.vending.models import Desk, Sale
from dianka.money import yuan

POSTED = (Sale.State.WRITTEN, Sale.State.LOADED, Sale.State.REFUNDED)


def find_faults() -> Iterator[str]:
    """Yield one line for each thing that is wrong, with its name and fen."""
    yield from _find_gaps("number", "sales", "sale")
    yield from _find_gaps("receipt", "receipts", "receipt")
    yield from _find_wrong_sales()
    yield from _find_wrong_transit()


def _find_gaps(number: str, counter: str, name: str) -> Iterator[str]:
    """Compare each desk's series with its counter."""
    found = Sale.objects.filter(**{f"{number}__isnull": False}).values("desk__name").order_by()
    rows = {
        row["desk__name"]: (row["count"], row["first"], row["last"])
        for row in found.annotate(count=Count(number), first=Min(number), last=Max(number))
    }
    for desk in Desk.objects.order_by("name"):
        last = getattr(desk, counter)
        right = (last, 1, last) if last else None
        if rows.get(desk.name) != right:
            yield f"desk {desk.name}: {name} {_find_gap(desk, number, last)} is not there"


def _find_gap(desk: Desk, number: str, last: int) -> str:
    """Return the first number that is missing, or which numbers are there too many."""
    there = Sale.objects.filter(desk=desk, **{f"{number}__isnull": False}).order_by(number)
    expected = 0
    for found in there.values_list(number, flat=True).iterator(2000):
        expected += 1
        if found != expected:
            return str(expected)
    return str(expected + 1) if expected < last else f"counter {last} for number {expected}"


def _find_wrong_sales() -> Iterator[str]:
    posted = Sale.objects.filter(state__in=POSTED).select_related("desk")
    right = Q(act__entry__amount_fen=F("amount_fen"), act__entry__credit__kind="transit")
    wrong = posted.exclude(pk__in=posted.filter(right).values("pk"))
    for sale in wrong.order_by("pk").iterator(2000):
        yield f"sale {sale.number} of desk {sale.desk.name}: its act posted something else"
    for act in Act.objects.filter(kind="sale", sale=None).select_related("chain").iterator(2000):
        yield f"act {act.number} of desk {act.chain.desk}: it posted a sale that is not there"


def _find_wrong_transit() -> Iterator[str]:
    """Compare what is in transit to each meter with the sales that no receipt tells of."""
    sold = Sale.objects.filter(state=Sale.State.WRITTEN).values_list("contract__meter__number")
    right_fen = {f"{number:012d}": fen for number, fen in sold.annotate(fen=Sum("amount_fen"))}
    _add_former(right_fen)
    found = Account.objects.filter(kind="transit").exclude(balance_fen=0)
    found_fen = {owner: -fen for owner, fen in found.values_list("owner", "balance_fen")}
    for owner in sorted(right_fen.keys() | found_fen.keys()):
        right, there = right_fen.get(owner, 0), found_fen.get(owner, 0)
        if right != there:
            yield (
                f"meter {owner}: {yuan(there)} yuan are in transit, {yuan(right)} yuan of sales "
                "are without a receipt"
            )


def _add_former(right_fen: dict[str, int]) -> None:
    """Add purchases from outside of the books that no receipt tells of yet."""
    former = Contract.objects.filter(former_fen__gt=0).select_related("meter")
    for contract in former.exclude(
        meter__reading__count__gte=F("former_count"),
        meter__reading__seen_at__gte=F("opened_at"),
    ):
        owner = f"{contract.meter.number:012d}"
        right_fen[owner] = right_fen.get(owner, 0) + contract.former_fen
