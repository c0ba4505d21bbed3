"""A metering chip that restarts by itself, at and around the wrap of its count.

An HLW8032 counts to 131,072 and begins again; when it restarts it begins again too, without a word.
Far from the wrap the two can't be mistaken. Near it the power decides which of them it was
(firmware/metering.py), and what is lost or charged in excess is bounded by what the load can use
between two reports. Here the chip restarts at many counts before the wrap, at several loads, and at
several moments between two of its reports; with the load that stays, and with one that comes or
goes at that very moment, as the power that is told then is not that of the time before. The same
steps come at the wrap without a restart, and a load that is there between two reports alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from dianka.bench.campaign.cuts.books import LIMIT_PJ, PJ_PER_WH
from dianka.bench.campaign.cuts.operation import LOAD_MW, make_meter
from dianka.bench.campaign.trial import MS, S, Trial

NAME = "chip restarts near its wrap"
LOADS_MW = (LOAD_MW, 3_000_000, 1_000_000, 200_000)
STEPS_MW = ((LOAD_MW, 0), (0, LOAD_MW), (LOAD_MW, 1_000_000), (1_000_000, LOAD_MW))
LEFT = (1, 20, 60, 100, 125, 150, 175, 200, 300, 500)  # pulses that were left to the wrap
AROUND = (-60, -20, -1, 1, 20, 60, 100)  # the same, below zero behind it
PHASES_US = tuple(n * 15 * MS for n in range(8))  # of the report period, 105 ms
_SHORT_US = 80 * MS  # of a load that comes and goes between two reports
_LEAD_US = 1 * S
_MODULUS = 1 << 17


@dataclass(frozen=True)
class Case:
    """A load of `load_mw`, then `then_mw`, for good or for so long; `left` pulses to the wrap."""

    load_mw: int
    then_mw: int
    left: int
    phase_us: int
    restarts: bool
    short: bool = False


def _list_cases() -> Iterator[Case]:
    for load_mw, left, phase_us in product(LOADS_MW, LEFT, PHASES_US):
        yield Case(load_mw, load_mw, left, phase_us, True)
    for loads, left, phase_us in product(STEPS_MW, LEFT, PHASES_US):
        yield Case(*loads, left, phase_us, True)
    for loads, left, phase_us in product(STEPS_MW, AROUND, PHASES_US):
        yield Case(*loads, left, phase_us, False)
    for left, phase_us in product((1, 10, 20, 50), PHASES_US):
        yield Case(0, LOAD_MW, left, phase_us, False, short=True)


CASES = tuple(_list_cases())


def list_cases(every: int) -> tuple[Case, ...]:
    """Return one in `every` of all cases."""
    return CASES[::every]


def play(trial: Trial, case: Case) -> int:
    """Let the chip restart or wrap so; return the energy lost, below zero if charged in excess.

    The energy of the present counts in pJ. AssertionError at more than 1 Wh of either.
    """
    chip = trial.rig.bench.chip
    lead_us = _LEAD_US + case.phase_us
    start = _MODULUS - case.left - case.load_mw * lead_us * 1000 // chip.params.pulse_pj
    trial.rig.cut_power()
    trial.wait(1 * S)
    trial.rig.switch_mains_on()
    trial.wait(1 * MS)
    chip.set_pulses(start)  # before its first report: a life of any length is behind it
    begun_pj = _fall_short_pj(trial)
    assert trial.meter.metering.register == start % _MODULUS
    trial.rig.set_load(case.load_mw)
    trial.wait(lead_us)
    if case.restarts:
        chip.restart()
    trial.rig.set_load(case.then_mw)
    if case.short:
        trial.wait(_SHORT_US)
        trial.rig.set_load(case.load_mw)
    trial.wait(1 * S)
    lost_pj = _fall_short_pj(trial) - begun_pj
    assert abs(lost_pj) <= LIMIT_PJ, f"{lost_pj * 1000 // PJ_PER_WH} mWh are lost at {case}"
    return lost_pj


def make(trial: Trial) -> None:
    make_meter(trial)


def _fall_short_pj(trial: Trial) -> int:
    """Return what was used and not charged, at rest; starts are forgiven."""
    trial.rig.set_load(0)
    trial.wait(11 * S)
    return trial.rig.bench.mains.energy_nj * 1000 - trial.state.energy_pj
