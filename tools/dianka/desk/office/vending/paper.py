"""Text for the receipt printer: 80 mm are 48 columns, a Chinese character takes two of them."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime

from dianka.desk.prices import UTC_OFFSET

COLUMNS = 48


def measure(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def center(text: str) -> str:
    """Return a line with the text in its middle."""
    return (" " * max(0, (COLUMNS - measure(text)) // 2) + text).rstrip()


def spread(label: str, text: str) -> list[str]:
    """Return a label at the left and a text at the right, on one line or as many as it takes."""
    room = COLUMNS - measure(label) - 1
    if measure(text) <= room:
        return [label + " " * (room + 1 - measure(text)) + text]
    return [label, *(" " * (COLUMNS - measure(part)) + part for part in fold(text, COLUMNS - 2))]


def fold(text: str, columns: int = COLUMNS) -> list[str]:
    """Return the text in lines of at most so many columns."""
    lines = [""]
    for sign in text:
        if measure(lines[-1] + sign) > columns:
            lines.append("")
        lines[-1] += sign
    return lines


def join(blocks: Iterable[str | list[str]]) -> str:
    """Return lines and blocks of lines as one text; an empty line becomes a rule."""
    lines: list[str] = []
    for block in blocks:
        lines += [block or "-" * COLUMNS] if isinstance(block, str) else block
    return "\n".join(lines) + "\n"


def format_local(at: datetime) -> str:
    """Return a time of the database as people at the counter read it."""
    return (at + UTC_OFFSET).strftime("%Y-%m-%d %H:%M:%S")
