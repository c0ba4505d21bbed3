"""What an act tells of the rows that it has written: the last lines of its detail, one a row.

The act's hash covers them like every word of it. state/ writes them and compares them with the
tables. Words that people type never begin such a line: line breaks are taken out of them.
"""

from collections.abc import Iterable

MARK = "\n= "


def join(detail: str, rows: Iterable[str]) -> str:
    """Return the detail of an act that tells of these rows."""
    words = " ".join(detail.splitlines()) if len(detail.splitlines()) > 1 else detail
    return words + "".join(f"{MARK}{row}" for row in rows)


def split(detail: str) -> tuple[str, list[str]]:
    """Return the words of a detail, and the rows that it tells of."""
    words, *rows = detail.split(MARK)
    return words, rows
