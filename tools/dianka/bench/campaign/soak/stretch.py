"""Pass the hours between two events in steps, so that a year takes seconds.

At full resolution the firmware looks at its metering chip ten times a second. Where nothing happens
but that the household uses electricity, a stretch is played instead: the energy of these hours
flows in as many seconds as 8 kW need for it, the metering chip counts it and sends the report that
it would send then, and every task of the firmware runs once. The clock chip is set on by the rest
of the hours. So mains, chip, controller and watchdog agree on what has passed: to the firmware a
stretch is two minutes of load at most, whose reports came late.

What a stretch leaves out are commits, of which it has one in place of one each 0.25 Wh, and
settlings, which come by the controller's own count and are played. `wear.py` measures both at full
resolution.
"""

from collections.abc import Callable
from typing import Any

from dianka.bench.campaign.trial import MS, Trial
from dianka.bench.models.hlw8032 import LINE

# What the stretches are played with: below the most that the board says its metering chip can see,
# or the firmware would take the count for nonsense (firmware/metering.py).
PLAYED_MW = 8_000_000
# A stretch counts less than the metering chip's count has room for: 344 Wh (docs/hardware.md).
_MOST_NJ = 290 * 3_600_000_000_000
_LEAST_US = 1_010 * MS  # every task but the settling is due once within a second
_RUN_US = 1 * MS
_TALK_STEP_US = 50 * MS
_TALK_STEPS = 400
_COUNTS = "_count"  # the task that reads the chip: it would have done so all along


class Stretcher:
    """The passing of time at one meter. Unless `stretched`, all is played at full resolution.

    `stretches` counts them, `skipped_us` is what they have left out of the bench's time.
    """

    def __init__(self, trial: Trial, stretched: bool = True) -> None:
        self.stretches = 0
        self.skipped_us = 0
        self._trial = trial
        self._runner: Any = trial.rig.runner
        self._stretched = stretched

    def pass_time(self, us: int, load_mw: int, check: Callable[[], None]) -> None:
        """Let this time pass with this load behind the contact; `check` after each stretch."""
        mains = self._trial.rig.bench.mains
        mains.set_load(load_mw)
        if not self._stretched or not self._trial.powered:
            self._trial.wait(us)
            return
        end_us = self._trial.now_us + self.skipped_us + us
        self._end_talk()
        while (left_us := end_us - self._trial.now_us - self.skipped_us) > 0:
            power_mw = mains.power_mw
            part_us = min(left_us, _MOST_NJ // power_mw) if power_mw else left_us
            if self._pass_part(part_us, power_mw):
                check()
                self._end_talk()

    def _pass_part(self, us: int, power_mw: int) -> bool:
        """Let the energy of this time flow at once, or play the time if it is short.

        Return whether it was a stretch: then the meter has heard of everything.
        """
        energy_nj = power_mw * (us - _RUN_US)
        played_us = max(_LEAST_US, -(-energy_nj // PLAYED_MW))
        if played_us + _RUN_US >= us:
            self._trial.wait(us)
            return False
        bench = self._trial.rig.bench
        load_mw = bench.mains.load_mw
        self._let_flow(energy_nj, played_us)
        bench.chip.settle()
        # With the power that was played: a count that this could not have made is no count.
        bench.chip.port.deliver_all(bench.chip.build_frame_now(), LINE)
        bench.mains.set_load(load_mw)
        chip, skipped_us = bench.clock_chip, us - played_us - _RUN_US
        chip.move_to(chip.time_us + skipped_us)
        self.skipped_us += skipped_us
        self._runner.hasten(_COUNTS)
        self._trial.wait(_RUN_US)
        self.stretches += 1
        return True

    def _end_talk(self) -> None:
        """Play what the meter has begun with its ESAM; AssertionError if it never ends."""
        for _ in range(_TALK_STEPS):
            if not self._trial.meter.settlement.lock.locked():
                return
            self._trial.wait(_TALK_STEP_US)
        raise AssertionError(f"the ESAM is never released: {self._trial.lines[-3:]}")

    def _let_flow(self, energy_nj: int, us: int) -> None:
        """Let exactly this energy flow in this time: power is a whole number of milliwatts."""
        bench, (power_mw, more_us) = self._trial.rig.bench, divmod(energy_nj, us)
        for part_mw, part_us in ((power_mw + 1, more_us), (power_mw, us - more_us)):
            if energy_nj:
                bench.mains.set_load(part_mw)
            bench.clock.skip(part_us)
