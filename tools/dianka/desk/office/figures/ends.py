"""End a desk's work by force: kill its process, or pull its card, at a chosen moment.

The work runs in a process of its own (`run_apart`), with a screen of which its caller reads the
lines: what was not written before a kill was never said. The caller has closed its connections to
the database, or both would share one.
"""

import itertools
import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from django.db import connection

from dianka.card_port import CardError, CardPort
from dianka.cardos.chip import CardTorn

_SCREEN = 9  # the descriptor of a child's screen
Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class End:
    """How work ends early: "pull" or "command" at the nth command to the card, "statement".

    `done`: after that command, not before it.
    """

    how: str
    at: int
    done: bool


class EndedPort:
    """A card port whose card is pulled, or whose desk is killed, at the nth command."""

    def __init__(self, port: CardPort, end: End) -> None:
        self._port, self._end, self._left = port, end, end.at

    @property
    def struck(self) -> bool:
        """Return whether it has come to that command."""
        return self._left <= 0

    def power_on(self) -> bytes:
        return self._port.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        self._left -= 1
        if self._left:
            return self._port.process(apdu)
        if self._end.done:
            self._port.process(apdu)
        if self._end.how == "pull":
            raise CardTorn("pulled")
        return die()


def kill_at_statement(at: int) -> None:
    """Kill this process before its nth statement: what was committed before it stays."""
    left = itertools.count(at - 1, -1)

    def execute(act: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> object:
        return act(sql, params, many, context) if next(left) else die()

    connection.execute_wrappers.append(execute)


def die() -> NoReturn:
    """End this process as a power cut ends it."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlives SIGKILL")


def say(**line: object) -> None:
    """Print a line as a clerk's screen would, in the process of `run_apart`."""
    os.write(_SCREEN, (json.dumps(line) + "\n").encode())


def run_apart(act: Callable[[], None], delay_s: float) -> tuple[Lines, bool]:
    """Run `act` in a process of its own, killed after so long; return its lines, and if it was."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _run_child(act, writing)
    os.close(writing)
    until, text, killed = time.monotonic() + delay_s, b"", False
    with os.fdopen(reading, "rb", buffering=0) as screen:
        while True:
            left_s = max(until - time.monotonic(), 0)
            if not killed and not select.select([screen], [], [], left_s)[0]:
                os.kill(pid, signal.SIGKILL)
                killed = True
            part = screen.read(4096)
            if not part:
                break
            text += part
    _, status = os.waitpid(pid, 0)
    return [json.loads(line) for line in text.splitlines()], os.WIFSIGNALED(status)


def _run_child(act: Callable[[], None], screen: int) -> NoReturn:
    os.dup2(screen, _SCREEN)
    try:
        act()
    except (CardError, CardTorn) as error:
        say(refused=str(error))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
