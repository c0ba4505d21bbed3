"""End a long-running command by signals, whether a terminal, a script or nohup started it."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

# Windows has no SIGHUP.
_ENDS = tuple(signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def end_on_signals() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP end the block, so that everything is cleaned up.

    SIGINT raises KeyboardInterrupt even where it was ignored before, as in a job that a script has
    put into the background: a command that uses this promises to end on it. SIGTERM and SIGHUP, as
    sent when a terminal is closed, raise SystemExit, unless they are ignored already: whoever
    started the command with nohup wants it to go on.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDS)}
    heard = [number for number in _ENDS if before[number] != signal.SIG_IGN]
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in heard:
            signal.signal(number, _leave)
        yield
    finally:
        for number in (signal.SIGINT, *heard):
            signal.signal(number, before[number])


def _leave(number: int, frame: FrameType | None) -> None:
    # A closed terminal often signals twice, by the shell and by make: the second signal must not
    # interrupt the cleaning up.
    for also in _ENDS:
        signal.signal(also, signal.SIG_IGN)
    raise SystemExit(128 + number)
