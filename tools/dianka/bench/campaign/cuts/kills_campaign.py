"""Play kills of real MicroPython on several processors, and count them.

The points are spread over the operations by the seed. On the virtual board an operation is a task;
on the chip one operation runs after the other, and its children are spread.
"""

import multiprocessing
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from rich.table import Table

from dianka.bench.campaign.cuts import kills, kills_kept
from dianka.bench.campaign.cuts.books import PJ_PER_WH
from dianka.bench.campaign.cuts.campaign import (
    Figures,
    Violation,
    find_operations,
    list_operations,
    make_folder,
    make_violation,
)
from dianka.bench.campaign.cuts.kills import CHIP, ERRORS, Killing, Left
from dianka.bench.campaign.cuts.operation import Operation
from dianka.bench.campaign.cuts.report import sum_fen, sum_up

_PJ_PER_MWH = PJ_PER_WH // 1000
_RUNGS = {kills.VM: "the virtual board", kills.CHIP: "the emulated chip"}


@dataclass(frozen=True)
class Task:
    """So many kills of one operation on a rung."""

    name: str
    runner: str
    kills: int
    seed: int
    jobs: int


def play_all(
    runner: str,
    points: int,
    only: list[str],
    every: int,
    seed: int,
    jobs: int,
    tell: Callable[[int, int], None],
    file: Path | None = None,
    resume: bool = False,
) -> list[Figures]:
    """Play some `points` kills on this rung; of each operation one in `every` of its part.

    It takes hours on the chip: Ctrl-C ends it with the operations that are done. `file` gets them
    one by one; `resume` plays those that it does not have yet.

    KeyError if no operation that can be played there is called so. ValueError if the file is of
    another campaign.
    """
    chosen = [one for one in find_operations(only) if one.name in kills.NAMES]
    if not chosen:
        raise KeyError(f"no such operation is played there: take one of {', '.join(kills.NAMES)}")
    each = max(1, points // len(chosen) // every)
    heading = kills_kept.make_heading(runner, seed, each)
    rows = kills_kept.read(file, heading) if file and resume else []
    done = {row.operation for row in rows}
    tasks = [Task(one.name, runner, each, seed, jobs) for one in chosen if one.name not in done]
    tell(len(rows), len(chosen))
    with (
        multiprocessing.get_context("fork").Pool(
            1 if runner == CHIP else jobs, maxtasksperchild=1
        ) as pool,
        suppress(KeyboardInterrupt),
    ):  # what has ended by then is told
        for figures in pool.imap_unordered(_work, tasks):
            rows.append(figures)
            if file:
                kills_kept.write(file, heading, rows)
            tell(len(rows), len(chosen))
    return sorted(rows, key=lambda row: kills.NAMES.index(row.operation))


def replay(runner: str, name: str, point: int, seed: int) -> Iterator[str]:
    """Play one kill again; give what there is to say. AssertionError if it breaks a rule."""
    operation = _find(name)
    with make_folder() as folder:
        killing = Killing(operation, runner, Path(folder), seed)
        try:
            left = killing.kill(point)
            if left is None:
                raise KeyError(f"there is no point {point} in this operation")
            yield f"killed: {left.point.way}, {left.point.place}"
            lost_pj = killing.judge(left)
            yield f"old or new, nothing lost; {lost_pj // _PJ_PER_MWH} mWh were not charged"
        finally:
            killing.close()


def _find(name: str) -> Operation:
    for operation in list_operations():
        if operation.name == name and name in kills.NAMES:
            return operation
    raise KeyError(f"no operation is called {name}: take one of {', '.join(kills.NAMES)}")


def _work(task: Task) -> Figures:
    figures = _play_operation(task)
    figures.processor_ms = int(
        1000 * sum(os.times()[:4])
    )  # of this process, which has no other task
    return figures


def _play_operation(task: Task) -> Figures:
    operation = _find(task.name)
    figures = Figures(operation.name, operation.session, beyond=operation.beyond)
    with make_folder() as folder:
        try:
            killing = Killing(operation, task.runner, Path(folder), task.seed)
        except ERRORS as error:
            figures.violations.append(make_violation(task.name, 0, 0, error))
            return figures
        try:
            figures.distinct = killing.points
            _play(killing, figures, task)
        except ERRORS as error:
            figures.violations.append(make_violation(task.name, 0, 0, error))
        finally:
            killing.close()
    return figures


def _play(killing: Killing, figures: Figures, task: Task) -> None:
    """Play the kills of one task. On the chip they are spread evenly, else drawn."""
    random, most = Random(f"{task.seed} {task.name}"), killing.points
    if task.runner == CHIP:
        every = max(1, most // task.kills)
        for left in killing.fork(every, random.randrange(every), task.jobs):
            _judge(killing, figures, left)
        return
    for number in sorted(random.sample(range(1, most + 1), min(task.kills, most))):
        try:
            left = killing.kill(number)
        except ERRORS as error:
            figures.played += 1
            figures.violations.append(make_violation(task.name, number, 0, error))
            continue
        if left:  # real MicroPython may do with fewer steps than rung 1
            _judge(killing, figures, left)


def _judge(killing: Killing, figures: Figures, left: Left | str) -> None:
    figures.played += 1
    if isinstance(left, str):
        figures.violations.append(Violation(figures.operation, 0, 0, left))
        return
    figures.ways[left.point.way] += 1
    try:
        lost_pj = killing.judge(left)
    except ERRORS as error:
        figures.violations.append(make_violation(figures.operation, left.number, 0, error))
        return
    figures.most_lost_pj = max(figures.most_lost_pj, lost_pj)


class Report:
    """Says what was found on one rung."""

    def __init__(self, runner: str) -> None:
        self._runner = runner

    def make_table(self, rows: Sequence[Figures]) -> Table:
        made = Table(title=f"killed on {_RUNGS[self._runner]}")
        made.add_column("operation")
        for head in ("distinct", "killed", "lost, doubled fen", "most lost mWh", "violations"):
            made.add_column(head, justify="right")
        for row in (*rows, sum_up(rows)):
            lost_fen, doubled_fen = sum_fen(row.violations)
            made.add_row(
                row.operation,
                f"{row.distinct:,}",
                f"{row.played:,}",
                f"{float(lost_fen):g}, {float(doubled_fen):g}",
                f"{row.most_lost_pj // _PJ_PER_MWH}",
                str(len(row.violations)),
            )
        return made

    def compose_summary(self, rows: Sequence[Figures], seconds: int, seed: int) -> str:
        whole = sum_up(rows)
        lost_fen, doubled_fen = sum_fen(whole.violations)
        return (
            f"{whole.played:,} kills on {_RUNGS[self._runner]} in {seconds} s, seed {seed}: "
            f"{float(lost_fen):g} fen lost, {float(doubled_fen):g} doubled, at most "
            f"{whole.most_lost_pj // _PJ_PER_MWH} mWh lost; {len(whole.violations)} violations"
        )

    def compose_replay(self, violation: Violation, seed: int) -> str:
        words = ["dianka", "bench", "cuts", "--rung", self._runner, "--only", violation.operation]
        if violation.point:  # else the whole operation failed, or a child that told no point
            words += ["--point", str(violation.point)]
        return shlex.join([*words, "--seed", str(seed)])

    def list_figures(
        self, rows: Sequence[Figures], seconds: int, processor_seconds: int, seed: int
    ) -> list[tuple[str, str]]:
        whole = sum_up(rows)
        lost_fen, doubled_fen = sum_fen(whole.violations)
        return [
            (f"`make cuts RUNG={self._runner}`", "figure"),
            ("operations that were played", f"{len(rows)} of {len(kills.NAMES)}"),
            (f"kills on {_RUNGS[self._runner]}", f"{whole.played:,}"),
            ("fen lost, and given twice", f"{float(lost_fen):g}, {float(doubled_fen):g}"),
            ("most energy used and not charged", f"{whole.most_lost_pj // _PJ_PER_MWH} mWh"),
            ("breaches of any rule", str(len(whole.violations))),
            ("seconds of processors", f"{whole.processor_ms // 1000:,}"),
            ("seed", str(seed)),
        ]

    def write_json(
        self, path: Path, rows: Sequence[Figures], seconds: int, seed: int, every: int
    ) -> None:
        """Nothing is left to write: `play_all` has kept each operation as it ended."""
