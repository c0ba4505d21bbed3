"""Read the database as it was at one moment, however long that takes and whoever sells meanwhile.

Nobody waits for the reader and he waits for nobody: PostgreSQL keeps the rows as they were for a
REPEATABLE READ transaction, SQLite's write-ahead log for one that was not begun as IMMEDIATE.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_CACHE_KIB, _USUAL_CACHE_KIB = 65_536, 2000  # of SQLite; the latter is its default
# The settings of a desk end a statement after 2 minutes; to read all years may take longer.
_PATIENCE = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL work_mem = '256MB'",
)


@contextmanager
def one_view() -> Iterator[None]:
    """Show one state of the database to all that is read inside; nothing is written inside.

    In a transaction of the caller that transaction says what is seen.
    """
    if connection.vendor == "sqlite":
        with _one_view_of_sqlite():
            yield
        return
    inside = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not inside:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        be_patient()
        yield


def be_patient() -> None:
    """Let the statements of this transaction take as long as they want."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for statement in _PATIENCE:
                cursor.execute(statement)


@contextmanager
def _one_view_of_sqlite() -> Iterator[None]:
    connection.ensure_connection()
    inside = connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if not inside:
            cursor.execute("BEGIN")  # deferred: transaction.atomic would keep the desks waiting
        try:
            yield
        finally:
            if not inside:
                cursor.execute("ROLLBACK")
            cursor.execute(f"PRAGMA cache_size = -{_USUAL_CACHE_KIB}")
