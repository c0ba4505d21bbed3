"""The clock of an office on SQLite, set forward or back: its own function of time is replaced."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def replace_clock(read_difference: Callable[[], timedelta]) -> None:
    """Let the office's connection tell its time that far from the real one."""
    from django.db import connection

    built_in = sqlite3.connect(":memory:", check_same_thread=False)

    def tell(form: str, when: str) -> str:
        if when == "now":
            when = f"{datetime.now(UTC) + read_difference():%Y-%m-%d %H:%M:%S.%f}"[:-3]
        return built_in.execute("SELECT strftime(?, ?)", (form, when)).fetchone()[0]

    connection.ensure_connection()
    for _ in range(2):  # the second time SQLite forgets the statements that it has prepared
        connection.connection.create_function("strftime", 2, tell)
