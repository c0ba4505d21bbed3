"""A report in the language of the page: the office's tables have both side by side."""

import re
from dataclasses import replace

from django.utils.translation import get_language

from dianka.desk.office.statistics.table import UNITS, Cell, Column, Kind, Table
from dianka.desk.web.catalog import CHINESE
from dianka.desk.web.counter_form import METHOD_NAMES
from dianka.desk.web.words import translate_line

_OWN = ("name", "premise", "customer", "operator")  # columns with people's own words
# A text in both languages: a rule's code, Chinese, English.
_BOTH = re.compile(r"^([A-Z][0-9] )?([\u4e00-\u9fff()]+) ([a-z][ -~]*)$")
_DAYS = re.compile(r"^(超过 )?([0-9–]+) 天$")
_UNITS = {Kind.FEN: "yuan"}


def speak(table: Table) -> Table:
    """Return the table with its cells and notes in the language of the page."""
    chinese = get_language() == CHINESE
    rows = [
        tuple(
            _speak_cell(cell, column, chinese)
            for cell, column in zip(row, table.columns, strict=True)
        )
        for row in table.rows
    ]
    notes = tuple(translate_line(_pick_note(note, chinese)) for note in table.notes)
    return replace(table, rows=rows, notes=notes)


def name_column(column: Column) -> str:
    """Return the head of a column with its unit."""
    if get_language() == CHINESE:
        unit = UNITS[column.kind]
        return f"{column.zh}（{unit}）" if unit else column.zh
    unit = _UNITS.get(column.kind, UNITS[column.kind])
    return f"{column.en} ({unit})" if unit else column.en


def name_table(table: Table) -> str:
    """Return the title of a table."""
    return table.zh if get_language() == CHINESE else table.en


def pick_language() -> str:
    """Return the language of the page as charts name it."""
    return "zh" if get_language() == CHINESE else "en"


def make_english(table: Table) -> Table:
    """Return the table with English words in place of the Chinese ones, for a sheet."""
    columns = tuple(replace(column, zh=column.en) for column in table.columns)
    return replace(table, zh=table.en, en="", columns=columns)


def _speak_cell(cell: Cell, column: Column, chinese: bool) -> Cell:
    if not isinstance(cell, str) or column.en in _OWN:
        return cell
    if column.en == "method":
        return str(METHOD_NAMES.get(cell, cell))
    if column.en == "numbers":
        return translate_line(cell)
    days = _DAYS.match(cell)
    if days:
        return cell if chinese else f"{'over ' if days[1] else ''}{days[2]} days"
    return _pick(cell, chinese)


def _pick(text: str, chinese: bool) -> str:
    found = _BOTH.match(text)
    return (found[1] or "") + found[2 if chinese else 3] if found else text


def _pick_note(note: str, chinese: bool) -> str:
    """Return a note of both languages, as 表内 in the meter: 3.00 yuan, in one."""
    words, colon, rest = note.partition(": ")
    if not colon or not _BOTH.match(words):
        return note
    if chinese:
        return f"{_pick(words, True)}：{rest.replace('yuan', '元')}"
    return f"{_pick(words, False)}: {rest}"
