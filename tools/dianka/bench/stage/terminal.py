"""Reads the terminal's keyboard key by key, and leaves the terminal as it was."""

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any

# The final bytes of the arrow keys, in normal and in application mode (ECMA-48 CSI and SS3).
_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
_ESCAPE = 0x1B


class Keyboard:
    """Keys without Enter; a context manager, whose exit restores the terminal.

    `fd` is the terminal, standard input if None.
    """

    def __init__(self, fd: int | None = None) -> None:
        self._fd = sys.stdin.fileno() if fd is None else fd
        self._before: list[Any] = []
        self._pending = b""

    def __enter__(self) -> "Keyboard":
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def wait(self, timeout_ms: int) -> list[str]:
        """Wait at most this long for a key, and return all keys pressed; a closed terminal is q."""
        ready, _, _ = select.select([self._fd], [], [], timeout_ms / 1000)
        if not ready:
            return []
        data = os.read(self._fd, 256)
        if not data:
            return ["q"]
        keys, self._pending = decode(self._pending + data)
        return keys


def decode(data: bytes) -> tuple[list[str], bytes]:
    """Return (keys, the beginning of an escape sequence whose end has not arrived yet).

    Keys without a use are discarded.
    """
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
