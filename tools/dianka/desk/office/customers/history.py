"""All that happened to a customer, a meter or a card, in order of time.

Acts, sales, readings, cards and contracts, as the office has them; nothing is written for it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from dianka.card_port import CardError
from dianka.desk.office.audit.models import Act
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.models import Contract, Customer
from dianka.desk.office.customers.records import find_customer, name_subject
from dianka.desk.office.estate.meters import find_adding, find_meter
from dianka.desk.office.estate.models import Meter, Reading
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.texts import pick_mask
from dianka.desk.office.vending.models import Sale
from dianka.money import signed_yuan, yuan

Mask = Callable[[str], str]


@dataclass(frozen=True)
class Event:
    """One thing that happened: when, what it is (act, sale, reading, card, contract), and words."""

    time: datetime
    kind: str
    text: str


@needs("look things up")
def list_history(actor: Actor, customer_no: int) -> list[Event]:
    """Return all events of a customer, the oldest first.

    A meter's acts and readings are his while his contract lasts.
    """
    customer = find_customer(customer_no)
    contracts = list(_find_contracts().filter(customer=customer))
    cards = list(Card.objects.filter(contract__in=contracts))
    events = [
        *_list_acts(customer, contracts, cards, pick_mask(actor)),
        *_list_contracts(contracts),
        *_list_sales(contracts),
        *_list_readings(contracts),
        *(_describe_card(card) for card in cards),
    ]
    return sorted(events, key=lambda event: event.time)


@needs("look things up")
def list_meter_history(actor: Actor, meter_no: int) -> tuple[Meter, list[Event]]:
    """Return a meter, and all events of it, the oldest first.

    Its sales are among its acts; one that is not finished has none, and stands for itself.
    """
    meter, mask = find_meter(meter_no), pick_mask(actor)
    contracts = list(_find_contracts().filter(meter=meter))
    adding = find_adding(meter)
    acts = Act.objects.filter(subject=str(meter)).select_related("chain")
    unfinished = Sale.objects.filter(contract__in=contracts, state=Sale.State.PENDING)
    cards = Card.objects.filter(kind="init", meter_no=meter.number)
    events = [
        *_describe_acts([adding] if adding and adding.subject != str(meter) else [], mask),
        *_describe_acts(acts, mask),
        *_list_contracts(contracts, whose=True),
        *_describe_sales(unfinished),
        *_describe_readings(Reading.objects.filter(meter=meter).select_related("meter")),
        *(_describe_card(card) for card in cards),
    ]
    return meter, sorted(events, key=lambda event: event.time)


@needs("look things up")
def list_card_history(actor: Actor, serial: str) -> tuple[Card, list[Event]]:
    """Return a card of the register, and all events of it, the oldest first."""
    related = Card.objects.select_related("contract__customer", "contract__meter", "replaces")
    card = related.filter(serial=serial).first()
    if card is None:
        raise CardError(f"card {serial} is not in the register: read it, or look for its customer")
    acts = list(Act.objects.filter(subject=card.serial).select_related("chain"))
    # A card that was cleared may have been of other contracts before: its acts name them.
    told = (re.search(r"\bof contract ([0-9]{1,18})\b", act.words) for act in acts)
    contracts = {int(found[1]) for found in told if found}
    contracts |= {card.contract.pk} if card.contract else set()
    events = [
        *_describe_acts(acts, pick_mask(actor)),
        *_describe_sales(Sale.objects.filter(contract__in=contracts, card_serial=card.serial)),
        *(
            Event(new.made_at, "card", f"{new.serial} made in place of it, now {new.state}")
            for new in Card.objects.filter(replaces=card)
        ),
    ]
    return card, sorted(events, key=lambda event: event.time)


def _find_contracts():  # noqa: ANN202  a QuerySet of Contract
    return Contract.objects.select_related("customer", "meter", "premise__area", "price")


def _list_acts(
    customer: Customer, contracts: list[Contract], cards: list[Card], mask: Mask
) -> Iterator[Event]:
    subjects = [name_subject(customer), *(card.serial for card in cards)]
    wanted = Q(subject__in=subjects)
    for contract in contracts:
        wanted |= Q(subject=str(contract.meter)) & _while(contract, "time")
    yield from _describe_acts(Act.objects.filter(wanted).select_related("chain"), mask)


def _describe_acts(acts: Iterable[Act], mask: Mask) -> Iterator[Event]:
    for act in acts:
        detail = mask(act.words) or act.moves.replace("\n", "; ")
        text = f"{act.kind}, {act.operator} at {act.chain.desk}"
        yield Event(act.time, "act", f"{text}: {detail}" if detail else text)


def _list_contracts(contracts: list[Contract], whose: bool = False) -> Iterator[Event]:
    for contract in contracts:
        name = f"meter {contract.meter}, {contract.premise or 'no premise'}"
        name = f"{contract.customer}, {contract.premise or 'no premise'}" if whose else name
        yield Event(contract.opened_at, "contract", f"opened: {name}")
        if contract.closed_at:
            yield Event(contract.closed_at, "contract", f"closed: {name}")


def _list_sales(contracts: list[Contract]) -> Iterator[Event]:
    yield from _describe_sales(Sale.objects.filter(contract__in=contracts))


def _describe_sales(sales) -> Iterator[Event]:  # noqa: ANN001  a QuerySet of Sale
    for sale in sales.select_related("desk"):
        receipt = f", receipt {sale.receipt}" if sale.receipt else ""
        yield Event(
            sale.begun_at,
            "sale",
            f"{yuan(sale.amount_fen)} yuan, purchase {sale.count}, {sale.state}, "
            f"{sale.desk.name} number {sale.number}{receipt}",
        )


def _list_readings(contracts: list[Contract]) -> Iterator[Event]:
    wanted = Q(pk__in=())
    for contract in contracts:
        wanted |= Q(meter=contract.meter) & _while(contract, "seen_at")
    yield from _describe_readings(Reading.objects.filter(wanted).select_related("meter"))


def _describe_readings(readings: Iterable[Reading]) -> Iterator[Event]:
    for reading in readings:
        yield Event(
            reading.seen_at,
            "reading",
            f"{reading.pk} ({reading.source}) of meter {reading.meter}: "
            f"{signed_yuan(reading.balance_fen)} yuan, purchase {reading.count}",
        )


def _describe_card(card: Card) -> Event:
    made = f"made by {card.made_by}" if card.made_by else "first seen"
    return Event(card.made_at, "card", f"{card.serial} {made} at {card.desk}, now {card.state}")


def _while(contract: Contract, name: str) -> Q:
    """Return the condition that a time lies within a contract."""
    within = Q(**{f"{name}__gte": contract.opened_at})
    return within & Q(**{f"{name}__lte": contract.closed_at}) if contract.closed_at else within
