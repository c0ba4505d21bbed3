"""Whether the time of a new act can be right, as the acts before it tell.

Time is the database's. On SQLite that is the PC's clock, which anybody may set and which forgets
the time when its battery is empty. An act that is dated before the one before it makes nonsense of
consents, limits of a day, prices and reports, so none is written until two people accept the clock
(clock.py) or somebody sets it.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from dianka.card_port import CardError
from dianka.desk.office import server
from dianka.desk.office.audit.models import Act

BACK = timedelta(minutes=5)  # as far as a clock may be set back
AHEAD = timedelta(days=31)  # the longest that an office is closed
ACCEPTED = "clock accepted"  # the kind of the act
UPGRADES = f"{server.OWN}upgrades"  # a chain that is written whatever the clock says
_UTC_OFFSET = timedelta(hours=8)  # of the meters


class ClockError(CardError):
    """The clock can't be right. No act is written."""


class Before(NamedTuple):
    """The act before: its primary key and its time."""

    key: int
    time: datetime


def raise_if_wrong(desk: str, now: datetime, last: Before | None, made: int | None = None) -> None:
    """Raise ClockError if this can't be the time of the act that follows `last` in its chain.

    `made` is the primary key of that act if the database has it already.
    """
    if last and last.time - now > BACK:
        if not Act.objects.filter(kind=ACCEPTED, pk__gt=last.key).exists():
            raise ClockError(
                f"the clock says {tell(now)}, and {desk} has an act of {tell(last.time)}: "
                f"{_what_to_do()}"
            )
    elif last is None or now - last.time > AHEAD:
        newest = find_newest(made)
        if newest and now - newest > AHEAD:
            raise ClockError(
                f"the clock says {tell(now)}, {(now - newest).days} days after the office's last "
                f"act ({tell(newest)}): {_what_to_do()}"
            )


def find_newest(before: int | None = None) -> datetime | None:
    """Return when something was done in the office last, before the act of this primary key."""
    acts = Act.objects.exclude(chain__desk=UPGRADES).order_by("-pk")
    if before is not None:
        acts = acts.filter(pk__lt=before)
    return acts.values_list("time", flat=True).first()


def tell(time: datetime) -> str:
    """Return a time as people here read it."""
    return f"{time + _UTC_OFFSET:%Y-%m-%d %H:%M}"


def _what_to_do() -> str:
    whose = "database's server" if server.IS_HERE else "PC"
    return (
        f"set the {whose}'s clock, or if it is right have it accepted with dianka office clock "
        "accept NAME --consent OTHER"
    )
