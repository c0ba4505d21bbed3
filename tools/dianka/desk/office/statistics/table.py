"""A report as a table: whole fen, whole Wh and counts inside, people's numbers at the edge."""

import csv
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from dianka.money import signed_yuan

Cell = int | str | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with these a spreadsheet begins to calculate


class Kind(StrEnum):
    """What the cells of a column are."""

    FEN = "fen"  # shown as yuan
    KWH = "kWh"  # whole Wh, shown as kWh with three decimals
    COUNT = "count"
    PERMILLE = "permille"  # shown as per cent with one decimal
    TEXT = "text"


_NUMBERS = (Kind.FEN, Kind.KWH, Kind.COUNT)
UNITS = {Kind.FEN: "元", Kind.KWH: "kWh", Kind.COUNT: "", Kind.PERMILLE: "%", Kind.TEXT: ""}


@dataclass(frozen=True)
class Column:
    """One column; `summed` says whether a total of it means anything."""

    zh: str
    en: str
    kind: Kind
    summed: bool = True

    @property
    def has_total(self) -> bool:
        return self.summed and self.kind in _NUMBERS


@dataclass(frozen=True)
class Table:
    """A report. `drawn` is the column of its chart, None if there is nothing to draw."""

    zh: str
    en: str
    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]]
    drawn: int | None = None
    ordered: bool = False  # the rows follow time, and the chart does
    notes: tuple[str, ...] = field(default=())

    @property
    def totals(self) -> tuple[Cell, ...]:
        """Return the sums of the columns that have one, and None in the others."""
        return tuple(
            sum(int(row[place] or 0) for row in self.rows) if column.has_total else None
            for place, column in enumerate(self.columns)
        )


def format_cell(value: Cell, kind: Kind) -> str:
    """Return a cell as people read it. Nothing is rounded away."""
    if value is None or isinstance(value, str):
        return value or ""
    if kind == Kind.FEN:
        return signed_yuan(value)
    if kind == Kind.KWH:
        return format_decimal(value, 3)
    return format_decimal(value, 1) if kind == Kind.PERMILLE else str(value)


def format_decimal(value: int, places: int) -> str:
    """Return a whole number of the smallest unit with so many decimals."""
    whole, rest = divmod(abs(value), 10**places)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{places}d}"


def escape_formula(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


def to_lines(table: Table) -> Iterator[str]:
    """Yield the table as lines of text, columns aligned, with its totals and notes."""
    yield f"{table.zh}  {table.en}"
    heads = [_head(column) for column in table.columns]
    body = [_format_row(table, row) for row in table.rows]
    foot = _format_row(table, table.totals)
    if any(foot):
        body.append([foot[0] or "合计 total", *foot[1:]])
    widths = [max(map(_width, words)) for words in zip(heads, *body, strict=True)]
    for words in (heads, *body):
        cells = [
            _pad(word, width, column.kind != Kind.TEXT)
            for word, width, column in zip(words, widths, table.columns, strict=True)
        ]
        yield "  ".join(cells).rstrip()
    yield from table.notes


def to_csv(table: Table) -> str:
    """Return the table as comma-separated values, for a spreadsheet; totals and notes stay out."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_head(column) for column in table.columns)
    for row in table.rows:
        writer.writerow(
            escape_formula(word) if column.kind == Kind.TEXT else word
            for word, column in zip(_format_row(table, row), table.columns, strict=True)
        )
    return out.getvalue()


def _format_row(table: Table, row: tuple[Cell, ...]) -> list[str]:
    return [
        format_cell(value, column.kind) for value, column in zip(row, table.columns, strict=True)
    ]


def _head(column: Column) -> str:
    unit = UNITS[column.kind]
    return f"{column.zh} {column.en}{f' ({unit})' if unit else ''}"


def _width(text: str) -> int:
    """Return the width on a terminal: a Chinese character takes two places."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
