"""Kill real MicroPython at points of the campaign: on the virtual board, or on the emulated chip.

The operation runs there under the same watch as on rung 1, and is killed at one of its points. The
meter gets what is left, comes back on the same rung under load, and is switched off in order. Rung
1 goes on from there, does what people do next, and judges by the books.

On the virtual board each kill has a run of its own, whose process ends. The chip runs once; at each
point a child is forked that lives on from there.
"""

import os
import pickle
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from dianka.bench.campaign.cuts import judging
from dianka.bench.campaign.cuts.operation import Operation
from dianka.bench.campaign.cuts.operations import SLOW_LIMIT_PJ
from dianka.bench.campaign.cuts.player import Futures, Player
from dianka.bench.campaign.cuts.remains import Remains, put_back, take
from dianka.bench.campaign.cuts.watch import Point, Watch
from dianka.bench.campaign.forks import format_error
from dianka.bench.campaign.trial import MS, S, Trial
from dianka.bench.rungs.rp2040 import ChipError

VM, CHIP = "vm", "chip"
ERRORS = (AssertionError, RuntimeError, ValueError, KeyError, OSError, ChipError)
# The others begin seconds before a time of day or a settling, which the start would let pass, or
# look into the firmware.
NAMES = (
    "metering", "metering, 300 W", "mains fails", "start", "watchdog", "end of the money",
    "step of a tariff", "overload", "credit", "closing order", "closing order at rest", "opening",
    "credit at rest", "key change", "initialisation", "format 1", "format 2", "format 3",
)  # fmt: skip
_STARTED_US = 4 * S
_DARK_US = 1 * S
# A second of the chip costs five of a processor: no longer than its first looks and the last take.
_LOADED_US = 1 * S
_EMPTIED_US = 500 * MS
_CHILD_S = 600  # of wall time for one child on the chip


@dataclass(frozen=True)
class Left:
    """What a kill has left, alone or with the return and the orderly end, and the energy drawn.

    `number` is the distinct point's.
    """

    number: int
    point: Point
    remains: Remains
    drawn_nj: int


class _Distinct:
    """A `Sink` that calls `act` at each of the chosen points, counted among those that differ."""

    def __init__(
        self, chosen: Callable[[int], bool], act: Callable[[int, Point, Remains], None]
    ) -> None:
        self.count = 0
        self._raw: set[Any] = set()
        self._chosen = chosen
        self._act = act

    def count_same(self, ways: tuple[str, ...]) -> None:
        pass

    def take(self, point: Point, make: Callable[[], Remains]) -> None:
        if point.raw in self._raw:
            return
        self._raw.add(point.raw)
        self.count += 1
        if self._chosen(self.count):
            self._act(self.count, point, make())


class Killing:
    """One operation on a rung of real MicroPython, and its judge on rung 1."""

    def __init__(self, operation: Operation, runner: str, folder: Path, seed: int) -> None:
        self.operation = operation
        self._runner = runner
        self._folder = folder
        self._seed = seed
        self._judge = folder / "judge"
        self._judge.mkdir()
        self._player = Player(operation, self._judge, seed)
        self._begin = self._player.take_start()
        self._runs = 0
        self._futures = Futures()
        self._player.run(self._futures)

    @property
    def points(self) -> int:
        """Return how many distinct points the operation has on rung 1."""
        return len(self._futures.raw)

    def close(self) -> None:
        self._player.close()

    def kill(self, number: int) -> Left | None:
        """Kill a run at its distinct point of this number; None if the run has not so many."""
        with self._make_trial() as trial:

            def strike(count: int, point: Point, remains: Remains) -> None:
                found.append(_kill(trial, count, point, remains))

            found: list[Left] = []
            self._run(trial, _Distinct(lambda count: count == number, strike), found)
            return self._return_and_end(trial, found[0]) if found else None

    def fork(self, every: int, offset: int, jobs: int) -> list[Left | str]:
        """Run once, and fork a child at one in `every` distinct points; return what each has left.

        A child that fails has left the text of its error.
        """
        children: list[Path] = []
        with self._make_trial() as trial:

            def strike(count: int, point: Point, remains: Remains) -> None:
                if found:
                    return  # a child's meter is dead already
                if len(children) >= jobs:
                    os.waitpid(-1, 0)
                children.append(self._folder / f"child{len(children)}")
                if not os.fork():
                    found.append(_kill(trial, count, point, remains))

            found: list[Left] = []
            self._run(
                trial, _Distinct(lambda count: count % every == offset % every, strike), found
            )
            if found:
                self._end_child(trial, found[0], children[-1])
        for _ in children[-jobs:]:
            os.waitpid(-1, 0)
        return [_read_child(path) for path in children]

    def judge(self, left: Left) -> int:
        """Go on from there on rung 1, and return the energy lost, in pJ.

        AssertionError or judging.WrongMoney if a rule is broken.
        """
        limit_pj = SLOW_LIMIT_PJ if self._runner == CHIP else 0
        return self._player.judge_end(left.remains, left.drawn_nj, limit_pj)

    # ****** On the rung of real MicroPython ******

    def _make_trial(self) -> Trial:
        self._runs += 1
        folder = self._folder / f"run{self._runs}"
        folder.mkdir()
        for path in self._judge.glob("*.card"):
            shutil.copy(path, folder)
        trial = Trial(folder, self._runner, seed=self._seed)
        trial.detach()
        put_back(trial, self._begin, self.operation.card)
        return trial

    def _run(self, trial: Trial, sink: Any, killed: list[Left]) -> None:
        """Run the operation under the watch; what fails after a kill is its very effect."""
        if self._player.began_powered:
            trial.rig.switch_mains_on()
            trial.wait(_STARTED_US)
        watch = Watch(trial, sink, self.operation.card, None, self._seed)
        try:
            self.operation.run(trial)
        except ERRORS:
            if not killed:
                raise
        finally:
            watch.stop()

    def _return_and_end(self, trial: Trial, kill: Left) -> Left:
        """Bring the power back under load, and switch the meter off in order."""
        bench, remains = trial.rig.bench, kill.remains
        put_back(trial, remains, self.operation.card)
        begun_nj = bench.mains.energy_nj  # what the dead meter's operation went on to draw is past
        trial.wait(_DARK_US)
        trial.rig.set_load(self.operation.load_mw)
        trial.rig.switch_mains_on()
        trial.wait(_LOADED_US)
        trial.rig.set_load(0)
        trial.wait(_EMPTIED_US)
        trial.rig.switch_mains_off()
        trial.wait(_EMPTIED_US)
        trial.rig.cut_power()
        judging.check_console(self.operation, trial)
        drawn_nj = kill.drawn_nj + bench.mains.energy_nj - begun_nj
        return Left(kill.number, kill.point, take(trial, remains.card), drawn_nj)

    def _end_child(self, trial: Trial, kill: Left, path: Path) -> NoReturn:
        """Live on after the kill, write what is left, and end this process."""
        code = 1
        try:
            signal.alarm(_CHILD_S)
            left: Left | str = self._return_and_end(trial, kill)
        except BaseException as error:
            left = format_error(error)
        try:
            path.write_bytes(pickle.dumps(left))
            code = 0
        finally:
            os._exit(code)


def _kill(trial: Trial, number: int, point: Point, remains: Remains) -> Left:
    trial.cut_now()
    return Left(number, point, remains, trial.rig.bench.mains.energy_nj)


def _read_child(path: Path) -> Left | str:
    return pickle.loads(path.read_bytes()) if path.exists() else "the child has died"
