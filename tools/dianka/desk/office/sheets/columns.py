"""Columns of sheets: their headings, and what their cells may hold. Cells are text here."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from dianka.card_port import CardError
from dianka.desk.amounts import parse_fen
from dianka.desk.office.people.rights import Actor

R = TypeVar("R")

_YES = ("是", "yes", "true", "1")
_NO = ("", "否", "no", "false", "0")


class SheetError(CardError):
    """A sheet that can't be read, written or taken in. Nothing is changed."""


class BadCell(Exception):
    """What is wrong with a cell, in one line; `column` is its English name."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(why)
        self.column = column


@dataclass(frozen=True)
class Column:
    """A column by its English name and its Chinese heading; an optional one may be left out."""

    name: str
    heading: str
    optional: bool = False


class Kind(Protocol):
    """One kind of sheet. An item is one row's values as a frozen dataclass."""

    name: str
    columns: tuple[Column, ...]

    def parse(self, cells: dict[str, str]) -> Any:
        """Return a row's item. BadCell if it can't be."""
        ...

    def find_keys(self, item: Any) -> dict[str, Any]:
        """Return by column what no two rows may have in common, what identifies it first."""
        ...

    def find_present(self, items: list[Any]) -> dict[Any, Any]:
        """Return by first key the items of these that the office has already."""
        ...

    def is_same(self, item: Any, present: Any) -> bool:
        """Return whether a row changes nothing."""
        ...

    def check_new(self, items: list[Any]) -> Iterator[tuple[Any, BadCell]]:
        """Yield each new item that the office can't take, and why."""
        ...

    def write(self, actor: Actor, items: list[Any]) -> Iterator[list[Any]]:
        """Add new items, and yield the rows made of them, some at a time.

        The caller is in a transaction and has checked the right.
        """
        ...

    def list_items(self) -> Iterable[Any]:
        """Yield all items that the office has."""
        ...

    def show(self, item: Any) -> list[str]:
        """Return an item's cells, in the order of the columns."""
        ...


def attempt(column: str, act: Callable[[], R]) -> R:
    """Return what an act on a cell returns; BadCell of this column if it raises CardError."""
    try:
        return act()
    except CardError as error:
        raise BadCell(column, str(error)) from None


def parse_text(
    cells: dict[str, str], column: str, clean: Callable[[str, str, int], str], most: int
) -> str:
    """Return a cell's text as one of the functions of texts.py makes it clean."""
    return attempt(column, lambda: clean(cells[column], column.replace("_", " "), most))


def parse_number(cells: dict[str, str], column: str) -> int:
    """Return a number of up to 12 digits, with leading zeros or without."""
    text = cells[column]
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?[eE]\+?[0-9]+", text):
        raise BadCell(column, f"{text} has lost digits: format the column as text, type it anew")
    if not re.fullmatch(r"[0-9]{1,12}", text) or not int(text):
        raise BadCell(column, f"{text!r} is no number of up to 12 digits")
    return int(text)


def parse_amount(cells: dict[str, str], column: str) -> int:
    """Return an amount in yuan as fen; an empty cell is 0."""
    return attempt(column, lambda: parse_fen(cells[column] or "0"))


def parse_yes(cells: dict[str, str], column: str) -> bool:
    """Return whether a cell says yes; an empty one says no."""
    word = cells[column].casefold()
    if word not in (*_YES, *_NO):
        raise BadCell(column, f"{word!r} is neither 是 nor 否")
    return word in _YES


def pick_word(cells: dict[str, str], column: str, words: dict[str, str]) -> str:
    """Return the English word of a cell that has it, or its Chinese one."""
    word = cells[column].casefold()
    for english, chinese in words.items():
        if word in (english, chinese):
            return english
    raise BadCell(column, f"{word!r} is none of {', '.join(words.values())}")
