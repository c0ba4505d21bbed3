"""Firmware modules one at a time, for tests of a part alone.

Loaded as rung 1 loads them, on an empty bench.
"""

import types
from collections.abc import Coroutine
from typing import Any

from dianka.bench.models.clock import Clock
from dianka.bench.models.mcu import Mcu
from dianka.bench.rungs.host.runner import HostRunner
from dianka.firmware import BOARDS, FIRMWARE


class Parts:
    """A controller fresh from reset: `parts.module("account")`, and the Mcu whose ports and pins
    models can be put on.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.mcu = Mcu(self.clock)
        self.lines: list[str] = []
        self.runner = HostRunner(self.mcu, FIRMWARE, BOARDS / "virtual", self.lines.append)
        self.runner.prepare()

    def module(self, name: str) -> types.ModuleType:
        return self.runner.module(name)

    def machine(self) -> types.ModuleType:
        return self.runner.modules["machine"]

    def run(self, coroutine: Coroutine[Any, Any, Any], within_us: int = 60_000_000) -> Any:
        """What a coroutine of the firmware returns; it must end within so much virtual time."""
        results: list[Any] = []
        run = self.runner.modules["asyncio"].run
        fiber = self.runner.enter(lambda: results.append(run(coroutine)))
        self.runner.run_until(self.clock.now_us + within_us)
        assert fiber.dead, f"still running after {within_us} us"
        return results[0]
