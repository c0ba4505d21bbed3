"""Tariffs and their versions, and which price a sale brings along.

A version is never changed; a newer one takes its place from its minute on, also if both begin in
the future. So in force at a minute is the newest version that has begun by then.
"""

from collections.abc import Sequence

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract, Tariff, TariffVersion
from dianka.desk.office.people.consent import use_consent
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.prices import (
    HIGHEST_E4,
    UTC_OFFSET,
    NewPrice,
    card_minute,
    format_difference,
    format_price,
    format_time,
    is_far,
)

CONSENT = "tariff"  # the kind of the consent; its subject is `name_version`


class TariffError(CardError):
    """There is no such tariff, or it can't be changed so. Nothing is done."""


def name_version(tariff: str, number: int, price_e4: int, begins: int) -> str:
    """Return what a second person consents to: the tariff, its version, price and minute."""
    return f"{tariff} {number}: {price_e4} from {begins}"


@needs("change tariffs")
def add_tariff(actor: Actor, name: str, price_e4: int, consent: int | None) -> TariffVersion:
    """Add a tariff with its first version, which holds from the start."""
    name = name.strip()
    if not 0 < len(name) <= 40:
        raise TariffError("a tariff has a name of up to 40 characters: give another")
    _check_price(price_e4)
    with transaction.atomic():
        tariff, new = Tariff.objects.get_or_create(name=name)
        if not new:
            raise TariffError(f"there is a tariff {name}: give it a new price or take another name")
        return _add(actor, tariff, 1, price_e4, 0, consent)


@needs("change tariffs")
def add_version(
    actor: Actor,
    name: str,
    number: int,
    price_e4: int,
    begins: int,
    consent: int | None,
    really: bool = False,
) -> TariffVersion:
    """Add the version `number` of a tariff, which holds from a local minute (YYMMDDhhmm) on.

    TariffError if another manager has added it meanwhile, if the minute has passed, or if the price
    is far from the former one and `really` does not say that it is meant.
    """
    _check_price(price_e4)
    with transaction.atomic():
        tariff = Tariff.objects.select_for_update().filter(name=name, archived=False).first()
        if tariff is None:
            raise TariffError(f"there is no tariff {name}: see dianka office tariff list")
        last = list_versions(tariff)[-1]
        if number != last.number + 1:
            raise TariffError(
                f"{name} has version {last.number} already, {format_price(last.price_e4)} from "
                f"{format_time(last.begins)}: look at it, then give version {last.number + 1}"
            )
        if begins <= read_minute():
            raise TariffError(f"{format_time(begins)} has passed: give a later time")
        if is_far(price_e4, last.price_e4) and not really:
            raise TariffError(
                f"{format_price(price_e4)} is {format_difference(price_e4, last.price_e4)}: give "
                "--really if it is meant"
            )
        return _add(actor, tariff, number, price_e4, begins, consent)


@needs("look things up")
def list_tariffs(actor: Actor) -> list[TariffVersion]:
    """Return all versions of all tariffs, by name and number."""
    related = TariffVersion.objects.select_related("tariff")
    return list(related.order_by("tariff__name", "number"))


def list_versions(tariff: Tariff) -> list[TariffVersion]:
    """Return the versions of a tariff, the oldest first."""
    return list(TariffVersion.objects.filter(tariff=tariff).order_by("number"))


def read_minute() -> int:
    """Return the meters' local minute now, by the database's clock."""
    return card_minute(chain.read_time() + UTC_OFFSET)


def pick_version(contract: Contract, now: int) -> TariffVersion:
    """Return the version that the contract has with a sale made now: the one due, or its own."""
    return pick_among(contract.price, list_versions(contract.tariff), now)


def pick_among(own: TariffVersion, versions: Sequence[TariffVersion], now: int) -> TariffVersion:
    """Return `own`, or which of a tariff's versions is to take its place with a sale made now."""
    in_force = find_in_force(versions, now)
    if in_force is None:  # every tariff's first version holds from the start
        return own
    coming = find_coming(versions, in_force, now)
    if own.pk == in_force.pk:
        return coming or own
    if coming and own.pk == coming.pk:
        return own
    return in_force if _is_before(own, in_force) else coming or in_force


def price_due(contract: Contract, now: int) -> NewPrice | None:
    """Return the price that a sale made now brings along, None if its meter has it or will have it.

    The price in force goes first, then the one that comes next. A minute that has passed by the
    clock of desk or meter is meant: two people have agreed to it.
    """
    return price_due_among(contract, list_versions(contract.tariff), now)


def price_due_among(
    contract: Contract, versions: Sequence[TariffVersion], now: int
) -> NewPrice | None:
    """Return what `price_due` does, by the versions of the contract's tariff."""
    due = pick_among(contract.price, versions, now)
    if due.pk == contract.price.pk:
        return None
    # The first version holds from the start: its minute is now, as 0 would forget the plan.
    return NewPrice(due.price_e4, due.begins or now, at_once=True)


def find_in_force(versions: Sequence[TariffVersion], now: int) -> TariffVersion | None:
    """Return the newest version that has begun."""
    begun = [version for version in versions if version.begins <= now]
    return begun[-1] if begun else None


def find_coming(
    versions: Sequence[TariffVersion], in_force: TariffVersion, now: int
) -> TariffVersion | None:
    """Return the version that takes the place of the one in force next, None if there is none."""
    later = [each for each in versions if each.begins > now and each.number > in_force.number]
    first = min((version.begins for version in later), default=0)
    return max(
        (version for version in later if version.begins == first),
        key=lambda version: version.number,
        default=None,
    )


def _is_before(own: TariffVersion, in_force: TariffVersion) -> bool:
    """Return whether the contract's version is an older one, or one of another tariff."""
    return own.tariff != in_force.tariff or own.number < in_force.number


def _check_price(price_e4: int) -> None:
    if not 0 < price_e4 <= HIGHEST_E4:
        raise TariffError("a price is from 0.0001 to 9999.9999 yuan per kWh: give another price")


def _add(
    actor: Actor, tariff: Tariff, number: int, price_e4: int, begins: int, consent: int | None
) -> TariffVersion:
    subject = name_version(tariff.name, number, price_e4, begins)
    approved_by = use_consent(actor, consent, CONSENT, subject)
    version = TariffVersion.objects.create(
        tariff=tariff, number=number, price_e4=price_e4, begins=begins, approved_by=approved_by
    )
    rows = tell(tariff, version)
    chain.append(actor.desk, actor.operator, "tariff", subject, f"consent {approved_by}", rows=rows)
    return version
