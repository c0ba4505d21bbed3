"""The runners of the firmware by name, and the protocols that they satisfy.

CPython (rung 1), real MicroPython (rung 2), an emulated chip (rung 3).
"""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from dianka.bench.models.bitline import BitLine
from dianka.bench.models.mcu import Mcu
from dianka.bench.rungs.chips import find_chip
from dianka.bench.rungs.rp2040 import ChipError
from dianka.firmware import BOARDS, FIRMWARE

EMULATED = "RP2040"  # by rung 3
POWER_ON = 1  # reset causes as machine.reset_cause counts them on the RP2040
WATCHDOG = 3


class UnknownRunner(Exception):
    """No runner of that name. One line."""


class UnknownBoard(Exception):
    """No board of that name. One line."""


class Runner(Protocol):
    """Runs the firmware on the bench's Mcu.

    `ended` is None while it runs, else how the firmware ended by itself.
    """

    ended: str | None

    def start(self, cause: int) -> None: ...
    def run_until(self, when_us: int) -> object: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class BitWired(Runner, Protocol):
    """A runner whose T=0 lines may be simulated bit by bit.

    Metal on the contacts acts on such a line itself.
    """

    lines: dict[str, BitLine]  # by name: "CARD", "ESAM"; none where a UART has the characters

    def short_line(self, name: str, low: bool) -> None: ...
    def agree(self, name: str, rate: tuple[int, int]) -> None: ...


@runtime_checkable
class ChipLike(Runner, Protocol):
    """A runner with a flash of its own."""

    def save_flash(self, path: Path) -> None: ...
    def load_flash(self, path: Path) -> None: ...


@runtime_checkable
class Inspectable(Runner, Protocol):
    """A runner whose firmware consists of CPython objects, so that tests can inspect it."""

    modules: dict[str, ModuleType]

    @property
    def meter(self) -> Any: ...


DEFAULT_BOARD = BOARDS / "rp2_pico"  # unless another is named


def find_board(name: str) -> Path:
    """Return the folder of the board of this name; UnknownBoard if there is none."""
    if not (BOARDS / name / "board.toml").is_file():
        known = ", ".join(sorted(path.parent.name for path in BOARDS.glob("*/board.toml")))
        raise UnknownBoard(f"no board is called {name}: there are {known}")
    return BOARDS / name


def make(name: str, mcu: Mcu, board: Path, on_line: Callable[[str], None]) -> Runner:
    """Make the runner called `name`; UnknownRunner if there is none, or if it lacks a package.

    A runner is imported only when asked for: each needs packages of its own.
    """
    if name == "vm":
        from dianka.bench.rungs.vm.runner import VmRunner

        return VmRunner(mcu, FIRMWARE, board, on_line)
    if name == "host":
        from dianka.bench.rungs.host.runner import HostRunner

        return HostRunner(mcu, FIRMWARE, board, on_line)
    if name == "chip":
        return _make_chip_runner(mcu, board, on_line)
    raise UnknownRunner(
        f"no runner is called {name}: "
        "vm (MicroPython), host (CPython) or chip (MicroPython on an RP2040)"
    )


def _make_chip_runner(mcu: Mcu, board: Path, on_line: Callable[[str], None]) -> Runner:
    if (chip := find_chip(board).name) != EMULATED:
        raise UnknownRunner(
            f"the emulated chip is an {EMULATED}, and {board.name} has an {chip}: "
            "take the runner vm"
        )
    try:
        from dianka.bench.rungs.rp2040.image import find_image
        from dianka.bench.rungs.rp2040.runner import ChipRunner

        find_image()
    except ImportError as error:
        raise UnknownRunner(f"{error.name} is not here: pip install -e '.[chip]'") from None
    except ChipError as error:
        raise UnknownRunner(str(error)) from None
    runner = ChipRunner(mcu, FIRMWARE, board, on_line)
    runner.on_reset = lambda why: on_line(f"controller restarts: {why}")
    return runner
