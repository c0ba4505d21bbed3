"""Open sheets that anybody may have made: xlsx or csv, row by row, every cell as text.

Every size has an end, and what can't be text for sure is named: formulas, dates, numbers that a
spreadsheet has rounded. Numbers are never computed with. A cell that exporting.py has marked as
text by a ' before it loses that sign.
"""

import csv
import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dianka.desk.office.sheets.columns import SheetError

MOST_ROWS = 200_000
MOST_BYTES = 50_000_000
_MOST_UNPACKED = 300_000_000
_MOST_PARTS = 1000  # of an xlsx
_MOST_COLUMNS = 40
_MOST_EMPTY = 1000  # rows on end; LibreOffice may tell of a million
_EXACT = 10**15  # spreadsheets keep 15 digits of a number
_CHUNK = 1 << 20
MARKED = "=+-@#\t\r'＝＋－＠"  # a cell that begins so may be taken for a formula or an error
_TO_TEXT = "format the column as text and type it anew"


@dataclass(frozen=True)
class Cell:
    """The text of a cell, or what is wrong with it."""

    text: str
    fault: str = ""


def read_file(file: Path) -> bytes:
    """Return the bytes of a sheet. SheetError if it is too large or not there."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise SheetError(f"{file} can't be read ({error.strerror}): name another file") from None
    if len(content) > MOST_BYTES:
        raise SheetError(f"{file} has more than {MOST_BYTES // 10**6} MB: split it")
    return content


def read_rows(name: str, content: bytes) -> Iterator[tuple[int, list[Cell]]]:
    """Yield number and cells of each row that is not empty, headings first; the first is row 1.

    SheetError if the file is none, or has more than MOST_ROWS.
    """
    readers = {".xlsx": _read_xlsx, ".csv": _read_csv}
    reader = readers.get(Path(name).suffix.lower())
    if reader is None:
        raise SheetError(f"{name} is neither xlsx nor csv: save it as one of them")
    return _bound_rows(name, reader(name, content))


def _bound_rows(name: str, rows: Iterable[list[Cell]]) -> Iterator[tuple[int, list[Cell]]]:
    empty = 0
    for number, cells in enumerate(rows, 1):
        if not any(cell.text or cell.fault for cell in cells):
            empty += 1
            if empty == _MOST_EMPTY:
                return
            continue
        empty = 0
        if number > MOST_ROWS + 1:
            raise SheetError(f"{name} has more than {MOST_ROWS} rows: split it")
        yield number, cells


def _read_csv(name: str, content: bytes) -> Iterator[list[Cell]]:
    text = _decode(name, content)
    if "\x00" in text:
        raise SheetError(f"{name} is no csv of text: save it as csv in UTF-8")
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            yield [_check_text(word) for word in row[:_MOST_COLUMNS]]
    except csv.Error as error:
        raise SheetError(f"{name} is no csv ({error}): save it anew") from None


def _decode(name: str, content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SheetError(f"{name} is neither UTF-8 nor GB18030: save it as csv in UTF-8")


def _check_text(word: str) -> Cell:
    word = word.strip()
    if word.startswith("="):
        return Cell(word, "a formula: type what it says")
    if word[:1] == "'" and word[1:2] in MARKED and word[1:]:
        return Cell(word[1:])
    return Cell(word)


def _read_xlsx(name: str, content: bytes) -> Iterator[list[Cell]]:
    # A damaged file makes openpyxl raise whatever the part raises that meets the damage first.
    try:
        _check_parts(name, content)
        yield from _read_first_sheet(content)
    except SheetError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:80]
        raise SheetError(f"{name} is no xlsx that can be read ({reason}): save it anew") from None


def _check_parts(name: str, content: bytes) -> None:
    """Raise SheetError if an xlsx unpacks to too much, or has merged cells, unseen by openpyxl."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        infos = parts.infolist()
        # What a part says of its size is all that is ever unpacked of it.
        if len(infos) > _MOST_PARTS or sum(part.file_size for part in infos) > _MOST_UNPACKED:
            raise SheetError(f"{name} unpacks to far more than a sheet: save it anew")
        for part in infos:
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", part.filename):
                with parts.open(part) as opened:
                    if _has_merged(opened):
                        raise SheetError(f"{name} has merged cells: split them all")


def _has_merged(opened: Any) -> bool:
    tail = b""
    while chunk := opened.read(_CHUNK):
        if b"mergeCell " in tail + chunk:
            return True
        tail = chunk[-16:]
    return False


def _read_first_sheet(content: bytes) -> Iterator[list[Cell]]:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # they may say anything
        for row in sheet.iter_rows(max_col=_MOST_COLUMNS):
            yield [_check_cell(cell) for cell in row]
    finally:
        book.close()


def _check_cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return Cell("")
    if cell.data_type == "f":
        return Cell("", "a formula: type what it says")
    if cell.data_type == "e":
        return Cell("", f"an error, {value}: type what is meant")
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return Cell("", f"a date or time: {_TO_TEXT}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        # The shortest decimal number that is this double: what was typed. Nothing is computed.
        text = repr(value)
        lost = not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) or abs(value) >= _EXACT
        return Cell(text, f"{text} may have lost digits: {_TO_TEXT}" if lost else "")
    return Cell(str(value)) if isinstance(value, bool) else _check_typed(str(value))


def _check_typed(word: str) -> Cell:
    """Return a cell of an xlsx that is text, = before it or not: it can't be a formula there."""
    checked = _check_text(word)
    return Cell(checked.text) if checked.fault else checked
