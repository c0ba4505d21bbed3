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


class Cells:
    """The cells of one row by their columns, and what is wrong with them.

    What can't be read is 0, '' or False, so that the rest of the row is judged as well. A cell is
    found bad once: what a bad one leads to is not told.
    """

    def __init__(self, words: dict[str, str], bad: Iterable[str] = ()) -> None:
        self._words = words
        self._bad = set(bad)
        self.faults: list[BadCell] = []

    def __getitem__(self, column: str) -> str:
        return self._words[column]

    def add_fault(self, column: str, why: str) -> None:
        """Find a cell bad, if it is not known to be."""
        if self.is_good(column):
            self._bad.add(column)
            self.faults.append(BadCell(column, why))

    def is_good(self, *columns: str) -> bool:
        """Return whether nothing was found wrong with these cells."""
        return not self._bad.intersection(columns)

    def attempt(self, column: str, act: Callable[[], R], instead: R) -> R:
        """Return what an act on a cell returns; `instead` if it is bad, or the act says so."""
        if not self.is_good(column):
            return instead
        try:
            return act()
        except CardError as error:
            self.add_fault(column, str(error))
            return instead

    def read_text(self, column: str, clean: Callable[[str, str, int], str], most: int) -> str:
        """Return a cell's text as one of the functions of texts.py makes it clean."""
        what = column.replace("_", " ")
        return self.attempt(column, lambda: clean(self[column], what, most), "")

    def read_number(self, column: str) -> int:
        """Return a number of up to 12 digits, with leading zeros or without."""
        text = self[column]
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?[eE]\+?[0-9]+", text):
            why = f"{text} has lost digits: format the column as text, type it anew"
            self.add_fault(column, why)
        elif not re.fullmatch(r"[0-9]{1,12}", text) or not int(text):
            self.add_fault(column, f"{text!r} is no number of up to 12 digits")
        return int(text) if self.is_good(column) else 0

    def read_amount(self, column: str) -> int:
        """Return an amount in yuan as fen; an empty cell is 0."""
        return self.attempt(column, lambda: parse_fen(self[column] or "0"), 0)

    def read_yes(self, column: str) -> bool:
        """Return whether a cell says yes; an empty one says no."""
        word = self[column].casefold()
        if word not in (*_YES, *_NO):
            self.add_fault(column, f"{word!r} is neither 是 nor 否")
        return word in _YES

    def pick_word(self, column: str, words: dict[str, str]) -> str:
        """Return the English word of a cell that has it, or its Chinese one."""
        word = self[column].casefold()
        for english, chinese in words.items():
            if word in (english, chinese):
                return english
        self.add_fault(column, f"{word!r} is none of {', '.join(words.values())}")
        return ""


class Kind(Protocol):
    """One kind of sheet. An item is one row's values as a frozen dataclass."""

    name: str
    columns: tuple[Column, ...]

    def parse(self, cells: Cells) -> Any:
        """Return a row's item. What is wrong with its cells is added to them."""
        ...

    def find_keys(self, item: Any) -> dict[str, Any]:
        """Return by column what no two rows may have in common, what identifies it first.

        A number of a cell that can't be read is 0.
        """
        ...

    def find_present(self, items: list[Any]) -> dict[Any, Any]:
        """Return by first key the items of these that the office has already."""
        ...

    def is_same(self, item: Any, present: Any) -> bool:
        """Return whether a row changes nothing."""
        ...

    def check_new(self, items: list[Any]) -> Iterator[tuple[Any, BadCell]]:
        """Yield each new item that the office can't take, with each of its reasons.

        Some have values that could not be read: 0, '' or None, about which nothing is said.
        """
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
