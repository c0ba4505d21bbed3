"""Write what the office knows as a sheet: it imports again without a change.

A cell that a spreadsheet might take for a formula gets a ' before it, which the import takes off
again. Every export is an act.
"""

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.db import transaction

from dianka.desk.office.audit import chain
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.sheets.columns import Kind, SheetError
from dianka.desk.office.sheets.importing import clip, find_kind
from dianka.desk.office.sheets.opening import MARKED
from dianka.desk.office.sheets.people import Customers

_MOST_XLSX = 1_048_576  # rows, as the format says


@needs("export")
def export_sheet(actor: Actor, kind_name: str, file: Path, whole_numbers: bool = False) -> int:
    """Write a new xlsx or csv file with all rows of this kind; return how many.

    Personal numbers are masked, but with `whole_numbers`, which takes the right to see them.
    """
    kind = find_kind(kind_name)
    if whole_numbers:
        actor.require("see personal numbers")
        kind = Customers(whole_numbers=True) if kind_name == Customers.name else kind
    writers = {".xlsx": _write_xlsx, ".csv": _write_csv}
    writer = writers.get(file.suffix.lower())
    if writer is None:
        raise SheetError(f"{file} is neither xlsx nor csv: name it so")
    if file.exists():
        raise SheetError(f"{file} is there already: name a new file")
    draft = file.with_name(file.name + ".part")
    try:
        rows = writer(draft, _list_rows(kind))
        told = f"{rows} rows as {clip(file.name)}{', whole numbers' if whole_numbers else ''}"
        with transaction.atomic():  # not around the writing: it would hold up the counters
            chain.append(actor.desk, actor.operator, "export", kind.name, told)
        draft.rename(file)
    except OSError as error:
        raise SheetError(f"{file} can't be written ({error.strerror}): nothing is there") from None
    finally:
        draft.unlink(missing_ok=True)
    return rows


def mark_text(word: str) -> str:
    """Return a cell's text with a ' before it if it might be taken for a formula."""
    return f"'{word}" if word[:1] and word[0] in MARKED else word


def _list_rows(kind: Kind) -> Iterator[list[str]]:
    yield [column.heading for column in kind.columns]
    for item in kind.list_items():
        yield [mark_text(word) for word in kind.show(item)]


def _write_csv(file: Path, rows: Iterable[list[str]]) -> int:
    with open(file, "w", encoding="utf-8-sig", newline="", opener=_open_private) as opened:
        writer = csv.writer(opened)
        return sum(bool(writer.writerow(row)) for row in rows) - 1  # the headings are no row


def _write_xlsx(file: Path, rows: Iterable[list[str]]) -> int:
    from openpyxl import Workbook

    book, written = Workbook(write_only=True), 0
    sheet = book.create_sheet()
    for row in rows:
        if written == _MOST_XLSX:
            raise SheetError(f"an xlsx has up to {_MOST_XLSX} rows: export a csv")
        sheet.append(row)
        written += 1
    with open(file, "wb", opener=_open_private) as opened:
        book.save(opened)
    return written - 1


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # it tells who lives where
