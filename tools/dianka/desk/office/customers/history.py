"""All that happened to a customer, in order of time: acts, sales, readings, cards, contracts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from dianka.desk.office.audit.models import Act
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.models import Contract, Customer
from dianka.desk.office.customers.records import find_customer, name_subject
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending.models import Sale
from dianka.money import signed_yuan, yuan


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
    contracts = list(
        Contract.objects.filter(customer=customer).select_related("meter", "premise__area", "price")
    )
    cards = list(Card.objects.filter(contract__in=contracts))
    events = [
        *_list_acts(customer, contracts, cards),
        *_list_contracts(contracts),
        *_list_sales(contracts),
        *_list_readings(contracts),
        *(_describe_card(card) for card in cards),
    ]
    return sorted(events, key=lambda event: event.time)


def _list_acts(customer: Customer, contracts: list[Contract], cards: list[Card]) -> Iterator[Event]:
    subjects = [name_subject(customer), *(card.serial for card in cards)]
    wanted = Q(subject__in=subjects)
    for contract in contracts:
        wanted |= Q(subject=str(contract.meter)) & _while(contract, "time")
    for act in Act.objects.filter(wanted).select_related("chain"):
        detail = act.words or act.moves.replace("\n", "; ")
        text = f"{act.kind}, {act.operator} at {act.chain.desk}"
        yield Event(act.time, "act", f"{text}: {detail}" if detail else text)


def _list_contracts(contracts: list[Contract]) -> Iterator[Event]:
    for contract in contracts:
        name = f"meter {contract.meter}, {contract.premise or 'no premise'}"
        yield Event(contract.opened_at, "contract", f"opened: {name}")
        if contract.closed_at:
            yield Event(contract.closed_at, "contract", f"closed: {name}")


def _list_sales(contracts: list[Contract]) -> Iterator[Event]:
    for sale in Sale.objects.filter(contract__in=contracts).select_related("desk"):
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
    for reading in Reading.objects.filter(wanted).select_related("meter"):
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
