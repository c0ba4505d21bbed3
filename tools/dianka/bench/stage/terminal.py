"""The terminal's keyboard, key by key, and the promise that terminal and disk are left as they were found."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

# What terminals send for the arrow keys, in normal and in application mode (ECMA-48 CSI and SS3).
_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
_ESCAPE = 0x1B
_ENDS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP, as of a terminal that is closed, leave like any other end, so that everything is tidied up.

    A signal that is ignored already stays so: who has started this with nohup wants it to go on.
    """
    before = {number: signal.getsignal(number) for number in _ENDS}
    heard = [number for number in _ENDS if before[number] != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


class Keyboard:
    """Keys without Enter. As a context manager, whose exit gives the terminal back."""

    def __init__(self, fd: int | None = None) -> None:
        self._fd = sys.stdin.fileno() if fd is None else fd
        self._before: list[Any] = []
        self._pending = b""

    def __enter__(self) -> "Keyboard":
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def wait(self, timeout_ms: int) -> list[str]:
        """The keys pressed, waiting at most this long for the first. A closed terminal reads as q."""
        ready, _, _ = select.select([self._fd], [], [], timeout_ms / 1000)
        if not ready:
            return []
        data = os.read(self._fd, 256)
        if not data:
            return ["q"]
        keys, self._pending = decode(self._pending + data)
        return keys


def decode(data: bytes) -> tuple[list[str], bytes]:
    """(keys, the beginning of an escape sequence whose end is still to come). Keys that nobody needs are left out."""
    keys = []
    at = 0
    while at < len(data):
        if data[at] != _ESCAPE:
            if 0x20 <= data[at] < 0x7F:
                keys.append(chr(data[at]))
            at += 1
            continue
        if data[at + 1 : at + 2] not in (b"", b"[", b"O"):
            at += 1
            continue
        end = at + 2
        while end < len(data) and not 0x40 <= data[end] <= 0x7E:
            end += 1
        if end >= len(data):
            return keys, data[at:]
        arrow = _ARROWS.get(data[end : end + 1])
        if arrow:
            keys.append(arrow)
        at = end + 1
    return keys, b""


def _leave(number: int, frame: FrameType | None) -> None:
    for also in _ENDS:  # a terminal's end often comes twice, by the shell and by make: the second must not stop the tidying up
        signal.signal(also, signal.SIG_IGN)
    raise SystemExit(128 + number)
