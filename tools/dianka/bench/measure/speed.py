"""Measures how much faster than real time a story is played on rung 2, with each board's own file.

Both times are given: that on the wall, and that of the processors, which other work on the computer
does not lengthen. The limit is for the first.
"""

import io
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dianka.bench.rungs.runners import find_board
from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig

LIMIT = 400  # times real time, of first-day


@dataclass(frozen=True)
class Speed:
    """One story on one board; times in microseconds."""

    board: str
    played_us: int
    wall_us: int
    cpu_us: int

    @property
    def times(self) -> int:
        """Return how many times faster than real time it was on the wall."""
        return self.played_us // self.wall_us


def measure_speed(story: str, board: str) -> Speed:
    """Play a story on this board, unseen. The desk's own work, with its cards, is part of it."""
    steps = stories.load(story)
    with tempfile.TemporaryDirectory(prefix="dianka-") as place:
        folder = Path(place)
        rig = Rig(folder, "vm", find_board(board))
        try:
            printer = Printer(Console(file=io.StringIO()))
            rig.on_log = printer.print_log_line
            began_us, wall_ns, before = rig.clock.now_us, time.monotonic_ns(), os.times()
            stories.play(steps, Player(rig, folder, DeskLine(), printer))
            played_us = rig.clock.now_us - began_us
            wall_us = (time.monotonic_ns() - wall_ns) // 1000
        finally:
            rig.close()
        after = os.times()
    spent = [getattr(after, key) - getattr(before, key) for key in _CPU]
    return Speed(board, played_us, wall_us, round(sum(spent) * 1_000_000))


_CPU = ("user", "system", "children_user", "children_system")
