"""Run one operation under the watch, and play what each cut in it would leave.

The operation runs once. Each point that would leave something new is kept, and each future is
played once: the meter gets what is left, is dark for a second, starts, goes on, and is compared
with the books. Where the controller alone restarts, nothing gets dark (crashes.py). For pairs, the
recovery itself is watched, and what a second cut there leaves is played in the same way.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dianka.bench.campaign.cuts import contact, crashes, judging, records
from dianka.bench.campaign.cuts.books import Books
from dianka.bench.campaign.cuts.change import Change
from dianka.bench.campaign.cuts.operation import Operation
from dianka.bench.campaign.cuts.remains import Remains, Table, take
from dianka.bench.campaign.cuts.watch import RESET, Point, Watch
from dianka.bench.campaign.scenes import Facts, collect_facts
from dianka.bench.campaign.trial import S, Trial

_DARK_US = 1 * S
_LOADED_US = 3 * S
_RESTED_US = 1 * S
_PJ_PER_NJ = 1000


@dataclass
class Future:
    """What some points leave, and the energy that was used by the first and the last of them."""

    point: Point
    remains: Remains
    least_nj: int
    last: Point


class Futures:
    """A `Sink`: all points counted, one future kept for those with the same.

    One in `audit` of the others is kept too, as a twin of the future that it is taken for. Resets
    are counted apart. One of them stands for those that come before something else is stored; the
    chip has counted other energies at each.
    """

    def __init__(self, audit: int = 0) -> None:
        self.points = 0
        self.by_way: Counter[str] = Counter()
        self.raw: set[Any] = set()
        self.kept: dict[Any, Future] = {}
        self.twins: list[tuple[Any, Future]] = []
        self.resets = 0
        self.raw_resets: set[Any] = set()
        self.kept_resets: dict[Any, Future] = {}
        self._audit = audit

    def count_same(self, ways: tuple[str, ...]) -> None:
        resets = ways.count(RESET)
        self.resets += resets
        self.points += len(ways) - resets
        for way in ways:
            self.by_way[way] += 1

    def take(self, point: Point, make: Callable[[], Remains]) -> None:
        self.by_way[point.way] += 1
        if point.way == RESET:
            self.resets += 1
            self.raw_resets.add(point.raw)
            if point.key not in self.kept_resets:
                self.kept_resets[point.key] = Future(point, make(), point.energy_nj, point)
            return
        self.points += 1
        new = point.raw not in self.raw
        self.raw.add(point.raw)
        known = self.kept.get(point.key)
        if known is None:
            self.kept[point.key] = Future(point, make(), point.energy_nj, point)
            return
        known.last = point
        if new and self._audit and point.number * 2_654_435_761 % (1 << 32) % self._audit == 0:
            self.twins.append((point.key, Future(point, make(), point.energy_nj, point)))


class Picked:
    """A `Sink` that keeps the point of one number, for a replay."""

    def __init__(self, number: int) -> None:
        self.found: Future | None = None
        self._number = number

    def count_same(self, ways: tuple[str, ...]) -> None:
        pass

    def take(self, point: Point, make: Callable[[], Remains]) -> None:
        if point.number == self._number:
            self.found = Future(point, make(), point.energy_nj, point)


@dataclass
class Played:
    """How one future has ended: the energy that the cut cost at most, and the meter's word."""

    lost_pj: int
    end: tuple[Any, ...]


def _find_limit_pj(operation: Operation, future: Future) -> int:
    if not future.remains.alive:
        return operation.limit_pj
    hangs = crashes.hangs(future.point.number)
    return operation.hang_limit_pj if hangs else operation.reset_limit_pj


class Player:
    """One operation, its meter, and its books."""

    def __init__(self, operation: Operation, folder: Path, seed: int) -> None:
        self.operation = operation
        self._seed = seed
        operation.furnish(folder)
        self.trial = trial = Trial(folder, seed=seed)
        self._flash = operation.flash() if operation.flash else None
        if self._flash:
            self._flash.attach(trial)
        operation.prepare(trial)
        self._books: Books = judging.begin_books(operation, trial)
        log = records.read_log(trial.rig.bench.fram.content)
        self._former_log = None if operation.blank else log
        changes = "changed_e4" in operation.others
        self._change = Change(trial, self._books, operation.load_mw) if changes else None
        self._begun_nj = trial.rig.bench.mains.energy_nj
        self.began_powered = trial.powered
        self._table = Table(trial, operation.card, self._flash)
        self._ends: tuple[Facts, Facts] | None = None

    def close(self) -> None:
        self.trial.close()

    def run(self, sink: Any) -> None:
        """Run the operation under the watch. AssertionError if it does not do what it should."""
        trial, operation = self.trial, self.operation
        old = collect_facts(trial, operation.scene.card) if operation.scene else {}
        if self._change:
            self._change.await_it()
        watch = Watch(trial, sink, operation.card, self._flash, self._seed, resets=operation.resets)
        try:
            operation.run(trial)
        finally:
            watch.stop()
        if self._change:
            self._change.keep_unbroken()
        if operation.scene:
            if trial.rig.card:
                trial.pull()
            self._ends = old, collect_facts(trial, operation.scene.card)

    def take_start(self) -> Remains:
        """Return what the meter is before the operation, at rest."""
        card = self.operation.card
        return take(self.trial, self.trial.read_card_state(card) if card else None)

    def judge_end(self, remains: Remains, drawn_nj: int, limit_pj: int) -> int:
        """Go on with what another rung has left, and return the energy lost since the start, in pJ.

        `drawn_nj` was drawn there since the start. `limit_pj` holds if the operation's is below it.
        AssertionError or judging.WrongMoney if a rule is broken.
        """
        trial, operation = self.trial, self.operation
        self._table.restore(remains)
        begun_nj = trial.rig.bench.mains.energy_nj
        trial.rig.switch_mains_on()
        trial.wait(_LOADED_US)
        judging.check_start(operation, self._books, trial, self._ends, False)
        contact.check_start(operation, trial, remains.contact)
        operation.again(trial)
        trial.wait(_RESTED_US)
        contact.check_end(operation, trial)
        judging.check_end(operation, self._books, trial, self._ends)
        records.check_log(trial, self._former_log)
        all_nj = self._begun_nj + drawn_nj + trial.rig.bench.mains.energy_nj - begun_nj
        lost_pj = self._books.compute_loss_pj(trial.state, all_nj * _PJ_PER_NJ)
        judging.check_energy(max(limit_pj, operation.limit_pj), lost_pj, lost_pj)
        return lost_pj

    def play(self, future: Future, sink: Any = None, before: Played | None = None) -> Played:
        """Play one future to its end; AssertionError or judging.WrongMoney if a rule is broken.

        With a `sink`, what cuts in the recovery would leave is handed to it. `before` is how the
        recovery has ended in which this cut came.
        """
        trial, operation = self.trial, self.operation
        self._table.restore(future.remains)
        if self._change:
            self._change.await_it()
        begun_nj = trial.rig.bench.mains.energy_nj
        watch = None
        if sink is not None:
            offset_nj = future.last.energy_nj - begun_nj
            watch = Watch(trial, sink, operation.card, self._flash, self._seed, offset_nj)
        try:
            if future.remains.alive:
                crashes.restart(trial, operation, future.remains.alive, future.point.number)
            else:
                trial.wait(_DARK_US)
                trial.rig.set_load(operation.load_mw)
                trial.rig.switch_mains_on()
            trial.wait(_LOADED_US)
            trial.rig.set_load(0)
            if trial.rig.card:
                trial.pull()
            judging.check_start(operation, self._books, trial, self._ends, before is not None)
            contact.check_start(operation, trial, future.remains.contact)
            operation.again(trial)
        finally:
            if watch:
                watch.stop()
        trial.wait(_RESTED_US)
        contact.check_end(operation, trial)
        judging.check_end(operation, self._books, trial, self._ends)
        records.check_log(trial, self._former_log)
        more_nj = trial.rig.bench.mains.energy_nj - begun_nj
        least_pj, most_pj = (
            self._books.compute_loss_pj(trial.state, (energy_nj + more_nj) * _PJ_PER_NJ)
            for energy_nj in (future.least_nj, future.last.energy_nj)
        )
        lost_pj = most_pj - (before.lost_pj if before else 0)
        judging.check_energy(_find_limit_pj(operation, future), least_pj, lost_pj)
        if self._change and not before:
            nj = future.least_nj, future.last.energy_nj, begun_nj
            self._change.check(trial.state, future.remains.time_us, nj, lost_pj)
        return Played(lost_pj, judging.describe_end(trial))
