"""Figures of the bench on the machine it runs on: start of the firmware, speed of virtual time, size of the firmware."""

import time

from dianka.bench.rig import Rig, RigError
from dianka.firmware import FIRMWARE

PASSED_US = 600_000_000
BOOT_LIMIT_US = 30_000_000


def measure(rig: Rig) -> list[tuple[str, str]]:
    """(figure, value) rows. Switches this meter's mains on and lets some of its minutes pass."""
    boot_ms = _boot_ms(rig)
    passed_ms = _wait_ms(rig)
    sources = sorted(FIRMWARE.glob("*.py"))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources)
    size = sum(path.stat().st_size for path in sources)
    return [
        ("mains on to display", f"{boot_ms} ms"),
        ("virtual time", f"{PASSED_US // 1000 // passed_ms} x real time"),
        ("firmware", f"{len(sources)} modules, {lines} lines, {size} bytes"),
    ]


def _boot_ms(rig: Rig) -> int:
    began_ns, until_us = time.monotonic_ns(), rig.clock.now_us + BOOT_LIMIT_US
    rig.mains_on()
    while not rig.view().display.strip():
        if rig.clock.now_us > until_us:
            raise RigError("the display stays dark: look at what the firmware prints with dianka bench play")
        rig.wait(10_000)
    return (time.monotonic_ns() - began_ns) // 1_000_000


def _wait_ms(rig: Rig) -> int:
    began_ns = time.monotonic_ns()
    rig.wait(PASSED_US)
    return max((time.monotonic_ns() - began_ns) // 1_000_000, 1)
