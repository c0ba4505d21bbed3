"""Areas and premises: added one by one or a building at once, archived, never deleted."""

import re
from collections.abc import Iterable, Iterator

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.estate.models import Area, Meter, Premise
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.texts import clean_text, require_text

MOST_AT_ONCE = 5000
MOST_LISTED = 1000
SUBJECT_SIGNS = 80  # of an act


class EstateError(CardError):
    """A place or a meter that can't be changed so. Nothing is done."""


@needs("change the estate")
def add_area(actor: Actor, name: str) -> Area:
    """Add an area. EstateError if there is one of this name."""
    name = require_text(name, "area", 60)
    with transaction.atomic():
        area, is_new = Area.objects.get_or_create(name=name)
        if not is_new:
            raise EstateError(f"area {name} is there already")
        chain.append(actor.desk, actor.operator, "area added", name, rows=tell(area))
    return area


@needs("change the estate")
def archive_area(actor: Actor, name: str) -> None:
    """Archive an area whose premises are all archived."""
    with transaction.atomic():
        area = lock_area(name)
        left = Premise.objects.filter(area=area, archived=False).count()
        if left:
            raise EstateError(f"area {name} has {left} premises: archive those first")
        _set_archived(actor, area, True, "area archived", name)


@needs("change the estate")
def restore_area(actor: Actor, name: str) -> None:
    """Take an archived area back into use."""
    with transaction.atomic():
        _set_archived(actor, lock_area(name, archived=True), False, "area restored", name)


@needs("change the estate")
def add_premises(
    actor: Actor, area_name: str, places: Iterable[tuple[str, str, str]]
) -> list[Premise]:
    """Add premises, each as building, unit (may be empty) and room; all or none.

    EstateError if one of them is there already, archived or not, or there are too many.
    """
    wanted = [check_place(*place) for place in places]
    if not 0 < len(wanted) <= MOST_AT_ONCE:
        raise EstateError(f"{len(wanted)} premises at once: add 1 to {MOST_AT_ONCE}")
    with transaction.atomic():
        area = lock_area(area_name)
        known = Premise.objects.filter(area=area, building__in={place[0] for place in wanted})
        there = set(known.values_list("building", "unit", "room"))
        twice = [place for place in wanted if place in there] or _find_doubles(wanted)
        if twice:
            first = " ".join(word for word in twice[0] if word)
            raise EstateError(
                f"{area.name} {first} is there already, or named twice: nothing is added"
            )
        rows = [
            Premise(area=area, building=building, unit=unit, room=room)
            for building, unit, room in wanted
        ]
        made = Premise.objects.bulk_create(rows, batch_size=1000)
        told = "; ".join(" ".join(word for word in place if word) for place in wanted)
        where, rows = area.name, tell(*made)
        chain.append(actor.desk, actor.operator, "premises added", where, told, rows=rows)
    return made


@needs("change the estate")
def archive_premise(actor: Actor, premise_id: int) -> None:
    """Archive a premise that has no meter any more."""
    with transaction.atomic():
        premise = lock_premise(premise_id)
        meter = Meter.objects.filter(premise=premise, state=Meter.State.INSTALLED).first()
        if meter:
            raise EstateError(f"{premise} has meter {meter}: remove it first")
        _set_archived(actor, premise, True, "premise archived", describe(premise))


@needs("change the estate")
def restore_premise(actor: Actor, premise_id: int) -> None:
    """Take an archived premise back into use."""
    with transaction.atomic():
        premise = lock_premise(premise_id, archived=True)
        _set_archived(actor, premise, False, "premise restored", describe(premise))


@needs("change the estate")
def set_vacant(actor: Actor, premise_id: int, vacant: bool) -> None:
    """Record that nobody lives there, or that somebody does again."""
    with transaction.atomic():
        premise = lock_premise(premise_id)
        if premise.vacant == vacant:
            return
        premise.vacant = vacant
        premise.save(update_fields=["vacant"])
        kind = "premise vacant" if vacant else "premise inhabited"
        where = describe(premise)
        chain.append(actor.desk, actor.operator, kind, where, rows=tell(premise))


@needs("look things up")
def list_premises(actor: Actor, area_name: str, building: str = "") -> list[Premise]:
    """Return the premises of an area or of a building of it, by name, up to MOST_LISTED."""
    found = Premise.objects.filter(area__name=area_name, archived=False).select_related("area")
    if building:
        found = found.filter(building=building)
    return list(found.order_by("building", "unit", "room")[:MOST_LISTED])


@needs("look things up")
def list_areas(actor: Actor) -> list[Area]:
    """Return the areas, by name, up to MOST_LISTED."""
    return list(Area.objects.filter(archived=False).order_by("name")[:MOST_LISTED])


@needs("look things up")
def find_premise(actor: Actor, area_name: str, building: str, unit: str, room: str) -> Premise:
    """Return the premise with this name. EstateError if there is none."""
    found = Premise.objects.select_related("area").filter(
        area__name=area_name, building=building, unit=unit, room=room
    )
    premise = found.first()
    if premise is None:
        name = " ".join(word for word in (area_name, building, unit, room) if word)
        raise EstateError(f"there is no premise {name}: see dianka office premise list")
    return premise


def check_place(building: str, unit: str, room: str) -> tuple[str, str, str]:
    """Return the name of a premise in its area, made clean. CardError says what is wrong."""
    return (
        require_text(building, "building", 20),
        clean_text(unit, "unit", 20),
        require_text(room, "room", 20),
    )


def spread_places(buildings: str, units: str, rooms: str) -> Iterator[tuple[str, str, str]]:
    """Yield each room of each unit of each building; '1-6', '1-3' or '', and '101-604'.

    Rooms are spread by floor and door, the last two digits: 101-604 are 101 to 104, 201 to 204 ...
    604. A word that is no such range stands for itself.
    """
    for building in _spread(buildings):
        for unit in _spread(units):
            for room in _spread_rooms(rooms):
                yield building, unit, room


def lock_area(name: str, archived: bool = False) -> Area:
    """Return the area with this name, locked. EstateError if there is none, or it is archived."""
    area = Area.objects.select_for_update().filter(name=name).first()
    if area is None or area.archived != archived:
        here = "archived " if archived else ""
        raise EstateError(f"there is no {here}area {name}: see dianka office premise areas")
    return area


def lock_premise(premise_id: int, archived: bool = False) -> Premise:
    """Return the premise, locked. EstateError if there is none, or it is archived."""
    found = Premise.objects.select_for_update(of=("self",)).select_related("area")
    premise = found.filter(pk=premise_id).first()
    if premise is None or premise.archived != archived:
        raise EstateError(
            f"{premise or 'that premise'} is {'not ' if archived else ''}archived: name another one"
        )
    return premise


def describe(premise: Premise | None) -> str:
    """Return a premise as an act names it."""
    return str(premise)[:SUBJECT_SIGNS] if premise else ""


def _set_archived(
    actor: Actor, row: Area | Premise, archived: bool, kind: str, subject: str
) -> None:
    row.archived = archived
    row.save(update_fields=["archived"])
    chain.append(actor.desk, actor.operator, kind, subject, rows=tell(row))


def _find_doubles(places: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    seen: set[tuple[str, str, str]] = set()
    return [place for place in places if place in seen or seen.add(place)]


def _spread(words: str) -> list[str]:
    first, last = _read_range(words)
    return [str(number) for number in range(first, last + 1)] if last else [words]


def _spread_rooms(words: str) -> list[str]:
    first, last = _read_range(words)
    if not last:
        return [words]
    floors = range(first // 100, last // 100 + 1)
    doors = range(first % 100, last % 100 + 1)
    if not floors or not doors:
        raise EstateError(f"{words} has no rooms: write the first and the last, as 101-604")
    return [f"{floor}{door:02d}" if floor else str(door) for floor in floors for door in doors]


def _read_range(words: str) -> tuple[int, int]:
    """Return both ends of a range, or zeros if it is none. EstateError if it is far too long."""
    match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", words)
    if not match:
        return 0, 0
    first, last = int(match[1]), int(match[2])
    if not 0 < first <= last or last - first > MOST_AT_ONCE:
        raise EstateError(f"{words} is no range: write the first and the last, as 1-6")
    return first, last
