"""The card process of a desk: owns the readers apart from whatever asks, so that nothing hangs.

PC/SC calls may block without limit. So they are made in a process of its own, which does one job at
a time; a job that has not ended by its deadline is ended with its process, and a new one is
started. Its watcher says all day long what changes at the readers.

    with CardProcess() as cards:
        found = cards.run(read_resident_card, Roles(), deadline_s=20)

The asker's death ends no job halfway: the process ends after it.
"""

import atexit
import contextlib
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, TypeVar

from dianka.card_port import CardError
from dianka.readers.card_worker import Answer, Order, serve_jobs
from dianka.readers.changes import NO_SNAPSHOT, Event, Snapshot, compare_snapshots

_START_S = 30  # for a Python process that imports all that cards need, on a busy machine
_SILENT_S = 10  # of a watcher that says something each second: the card service hangs
_END_S = 5
_POLL_S = 0.5
_KEPT = 1000  # events, for a listener that is slow
SILENT = Snapshot(
    trouble="the card service does not answer: restart it (pcscd), or unplug the readers and plug "
    "them in again"
)
_NO_START = "the card process does not start: start the desk again"
NOT_STARTED = Snapshot(trouble=_NO_START)
_SHIELDED = {
    getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, "pthread_sigmask")
}

Value = TypeVar("Value")


class CardsBusyError(CardError):
    """Another job was not done in time. The message is one line; nothing was begun."""


class JobLostError(CardError):
    """A job ended without an answer: what it did to its card is not known."""


class CardProcess:
    """The process, started at once and again whenever it ends, until `close`."""

    def __init__(self) -> None:
        self._turn = threading.Lock()  # one job at a time
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._snapshot = NO_SNAPSHOT
        self._events: deque[tuple[int, Event]] = deque(maxlen=_KEPT)
        self._count = 0
        self._pause_s = _POLL_S  # before a process that has ended is started again
        self._owed: tuple[_Worker, float] | None = None  # a job that nobody waits for any more
        self._worker = _Worker()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        atexit.register(self.close)

    def __enter__(self) -> "CardProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def snapshot(self) -> Snapshot:
        """Return what is in the readers now."""
        return self._snapshot

    def events(self) -> Iterator[Event]:
        """Yield what there is, then what changes, until `close`.

        Of a listener that falls behind by more than 1000 events the oldest are dropped.
        """
        with self._changed:
            heard, pending = self._count, list(compare_snapshots(NO_SNAPSHOT, self._snapshot))
        while pending or not self._closing.is_set():
            yield from pending
            heard, pending = self._await_events(heard)

    def run(self, job: Callable[..., Value], *args: Any, deadline_s: float) -> Value:
        """Do a job in the process and return its value, or raise the error that ended it.

        `job` is a function of a module, with plain arguments. A job before it may last up to
        `deadline_s`, then this one has that long for itself. Raise CardsBusyError if it did not get
        its turn, JobLostError if it was ended without an answer.
        """
        until_s = time.monotonic() + deadline_s
        if not self._turn.acquire(timeout=deadline_s):
            raise CardsBusyError("the readers are busy with another card: wait and do it again")
        try:
            if self._closing.is_set():
                raise CardError("the card process has ended: start the desk again")
            self._await_owed_answer(until_s)
            answer = self._ask(Order(job, args, deadline_s))
        finally:
            self._turn.release()
        if answer.error:
            raise answer.error
        return answer.value

    def close(self) -> None:
        """End the process, after the job in hand or at that job's deadline."""
        atexit.unregister(self.close)
        self._closing.set()
        with self._turn:  # whoever waits for an answer has a deadline
            until_s = self._owed[1] if self._owed else 0
            self._worker.end(max(until_s - time.monotonic(), 0) + _END_S)
        self._listener.join(_END_S)

    def _ask(self, order: Order) -> Answer:
        """Send a job to a process that is ready; return its answer."""
        worker = self._get_ready()
        self._owed = worker, time.monotonic() + order.deadline_s
        answer = worker.receive(order.deadline_s) if worker.send(order) else None
        self._owed = None
        if answer is None:
            late = worker.is_alive()
            self._replace(worker)
            raise JobLostError(
                (_format_late(order.deadline_s) if late else "the card process ended")
                + ": take the card out, put it in again and look what is on it"
            )
        return answer

    def _get_ready(self) -> "_Worker":
        """Return the process as soon as it takes jobs."""
        for _ in range(2):
            worker = self._worker
            if worker.await_ready():
                return worker
            self._replace(worker)
        raise CardError(_NO_START)

    def _await_owed_answer(self, until_s: float) -> None:
        """Wait for the end of a job whose asker was interrupted. It may be writing to a card."""
        if self._owed is None:
            return
        worker, owed_s = self._owed
        now_s = time.monotonic()
        if worker.receive(max(min(owed_s, until_s) - now_s, 0)) is None:
            if worker.is_alive() and until_s < owed_s:
                raise CardsBusyError("the readers are busy with another card: wait and do it again")
            self._replace(worker)
        self._owed = None

    def _replace(self, worker: "_Worker") -> None:
        """End this process and start a new one, unless somebody did already.

        Whoever calls this has the turn.
        """
        if self._worker is worker:
            worker.kill()
            if not self._closing.is_set():
                self._worker = _Worker()

    def _listen(self) -> None:
        """Take the watcher's word; start the process again when it has ended, or hangs."""
        while not self._closing.is_set():
            worker = self._worker
            if not self._hear(worker):
                with contextlib.suppress(OSError):  # no more processes for now: next time
                    self._replace_if_idle(worker)

    def _hear(self, worker: "_Worker") -> bool:
        """Take the next word of this process, if any; return False if it has ended or hangs."""
        try:
            if worker.news.poll(_POLL_S):
                self._take_snapshot(worker.hear(self._snapshot))
            elif worker.is_silent():
                self._take_snapshot(SILENT)
                return False
        except (EOFError, OSError):
            if worker.has_spoken:
                self._pause_s = _POLL_S
            else:
                self._take_snapshot(NOT_STARTED)
                self._pause_s = min(self._pause_s * 2, _START_S)
            self._closing.wait(self._pause_s)
            return False
        return True

    def _replace_if_idle(self, worker: "_Worker") -> None:
        # A job has a deadline, and whoever waits for it sees to the process.
        if self._turn.acquire(blocking=False):
            try:
                if self._owed is None or not worker.is_alive():
                    self._replace(worker)
            finally:
                self._turn.release()

    def _await_events(self, heard: int) -> tuple[int, list[Event]]:
        """Return the events after number `heard`, if any come, and the number of the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > heard, _POLL_S)
            return self._count, [event for number, event in self._events if number > heard]

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        with self._changed:
            for event in compare_snapshots(self._snapshot, snapshot):
                self._count += 1
                self._events.append((self._count, event))
            self._snapshot = snapshot
            self._changed.notify_all()


class _Worker:
    """One run of the process, with our ends of its pipes."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.jobs, jobs = context.Pipe()
        self.news, news = context.Pipe(duplex=False)
        self._process = context.Process(target=serve_jobs, args=(jobs, news), name="dianka cards")
        self._ready = False
        self._snapshot: Snapshot | None = None
        self.has_spoken = False
        self._heard_s = time.monotonic()
        _start_shielded(self._process)
        jobs.close()
        news.close()

    def await_ready(self) -> bool:
        """Return whether the process takes jobs, as soon as it does."""
        self._ready = self._ready or self.receive(_START_S) is not None
        return self._ready and self.is_alive()

    def send(self, order: Order) -> bool:
        """Return whether the job was sent; not if the process has ended."""
        try:
            self.jobs.send(order)
        except OSError:
            self._process.join(_END_S)
            return False
        return True

    def receive(self, wait_s: float) -> Answer | None:
        """Return the next answer, None if there is none in time or the process has ended."""
        try:
            return self.jobs.recv() if self.jobs.poll(wait_s) else None
        except (EOFError, OSError):
            self._process.join(_END_S)
            return None

    def hear(self, before: Snapshot) -> Snapshot:
        """Return the watcher's next word."""
        self._snapshot = self.news.recv() or self._snapshot
        self._heard_s, self.has_spoken = time.monotonic(), True
        return self._snapshot or before

    def is_silent(self) -> bool:
        """Return whether the watcher has said nothing for too long."""
        limit_s = _SILENT_S if self.has_spoken else _START_S
        return time.monotonic() - self._heard_s > limit_s

    def is_alive(self) -> bool:
        """Return whether the process has not ended; unlike Process.is_alive, from any thread."""
        return not wait([self._process.sentinel], 0)

    def end(self, wait_s: float) -> None:
        """Let the process end after its job; kill it if it does not within `wait_s`."""
        self.jobs.close()
        self._process.join(wait_s)
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.join(_END_S)


def _start_shielded(process: BaseProcess) -> None:
    """Start a process that hears no Ctrl-C and no closed terminal.

    A terminal sends these to all its processes; this one ends by its pipe, after its job.
    """
    if not _SHIELDED:
        process.start()
        return
    resource_tracker.ensure_running()  # its own start takes the shield away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SHIELDED)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _format_late(deadline_s: float) -> str:
    return f"the card or its reader did not answer within {deadline_s:g} s"
