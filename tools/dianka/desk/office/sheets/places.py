"""Premises and meters as sheets. A premise brings its area along."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dianka.desk.office.estate.models import Area, Meter, Premise
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.sheets.columns import BadCell, Cells, Column
from dianka.desk.office.texts import clean_text, require_text

_BATCH = 500
_PLACE = (
    Column("area", "小区"),
    Column("building", "楼栋"),
    Column("unit", "单元", optional=True),
    Column("room", "房间"),
)
_STATES = {"stock": "库存", "installed": "已装", "removed": "已拆", "scrapped": "报废"}
Place = tuple[str, str, str, str]


@dataclass(frozen=True)
class PremiseRow:
    """A premise."""

    place: Place
    vacant: bool


@dataclass(frozen=True)
class MeterRow:
    """A meter; `place` is that of an installed one."""

    number: int
    model: str
    state: str
    place: Place | None


class Premises:
    """小区, 楼栋, 单元, 房间, 空置."""

    name = "premises"
    columns = (*_PLACE, Column("vacant", "空置", optional=True))

    def parse(self, cells: Cells) -> PremiseRow:
        return PremiseRow(_parse_place(cells), cells.read_yes("vacant"))

    def find_keys(self, item: PremiseRow) -> dict[str, Any]:
        return {"room": item.place}

    def find_present(self, items: list[PremiseRow]) -> dict[Any, PremiseRow]:
        return {
            place: PremiseRow(place, premise.vacant)
            for place, premise in find_premises(item.place for item in items).items()
        }

    def is_same(self, item: PremiseRow, present: PremiseRow) -> bool:
        return item == present

    def check_new(self, items: list[PremiseRow]) -> Iterator[tuple[PremiseRow, BadCell]]:
        archived = Area.objects.filter(name__in={item.place[0] for item in items}, archived=True)
        names = set(archived.values_list("name", flat=True))
        for item in items:
            if item.place[0] in names:
                yield item, BadCell("area", f"area {item.place[0]} is archived: restore it first")

    def write(self, actor: Actor, items: list[PremiseRow]) -> Iterator[list[Area | Premise]]:
        made = {
            name: Area.objects.get_or_create(name=name)
            for name in {item.place[0] for item in items}
        }
        areas = {name: area for name, (area, _) in made.items()}
        new: list[Area | Premise] = [area for area, is_new in made.values() if is_new]
        rows = []
        for item in items:
            area, building, unit, room = item.place
            rows.append(
                Premise(
                    area=areas[area], building=building, unit=unit, room=room, vacant=item.vacant
                )
            )
        for at in range(0, len(rows), _BATCH):
            new += Premise.objects.bulk_create(rows[at : at + _BATCH])
            yield new
            new = []

    def list_items(self) -> Iterable[PremiseRow]:
        found = Premise.objects.filter(archived=False).select_related("area").order_by("pk")
        for premise in found.iterator(_BATCH):
            yield PremiseRow(name_place(premise), premise.vacant)

    def show(self, item: PremiseRow) -> list[str]:
        return [*item.place, "是" if item.vacant else "否"]


class Meters:
    """表号, 型号, 状态, and the place of an installed one."""

    name = "meters"
    columns = (
        Column("number", "表号"),
        Column("model", "型号", optional=True),
        Column("state", "状态", optional=True),
        *(Column(column.name, column.heading, optional=True) for column in _PLACE),
    )

    def parse(self, cells: Cells) -> MeterRow:
        state = cells.pick_word("state", _STATES) if cells["state"] else "stock"
        names = [column.name for column in _PLACE]
        place = _parse_place(cells) if state == "installed" else None
        if state not in ("", "installed") and any(cells[name] for name in names):
            cells.add_fault("state", f"only a meter that is {_STATES['installed']} has a place")
        model = cells.read_text("model", clean_text, 40)
        number = cells.read_number("number")
        return MeterRow(number, model, state, place if cells.is_good(*names) else None)

    def find_keys(self, item: MeterRow) -> dict[str, Any]:
        return {"number": item.number} | ({"room": item.place} if item.place else {})

    def find_present(self, items: list[MeterRow]) -> dict[Any, MeterRow]:
        numbers = [item.number for item in items]
        found = Meter.objects.filter(number__in=numbers).select_related("premise__area")
        return {meter.number: _show_meter(meter) for meter in found}

    def is_same(self, item: MeterRow, present: MeterRow) -> bool:
        return item == present

    def check_new(self, items: list[MeterRow]) -> Iterator[tuple[MeterRow, BadCell]]:
        premises = find_premises(item.place for item in items if item.place)
        taken = Meter.objects.filter(
            premise__in=[premise.pk for premise in premises.values()], state="installed"
        )
        there = dict(taken.values_list("premise", "number"))
        for item in items:
            if item.state not in ("", "stock", "installed"):
                yield item, BadCell("state", "a new meter is 库存 or 已装")
            elif item.place and item.place not in premises:
                yield item, BadCell("room", f"there is no premise {_say(item.place)}: import it")
            elif item.place and premises[item.place].archived:
                yield item, BadCell("room", f"{_say(item.place)} is archived: restore it first")
            elif item.place and premises[item.place].pk in there:
                number = there[premises[item.place].pk]
                yield item, BadCell("room", f"{_say(item.place)} has meter {number:012d}")

    def write(self, actor: Actor, items: list[MeterRow]) -> Iterator[list[Meter]]:
        for at in range(0, len(items), _BATCH):
            batch = items[at : at + _BATCH]
            premises = find_premises(item.place for item in batch if item.place)
            yield Meter.objects.bulk_create(
                Meter(
                    number=item.number,
                    model=item.model,
                    state=item.state,
                    premise=premises[item.place] if item.place else None,
                )
                for item in batch
            )

    def list_items(self) -> Iterable[MeterRow]:
        found = Meter.objects.select_related("premise__area").order_by("number")
        yield from map(_show_meter, found.iterator(_BATCH))

    def show(self, item: MeterRow) -> list[str]:
        place = item.place or ("", "", "", "")
        return [f"{item.number:012d}", item.model, _STATES[item.state], *place]


def find_premises(places: Iterable[Place]) -> dict[Place, Premise]:
    """Return which of these premises there are, archived ones too."""
    wanted = set(places)
    found: dict[Place, Premise] = {}
    ordered = sorted(wanted)
    for at in range(0, len(ordered), _BATCH // 2):
        batch = ordered[at : at + _BATCH // 2]
        rows = Premise.objects.select_related("area").filter(
            area__name__in={place[0] for place in batch},
            building__in={place[1] for place in batch},
            room__in={place[3] for place in batch},
        )
        found |= {name_place(row): row for row in rows}
    return {place: premise for place, premise in found.items() if place in wanted}


def name_place(premise: Premise) -> Place:
    """Return the four words of a premise."""
    return premise.area.name, premise.building, premise.unit, premise.room


def _show_meter(meter: Meter) -> MeterRow:
    installed = meter.state == Meter.State.INSTALLED and meter.premise
    place = name_place(installed) if installed else None
    return MeterRow(meter.number, meter.model, meter.state, place)


def _parse_place(cells: Cells) -> Place:
    return (
        cells.read_text("area", require_text, 60),
        cells.read_text("building", require_text, 20),
        cells.read_text("unit", clean_text, 20),
        cells.read_text("room", require_text, 20),
    )


def _say(place: Place) -> str:
    return " ".join(word for word in place if word)
