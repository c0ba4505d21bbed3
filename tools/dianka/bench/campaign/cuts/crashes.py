"""Restart the controller alone: it has crashed, while the mains, the chips and the card go on.

Here energy could be charged twice: the metering chip has counted on, and the record that was kept
last names an older count. One reset in two comes at once, as after an error that the firmware has
not caught; before the others the firmware hangs until the watchdog bites, and the chip counts on.
"""

from dianka.bench.campaign.cuts.operation import Operation
from dianka.bench.campaign.cuts.remains import Alive
from dianka.bench.campaign.trial import MS, Trial

_HANG_US = 8_300 * MS  # the watchdog waits 8 s, on an ESP32 a little longer


def hangs(number: int) -> bool:
    """Return whether the firmware hangs before the reset at the point of this number."""
    return bool(number // 3 % 2)


def restart(trial: Trial, operation: Operation, alive: Alive, number: int) -> None:
    """Make a meter in the dark one whose controller restarts now; `number` decides how.

    If a card is in the slot, its session has begun anew and is over in the end.
    """
    rig = trial.rig
    if alive.card_in and operation.card:
        rig.insert(operation.card)
    rig.set_load(alive.load_mw)
    rig.switch_mains_on()  # the firmware does not run before the first wait
    rig.bench.chip.go_on(alive.counted_nj, alive.next_us)
    if hangs(number):
        _let_hang(trial)
    rig.reset_controller()
    if alive.card_in:
        trial.watch(trial.make_session())


def _let_hang(trial: Trial) -> None:
    """Let time pass in which the firmware does nothing."""
    until_us = trial.now_us + _HANG_US
    while not trial.rig.clock.advance(until_us):
        pass
