"""The inside of the card process: one job at a time, and word of what changes at the readers.

card_process.py starts this process and asks it. A job that has begun runs to its end even if its
asker dies meanwhile or a signal asks this process to end: the card may be in the middle of a write.
"""

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.readers.watch import Watcher

# What a job whose asker is gone may run longer than its deadline; with an asker, that one ends it.
ORPHAN_S = 1


@dataclass(frozen=True)
class Order:
    """A job: a function of a module, which pickle names, and its arguments."""

    job: Callable[..., Any]
    args: tuple[Any, ...]
    deadline_s: float


@dataclass(frozen=True)
class Answer:
    """What came of a job: its value, or the error that ended it."""

    value: Any = None
    error: Exception | None = None


def serve_jobs(jobs: Connection, news: Connection) -> None:
    """Do the jobs that come until the asker closes its end. The first answer says: ready."""
    ending = _Ending()
    signal.signal(signal.SIGTERM, ending.hear)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asks
    threading.Thread(target=_report_snapshots, args=(news,), daemon=True).start()
    try:
        jobs.send(Answer())
        while not ending.asked:
            order = jobs.recv_bytes()
            with ending.held_back():
                jobs.send_bytes(_do_job(order))
    except (EOFError, OSError):
        return  # nobody is there any more


class _Ending:
    """Obeys SIGTERM at once between two jobs, and after the job within one."""

    def __init__(self) -> None:
        self.asked = False
        self._in_job = False

    def hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if not self._in_job:
            sys.exit()

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        self._in_job = True
        try:
            yield
        finally:
            self._in_job = False


def _report_snapshots(news: Connection) -> None:
    """Send each snapshot that differs from the last, and None for each other: a sign of life."""
    watcher, last = Watcher(), None
    try:
        news.send(None)
        while True:
            snapshot = watcher.take_snapshot()
            news.send(snapshot if snapshot != last else None)
            last = snapshot
    except OSError:
        return  # nobody listens any more


def _do_job(order: bytes) -> bytes:
    """Do a job; return the answer, pickled."""
    with Path(os.devnull).open("w") as nowhere:
        try:
            wanted: Order = pickle.loads(order)
            faulthandler.dump_traceback_later(wanted.deadline_s + ORPHAN_S, exit=True, file=nowhere)
            return pickle.dumps(Answer(wanted.job(*wanted.args)))
        except Exception as error:
            return pickle.dumps(Answer(error=_make_portable(error)))
        finally:
            faulthandler.cancel_dump_traceback_later()


def _make_portable(error: Exception) -> Exception:
    """Return an error of one line that the asker can unpickle; print the stack of one that is none.

    A class whose `__init__` takes other arguments than the line can be pickled and not unpickled.
    """
    if isinstance(error, (CardError, CardTorn)):
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    traceback.print_exception(error)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return CardError(f"the card's job failed ({what}): look what is on the card, then do it again")
