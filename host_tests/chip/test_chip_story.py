"""Rung 3: a short first day of a meter on the emulated chip, with the files that are flashed.

Judged as on the other rungs: the story's own expectations, what the log says was credited, and the
bench's own count of energy against what the memory chip holds at the end.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

import chip_bench
from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig
from dianka.firmware import load_shared
from ledger import FEN, PJ_PER_WH
from parts import Parts

SOLD_FEN = 130 + 300
PRICE_E4 = 3_000_000
LOAD_W = 2_200
# What meter.py says a cut may cost: a quarter of a watt-hour not committed, and 0.26 s that the
# chip had not told.
UNCOMMITTED_PJ = PJ_PER_WH // 4
UNTOLD_PJ = LOAD_W * 260_000 * 1_000_000
CUTS = 2


class Memory:
    """The memory chip's content, for the firmware's own journal to read."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, address: int, count: int) -> bytes:
        return self._content[address : address + count]


def remembered(rig: Rig) -> Any:
    """What the meter would know after a cut at this very moment."""
    records = load_shared("state")
    payload = (
        Parts()
        .module("journal")
        .Journal(Memory(bytes(rig.bench.fram.content)), records.SIZE)
        .load()
    )
    return records.unpack(payload)


def play(rig: Rig, folder: Path) -> list[str]:
    """The story on this rig; what the firmware logged."""
    lines: list[str] = []
    rig.on_log = lines.append
    stories.play(
        stories.load("first-minute"),
        Player(rig, folder, DeskLine(), Printer(Console(file=io.StringIO()))),
    )
    return lines


def judge(rig: Rig, lines: list[str]) -> None:
    text = "\n".join(lines)
    state = remembered(rig)
    used_pj = rig.bench.mains.energy_nj * 1000
    assert text.count("credited") == 2
    assert "credited 130 fen, count 1" in text and "credited 300 fen, count 2" in text
    assert "Traceback" not in text and "journal: memory" not in text
    assert (state.bought_fen, state.count, state.price_e4) == (SOLD_FEN, 2, PRICE_E4)
    assert (
        state.bought_fen * FEN
        == state.energy_pj * PRICE_E4 + state.balance_fen * FEN - state.remainder
    )
    assert used_pj > 5 * PJ_PER_WH
    assert used_pj - CUTS * UNTOLD_PJ - 2 * UNCOMMITTED_PJ <= state.energy_pj <= used_pj
    assert rig.take_view().relay_closed
    bench = rig.bench
    assert [
        *bench.slot.violations,
        *bench.esam.violations,
        *bench.relay.violations,
        *bench.display.violations,
    ] == []


def test_the_first_minute_on_the_host(tmp_path: Path) -> None:
    """The story itself is right: the judgement of the chip rests on it."""
    rig = Rig(tmp_path, "host")
    judge(rig, play(rig, tmp_path))
    rig.close()


def test_the_first_minute_on_the_chip(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    began_s = time.process_time()
    rig = Rig(tmp_path, "chip")
    lines = play(rig, tmp_path)
    judge(rig, lines)
    assert isinstance(rig.runner, chip_bench.ChipRunner)
    assert [line.violations for line in rig.runner.lines.values()] == [[], []]
    rig.close()
    here_s, there_s = time.process_time() - began_s, (rig.clock.now_us - 3_600_000_000) / 1e6
    record_property(
        "figure",
        f"first-minute on the chip: {there_s:.0f} s at the meter, {here_s:.0f} s of CPU here",
    )
