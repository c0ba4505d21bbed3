"""Measures the bench on this computer: start, speed of virtual time, size of the source."""

import time
from pathlib import Path

from dianka.bench.measure.figure import Figure
from dianka.bench.stage.rig import Rig, RigError
from dianka.firmware import FIRMWARE

PASSED_US = 600_000_000
BOOT_LIMIT_US = 30_000_000


def measure_bench(folder: Path, runner: str) -> list[Figure]:
    """Switch a new meter on, let ten minutes of virtual time pass, and return the figures.

    RigError if the display stays dark for `BOOT_LIMIT_US`.
    """
    rig = Rig(folder, runner)
    try:
        boot_ms = _measure_boot_ms(rig)
        passed_ms = _measure_wait_ms(rig)
    finally:
        rig.close()
    sources = sorted(FIRMWARE.glob("*.py"))
    return [
        Figure("mains on to display, on this computer", boot_ms, "ms", ""),
        Figure(
            "virtual time with an idle meter, on this computer",
            PASSED_US // 1000 // passed_ms,
            "x real time",
            "",
        ),
        Figure("firmware, modules", len(sources), "files", ""),
        Figure("firmware, source", sum(path.stat().st_size for path in sources), "bytes", ""),
    ]


def _measure_boot_ms(rig: Rig) -> int:
    began_ns, until_us = time.monotonic_ns(), rig.clock.now_us + BOOT_LIMIT_US
    rig.switch_mains_on()
    while not rig.take_view().display.strip():
        if rig.clock.now_us > until_us:
            raise RigError(
                "the display stays dark: look at what the firmware prints with dianka bench play"
            )
        rig.wait(10_000)
    return (time.monotonic_ns() - began_ns) // 1_000_000


def _measure_wait_ms(rig: Rig) -> int:
    began_ns = time.monotonic_ns()
    rig.wait(PASSED_US)
    return max((time.monotonic_ns() - began_ns) // 1_000_000, 1)
