"""A PostgreSQL of the tests' own, databases in it, and how it is stopped and started again."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_STOPS_S, _LOOK_S = 20, 0.02


class Server:
    """A server that can be stopped. `url` is the address of its own database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    @property
    def pid(self) -> int:
        return self._server.get_pid()

    @contextmanager
    def started_again(self, after_s: float) -> Iterator[None]:
        """Start the server again so long after it was stopped within this block, if it was."""
        ends, pid = threading.Event(), self.pid

        def watch() -> None:
            while not ends.is_set():
                if _is_gone(pid):
                    time.sleep(after_s)
                    self._server.ensure_postgres_running()
                    return
                time.sleep(_LOOK_S)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            ends.set()
            watching.join(timeout=_STOPS_S)
            assert not watching.is_alive()
            self._server.ensure_postgres_running()  # if it was stopped at the very end


def stop(pid: int) -> None:
    """Stop a server in the middle of what it does, and wait until it is gone.

    SIGQUIT is its immediate shutdown: nothing is written any more, and it recovers at its start
    (PostgreSQL's documentation, "Shutting Down the Server").
    """
    os.kill(pid, signal.SIGQUIT)
    until_s = time.monotonic() + _STOPS_S
    while not _is_gone(pid):
        assert time.monotonic() < until_s, "the server does not stop"
        time.sleep(_LOOK_S)


@contextmanager
def serving() -> Iterator[Server]:
    """Yield a new server; skip where pgserver is not installed."""
    pgserver = pytest.importorskip("pgserver", reason="PostgreSQL not run: pip install pgserver")
    # Started by root it runs as a user of its own, who may not look into pytest's folders.
    with tempfile.TemporaryDirectory(prefix="dianka-pg-") as folder:
        server = pgserver.get_server(folder)
        try:
            # The computer stays on, so nothing is lost by it, and a start takes 3 s less.
            run_statement(server.get_uri(), "ALTER SYSTEM SET fsync = off")
            run_statement(server.get_uri(), "SELECT pg_reload_conf()")
            yield Server(server)
        finally:
            server.cleanup()


@contextmanager
def serving_postgresql() -> Iterator[str]:
    """Yield the address of a new server's own database."""
    with serving() as server:
        yield server.url


def new_database(url: str, name: str) -> str:
    """Make an empty database beside the server's own, and return its address."""
    run_statement(url, f'CREATE DATABASE "{name}"')
    return url.replace("/postgres?", f"/{name}?")


def run_statement(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement by itself, and return its rows."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _is_gone(pid: int) -> bool:
    """Return whether a process has ended; where nobody waits for orphans it stays as a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"
