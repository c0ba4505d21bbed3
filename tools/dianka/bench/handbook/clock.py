"""A clock that stands still, in Python and in SQLite: the pictures of two days are alike."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import time_machine

NOW = datetime(2026, 11, 27, 1, 30, tzinfo=UTC)  # a Friday, half past nine at the meters


@contextmanager
def stopped_clock() -> Iterator[None]:
    """Let it be NOW meanwhile, on every connection to SQLite that is made."""
    from django.db.backends.signals import connection_created

    connection_created.connect(_stop_clock)
    with time_machine.travel(NOW, tick=False):
        yield


def _stop_clock(connection: Any = None, **_signal: object) -> None:
    """Give a connection a strftime whose 'now' is NOW; the rest SQLite's own one does."""
    plain = sqlite3.connect(":memory:", check_same_thread=False)
    now = NOW.strftime("%Y-%m-%d %H:%M:%S")

    def format_time(*words: object) -> object:
        told = [now if word in ("now", "NOW") else word for word in words]
        marks = ", ".join("?" * len(told))
        return plain.execute(f"SELECT strftime({marks})", told).fetchone()[0]

    connection.connection.create_function("strftime", -1, format_time, deterministic=True)
