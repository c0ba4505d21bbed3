"""Signals during a sale: noted at once, obeyed between two commands to a card.

A handler that raised at any point of the program could do so between a command and the note that it
was sent, or inside a clean-up that swallows the exception. The clerk would then get a wrong message
or none.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]  # Windows has no HUP
_EXIT_CODE = 128  # plus the signal's number, as in shells


class Interrupted(KeyboardInterrupt):
    """The desk was told to stop by signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = _EXIT_CODE + number


class Interruptions:
    """Hold SIGINT, SIGTERM and SIGHUP back while this is entered, once or nested.

    `raise_if_heard` obeys them. A signal that was ignored before stays ignored (nohup). Handlers
    belong to the main thread: in another thread nothing is held back.
    """

    def __init__(self) -> None:
        self._number = 0
        self._entered = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruptions":
        self._entered += 1
        if self._entered == 1 and threading.current_thread() is threading.main_thread():
            self._number = 0
            for number in _SIGNALS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):  # None: not installed by Python
                    self._before[number] = before
                    signal.signal(number, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered -= 1
        if not self._entered:
            for number, before in self._before.items():
                signal.signal(number, before)
            self._before.clear()

    def raise_if_heard(self) -> None:
        """Raise Interrupted if a signal has arrived."""
        if self._number:
            raise Interrupted(self._number)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._number = self._number or number


held = Interruptions()  # one for the process, as signals belong to the process


@contextmanager
def obey_at_once() -> Iterator[None]:
    """Let a signal end a wait for a person, also where it is held back otherwise.

    Nothing is sent to a card meanwhile. A signal that was ignored before stays ignored.
    """
    before: dict[int, Any] = {}

    def end(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    try:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
