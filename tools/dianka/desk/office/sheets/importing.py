"""Take a sheet in: a dry run that names each bad cell, then all or nothing.

An import adds and changes nothing: a row that the office has as it is counts as the same, one that
it has with other values is bad. So what was exported imports again without a change, and a file
that is imported twice adds nothing the second time.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from dianka.desk.office.audit import chain
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.sheets.columns import Cells, Column, Kind, SheetError
from dianka.desk.office.sheets.opening import Cell, read_file, read_rows
from dianka.desk.office.sheets.people import Contracts, Customers
from dianka.desk.office.sheets.places import Meters, Premises
from dianka.desk.office.state.told import tell

MOST_FAULTS = 1000
_BATCH = 500
KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (Premises(), Customers(), Meters(), Contracts())
}


@dataclass
class Row:
    """A row of a sheet as its cells were read, and whether nothing was found wrong with it."""

    number: int
    item: Any
    good: bool

    def may_use(self, key: Any) -> bool:
        """Return whether a key of this row is as somebody typed it: of a bad row a number is."""
        return self.good or (isinstance(key, int) and key > 0)

    def has_key(self, kind: Kind) -> bool:
        """Return whether the office can be asked for this row."""
        return self.may_use(next(iter(kind.find_keys(self.item).values())))


@dataclass(frozen=True)
class Fault:
    """What is wrong with one cell, or one row if `column` is empty."""

    row: int
    column: str
    why: str

    def __str__(self) -> str:
        return (
            f"row {self.row}, {self.column}: {self.why}"
            if self.column
            else f"row {self.row}: {self.why}"
        )


@dataclass
class Outcome:
    """What an import does, or would do."""

    new: list[Any] = field(default_factory=list)
    same: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add_fault(self, row: int, column: Column | None, why: str) -> None:
        """Add a fault; SheetError if there are too many to read."""
        self.faults.append(Fault(row, column.heading if column else "", why))
        if len(self.faults) >= MOST_FAULTS:
            raise SheetError(f"{self.faults[0]}; {MOST_FAULTS} cells are bad: see the whole sheet")


@needs("import")
def try_import(actor: Actor, kind_name: str, file: Path) -> Outcome:
    """Return what the import of a sheet would do, and change nothing."""
    return _judge(find_kind(kind_name), file.name, read_file(file))


@needs("import")
def import_sheet(actor: Actor, kind_name: str, file: Path) -> Outcome:
    """Take a sheet in. SheetError if any cell is bad: then nothing is taken in.

    One act tells of the whole, and of its first rows; an act each of some more.
    """
    kind, content = find_kind(kind_name), read_file(file)
    digest = hashlib.sha256(content).hexdigest()
    try:
        with transaction.atomic():
            outcome = _judge(kind, file.name, content)
            if outcome.faults:
                raise SheetError(f"{outcome.faults[0]} ({len(outcome.faults)} bad cells in all)")
            if outcome.new:
                told = f"{len(outcome.new)} new of {clip(file.name)}, SHA-256 {digest}"
                for rows in kind.write(actor, outcome.new):
                    chain.append(
                        actor.desk, actor.operator, "import", kind.name, told, rows=tell(*rows)
                    )
                    told = f"more of {clip(file.name)}"
    except IntegrityError:
        raise SheetError("another desk changed the same meanwhile: try again") from None
    return outcome


def find_kind(name: str) -> Kind:
    """Return the kind of sheet with this name. SheetError if there is none."""
    if name not in KINDS:
        raise SheetError(f"{name} is no kind of sheet: take {', '.join(KINDS)}")
    return KINDS[name]


def clip(name: str) -> str:
    """Return a file's name as an act tells it."""
    return name[:100]


def _judge(kind: Kind, name: str, content: bytes) -> Outcome:
    outcome, rows = Outcome(), read_rows(name, content)
    columns = _read_headings(kind, name, next(rows, (1, []))[1])
    good = _read_cells(kind, columns, rows, outcome)
    seen: dict[tuple[str, Any], int] = {}
    while batch := list(islice(good, _BATCH)):
        _judge_batch(kind, batch, seen, outcome)
    places = {column.heading: place for place, column in enumerate(kind.columns)}
    outcome.faults.sort(key=lambda fault: (fault.row, places.get(fault.column, len(places))))
    if not outcome.new and not outcome.same and not outcome.faults:
        raise SheetError(f"{name} has no rows below its headings")
    return outcome


def _read_headings(kind: Kind, name: str, cells: list[Cell]) -> list[Column | None]:
    """Return the column of each cell of a row of headings, None where the cell is empty."""
    known = {column.heading: column for column in kind.columns}
    known |= {column.name: column for column in kind.columns}
    found: list[Column | None] = []
    for cell in cells:
        column = known.get(cell.text.casefold())
        if cell.text and column is None:
            raise SheetError(
                f"{name} has a column {cell.text[:40]!r}, which {kind.name} have not: take "
                f"{', '.join(column.heading for column in kind.columns)}"
            )
        if column and column in found:
            raise SheetError(f"{name} has the column {column.heading} twice: take one out")
        found.append(column)
    missing = [each.heading for each in kind.columns if not each.optional and each not in found]
    if missing:
        raise SheetError(f"{name} has no column {', '.join(missing)} in its first row")
    return found


def _read_cells(
    kind: Kind, columns: list[Column | None], rows: Iterator[tuple[int, list[Cell]]], to: Outcome
) -> Iterator[Row]:
    """Yield each row, and add what is wrong with its cells alone."""
    by_name = {column.name: column for column in kind.columns}
    for number, cells in rows:
        headed = [*columns, *[None] * len(cells)]
        words, bad, before = dict.fromkeys(by_name, ""), set(), len(to.faults)
        for column, cell in zip(headed, cells, strict=False):
            if cell.fault:
                to.add_fault(number, column, cell.fault)
                bad |= {column.name} if column else set()
            elif column:
                words[column.name] = cell.text
            elif cell.text:
                to.add_fault(number, None, f"{cell.text[:40]!r} has no heading above it")
        read = Cells(words, bad)
        item = kind.parse(read)
        for fault in read.faults:
            to.add_fault(number, by_name[fault.column], str(fault))
        yield Row(number, item, len(to.faults) == before)


def _judge_batch(
    kind: Kind, batch: list[Row], seen: dict[tuple[str, Any], int], to: Outcome
) -> None:
    by_name = {column.name: column for column in kind.columns}
    present = kind.find_present([row.item for row in batch if row.has_key(kind)])
    new: list[Row] = []
    for row in batch:
        keys = {name: key for name, key in kind.find_keys(row.item).items() if row.may_use(key)}
        first = next(iter(keys.values()), None)
        for name, key in keys.items():
            former = seen.setdefault((name, key), row.number)
            if former != row.number:
                to.add_fault(row.number, by_name[name], f"the same as in row {former}")
                row.good = False
        if first not in present:
            new.append(row)
        elif row.good and kind.is_same(row.item, present[first]):
            to.same += 1
        elif row.good:
            column = by_name[next(iter(keys))]
            to.add_fault(row.number, column, "the office has it with other values: change it there")
    rows = {id(row.item): row for row in new}
    for item, error in kind.check_new([row.item for row in new]):
        row = rows[id(item)]
        row.good = False
        to.add_fault(row.number, by_name[error.column], str(error))
    to.new += [row.item for row in new if row.good]
