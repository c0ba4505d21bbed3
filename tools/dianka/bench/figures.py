"""Figures of the bench on the machine it runs on: start of the firmware, speed of virtual time, the purchase session."""

import time
from pathlib import Path

from dianka.bench import story as stories
from dianka.bench.player import Player, Watcher
from dianka.bench.rig import Rig, RigError
from dianka.deskline import DeskLine
from dianka.firmware import FIRMWARE

PASSED_US = 600_000_000
BOOT_LIMIT_US = 30_000_000
SESSION_LIMIT_US = 10_000_000
CHARACTER_ETU = 12
ETU_NS = 1_000_000_000 // 9600


def measure(rig: Rig, folder: Path, watcher: Watcher) -> list[tuple[str, str]]:
    """(figure, value) rows. Switches this meter's mains on, lets some of its minutes pass, and sells it electricity."""
    boot_ms = _boot_ms(rig)
    passed_ms = _wait_ms(rig)
    session_us, characters, floor_us = _session(rig, folder, watcher)
    sources = sorted(FIRMWARE.glob("*.py"))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources)
    size = sum(path.stat().st_size for path in sources)
    return [
        ("mains on to display, here", f"{boot_ms} ms"),
        ("virtual time, meter idle", f"{PASSED_US // 1000 // passed_ms} x real time"),
        ("purchase session, switch to write-back", f"{session_us // 1000} ms of virtual time"),
        ("characters in it, card and ESAM", f"{characters}, {floor_us // 1000} ms at 12 etu"),
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


def _session(rig: Rig, folder: Path, watcher: Watcher) -> tuple[int, int, int]:
    """(microseconds from the switch to the last character, characters, their floor) of a resident's second purchase.

    The account is opened first, with tariffs and parameters; what is measured is the session of every month.
    """
    desk = DeskLine()
    stories.play(stories.load("new-meter"), Player(rig, folder, desk, watcher))
    _serve(rig)
    desk.run(["sell", "resident.card", "10.00"], folder)
    return _serve(rig)


def _serve(rig: Rig) -> tuple[int, int, int]:
    spoken = [0, rig.clock.now_us]

    def heard(_direction: str, _index: int) -> None:
        spoken[0] += 1
        spoken[1] = rig.clock.now_us

    slot, esam = rig.bench.slot, rig.bench.esam
    began_us = rig.clock.now_us
    rig.insert(Path("resident.card"))
    slot.on_character = esam.on_character = heard
    rig.wait(SESSION_LIMIT_US)
    slot.on_character = esam.on_character = None
    rig.pull()
    rig.wait(1_000_000)
    characters, ended_us = spoken
    return ended_us - began_us, characters, characters * CHARACTER_ETU * ETU_NS // 1000
