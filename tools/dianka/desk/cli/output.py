"""Standard output that may fail: a full disk, a closed pipe, no output at all.

A command prints last, after its work. So when the output fails the work is done, and the failure
has an exit code of its own: 1 would say that the command was refused.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dianka.oneline import say_error

OUTPUT_FAILED = 4  # exit code; docs/operations.md lists them all


class OutputError(Exception):
    """Standard output can't be written. The message is the system's reason."""


class _Output:
    """A text stream that raises OutputError where the real one raises OSError."""

    def __init__(self, stream: Any) -> None:
        self._there = stream is not None  # None: Python was started with its output closed
        self._stream = stream if self._there else io.StringIO()

    def write(self, text: str) -> int:
        if not self._there:
            raise OutputError("it is closed")
        return self._attempt(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._attempt(lambda: self._stream.flush())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _attempt(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except OSError as error:
            raise OutputError(error.strerror or str(error)) from None


@contextmanager
def guard_output() -> Iterator[None]:
    """Run a command whose output may fail.

    On failure write a line to stderr and exit with OUTPUT_FAILED.
    """
    real = sys.stdout
    sys.stdout = _Output(real)
    try:
        try:
            yield
        except SystemExit as ended:
            if ended.code:
                raise
        sys.stdout.flush()
    except OutputError as error:
        advice = "what the command did so far is done, send its output elsewhere"
        say_error(f"the output can't be written ({error}): {advice}")
        _forget_output()
        raise SystemExit(OUTPUT_FAILED) from None
    finally:
        sys.stdout = real


def _forget_output() -> None:
    """Point standard output at the null device, so that the interpreter's last flush succeeds.

    A failure of that flush would change the exit code.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
    finally:
        os.close(nowhere)
