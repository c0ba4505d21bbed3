"""Prove the refunds: numbers and receipts without gaps, each paid one as its act posted it."""

from collections.abc import Iterator

from django.db.models import Count, F, Max, Q, Sum

from dianka.desk.office.audit import records
from dianka.desk.office.audit.models import Act
from dianka.desk.office.vending import refunds
from dianka.desk.office.vending.models import Desk, Refund, Sale


def find_faults(whole: bool = True) -> Iterator[str]:
    """Yield one line for each refund or series of refunds that is not as it should be.

    Only the whole goes through all sales: a sale in transit that was made a refunded one by hand is
    missed by what is in transit as well, and the database refuses it for one that is loaded.
    """
    yield from _find_gaps("desk", "number", "refunds", "refunds")
    yield from _find_gaps("paid_desk", "receipt", "refund_receipts", "receipts of refunds")
    yield from _find_wrong_refunds()
    if not whole:
        return
    yield from _find_untold_refunds()
    unpaid = Sale.objects.filter(state=Sale.State.REFUNDED).exclude(refund__state="paid")
    for sale in unpaid.select_related("desk").order_by("pk").iterator(2000):
        yield f"sale {sale.number} of desk {sale.desk.name}: it is refunded without a refund"


def _find_gaps(desk: str, number: str, counter: str, name: str) -> Iterator[str]:
    """Compare each desk's series with its counter; the numbers themselves are there once."""
    found = Refund.objects.filter(**{f"{number}__isnull": False}).values(f"{desk}__name").order_by()
    rows = {
        row[f"{desk}__name"]: (row["count"], row["last"])
        for row in found.annotate(count=Count(number), last=Max(number))
    }
    for each in Desk.objects.order_by("name"):
        last = getattr(each, counter)
        if rows.get(each.name, (0, 0)) != (last, last):
            yield f"desk {each.name}: its {last} {name} are not all there"


def _find_wrong_refunds() -> Iterator[str]:
    paid = Refund.objects.filter(state=Refund.State.PAID)
    posted = paid.annotate(fen=Sum("act__entry__amount_fen", default=0))
    right = Q(fen=F("sale__amount_fen"), sale__state=Sale.State.REFUNDED)
    for refund in posted.exclude(right).select_related("desk").order_by("pk").iterator(2000):
        yield f"refund {refund.number} of desk {refund.desk.name}: its act posted something else"


def _find_untold_refunds() -> Iterator[str]:
    """Compare each refund that has ended with the words of its act."""
    related = Refund.objects.select_related("desk", "act", "sale__desk", "sale__contract__meter")
    for refund in related.exclude(state=Refund.State.PENDING).order_by("pk").iterator(2000):
        if refund.act is not None:
            told = records.join(refunds.describe(refund), ())
            right = refund.act.words == told or (
                refund.reversal and refund.act.words.endswith(f": {told}")
            )
        else:
            told = records.join(refunds.describe_void(refund), ())
            meter = f"{refund.sale.contract.meter.number:012d}"
            right = Act.objects.filter(subject=meter, kind="refund void", detail=told).exists()
        if not right:
            yield f"refund {refund.number} of desk {refund.desk.name}: its act tells something else"
