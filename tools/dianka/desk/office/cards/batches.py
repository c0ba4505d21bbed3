"""Batches of cards: what is to be made, what is made, and what went wrong, item by item.

A batch that was broken off goes on where it was: an item is done when its card is in use, whoever
found that out.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk.office.audit import chain
from dianka.desk.office.cards import register
from dianka.desk.office.cards.models import Batch, BatchItem, Card
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Area
from dianka.desk.office.people.rights import Actor, needs

State = BatchItem.State
MOST = 10_000  # cards of one batch
_AT_ONCE = 500  # numbers of one query: SQLite has a limit
_OF_CONTRACT = "contract__meter", "contract__customer", "contract__price", "contract__tariff"
_SHOWN = 5  # numbers named of those that are wrong


@needs("make cards")
def begin_batch(
    actor: Actor,
    kind: str,
    *,
    contracts: Sequence[Contract] = (),
    meter_nos: Sequence[int] = (),
    count: int = 0,
    received: bool = False,
    terms: dict[str, Any] | None = None,
) -> Batch:
    """Enter a batch: a card for each contract or each meter number, or so many cards."""
    contract_of: list[Contract | None] = [*contracts] or [None] * (len(meter_nos) or count)
    if not 0 < len(contract_of) <= MOST:
        raise CardError(f"a batch has 1 to {MOST} cards, not {len(contract_of)}: give others")
    numbers: list[int | None] = [*meter_nos] or [None] * len(contract_of)
    with transaction.atomic():
        batch = Batch.objects.create(
            kind=kind,
            received=received,
            terms=json.dumps(terms or {}),
            operator=actor.operator,
            desk=actor.desk,
            begun_at=chain.read_time(),
        )
        BatchItem.objects.bulk_create(
            BatchItem(batch=batch, place=place, contract=contract, meter_no=number)
            for place, (contract, number) in enumerate(
                zip(contract_of, numbers, strict=True), start=1
            )
        )
        size = len(contract_of)
        what = f"{size} {kind} cards received" if received else f"{size} {kind} cards"
        chain.append(actor.desk, actor.operator, "batch begun", f"batch {batch.pk}", what)
    return batch


def find_batch(number: int) -> Batch:
    """Return the batch with this number; CardError if there is none."""
    batch = Batch.objects.filter(pk=number).first()
    if batch is None:
        raise CardError(f"there is no batch {number}: dianka office card batch list names them")
    return batch


def list_open(batch: Batch) -> list[BatchItem]:
    """Return the items that are to be made, those that failed included, in their order."""
    with transaction.atomic():
        _settle(batch)
    rest = BatchItem.objects.filter(batch=batch).exclude(state=State.DONE)
    return list(rest.select_related("batch", *_OF_CONTRACT).order_by("place"))


def find_done(batch: Batch, serial: str) -> BatchItem | None:
    """Return the item that is done with the card of this serial, if there is one."""
    return BatchItem.objects.filter(batch=batch, state=State.DONE, card__serial=serial).first()


def find_next(batch: Batch, serial: str, after: int = 0) -> BatchItem:
    """Return the item that the chip with this serial is for; CardError if none is left.

    That is the one that was begun with it, else the first open one, else one that failed: the next
    one after this place.
    """
    rest = BatchItem.objects.filter(batch=batch).exclude(state=State.DONE).order_by("place")
    rest = rest.select_related("batch", *_OF_CONTRACT)
    failed = rest.filter(state=State.FAILED)
    found = (
        rest.filter(card__serial=serial).first()
        or rest.filter(state=State.OPEN).first()
        or failed.filter(place__gt=after).first()
        or failed.first()
    )
    if found is None:
        raise CardError(f"every card of batch {batch.pk} is done: take this one out")
    return found


@needs("look things up")
def list_items(actor: Actor, batch: Batch) -> list[BatchItem]:
    """Return all items in their order, with what is made, after those are settled that are."""
    with transaction.atomic():
        _settle(batch)
    items = BatchItem.objects.filter(batch=batch).order_by("place")
    return list(items.select_related("card", "contract__premise__area", *_OF_CONTRACT[:2]))


def list_failed(batch: Batch) -> list[BatchItem]:
    """Return the items that failed, in their order, each with its error."""
    failed = BatchItem.objects.filter(batch=batch, state=State.FAILED)
    return list(failed.select_related("contract__meter", "batch").order_by("place"))


def count_items(batch: Batch) -> dict[str, int]:
    """Return how many items are done, failed and open."""
    items = BatchItem.objects.filter(batch=batch)
    return items.aggregate(
        **{str(state): Count("pk", filter=Q(state=state)) for state in State.values}
    )


@needs("make cards")
def begin_item(actor: Actor, item: BatchItem, serial: bytes, making: register.Making) -> None:
    """Enter a chip as being made for this item."""
    with transaction.atomic():
        register.begin_making(actor, serial, making)
        _link(item, register.find_card(serial))


@needs("make cards")
def receive_item(actor: Actor, item: BatchItem, serial: bytes) -> None:
    """Enter a blank chip as stock, and the item as done. RegisterError if it is known already."""
    with transaction.atomic():
        card = register.receive_blank(actor, serial, item.batch.kind)
        _link(item, card)
        _note(item, State.DONE)


def note_done(item: BatchItem) -> None:
    """Enter an item as done whose card is in use."""
    item.refresh_from_db()
    if item.card is None or item.card.state != Card.State.USED:
        raise CardError(f"the card of item {item.place} is not in use: read it first")
    _note(item, State.DONE)


def note_failed(item: BatchItem, error: str) -> None:
    """Enter an item as failed, with its error."""
    _note(item, State.FAILED, error[:300])


def list_without_card(area: str) -> list[Contract]:
    """Return the open contracts of an area that have no card in use, by building, unit and room."""
    if not Area.objects.filter(name=area).exists():
        raise CardError(f"there is no area {area}: look its name up")
    found = _list_contracts().filter(premise__area__name=area)
    without = found.exclude(pk__in=_list_used().values("contract"))
    return list(without.order_by("premise__building", "premise__unit", "premise__room", "pk"))


def find_contracts(meter_nos: Iterable[int]) -> list[Contract]:
    """Return the open contracts at these meters, in this order.

    CardError names the meters that have none, or whose contract has a card already.
    """
    wanted = list(meter_nos)
    found: dict[int, Contract] = {}
    with_card: list[int] = []
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        of_these = _list_contracts().filter(meter__number__in=some)
        found |= {contract.meter.number: contract for contract in of_these}
        used = _list_used().filter(contract__in=of_these)
        with_card += used.values_list("contract__meter__number", flat=True)
    if without := [number for number in wanted if number not in found]:
        raise CardError(
            f"no open contract has meter {_name(without)}: open the accounts first, or leave these "
            "numbers out"
        )
    if with_card:
        raise CardError(
            f"the contract has a card already at meter {_name(with_card)}: leave these numbers out"
        )
    return [found[number] for number in wanted]


@needs("look things up")
def list_batches(actor: Actor, most: int = 20) -> list[tuple[Batch, dict[str, int]]]:
    """Return the newest batches, each with how many items are done, failed and open."""
    return [(batch, count_items(batch)) for batch in Batch.objects.order_by("-pk")[:most]]


def _list_contracts():  # noqa: ANN202  a QuerySet of Contract
    return Contract.objects.filter(state=Contract.State.OPEN).select_related(
        "customer", "meter", "price", "tariff", "premise__area"
    )


def _list_used():  # noqa: ANN202  a QuerySet of Card
    return Card.objects.filter(kind=kinds.USER, state=Card.State.USED).exclude(contract=None)


def _name(numbers: list[int]) -> str:
    """Return the first of these meters, and how many more there are."""
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return ", ".join(f"{number:012d}" for number in numbers[:_SHOWN]) + more


def _settle(batch: Batch) -> None:
    """Enter items as done whose card is in use: the desk ended before it could say so."""
    if batch.received:
        return
    open_items = BatchItem.objects.filter(batch=batch).exclude(state=State.DONE)
    used = {card.contract: card for card in _list_used().filter(contract__batchitem__in=open_items)}
    for item in open_items.filter(contract__in=used).select_related("contract"):
        if item.contract:
            _link(item, used[item.contract])
    # Of an initialisation card, only one with the item's number.
    of_item = Q(card__meter_no=F("meter_no")) | Q(meter_no=None)
    for item in open_items.filter(of_item, card__state=Card.State.USED):
        _note(item, State.DONE)


def _link(item: BatchItem, card: Card | None) -> None:
    """Make this the item's card, and no other open item's: its chip was taken for this one."""
    rest = BatchItem.objects.filter(batch=item.batch, card=card).exclude(pk=item.pk)
    rest.exclude(state=State.DONE).update(card=None)
    item.card = card
    item.save(update_fields=["card"])


def _note(item: BatchItem, state: str, error: str = "") -> None:
    item.state, item.error = state, error
    item.save(update_fields=["state", "error"])
