"""What runs the firmware on the bench, by name: the real MicroPython (rung 2) or CPython (rung 1)."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from dianka.bench.mcu import Mcu
from dianka.firmware import FIRMWARE

POWER_ON = 1  # reset causes as machine.reset_cause counts them on the RP2040
WATCHDOG = 3


class UnknownRunner(Exception):
    """No runner of that name. One line."""


class Runner(Protocol):
    """What runs the firmware on the bench's Mcu. `ended` says how it ended by itself, None while it runs."""

    ended: str | None

    def start(self, cause: int) -> None: ...
    def run_until(self, when_us: int) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


def make(name: str, mcu: Mcu, board: Path, on_line: Callable[[str], None]) -> Runner:
    """The runner called `name`; each brings its own needs, so it is imported only when asked for."""
    if name == "vm":
        from dianka.bench.vm import VmRunner

        return VmRunner(mcu, FIRMWARE, board, on_line)
    if name == "host":
        from dianka.bench.host.runner import HostRunner

        return HostRunner(mcu, FIRMWARE, board, on_line)
    raise UnknownRunner(f"no runner is called {name}: vm (MicroPython) or host (CPython)")
