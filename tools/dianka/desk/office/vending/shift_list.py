"""Shifts looked up: who worked when, and what was counted too much or too little."""

from dataclasses import dataclass
from datetime import datetime

from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending.models import Shift, ShiftCount
from dianka.desk.office.vending.shifts import ShiftError

MOST = 200


@dataclass(frozen=True)
class Listed:
    """A shift of the list; an open one has no end, and nothing is told of its money."""

    desk: str
    number: int
    operator: str
    begun_at: datetime
    ended_at: datetime | None
    counted_fen: int | None
    difference_fen: int | None


@dataclass(frozen=True)
class Closed:
    """A closed shift with what was counted of each method, as its report has it."""

    shift: Shift
    counts: tuple[ShiftCount, ...]


@needs("look things up")
def list_shifts(actor: Actor) -> list[Listed]:
    """Return the newest shifts, MOST at most: all for who may see their sums, else one's own."""
    found = Shift.objects.select_related("desk", "opening", "closing").order_by("-pk")
    if not actor.may("see a shift's sums"):
        found = found.filter(operator=actor.operator)
    return [_tell(shift) for shift in found[:MOST]]


@needs("look things up")
def read_closed(actor: Actor, desk: str, number: int) -> Closed:
    """Return a closed shift; another operator's takes the right to see sums."""
    related = Shift.objects.select_related("desk", "opening", "closing")
    shift = related.filter(desk__name=desk, number=number).first()
    if shift is None:
        raise ShiftError(f"there is no shift {number} there: see the reports of the desk")
    if shift.operator != actor.operator:
        actor.require("see a shift's sums")
    if not shift.closing:
        raise ShiftError(f"shift {number} is open: its report is made when it closes")
    counts = ShiftCount.objects.filter(shift=shift, closing=True).order_by("id")
    return Closed(shift, tuple(counts))


def _tell(shift: Shift) -> Listed:
    counted, expected = shift.counted_fen, shift.expected_fen
    return Listed(
        shift.desk.name,
        shift.number,
        shift.operator,
        shift.opening.time,
        shift.closing.time if shift.closing else None,
        counted,
        None if counted is None or expected is None else counted - expected,
    )
