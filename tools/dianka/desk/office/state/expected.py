"""What the acts say that the tables hold, kept on disk while they are compared.

Years of acts tell of more rows than memory holds: a database of SQLite's own without a name, which
it keeps in a temporary file beyond some megabytes, has the last word on each row.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from dianka.desk.office.audit.times import BACK

_CACHE_KIB = 65_536
_KEYS = 500  # of one statement
_MAKE = (
    "CREATE TABLE told (name TEXT, key TEXT, row TEXT, clock INTEGER, at REAL, "
    "odd INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (name, key)) WITHOUT ROWID"
)
# The act with the higher number of its row comes later; one whose time says otherwise is odd.
_TELL = (
    "INSERT INTO told (name, key, row, clock, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    f"odd = odd OR (excluded.clock = clock AND excluded.at < at - {BACK.total_seconds()}), "
    "row = excluded.row, clock = excluded.clock, at = excluded.at"
)


class Told(NamedTuple):
    """What an act says of a row; `row` is None if it is gone, else its values as JSON."""

    name: str  # of the table
    key: str
    row: str | None
    clock: int  # times of the same one tell an order
    time: datetime


class Expected:
    """The last word of the acts on each row of each table."""

    def __init__(self) -> None:
        self._kept = sqlite3.connect("")
        self._kept.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._kept.execute("PRAGMA journal_mode = OFF")
        self._kept.execute("PRAGMA synchronous = OFF")
        self._kept.execute(_MAKE)

    def add(self, told: Iterable[Told]) -> None:
        """Add what acts say, in their order."""
        self._kept.executemany(
            _TELL,
            ((each.name, each.key, each.row, each.clock, each.time.timestamp()) for each in told),
        )

    def find(self, name: str, keys: Sequence[str]) -> dict[str, str | None]:
        """Return what the acts say of these rows of a table, of those that they tell of."""
        found: dict[str, str | None] = {}
        for at in range(0, len(keys), _KEYS):
            some = keys[at : at + _KEYS]
            marks = ",".join("?" * len(some))
            found |= dict(
                self._kept.execute(
                    f"SELECT key, row FROM told WHERE name = ? AND key IN ({marks})", (name, *some)
                )
            )
        return found

    def count(self, name: str) -> int:
        """Return how many rows of a table there should be by the acts."""
        where = "name = ? AND row IS NOT NULL"
        return self._kept.execute(f"SELECT count(*) FROM told WHERE {where}", (name,)).fetchone()[0]

    def forget(self, name: str, keys: Sequence[str]) -> None:
        """Take rows out that are there, so that `list_left` has the others."""
        self._kept.executemany(
            "DELETE FROM told WHERE name = ? AND key = ?", ((name, key) for key in keys)
        )

    def list_left(self, name: str, most: int) -> Iterator[str]:
        """Yield the keys of rows that should be there and were not taken out, up to so many."""
        wanted = "SELECT key FROM told WHERE name = ? AND row IS NOT NULL ORDER BY key LIMIT ?"
        for (key,) in self._kept.execute(wanted, (name, most)):
            yield key

    def list_odd(self, most: int) -> list[tuple[str, str]]:
        """Return tables and keys of rows whose acts are not in the order of their times."""
        wanted = "SELECT name, key FROM told WHERE odd ORDER BY name, key LIMIT ?"
        return self._kept.execute(wanted, (most,)).fetchall()

    def close(self) -> None:
        """Give the file back."""
        self._kept.close()
