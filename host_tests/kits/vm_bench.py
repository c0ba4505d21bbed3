"""The bench of the rung 2 tests: an Mcu, a runner, and firmware that is part of the test."""

import textwrap
from pathlib import Path

from dianka.bench.models.clock import Clock
from dianka.bench.models.mcu import Mcu
from dianka.bench.rungs.chips import CHIPS
from dianka.bench.rungs.vm.runner import VmRunner


class VmBench:
    def __init__(self, folder: Path, chip: str = "RP2040") -> None:
        self.clock = Clock()
        self.mcu = Mcu(self.clock)
        self.lines: list[str] = []
        self._main = folder / "main.py"
        self.runner = VmRunner(self.mcu, folder, folder, self.lines.append, CHIPS[chip])

    def boot(self, source: str) -> None:
        self._main.write_text(textwrap.dedent(source))
        self.runner.start()

    def run(self, source: str, until_us: int = 10_000_000) -> list[str]:
        """Boot this firmware, run it, and return the lines it printed."""
        self.boot(source)
        self.runner.run_until(until_us)
        return self.lines

    def lives_until(self, when_us: int) -> bool:
        """Run the firmware on, and return whether it still runs at that time."""
        self.runner.run_until(when_us)
        return self.runner.ended is None

    def __enter__(self) -> "VmBench":
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.close()
