"""A metering chip that restarts by itself, at and around the wrap of its count.

An HLW8032 counts to 131,072 and begins again; when it restarts it begins again too, without a word.
Far from the wrap the two can't be mistaken. Near it the power decides which of them it was
(firmware/metering.py), and what is lost or charged in excess is bounded by what the load can use
between two reports. Here the chip restarts at many counts before the wrap, at several loads, and at
several moments between two of its reports.
"""

from itertools import product

from dianka.bench.campaign.cuts.books import LIMIT_PJ, PJ_PER_WH
from dianka.bench.campaign.cuts.operation import LOAD_MW, make_meter
from dianka.bench.campaign.trial import MS, S, Trial

NAME = "chip restarts near its wrap"
LOADS_MW = (LOAD_MW, 3_000_000, 1_000_000, 200_000)
BEFORE = (1, 20, 60, 100, 125, 150, 175, 200, 300, 500)  # pulses that were left to the wrap
PHASES_US = tuple(n * 15 * MS for n in range(8))  # of the report period, 105 ms
_LEAD_US = 1 * S
_MODULUS = 1 << 17
CASES = tuple(product(LOADS_MW, BEFORE, PHASES_US))


def play(trial: Trial, case: tuple[int, int, int]) -> int:
    """Let the chip restart so; return the energy that was lost, below zero if charged in excess.

    The energy of the present counts in pJ. AssertionError at more than 1 Wh of either.
    """
    load_mw, before, phase_us = case
    chip = trial.rig.bench.chip
    lead_us = _LEAD_US + phase_us
    start = _MODULUS - before - load_mw * lead_us * 1000 // chip.params.pulse_pj
    trial.rig.cut_power()
    trial.wait(1 * S)
    trial.rig.switch_mains_on()
    trial.wait(1 * MS)
    chip.set_pulses(start)  # before its first report: a life of any length is behind it
    begun_pj = _fall_short_pj(trial)
    assert trial.meter.metering.register == start
    trial.rig.set_load(load_mw)
    trial.wait(lead_us)
    chip.restart()
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
