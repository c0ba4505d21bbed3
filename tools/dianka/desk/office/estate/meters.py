"""Meters: taken into stock, installed, removed, scrapped. A number stands for one life of a meter.

A meter that was removed after a contract is set up anew under a new number: its ledger accounts and
readings stay those of the old one.
"""

import re

from django.db import transaction

from dianka.desk.office.audit import chain
from dianka.desk.office.audit.models import Act
from dianka.desk.office.estate.models import Meter
from dianka.desk.office.estate.places import MOST_AT_ONCE, EstateError, describe, lock_premise
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.texts import clean_text

ADDED = "meters added"  # the act's kind; its subject is the first of them
HIGHEST_NUMBER = 10**12 - 1
_LOOKED_AT = 5000
_State = Meter.State


@needs("change the estate")
def add_meters(actor: Actor, first: int, count: int = 1, model: str = "") -> list[Meter]:
    """Take meters with consecutive numbers into stock; all or none."""
    model = clean_text(model, "model", 40)
    if not 0 < count <= MOST_AT_ONCE:
        raise EstateError(f"{count} meters at once: add 1 to {MOST_AT_ONCE}")
    last = first + count - 1
    if not 0 < first <= last <= HIGHEST_NUMBER:
        raise EstateError("a meter number has up to 12 digits and is not zero: give another one")
    with transaction.atomic():
        there = Meter.objects.filter(number__range=(first, last)).order_by("number").first()
        if there:
            raise EstateError(f"meter {there} is there already: nothing is added")
        rows = [Meter(number=number, model=model) for number in range(first, last + 1)]
        made = Meter.objects.bulk_create(rows, batch_size=1000)
        told = f"{count} meters up to {made[-1]}, model {model!r}"
        subject, rows = str(made[0]), tell(*made)
        chain.append(actor.desk, actor.operator, ADDED, subject, told, rows=rows)
    return made


@needs("change the estate")
def install_meter(actor: Actor, number: int, premise_id: int) -> Meter:
    """Install a meter from stock; or put one that never had a contract elsewhere."""
    with transaction.atomic():
        meter = lock_meter(number)
        install_locked(actor, meter, premise_id)
    return meter


@needs("change the estate")
def remove_meter(actor: Actor, number: int) -> None:
    """Take a meter down whose account is closed."""
    with transaction.atomic():
        meter = lock_meter(number)
        if meter.state != _State.INSTALLED:
            raise EstateError(f"meter {meter} is {meter.state}: only an installed one is removed")
        if Meter.objects.filter(pk=meter.pk, contract__state__in=("open", "suspended")).exists():
            raise EstateError(f"meter {meter} has a customer: close his account or exchange it")
        take_down(actor, meter)


@needs("change the estate")
def scrap_meter(actor: Actor, number: int) -> None:
    """Scrap a meter that is in stock or removed."""
    with transaction.atomic():
        meter = lock_meter(number)
        if meter.state not in (_State.STOCK, _State.REMOVED):
            raise EstateError(f"meter {meter} is {meter.state}: remove it first")
        _set_state(actor, meter, _State.SCRAPPED, "")


def lock_meter(number: int) -> Meter:
    """Return the meter, locked: the first lock of all that moves its money."""
    return _must_be_there(Meter.objects.select_for_update().filter(number=number).first(), number)


def find_meter(number: int) -> Meter:
    """Return the meter. EstateError if there is none."""
    return _must_be_there(Meter.objects.filter(number=number).first(), number)


def find_adding(meter: Meter) -> Act | None:
    """Return the act by which a meter came into stock, None if it is not found.

    It is that of the first of the meters that were added at once, whose number is not above this.
    A sheet brings meters without one. _LOOKED_AT acts of meters with such numbers are looked at.
    """
    lowest = max(meter.number - MOST_AT_ONCE, 0)
    near = Act.objects.filter(subject__gte=f"{lowest:012d}", subject__lte=str(meter))
    near = near.order_by("-subject").values("pk")[:_LOOKED_AT]
    acts = Act.objects.filter(kind=ADDED, pk__in=near).select_related("chain")
    act = acts.order_by("-subject", "-pk").first()
    last = re.search(r"up to ([0-9]{12})", act.detail) if act else None
    return act if last and int(last[1]) >= meter.number else None


def install_locked(actor: Actor, meter: Meter, premise_id: int) -> None:
    """Install a locked meter. The caller is in a transaction and has checked the right."""
    had = Meter.objects.filter(pk=meter.pk, contract__isnull=False).exists()
    if meter.state == _State.SCRAPPED or (meter.state != _State.STOCK and had):
        raise EstateError(
            f"meter {meter} is {meter.state} and had a customer: it is set up under a new number"
            if had
            else f"meter {meter} is scrapped: take another one"
        )
    premise = lock_premise(premise_id)
    there = Meter.objects.filter(premise=premise, state=_State.INSTALLED).first()
    if there:
        raise EstateError(f"{premise} has meter {there}: remove it first, or exchange it")
    meter.premise = premise
    _set_state(actor, meter, _State.INSTALLED, f"at {describe(premise)}")


def take_down(actor: Actor, meter: Meter) -> None:
    """Remove a locked meter whose contract has ended. EstateError if money is left in its books."""
    accounts = Account.objects.filter(kind__in=("transit", "meter"), owner=str(meter))
    left = [f"{each.kind} {each.balance_fen} fen" for each in accounts if each.balance_fen]
    if left:
        raise EstateError(f"meter {meter} still has money in the books ({', '.join(left)})")
    former = describe(meter.premise)
    meter.premise = None
    _set_state(actor, meter, _State.REMOVED, f"from {former}")


def _must_be_there(meter: Meter | None, number: int) -> Meter:
    if meter is None:
        raise EstateError(f"there is no meter {number:012d}: see dianka office meter add")
    return meter


def _set_state(actor: Actor, meter: Meter, state: str, told: str) -> None:
    detail = f"{meter.state} > {state}"
    meter.state = state
    meter.save(update_fields=["state", "premise"])
    told = " ".join((detail, told)).strip()
    subject, rows = str(meter), tell(meter)
    chain.append(actor.desk, actor.operator, f"meter {state}", subject, told, rows=rows)
