"""Collects the figures of all parts in a table and a JSON file, and lists the limits missed.

A part that can't run here is listed as not run, with the reason. A part that breaks off counts as
missed, and so does a row that a part owes (parts.py) and did not bring.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from dianka.bench.measure.figure import Figure
from dianka.bench.measure.limit import is_met
from dianka.bench.measure.parts import PLANS, Tell
from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.vm.runner import VmError
from dianka.bench.stage.rig import RigError
from dianka.bench.stage.story import StoryError


@dataclass(frozen=True)
class Part:
    """The result of one part: its figures, or why there are none."""

    name: str
    figures: list[Figure] = field(default_factory=list)
    not_run: str = ""  # why it can't be measured here
    failed: str = ""  # why it could not be measured to its end
    wall_ms: int = 0
    rung: str = ""  # on which it was measured

    @property
    def owing(self) -> list[str]:
        """Return the rows that this part owes and did not bring."""
        if self.not_run or self.failed:
            return []
        brought = {figure.name for figure in self.figures}
        return [name for name in PLANS[self.name].owed if name not in brought]

    @property
    def missed(self) -> list[str]:
        """Return one line for each limit missed and each row owed, of a part that ran."""
        lines = [
            f"{f.name}: {f.value} {f.unit}, the limit is {f.limit}"
            for f in self.figures
            if is_met(f) is False
        ]
        lines += [f"{words}: not measured" for words in self.owing]
        return [*lines, f"{self.name} broke off: {self.failed}"] if self.failed else lines


def measure(names: Iterable[str], folder: Path, runner: str, tell: Tell) -> list[Part]:
    """Measure these parts, one after the other; the meters and cards are below this folder."""
    return [_measure_part(name, folder / name, runner, tell) for name in names]


def _measure_part(name: str, folder: Path, runner: str, tell: Tell) -> Part:
    began_ns = time.monotonic_ns()
    folder.mkdir(parents=True, exist_ok=True)
    tell(f"{name} ...")
    plan = PLANS[name]
    lacking = plan.find_lack()
    if lacking:
        return Part(name, not_run=lacking)
    try:
        figures = plan.measure(folder, runner, tell)
    except (ChipError, RigError, StoryError, VmError) as error:
        return Part(name, failed=str(error), wall_ms=_measure_since_ms(began_ns))
    return Part(name, figures, wall_ms=_measure_since_ms(began_ns), rung=plan.get_rung_with(runner))


def _measure_since_ms(began_ns: int) -> int:
    return (time.monotonic_ns() - began_ns) // 1_000_000


# ****** Output for people and programs ******


def make_table(parts: Iterable[Part]) -> Table:
    made = Table("figure", "rung", "value", "limit or goal", "", box=None, pad_edge=False)
    for part in parts:
        made.add_row(f"[bold]{part.name}[/]", "", f"[dim]{part.wall_ms // 1000} s to measure[/]")
        if part.not_run:
            made.add_row("  not run", "", escape(part.not_run))
        if part.failed:
            made.add_row("  broke off", "", escape(part.failed), "", "[bold red]MISSED[/]")
        for figure in part.figures:
            verdict = {None: "", True: "[green]met[/]", False: "[bold red]MISSED[/]"}[
                is_met(figure)
            ]
            value = f"{figure.value:,}" if isinstance(figure.value, int) else figure.value
            value = escape(f"{value} {figure.unit}".strip())
            made.add_row(
                f"  {escape(figure.name)}", part.rung, value, escape(figure.limit), verdict
            )
        for words in part.owing:
            made.add_row(f"  {escape(words)}", "", "not measured", "", "[bold red]MISSED[/]")
    return made


def as_json(parts: Iterable[Part]) -> str:
    return json.dumps([_part_json(part) for part in parts], indent=1, ensure_ascii=False) + "\n"


def _part_json(part: Part) -> dict[str, Any]:
    rows = [
        {"name": f.name, "value": f.value, "unit": f.unit, "limit": f.limit, "met": is_met(f)}
        for f in part.figures
    ]
    return {
        "part": part.name,
        "rung": part.rung,
        "not_run": part.not_run,
        "failed": part.failed,
        "wall_ms": part.wall_ms,
        "owing": part.owing,
        "figures": rows,
    }
