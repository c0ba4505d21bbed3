"""Write many rows at once: COPY on PostgreSQL, executemany on SQLite.

Foreign keys and the guards of the database do not look at these rows: whoever makes them keeps
balances and hashes himself, and proves them afterwards. For figures only, in an office without
sales.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from dianka.card_port import CardError

_KEPT = 20_000  # rows of a table, before they are written
_MOVES = "ledger_entry_moves"  # the guard that moves balances
_INDEXES = {
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({tables}) "
    "AND schemaname = current_schema() "
    "AND indexname NOT IN (SELECT conname FROM pg_constraint) ORDER BY indexname",
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' "
    "AND tbl_name IN ({tables}) AND sql IS NOT NULL ORDER BY name",
}


class Bulk:
    """Rows on their way into the tables, whose columns are named once by `table`."""

    def __init__(self) -> None:
        self._columns: dict[str, tuple[str, ...]] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {}

    def table(self, name: str, *columns: str) -> None:
        """Name the columns that the rows of a table will have."""
        self._columns[name], self._rows[name] = columns, []

    def add(self, name: str, *row: Any) -> None:
        """Add a row; it is written when there are enough, or by `flush`."""
        rows = self._rows[name]
        rows.append(row)
        if len(rows) >= _KEPT:
            self._write(name)

    def flush(self) -> None:
        """Write what is left, and let the tables count on from there."""
        for name in self._columns:
            self._write(name)
            if connection.vendor == "postgresql" and "id" in self._columns[name]:
                with connection.cursor() as cursor:
                    cursor.execute(
                        f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), "
                        f"(SELECT greatest(max(id), 1) FROM {name}))"
                    )

    def _write(self, name: str) -> None:
        rows, self._rows[name] = self._rows[name], []
        columns = ", ".join(self._columns[name])
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            elif rows:
                marks = ", ".join(["%s"] * len(self._columns[name]))
                cursor.executemany(
                    f"INSERT INTO {name} ({columns}) VALUES ({marks})",
                    [_to_sqlite(row) for row in rows],
                )


def _to_sqlite(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the row with times as Django stores them: in UTC, without a zone."""
    return tuple(_write_time(value) if type(value) is datetime else value for value in row)


@functools.lru_cache(100)  # one act's rows have the same time
def _write_time(value: datetime) -> str:
    return str(value.astimezone(UTC).replace(tzinfo=None))


@contextmanager
def unguarded() -> Iterator[None]:
    """Switch triggers and foreign keys off for what this process writes inside.

    CardError if the database's role may not.
    """
    if connection.vendor == "postgresql":
        yield from _unguarded_postgresql()
    else:
        yield from _unguarded_sqlite()


@contextmanager
def without_indexes(*tables: str) -> Iterator[None]:
    """Drop the indexes of these tables that are no constraints, and make them anew in the end.

    Years of rows are written in half the time, and each index is then sorted once.
    """
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(tables))
        cursor.execute(_INDEXES[connection.vendor].format(tables=marks), tables)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
    yield
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, made in indexes:
            cursor.execute(made.replace("%", "%%"), [])


def _unguarded_postgresql() -> Iterator[None]:
    from django.db.utils import ProgrammingError

    with connection.cursor() as cursor:
        try:
            cursor.execute("SET session_replication_role = replica")
        except ProgrammingError:
            raise CardError(
                "a large office is made by PostgreSQL's superuser alone: take a database of your "
                "own for figures"
            ) from None
        cursor.execute("SET statement_timeout = 0")
    try:
        yield
    finally:
        connection.close()  # a new connection has its settings again
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("ANALYZE")
        cursor.execute("RESET statement_timeout")


def _unguarded_sqlite() -> Iterator[None]:
    with connection.cursor() as cursor:
        (made,) = cursor.execute(
            "SELECT sql FROM sqlite_master WHERE name = %s", [_MOVES]
        ).fetchone()
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.execute(f"DROP TRIGGER {_MOVES}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(made)
        connection.close()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
