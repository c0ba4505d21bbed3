"""Customers: added, changed, archived, shown. Personal numbers are masked, each look is an act.

Acts name a customer as `customer 000000000012`. What they tell of personal numbers is masked too:
an act is never deleted, and any auditor reads it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract, Counter, Customer
from dianka.desk.office.customers.search import refresh, search
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.texts import (
    clean_personal,
    clean_text,
    describe_changes,
    mask_number,
    require_text,
)

HIGHEST_NUMBER = 10**12 - 1


class CustomerError(CardError):
    """A customer or an account that can't be changed so. Nothing is done."""


@dataclass(frozen=True)
class Details:
    """What is known of a customer; `phone` and `id_number` may be masked."""

    name: str
    phone: str = ""
    id_number: str = ""
    note: str = ""


@dataclass(frozen=True)
class Shown:
    """A customer as he is shown: his number, details with masked numbers, and his contracts."""

    number: int
    details: Details
    archived: bool
    contracts: tuple[Contract, ...]  # with meter, premise and price, the newest first


@needs("change a customer")
def add_customer(actor: Actor, details: Details, number: int | None = None) -> Customer:
    """Add a customer; without a number he gets the office's next one, without gaps."""
    details = clean_details(details)
    with transaction.atomic():
        if number is None:
            number = _take_number()
        if not 0 < number <= HIGHEST_NUMBER:
            raise CustomerError("a customer number has up to 12 digits and is not zero")
        known = Customer.objects.filter(number=number).first()
        if known:
            raise CustomerError(
                f"number {number:012d} is {known.name}'s: give another one, or none"
            )
        customer = Customer.objects.create(number=number, **vars(details))
        refresh([customer.pk])
        told = describe_changes({}, _tell(details))
        _append(actor, customer, "customer added", told)
    return customer


@needs("change a customer")
def change_customer(actor: Actor, number: int, **changes: str) -> None:
    """Change a customer's name, phone, id_number or note; what is not named stays."""
    with transaction.atomic():
        customer = lock_customer(number)
        former = details_of(customer)
        details = clean_details(Details(**vars(former) | changes))
        if details == former:
            raise CustomerError("that is how he is recorded already: nothing to change")
        for name, value in vars(details).items():
            setattr(customer, name, value)
        customer.save(update_fields=list(vars(details)))
        refresh([customer.pk])
        told = describe_changes(_tell(former), _tell(details)) or "a hidden part of a number"
        _append(actor, customer, "customer changed", told)


@needs("change a customer")
def archive_customer(actor: Actor, number: int) -> None:
    """Archive a customer without an account."""
    with transaction.atomic():
        customer = lock_customer(number)
        if Contract.objects.filter(customer=customer).exclude(state="closed").exists():
            raise CustomerError(f"{customer} has an account: close it first")
        _set_archived(actor, customer, True, "customer archived")


@needs("change a customer")
def restore_customer(actor: Actor, number: int) -> None:
    """Take an archived customer back."""
    with transaction.atomic():
        customer = Customer.objects.select_for_update().filter(number=number, archived=True).first()
        if customer is None:
            raise CustomerError(f"there is no archived customer {number:012d}")
        _set_archived(actor, customer, False, "customer restored")


@needs("look things up")
def find_customers(actor: Actor, text: str) -> list[Shown]:
    """Return whom search.search finds, best first, with masked numbers.

    Who may see personal numbers finds a phone by any part of it.
    """
    ids = search(text, any_phone=actor.may("see personal numbers"))
    people = Customer.objects.in_bulk(ids)
    contracts: dict[int, list[Contract]] = {pk: [] for pk in ids}
    for contract in _list_contracts().filter(customer__in=ids):
        contracts[contract.customer.pk].append(contract)
    return [_show(people[pk], contracts[pk]) for pk in ids]


@needs("look things up")
def show_customer(actor: Actor, number: int) -> Shown:
    """Return a customer with masked numbers."""
    customer = find_customer(number)
    return _show(customer, _list_contracts().filter(customer=customer))


@needs("see personal numbers")
def reveal_numbers(actor: Actor, number: int) -> Details:
    """Return a customer's details with his whole numbers. The look is an act."""
    with transaction.atomic():
        customer = find_customer(number)
        chain.append(actor.desk, actor.operator, "numbers revealed", name_subject(customer))
    return details_of(customer)


def find_customer(number: int) -> Customer:
    """Return the customer, archived or not. CustomerError if there is none."""
    customer = Customer.objects.filter(number=number).first()
    if customer is None:
        raise CustomerError(f"there is no customer {number:012d}: look for him by name")
    return customer


def lock_customer(number: int) -> Customer:
    """Return the customer, locked. CustomerError if there is none or he is archived."""
    customer = Customer.objects.select_for_update().filter(number=number).first()
    if customer is None or customer.archived:
        raise CustomerError(
            f"customer {number:012d} is {'archived' if customer else 'not there'}: look for him by "
            "name"
        )
    return customer


def name_subject(customer: Customer) -> str:
    """Return a customer as acts name him."""
    return f"customer {customer.number:012d}"


def details_of(customer: Customer) -> Details:
    """Return a customer's details, nothing masked."""
    return Details(customer.name, customer.phone, customer.id_number, customer.note)


def clean_details(details: Details) -> Details:
    """Return details made clean. CardError says what can't be kept."""
    return Details(
        require_text(details.name, "name", 60),
        clean_personal(details.phone, "phone", 30),
        clean_personal(details.id_number, "identity number", 30),
        clean_text(details.note, "note", 500),
    )


def mask_details(details: Details) -> Details:
    """Return details with masked numbers."""
    return Details(
        details.name, mask_number(details.phone), mask_number(details.id_number), details.note
    )


def _show(customer: Customer, contracts: Iterable[Contract]) -> Shown:
    return Shown(
        customer.number, mask_details(details_of(customer)), customer.archived, tuple(contracts)
    )


def _list_contracts() -> QuerySet[Contract]:
    return Contract.objects.select_related(
        "customer", "meter", "premise__area", "price", "tariff"
    ).order_by("-pk")


def _tell(details: Details) -> dict[str, str]:
    return vars(mask_details(details))


def _set_archived(actor: Actor, customer: Customer, archived: bool, kind: str) -> None:
    customer.archived = archived
    customer.save(update_fields=["archived"])
    _append(actor, customer, kind)


def _append(actor: Actor, customer: Customer, kind: str, told: str = "") -> None:
    """Append the act that has added or changed a customer."""
    subject = name_subject(customer)
    chain.append(actor.desk, actor.operator, kind, subject, told, rows=tell(customer))


def _take_number() -> int:
    """Return the next number that nobody has, and keep it as the last one given out."""
    Counter.objects.get_or_create(name="customers")
    counter = Counter.objects.select_for_update().get(name="customers")
    number = counter.last + 1
    if Customer.objects.filter(number=number).exists():
        follower = Customer.objects.filter(number=OuterRef("number") + 1)
        last = Customer.objects.filter(~Exists(follower), number__gte=number).order_by("number")
        number = last.values_list("number", flat=True)[0] + 1
    counter.last = number
    counter.save(update_fields=["last"])
    return number
