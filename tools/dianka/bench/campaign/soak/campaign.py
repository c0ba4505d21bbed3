"""Live the lives of several meters in processes of their own, and count.

A life is drawn from the seed and the number of its meter alone, so one command plays it again.
"""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from multiprocessing.pool import Pool
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from dianka.bench.campaign.cuts.campaign import make_folder
from dianka.bench.campaign.forks import Unforkable, format_error
from dianka.bench.campaign.soak import acts, wear
from dianka.bench.campaign.soak.ledger import WrongBooks
from dianka.bench.campaign.soak.life import Life
from dianka.bench.stage.rig import RigError

DAYS_A_YEAR = 365
MEAN_MW = 250_000  # about what a household uses, for its wear
_LOOK_S = 0.5
_ERRORS = (AssertionError, RuntimeError, ValueError, KeyError, OSError, RigError)
_lived: Any = None  # days lived by all processes


@dataclass
class Figures:
    """The figures of one meter's life."""

    number: int
    days: int = 0
    seconds: Fraction = Fraction(0)
    stretches: int = 0
    checks: int = 0
    cuts: int = 0
    most_lost_pj: int = 0
    energy_pj: int = 0
    wallet_writes: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    lost_fen: Fraction = Fraction(0)
    doubled_fen: Fraction = Fraction(0)
    violation: str = ""


@dataclass(frozen=True)
class Worn:
    """The wear as measured, at a household's mean load and at 100 A."""

    mean: wear.Wear
    full: wear.Wear
    settling: wear.Settling


@dataclass(frozen=True)
class Task:
    """One life to be lived."""

    number: int
    days: int
    seed: int
    settle_s: int


def play_all(
    days: int,
    numbers: list[int],
    seed: int,
    jobs: int,
    tell: Callable[[int, int], None],
    wears: bool = True,
) -> tuple[list[Figures], Worn | None]:
    """Live the lives of these meters. `tell` is called with days lived and all.

    Without `wears`, their wear is not measured.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise Unforkable("lives are lived in forked processes: run it on Linux or macOS")
    context = multiprocessing.get_context("fork")
    lived = context.Value("q", 0)
    with context.Pool(jobs, _begin, (lived,), maxtasksperchild=1) as pool:
        worn = _measure_all(pool) if wears else None
        settle_s = worn.settling.wallet_s if worn else wear.SETTLE_S
        tasks = [Task(number, days, seed, settle_s) for number in numbers]
        result = pool.map_async(work, tasks, 1)
        while not result.ready():
            result.wait(_LOOK_S)
            tell(lived.value, days * len(numbers))
        return result.get(), worn


def _begin(lived: "Synchronized[int]") -> None:
    global _lived
    _lived = lived


def _measure_all(pool: Pool) -> Worn:
    cells = pool.map_async(_measure, (MEAN_MW, wear.FULL_MW), 1)
    settling = pool.apply(_measure_settling)
    mean, full = cells.get()
    return Worn(mean, full, settling)


def _measure(load_mw: int) -> wear.Wear:
    with make_folder() as folder:
        return wear.measure(Path(folder), load_mw)


def _measure_settling() -> wear.Settling:
    with make_folder() as folder:
        return wear.measure_settling(Path(folder), MEAN_MW)


def work(task: Task) -> Figures:
    """Live one life."""
    figures, began_s = Figures(task.number), time.process_time()
    with make_folder() as folder:
        life = Life(Path(folder), task.seed, task.number, settle_s=task.settle_s)
        try:
            acts.open_account(life)
            for _ in range(task.days):
                life.live_a_day(acts.plan_day)
                figures.days += 1
                if _lived is not None:
                    with _lived.get_lock():
                        _lived.value += 1
            life.finish()
        except _ERRORS as error:
            figures.violation = f"{life.when:%Y-%m-%d %H:%M:%S}: {format_error(error)}"
            if isinstance(error, WrongBooks):
                none = Fraction(0)
                figures.lost_fen, figures.doubled_fen = max(-error.fen, none), max(error.fen, none)
            life.add_up()
        finally:
            life.close()
    _take_over(figures, life)
    figures.seconds = Fraction(str(round(time.process_time() - began_s, 2)))
    return figures


def _take_over(figures: Figures, life: Life) -> None:
    for name in ("stretches", "checks", "cuts", "most_lost_pj", "energy_pj", "wallet_writes"):
        setattr(figures, name, getattr(life, name))
    figures.happened = life.happened
