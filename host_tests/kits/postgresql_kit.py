"""A PostgreSQL of the tests' own, and databases in it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def serving_postgresql() -> Iterator[str]:
    """Yield the address of a server's own database; skip where pgserver is not installed."""
    pgserver = pytest.importorskip("pgserver", reason="PostgreSQL not run: pip install pgserver")
    # Started by root it runs as a user of its own, who may not look into pytest's folders.
    with tempfile.TemporaryDirectory(prefix="dianka-pg-") as folder:
        server = pgserver.get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def new_database(url: str, name: str) -> str:
    """Make an empty database beside the server's own, and return its address."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return url.replace("/postgres?", f"/{name}?")
