"""A report as an xlsx sheet. Its numbers are numbers, and exact.

A spreadsheet keeps numbers in binary (IEEE 754 double), but the file has them as decimal text
(ECMA-376 part 1, 18.3.1.96): a cell is written with its decimals as text, never through a float,
and a double gives back 15 decimal digits of it. Text is written as text, never as a formula.
"""

from pathlib import Path
from typing import Any

from dianka.card_port import CardError
from dianka.desk.office.statistics.table import UNITS, Cell, Kind, Table, format_cell

_DIGITS = 15  # that a double keeps
_FORMATS = {Kind.FEN: "#,##0.00", Kind.KWH: "#,##0.000", Kind.COUNT: "0", Kind.PERMILLE: "0.0"}
_WIDTH = 18
MOST_ROWS = 1_000_000  # a sheet ends at row 1,048,576


def write_xlsx(table: Table, file: Path) -> None:
    """Write the table with its totals and notes as a new file. CardError if it exists."""
    if file.exists():
        raise CardError(f"{file} exists: name a new file")
    if len(table.rows) > MOST_ROWS:
        raise CardError(f"{len(table.rows)} rows are more than a sheet holds: take --csv")
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(table.zh[:31])
    for place in range(len(table.columns)):
        sheet.column_dimensions[chr(ord("A") + place)].width = _WIDTH
    sheet.freeze_panes = "A3"
    sheet.append([_text(sheet, f"{table.zh} {table.en}")])
    sheet.append([_text(sheet, _head(column.zh, column.kind)) for column in table.columns])
    for row in table.rows:
        sheet.append(_make_row(sheet, table, row))
    if any(total is not None for total in table.totals):
        row = _make_row(sheet, table, table.totals)
        sheet.append([_text(sheet, "合计") if table.totals[0] is None else row[0], *row[1:]])
    for note in table.notes:
        sheet.append([_text(sheet, note)])
    try:
        book.save(file)
    except OSError as error:
        raise CardError(f"{file} can't be written ({error}): name another place") from None


def _make_row(sheet: Any, table: Table, row: tuple[Cell, ...]) -> list[Any]:
    return [
        _number(sheet, value, column.kind)
        if isinstance(value, int) and column.kind != Kind.TEXT
        else _text(sheet, "" if value is None else str(value))
        for value, column in zip(row, table.columns, strict=True)
    ]


def _head(text: str, kind: Kind) -> str:
    return f"{text} ({UNITS[kind]})" if UNITS[kind] else text


def _number(sheet: Any, value: int, kind: Kind) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell: Any = WriteOnlyCell(sheet, format_cell(value, kind))
    if len(str(abs(value))) <= _DIGITS:
        cell.data_type = "n"
        cell.number_format = _FORMATS[kind]
    return cell


def _text(sheet: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell: Any = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"
    return cell
