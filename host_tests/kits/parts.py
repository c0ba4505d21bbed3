"""Loads single firmware modules for tests of one part, as rung 1 loads them, on an empty bench."""

import types
from collections.abc import Coroutine
from typing import Any

from dianka.bench.models.clock import Clock
from dianka.bench.models.mcu import Mcu
from dianka.bench.rungs.host.runner import HostRunner
from dianka.firmware import BOARDS, FIRMWARE


class Parts:
    """A controller after a reset: `parts.module("account")`, and an Mcu to attach models to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.mcu = Mcu(self.clock)
        self.lines: list[str] = []
        self.runner = HostRunner(self.mcu, FIRMWARE, BOARDS / "rp2_pico", self.lines.append)
        self.runner.prepare()

    def module(self, name: str) -> types.ModuleType:
        return self.runner.import_module(name)

    def machine(self) -> types.ModuleType:
        return self.runner.modules["machine"]

    def run(self, coroutine: Coroutine[Any, Any, Any], within_us: int = 60_000_000) -> Any:
        """Run a coroutine of the firmware, and return its result.

        It must end within `within_us` of virtual time.
        """
        results: list[Any] = []
        run = self.runner.modules["asyncio"].run
        fiber = self.runner.enter(lambda: results.append(run(coroutine)))
        self.runner.run_until(self.clock.now_us + within_us)
        assert fiber.dead, f"still running after {within_us} us"
        return results[0]
