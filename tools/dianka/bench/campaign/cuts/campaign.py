"""Play the whole campaign on several processors, and count.

A task is one operation, or a share of one: its process runs the operation for itself and plays
every so manyth future. All is drawn from one seed, so the futures have the same order everywhere,
and the number of a point finds it again.
"""

import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from dianka.bench.campaign.cuts import chip_restarts, operations, sessions
from dianka.bench.campaign.cuts.judging import TooMuchLost, WrongMoney
from dianka.bench.campaign.cuts.operation import Operation
from dianka.bench.campaign.cuts.player import Future, Futures, Picked, Played, Player
from dianka.bench.campaign.forks import Unforkable, format_error
from dianka.bench.campaign.trial import Trial

AUDIT = 400  # of so many points that are taken for the same as another, one is played
SAMPLE = 10  # with one future in so many, running the operation takes longest
AT_LEAST = 4  # futures of each operation that a sample plays
_MOST_VIOLATIONS = 20  # of one task: what is broken everywhere need not be played everywhere
# Chips' files are synced to the disk: in memory that takes no time.
_MEMORY = Path("/dev/shm")
ERRORS = (AssertionError, RuntimeError, ValueError, KeyError, OSError)


@dataclass
class Violation:
    """A cut, or a pair, that broke a rule, and the fen that it cost or gave away."""

    operation: str
    point: int
    then: int
    text: str
    lost_fen: Fraction = Fraction(0)
    doubled_fen: Fraction = Fraction(0)


@dataclass
class Figures:
    """The figures of one operation; those of its shares add up.

    `points`: cuts at every byte in every way. `distinct`: those whose remains differ in some bit.
    `played`: those whose remains have a future of their own. `audited`: played although taken for
    the same as another one. The same of pairs.
    """

    operation: str
    session: bool = False
    points: int = 0
    distinct: int = 0
    played: int = 0
    audited: int = 0
    pair_points: int = 0
    pairs: int = 0
    pairs_played: int = 0
    most_lost_pj: int = 0
    most_excess_pj: int = 0  # charged and not used
    processor_ms: int = 0  # told for kills alone
    beyond: str = ""
    ways: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: "Figures") -> None:
        for name in (
            "points", "distinct", "played", "audited", "pair_points", "pairs", "pairs_played",
            "processor_ms",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.most_lost_pj = max(self.most_lost_pj, other.most_lost_pj)
        self.most_excess_pj = max(self.most_excess_pj, other.most_excess_pj)
        self.ways += other.ways
        self.violations += other.violations


@dataclass(frozen=True)
class Task:
    """A share of an operation: of its futures, one in `every`, and of these one in `shares`.

    Without `pairs`, no recovery is cut.
    """

    name: str
    share: int
    shares: int
    every: int
    seed: int
    pairs: bool


def make_violation(name: str, point: int, then: int, error: BaseException) -> Violation:
    """Return the violation that this error is."""
    fen = Fraction(error.fen) if isinstance(error, WrongMoney) else Fraction(0)
    none = Fraction(0)
    return Violation(name, point, then, format_error(error), max(-fen, none), max(fen, none))


def list_operations() -> list[Operation]:
    return operations.list_operations() + sessions.list_operations()


def find_operations(only: list[str]) -> list[Operation]:
    """Return the operations of these names, or with these words in their names.

    KeyError if there is none for one of them.
    """
    every = list_operations()
    unknown = [word for word in only if not any(word in operation.name for operation in every)]
    if unknown:
        names = ", ".join(operation.name for operation in every)
        raise KeyError(f"no operation is called {unknown[0]}: take one of {names}")
    names = {operation.name for operation in every}
    parts = [word for word in only if word not in names]
    return [
        operation
        for operation in every
        if not only or operation.name in only or any(word in operation.name for word in parts)
    ]


def play_all(
    only: list[str],
    every: int,
    seed: int,
    jobs: int,
    tell: Callable[[int, int], None],
    pairs: bool = True,
) -> list[Figures]:
    """Play these operations with so many processes. `tell` is called with tasks done and all."""
    if "fork" not in multiprocessing.get_all_start_methods():
        raise Unforkable("operations are played in forked processes: run it on Linux or macOS")
    chosen = find_operations(only)
    tasks = [
        Task(operation.name, share, _count_shares(operation, every), every, seed, pairs)
        for operation in sorted(chosen, key=lambda one: (-one.shares, -one.pairs))
        for share in range(_count_shares(operation, every))
    ]
    rows = {one.name: Figures(one.name, one.session, beyond=one.beyond) for one in chosen}
    if not only:
        rows[chip_restarts.NAME] = Figures(chip_restarts.NAME)
        tasks.insert(0, Task(chip_restarts.NAME, 0, 1, every, seed, pairs))
    tell(0, len(tasks))
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for done, figures in enumerate(pool.imap_unordered(_work, tasks), 1):
            rows[figures.operation].add(figures)
            tell(done, len(tasks))
    return list(rows.values())


def _count_shares(operation: Operation, every: int) -> int:
    """Return how many processes an operation is worth: each runs it for itself first."""
    return operation.shares if every < SAMPLE else 1


def replay(name: str, point: int, then: int, seed: int) -> Iterator[str]:
    """Play one cut, or a pair, again; give what there is to say, line by line.

    AssertionError if it breaks a rule, KeyError if there is no such operation or point.
    """
    operation = next((one for one in list_operations() if one.name == name), None)
    if operation is None:
        raise KeyError(f"no operation is called {name}: give its whole name")
    with make_folder() as folder:
        player = Player(operation, Path(folder), seed)
        try:
            picked = Picked(point)
            player.run(picked)
            yield from _replay(player, picked, then)
        finally:
            player.close()


def _replay(player: Player, picked: Picked, then: int) -> Iterator[str]:
    first = _take(picked, "in this operation")
    yield f"cut: {first.point.way}, {first.point.place}"
    second, before = Picked(then), None
    if then:
        before = player.play(first, second)
        first = _take(second, "in its recovery")
        yield f"and cut again: {first.point.way}, {first.point.place}"
    try:
        played = player.play(first, None, before)
    finally:
        yield from player.trial.lines
    yield f"old or new, nothing lost; {played.lost_pj // 3_600_000_000_000} mWh were not charged"


def _take(picked: Picked, where: str) -> Future:
    if picked.found is None:
        raise KeyError(f"there is no point of this number {where}")
    return picked.found


def make_folder() -> tempfile.TemporaryDirectory[str]:
    place = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="dianka-", dir=place)


def _work(task: Task) -> Figures:
    if task.name == chip_restarts.NAME:
        return _restart_chips(task)
    operation = next(one for one in list_operations() if one.name == task.name)
    figures = Figures(operation.name, operation.session)
    with make_folder() as folder:
        try:
            player = Player(operation, Path(folder), task.seed)
        except ERRORS as error:
            text = f"its meter can't be made: {format_error(error)}"
            figures.violations.append(Violation(operation.name, 0, 0, text))
            return figures
        try:
            _Worker(player, figures, task).play()
        finally:
            player.close()
    return figures


def _restart_chips(task: Task) -> Figures:
    cases = chip_restarts.CASES[:: task.every]
    figures = Figures(task.name, points=len(cases), distinct=len(cases), played=len(cases))
    with make_folder() as folder, Trial(Path(folder), seed=task.seed) as trial:
        chip_restarts.make(trial)
        for number, case in enumerate(cases, 1):
            try:
                lost_pj = chip_restarts.play(trial, case)
            except ERRORS as error:
                figures.violations.append(Violation(task.name, number, 0, format_error(error)))
                continue
            figures.most_lost_pj = max(figures.most_lost_pj, lost_pj)
            figures.most_excess_pj = max(figures.most_excess_pj, -lost_pj)
    return figures


class _Worker:
    """Plays the futures of one task."""

    def __init__(self, player: Player, figures: Figures, task: Task) -> None:
        self._player = player
        self._figures = figures
        self._task = task
        self._first = Futures(AUDIT)
        self._seen: set[object] = set()  # second futures that were played

    def play(self) -> None:
        figures, task, first = self._figures, self._task, self._first
        try:
            self._player.run(first)
        except ERRORS as error:
            self._note(0, 0, error)
            return
        if not task.share:
            figures.points, figures.distinct = first.points, len(first.raw)
            figures.ways.update(first.by_way)
        every = max(1, min(task.every, len(first.kept) // AT_LEAST))
        taken = {
            key: number
            for number, key in enumerate(first.kept)
            if number % (every * task.shares) == every * task.share
        }
        ends = {}
        for key, number in taken.items():
            if len(figures.violations) < _MOST_VIOLATIONS:
                ends[key] = self._play_one(first.kept[key], number)
        for key, twin in first.twins:
            if ends.get(key) and len(figures.violations) < _MOST_VIOLATIONS:
                self._audit(ends[key], twin)

    def _play_one(self, future: Future, number: int) -> Played | None:
        """Play one future, and the pairs that begin with it."""
        pairs = self._player.operation.pairs if self._task.pairs else 0
        second = Futures() if pairs and not number % pairs else None
        self._figures.played += 1
        played = self._try(future, second)
        if played and second:
            self._play_pairs(future, second, played)
        return played

    def _play_pairs(self, future: Future, second: Futures, first: Played) -> None:
        figures = self._figures
        figures.pair_points += second.points
        figures.pairs += len(second.raw)
        for number, (key, then) in enumerate(second.kept.items()):
            if key in self._seen or key in self._first.kept or number % min(self._task.every, 5):
                continue
            self._seen.add(key)
            if len(figures.violations) < _MOST_VIOLATIONS:
                figures.pairs_played += 1
                self._try(then, None, (future, first))

    def _audit(self, end: Played, twin: Future) -> None:
        self._figures.audited += 1
        played = self._try(twin)
        if played and played.end != end.end:
            text = f"it ends otherwise than its twin: {played.end}, not {end.end}"
            self._note(twin.point.number, 0, AssertionError(text))

    def _try(
        self,
        future: Future,
        sink: Futures | None = None,
        before: tuple[Future, Played] | None = None,
    ) -> Played | None:
        """Play a future, the second of a pair if `before` is its first; note what is wrong."""
        try:
            played = self._player.play(future, sink, before[1] if before else None)
        except ERRORS as error:
            point = future.last if isinstance(error, TooMuchLost) else future.point
            numbers = (before[0].last.number, point.number) if before else (point.number, 0)
            self._note(*numbers, error)
            return None
        self._figures.most_lost_pj = max(self._figures.most_lost_pj, played.lost_pj)
        return played

    def _note(self, point: int, then: int, error: BaseException) -> None:
        name = self._figures.operation
        self._figures.violations.append(make_violation(name, point, then, error))
