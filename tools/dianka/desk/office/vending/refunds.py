"""Refunds in the books, from the intent on, as sales are kept: begin, then post or void.

What is paid back is a purchase that was taken off its card and has not been in a meter
(dianka.desk.take_off). The card decides: it has the purchase, or it has not. Within the shift that
sold it, by the same method, a refund reverses the entry of the sale; later it is an entry of its
own. Both take a second person's consent, and get a receipt of a series of their own.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from dianka.card_port import CardError
from dianka.desk.office import sql
from dianka.desk.office.audit import chain
from dianka.desk.office.audit.models import Act
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Entry
from dianka.desk.office.people.consent import use_consent
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending.counting import check_method
from dianka.desk.office.vending.desks import take_number
from dianka.desk.office.vending.models import Refund, Sale, Shift
from dianka.desk.office.vending.sales import find_last_count
from dianka.desk.office.vending.shifts import require_shift
from dianka.desk.sell import OnCard
from dianka.desk.session import Desk
from dianka.desk.take_off import raise_if_not_off
from dianka.money import yuan

_UNFINISHED = (
    "SELECT r.id FROM vending_refund r JOIN vending_sale s ON s.id = r.sale_id "
    f"WHERE s.contract_id = %s AND r.state = '{Refund.State.PENDING}' ORDER BY r.id LIMIT 1"
)
CONSENT = "refund"  # the kind of the consent; its subject is `name_sale`


class RefundError(CardError):
    """The books refuse the refund. Nothing is paid back and the card is as it was."""


@dataclass(frozen=True)
class Order:
    """How and why a purchase is paid back; `consent` is the number of the second person's."""

    reason: str
    method: str
    consent: int | None


def name_sale(sale: Sale) -> str:
    """Return the name of a sale in acts and consents."""
    return f"sale {sale.desk.name} {sale.number}"


@needs("refund")
def find_sale(actor: Actor, number: int, desk: str = "") -> Sale:
    """Return the sale of this number at a desk, by default the actor's. RefundError if none is."""
    related = Sale.objects.select_related("desk", "contract__meter", "contract__customer")
    sale = related.filter(desk__name=desk or actor.desk, number=number).first()
    if sale is None:
        raise RefundError(f"{desk or actor.desk} has no sale {number}: see the receipt")
    return sale


@needs("refund")
def find_paid(actor: Actor, receipt: int) -> Refund:
    """Return the refund that the actor's desk paid with this receipt. RefundError if none is."""
    related = Refund.objects.select_related(
        "desk",
        "paid_desk",
        "act",
        "sale__desk",
        "sale__contract__customer",
        "sale__contract__meter",
        "sale__contract__premise__area",
    )
    refund = related.filter(paid_desk__name=actor.desk, receipt=receipt).first()
    if refund is None:
        raise RefundError(f"{actor.desk} has no receipt {receipt} of a refund: look the sale up")
    return refund


@needs("refund")
def begin(actor: Actor, sale: Sale, card_serial: str, order: Order) -> Refund:
    """Store the intent to pay a sale back, and return the refund: the card is written next.

    One that was broken off is gone on with. RefundError if the sale or its card forbid it.
    """
    check_method(order.method)
    if not order.reason.strip():
        raise RefundError("a refund has a reason: give one")
    with transaction.atomic():
        sale = _lock(sale)
        unfinished = find_unfinished(sale.contract)
        if unfinished:
            return unfinished
        if sale.state != Sale.State.WRITTEN:
            raise RefundError(f"{name_sale(sale)} is {sale.state}: it can't be paid back")
        if find_last_count(sale.contract) != sale.count:
            raise RefundError(f"{name_sale(sale)} is not the last purchase: it can't be paid back")
        if sale.card_serial != card_serial:
            raise RefundError(
                f"{name_sale(sale)} was written to card {sale.card_serial}, which may still bring "
                "it to the meter: it is not paid back from another card"
            )
        desk = require_shift(actor).desk
        consent_by = use_consent(actor, order.consent, CONSENT, name_sale(sale), sale.amount_fen)
        _, number = take_number(desk.name, "refunds")
        return Refund.objects.create(
            desk=desk,
            number=number,
            sale=sale,
            method=order.method,
            reason=order.reason[:200],
            operator=actor.operator,
            consent_by=consent_by,
            begun_at=Now(),
        )


@needs("refund")
def post(actor: Actor, number: int) -> Refund:
    """Post a refund whose purchase is off the card, and return it; again changes nothing.

    The actor's desk pays. `number` is the refund's primary key.
    """
    with transaction.atomic():
        sale = _lock(Refund.objects.select_related("sale").get(pk=number).sale)
        refund = Refund.objects.select_for_update().get(pk=number)
        if refund.state == Refund.State.PAID:
            return refund
        if refund.state != Refund.State.PENDING or sale.state != Sale.State.WRITTEN:
            raise RefundError(f"refund {refund.number} is {refund.state}: pay nothing")
        shift = require_shift(actor)
        refund.paid_desk, refund.receipt = take_number(shift.desk.name, "refund_receipts")
        entry = _find_entry_to_reverse(sale, refund, shift)
        refund.reversal = entry is not None
        refund.act = _post(actor, sale, refund, entry)
        refund.state = Refund.State.PAID
        refund.save(update_fields=["paid_desk", "receipt", "reversal", "act", "state"])
        Sale.objects.filter(pk=sale.pk).update(state=Sale.State.REFUNDED)
        return refund


@needs("refund")
def void(actor: Actor, number: int, reason: str) -> Refund:
    """Void a refund whose purchase did not leave the card, and return it; nothing was paid."""
    with transaction.atomic():
        sale = _lock(Refund.objects.select_related("sale").get(pk=number).sale)
        refund = Refund.objects.select_for_update().get(pk=number)
        if refund.state == Refund.State.VOID:
            return refund
        if refund.state != Refund.State.PENDING:
            raise RefundError(f"refund {refund.number} is {refund.state}: it can't be void")
        refund.state, refund.void_reason = Refund.State.VOID, reason[:200]
        refund.save(update_fields=["state", "void_reason"])
        detail = describe_void(refund)
        subject = f"{sale.contract.meter.number:012d}"
        chain.append(actor.desk, actor.operator, "refund void", subject, detail)
        return refund


def find_unfinished(contract: Contract) -> Refund | None:
    """Return the contract's refund that is not finished, or None."""
    found = sql.fetch(_UNFINISHED, (contract.pk,))
    if found is None:  # so it is with each look but very few
        return None
    related = Refund.objects.select_related("sale__desk", "sale__contract__meter")
    return related.get(pk=found[0])


def raise_if_paid_back(contract: Contract, count: int, card_serial: bytes) -> None:
    """Raise CardError if this purchase was taken off this very card and paid back.

    The card that has it all the same is a copy of what it was before.
    """
    sold = Sale.objects.select_related("desk").filter(contract=contract, count=count)
    of_card = sold.filter(state=Sale.State.REFUNDED, card_serial=card_serial.hex())
    sale = of_card.order_by("-id").first()
    if sale:
        raise CardError(
            f"purchase {count} of this card was paid back ({name_sale(sale)}): it is a copy of "
            "what the card was; keep it and send an inspector to the meter"
        )


def resolve(actor: Actor, contract: Contract, found: OnCard, desk: Desk) -> list[str]:
    """Find out from the card what has become of an unfinished refund; return lines about it."""
    refund = find_unfinished(contract)
    if refund is None:
        return []
    sale, back = refund.sale, found.write_back
    named = f"refund {refund.number} of {yuan(sale.amount_fen)} yuan"
    if back is not None and back["count"] >= sale.count:
        void(actor, refund.pk, "the meter has credited the purchase")
        return [f"{named} is void, the meter has the purchase: pay nothing back"]
    if found.count == sale.count - 1:
        try:
            raise_if_not_off(found, desk)
            post(actor, refund.pk)
        except CardError as error:
            return [f"{named} is not finished, pay nothing: {error}"]
        return [f"{named} is off the card, and posted now: pay it back"]
    return [
        f"{named} is not finished, the card has the purchase: give the refund again to complete "
        "it, or use the card"
    ]


def _lock(sale: Sale) -> Sale:
    """Return the sale, locked after its contract."""
    Contract.objects.select_for_update(of=("self",)).get(pk=sale.contract.pk)
    related = Sale.objects.select_related("desk", "contract__meter", "act")
    return related.select_for_update(of=("self",)).get(pk=sale.pk)


def _find_entry_to_reverse(sale: Sale, refund: Refund, shift: Shift) -> Entry | None:
    """Return the entry of a sale made in this very shift and by this method, else None."""
    here = sale.desk == shift.desk and sale.method == refund.method
    if not here or sale.act is None or sale.act.number < shift.opening.number:
        return None
    return Entry.objects.filter(act=sale.act, debit__kind=posting.CASH).first()


def describe(refund: Refund) -> str:
    """Return a paid refund as its act tells it; fixed for ever."""
    sale = refund.sale
    return (
        f"refund {refund.number} receipt {refund.receipt} of {name_sale(sale)} purchase "
        f"{sale.count} of {sale.amount_fen} fen by {refund.method} consent {refund.consent_by}: "
        f"{refund.reason}"
    )


def describe_void(refund: Refund) -> str:
    """Return a void refund as its act tells it; fixed for ever."""
    return f"refund {refund.number} of {name_sale(refund.sale)}: {refund.void_reason}"


def _post(actor: Actor, sale: Sale, refund: Refund, entry: Entry | None) -> Act:
    detail = describe(refund)
    if entry:
        return posting.reverse(actor.desk, actor.operator, entry, detail)
    transit = posting.of_meter(posting.TRANSIT, sale.contract.meter.number)
    move = posting.Move(transit, posting.cash(actor.desk, refund.method), sale.amount_fen)
    return posting.append(actor.desk, actor.operator, "refund", transit.owner, [move], detail)
