"""A clock that looks wrong: accepted by two people, and compared with the database's.

On PostgreSQL acts have the server's time, but prices are chosen by the PC's as well: a PC whose
clock is far from the server's does not work until it is set.
"""

from datetime import UTC, datetime

from django.db import connection, transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain, times
from dianka.desk.office.people.consent import ConsentError, give_consent, use_consent
from dianka.desk.office.people.people import is_alone
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.people.sign_in import (
    check_password,
    make_actor,
    raise_if_must_change,
    raise_if_no_desk,
)

CONSENT = "clock"  # the kind of the consent; its subject is the desk


def identify(name: str, password: str, desk: str) -> Actor:
    """Return who has this name and password, without an act: none is written in a wrong time."""
    raise_if_no_desk(desk)
    operator = check_password(name, password, desk, is_told=False)
    raise_if_must_change(operator)
    return make_actor(operator, desk)


@needs("accept a clock")
def accept(actor: Actor, second: str = "", password: str = "") -> str:
    """Accept the clock as it is, with a second person who gives his password; return the words.

    Both times are told in the act. Without a second person only while nobody else could consent.
    CardError if the clock can be right as it is.
    """
    if second:
        check_password(second, password, actor.desk, is_told=False)
    elif not is_alone(actor):
        raise ConsentError("a clock takes a second person's consent: ask a supervisor or a manager")
    try:
        chain.raise_if_clock_is_wrong(actor.desk)
    except times.ClockError:
        pass
    else:
        raise CardError("the clock can be right, as the acts tell: there is nothing to accept")
    with transaction.atomic():
        last = chain.find_last_time(actor.desk)
        agreed = f"consent {second}" if second else "alone: nobody else could consent"
        told = f"{last:%Y-%m-%dT%H:%M:%SZ} becomes {chain.read_time():%Y-%m-%dT%H:%M:%SZ}, {agreed}"
        act = chain.append(
            actor.desk, actor.operator, times.ACCEPTED, actor.desk, told, at_any_time=True
        )
        if second:  # its own act comes after the one that it is for, which says from when on
            given = give_consent(actor, second, password, CONSENT, actor.desk)
            use_consent(actor, given, CONSENT, actor.desk)
    return f"{times.tell(act.time)} is accepted after {times.tell(last)}"


def raise_if_apart() -> None:
    """Raise ClockError if this PC's clock is far from the one of a database elsewhere."""
    if connection.vendor == "sqlite":
        return
    here, there = read_pc_time(), chain.read_time()
    if abs(here - there) > times.BACK:
        raise times.ClockError(
            f"this PC's clock says {times.tell(here)}, the database's {times.tell(there)}: set the "
            "one that is wrong"
        )


def read_pc_time() -> datetime:
    """Return this PC's time."""
    return datetime.now(UTC)
