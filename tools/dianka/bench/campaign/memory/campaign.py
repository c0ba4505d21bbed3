"""Strike one meter with each case of each ailment, let it live, cut it, and compare with the books.

The meter is in use and healthy. It is struck in the dark, starts, draws a load for some seconds, or
gets a purchase, loses its power, and starts once more. Then bought = used + balance must hold to
the last fraction, the relay must not have opened, and nothing more may be missing than a cut may
cost.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dianka.bench.campaign.cuts import judging
from dianka.bench.campaign.cuts.campaign import (
    AT_LEAST,
    ERRORS,
    SAMPLE,
    Violation,
    make_folder,
    make_violation,
)
from dianka.bench.campaign.cuts.operation import (
    LOAD_MW,
    STEP_PRICES,
    STEPS,
    Operation,
    do_nothing,
    make_meter,
    make_with_tariff,
    settle,
)
from dianka.bench.campaign.cuts.remains import Table, take
from dianka.bench.campaign.forks import Unforkable
from dianka.bench.campaign.memory.ailments import AILMENTS, BUYER, SEVERAL, Ailment, Case
from dianka.bench.campaign.trial import USER, S, Trial
from dianka.desk.supply import parse_supply

_DARK_US, _STARTED_US, _RESTED_US = 1 * S, 3 * S, 1 * S
_SOLD_FEN = 307
_MOST_VIOLATIONS = 20
_TOLD = ("journal:", "memory")  # words on the console
_SHARES = 4  # processes that may share an ailment


@dataclass
class Figures:
    """The figures of one ailment. `told`: cases in which the meter has said that something is."""

    ailment: str
    cases: int = 0
    played: int = 0
    told: int = 0
    most_lost_pj: int = 0
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: "Figures") -> None:
        self.cases += other.cases
        self.played += other.played
        self.told += other.told
        self.most_lost_pj = max(self.most_lost_pj, other.most_lost_pj)
        self.violations += other.violations


class Patient:
    """A meter in use, to be struck again and again."""

    def __init__(self, folder: Path, seed: int, kind: str) -> None:
        self.trial = trial = Trial(folder, seed=seed)
        others = {}
        if kind == SEVERAL:
            rules = parse_supply("8000W,10s,2x60s", "", "180-250V,5V,4s", "", 1000)
            make_with_tariff(trial, STEPS, supply=rules, overdraft_limit_fen=1000)
            others["steps"] = STEP_PRICES
        else:
            make_meter(trial)
        settle(trial)
        trial.wait(11 * S)
        trial.meter.store.keep()
        self._sold_fen = _SOLD_FEN if kind == BUYER else 0
        if self._sold_fen:
            trial.sell(_SOLD_FEN)
        self._operation = Operation(
            "memory", do_nothing, do_nothing, sold_fen=self._sold_fen, card=USER, others=others
        )
        self._books = judging.begin_books(self._operation, trial)
        self._begun_nj = trial.rig.bench.mains.energy_nj
        self.content = trial.rig.bench.fram.content
        self._remains = take(trial)
        self._table = Table(trial, USER, None)

    def close(self) -> None:
        self.trial.close()

    def play(self, ailment: Ailment, case: Case) -> tuple[bool, int]:
        """Strike the meter so. Return whether it told of it, and the energy lost in pJ.

        AssertionError or judging.WrongMoney if it is not as it should be.
        """
        trial, bench = self.trial, self.trial.rig.bench
        bench.fram.stuck, bench.fram.mute, bench.fram.protected = {}, False, False
        self._table.restore(self._remains)
        begun_nj, switched = bench.mains.energy_nj, bench.relay.operations
        heal = ailment.strike(trial, case)
        try:
            self._live()
            told = self._has_told()
        finally:
            heal()
        trial.rig.cut_power()
        told = self._come_back() or told
        more_nj = bench.mains.energy_nj - begun_nj
        self._judge(ailment, told, switched)
        delivered_pj = (self._begun_nj + more_nj) * 1000
        lost_pj = self._books.compute_loss_pj(trial.state, delivered_pj)
        assert lost_pj >= 0, f"{-lost_pj} pJ were charged that nobody used"
        if lost_pj > ailment.limit_pj:
            raise judging.TooMuchLost(f"{lost_pj // 3_600_000_000_000} mWh are lost")
        return told, lost_pj

    def _live(self) -> None:
        """Start, and use electricity or put the card in, as people do who know of nothing."""
        trial = self.trial
        trial.wait(_DARK_US)
        if not self._sold_fen:
            trial.rig.set_load(LOAD_MW)
        trial.switch_mains_on()
        if self._sold_fen:
            trial.run_session(USER)
        else:
            trial.wait(_STARTED_US)

    def _come_back(self) -> bool:
        """Start once more, and finish the purchase. Return whether the meter told of something."""
        trial = self.trial
        trial.wait(_DARK_US)
        trial.switch_mains_on()
        trial.rig.set_load(0)
        if self._sold_fen:
            code = trial.run_session(USER).code
            assert code == 0, f"put in again: code {code}, {trial.lines[-3:]}"
        trial.wait(_RESTED_US)
        settle(trial)
        return self._has_told()

    def _judge(self, ailment: Ailment, told: bool, switched: int) -> None:
        trial = self.trial
        judging.check_money(self._operation, self._books, trial, (self._sold_fen,))
        assert trial.relay_closed, f"the relay is open: {trial.lines[-3:]}"
        assert trial.rig.bench.relay.operations == switched, (
            f"the relay has opened: {[line for line in trial.lines if 'supply' in line]}"
        )
        assert told or not ailment.told, f"the meter says nothing of it: {trial.lines[-5:]}"

    def _has_told(self) -> bool:
        lines, faults = self.trial.lines, self.trial.meter.pages.list_faults()
        return "Err-06" in faults or any(word in line for line in lines for word in _TOLD)


# ****** All of them ******


def find_ailments(only: list[str]) -> list[Ailment]:
    """Return the ailments with one of these words in their names; KeyError if there is none."""
    unknown = [word for word in only if not any(word in one.name for one in AILMENTS)]
    if unknown:
        names = ", ".join(one.name for one in AILMENTS)
        raise KeyError(f"no ailment is called {unknown[0]}: take one of {names}")
    return [one for one in AILMENTS if not only or any(word in one.name for word in only)]


def play_all(
    only: list[str], every: int, seed: int, jobs: int, tell: Callable[[int, int], None]
) -> list[Figures]:
    """Play one in `every` case of these ailments. `tell` is called with tasks done and all."""
    if "fork" not in multiprocessing.get_all_start_methods():
        raise Unforkable("ailments are played in forked processes: run it on Linux or macOS")
    chosen = find_ailments(only)
    shares = _SHARES if every < SAMPLE else 1
    tasks = [(one.name, share, shares, every, seed) for share in range(shares) for one in chosen]
    rows = {one.name: Figures(one.name) for one in chosen}
    tell(0, len(tasks))
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for done, figures in enumerate(pool.imap_unordered(_work, tasks), 1):
            rows[figures.ailment].add(figures)
            tell(done, len(tasks))
    return list(rows.values())


def replay(name: str, number: int, seed: int) -> Iterator[str]:
    """Play one case again; give what there is to say, line by line.

    AssertionError if it breaks a rule, KeyError if there is no such case.
    """
    ailment = next((one for one in AILMENTS if one.name == name), None)
    if ailment is None:
        raise KeyError(f"no ailment is called {name}: give its whole name")
    with make_folder() as folder:
        patient = Patient(Path(folder), seed, ailment.patient)
        try:
            cases = ailment.list_cases(patient.content)
            if not 0 < number <= len(cases):
                raise KeyError(f"there is no such case: take one of 1 to {len(cases)}")
            yield f"case {number}: {ailment.name}, {cases[number - 1]}"
            try:
                told, lost_pj = patient.play(ailment, cases[number - 1])
            finally:
                yield from patient.trial.lines
            yield f"nothing lost; {lost_pj // 3_600_000_000_000} mWh were not charged, told: {told}"
        finally:
            patient.close()


def _work(task: tuple[str, int, int, int, int]) -> Figures:
    name, share, shares, every, seed = task
    ailment = next(one for one in AILMENTS if one.name == name)
    figures = Figures(name)
    with make_folder() as folder:
        patient = Patient(Path(folder), seed, ailment.patient)
        try:
            cases = list(enumerate(ailment.list_cases(patient.content), 1))
            figures.cases = 0 if share else len(cases)
            step = max(1, min(every, len(cases) // AT_LEAST))
            for number, case in cases[share * step :: step * shares]:
                if len(figures.violations) < _MOST_VIOLATIONS:
                    _play_one(patient, ailment, number, case, figures)
        finally:
            patient.close()
    return figures


def _play_one(
    patient: Patient, ailment: Ailment, number: int, case: Case, figures: Figures
) -> None:
    figures.played += 1
    try:
        told, lost_pj = patient.play(ailment, case)
    except ERRORS as error:
        figures.violations.append(make_violation(ailment.name, number, 0, error))
        return
    figures.told += told
    figures.most_lost_pj = max(figures.most_lost_pj, lost_pj)
