"""Look acts up: by subject, operator, kind and time, the newest first.

What they tell of personal numbers is masked already; numbers that somebody typed into a reason or a
note are masked here for who may not see them. Acts are found by their subjects' index. Without a
subject they are gone through from the newest on, as many as LOOKED_AT at once: no index on each
column slows each sale down.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from dianka.card_port import CardError
from dianka.desk.office.audit.models import Act
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.texts import pick_mask
from dianka.desk.office.vending.shifts import raise_if_to_count

MOST = 1000  # rows of a list
LOOKED_AT = 200_000
_AT_ONCE = 10_000
_SLACK = timedelta(minutes=5)  # between desks, which number their acts in another order than time


@dataclass(frozen=True)
class Wanted:
    """Which acts are wanted: fields that are empty want any; `since` is in it, `until` is not."""

    subject: str = ""  # a meter, customer or card by its number; or just as acts name it
    operator: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    most: int = 100

    def narrow(self, acts: QuerySet[Act]) -> QuerySet[Act]:
        """Return these acts but for those of another operator, kind or time."""
        fields = {
            "operator": self.operator,
            "kind": self.kind,
            "time__gte": self.since,
            "time__lt": self.until,
        }
        return acts.filter(**{name: value for name, value in fields.items() if value})


@dataclass(frozen=True)
class Told:
    """An act as it is shown."""

    time: datetime
    desk: str
    number: int
    operator: str
    kind: str
    subject: str
    detail: str


@dataclass(frozen=True)
class Found:
    """The acts, the newest first; and why older ones may be missing, or nothing."""

    acts: list[Told]
    rest: str = ""


@needs("read acts")
def find_acts(actor: Actor, wanted: Wanted) -> Found:
    """Return the newest acts that are wanted, `most` of them at most.

    ShiftError for who has an open shift: the acts tell what he is to count blind.
    """
    raise_if_to_count(actor)
    if not 0 < wanted.most <= MOST:
        raise CardError(f"{wanted.most} acts at once: ask for 1 to {MOST}")
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise CardError("that time ends before it begins: give --since before --until")
    acts, rest = [], ""
    for act in _list_by_subject(wanted) if wanted.subject else _list_newest(wanted):
        if isinstance(act, str):
            rest = act
            break
        if len(acts) == wanted.most:
            rest = f"the newest {wanted.most} are shown: give --most, or --until an earlier day"
            break
        acts.append(act)
    mask = pick_mask(actor)
    return Found([_tell(act, mask(act.words)) for act in acts], rest)


def _list_by_subject(wanted: Wanted) -> Iterator[Act]:
    names = {wanted.subject}
    if re.fullmatch("[0-9]{1,12}", wanted.subject):
        number = f"{int(wanted.subject):012d}"
        names = {wanted.subject, number, f"customer {number}"}
    elif re.fullmatch("[0-9A-Fa-f]{16}", wanted.subject):
        names = {wanted.subject, wanted.subject.lower()}
    # Ordered by time, as no index on it could be mistaken for the way to few acts of a subject.
    found = wanted.narrow(Act.objects.filter(subject__in=names).select_related("chain"))
    yield from found.order_by("-time", "-pk")[: wanted.most + 1]


def _list_newest(wanted: Wanted) -> Iterator[Act | str]:
    """Yield acts from the newest on; in the end, if it is not the chains' beginning, say so."""
    last = _find_first(wanted.until + _SLACK) if wanted.until else None
    before = last if last is not None else (_find_last() + 1)
    first = _find_first(wanted.since - _SLACK) if wanted.since else 0
    if first is None:
        return
    looked = 0
    while before > first:
        if looked >= LOOKED_AT:
            act = Act.objects.filter(pk__gte=before).order_by("pk").values_list("time", flat=True)
            yield f"looked back to {act[0]:%Y-%m-%d}: for older ones give --until, or --subject"
            return
        start = max(first, before - _AT_ONCE)
        rows = Act.objects.filter(pk__gte=start, pk__lt=before).select_related("chain")
        yield from wanted.narrow(rows).order_by("-pk")[: wanted.most + 1]
        looked, before = looked + before - start, start


def _find_last() -> int:
    return Act.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _find_first(time: datetime) -> int | None:
    """Return the number of the first act from this time on, None if there is none.

    Acts are numbered as they are written, so it is found by halving.
    """
    low, high = 0, _find_last() + 1
    while low < high:
        middle = (low + high) // 2
        at = Act.objects.filter(pk__gte=middle).order_by("pk").values_list("pk", "time").first()
        if at is None or at[1] >= time:
            high = middle
        else:
            low = at[0] + 1
    return low if low <= _find_last() else None


def _tell(act: Act, detail: str) -> Told:
    told = detail or act.moves.replace("\n", "; ")
    words = act.number, act.operator, act.kind, act.subject, told
    return Told(act.time, act.chain.desk, *words)
