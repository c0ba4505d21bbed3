"""Run statements as they are written, for what has to be quick: the books' side of a sale.

A sale takes some sixteen statements, and the ORM spends longer on building each than the database
on carrying it out (`dianka office figures --only sales`). Statements here are the same text each
time, values apart, so that PostgreSQL prepares them. The caller is in a transaction.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection

_POSTGRESQL = connection.vendor == "postgresql"
# The database's time as a DateTimeField keeps it: the clocks of desks differ.
NOW = "clock_timestamp()" if _POSTGRESQL else "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now') || '000'"


def lock(table: str) -> str:
    """Return what a SELECT ends with that locks the rows of this table, by its name there.

    SQLite has one lock, which the transaction holds already (IMMEDIATE).
    """
    return f" FOR UPDATE OF {table}" if _POSTGRESQL else ""


def hold(series: int, word: str) -> None:
    """Let whoever holds this word of this series wait for the end of the caller's transaction.

    For what no row's lock stands for, such as a sum over the rows of all desks: what is read after
    it has all that former holders have committed. Who holds several takes them by their series,
    lowest first, and waits for no other lock afterwards. SQLite has one lock, as with `lock`.
    """
    if _POSTGRESQL:
        fetch(f"SELECT pg_advisory_xact_lock({series:d}, hashtext(%s::text))", (word,))


def fetch(statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """Return the first row, or None."""
    with _execute(statement, values) as cursor:
        return cursor.fetchone()


def fetch_all(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows, for a statement that has few."""
    with _execute(statement, values) as cursor:
        return cursor.fetchall()


def fetch_value(statement: str, values: Sequence[Any] = ()) -> Any:
    """Return the one value of a statement that always has a row, such as INSERT ... RETURNING."""
    row = fetch(statement, values)
    assert row
    return row[0]


def run(statement: str, values: Sequence[Any] = ()) -> None:
    """Run a statement that returns nothing."""
    with _execute(statement, values):
        pass


def key_value(key: uuid.UUID) -> object:
    """Return a UUID as a statement's value."""
    return key if _POSTGRESQL else key.hex


def time_value(time: datetime) -> object:
    """Return a time as a statement's value."""
    return connection.ops.adapt_datetimefield_value(time)


@contextmanager
def _execute(statement: str, values: Sequence[Any]) -> Iterator[Any]:
    """Yield the cursor of a statement; Django's errors are raised as by its own cursor."""
    if not _POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            yield cursor
        return
    # Django's cursor puts the values into the text, which is then planned anew each time.
    import psycopg

    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement.encode(), values)
        yield cursor
