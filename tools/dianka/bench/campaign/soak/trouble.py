"""What goes wrong at a meter: its mains, its controller, its clock.

A clock is lost or goes wrong under any price list, also while another one is planned: a plan then
waits for a clock that tells its time, or comes into force by one that is ahead. What does not
happen is that a clock which stops answering, for seconds, does so over a change of the price. The
former price then ends by the controller's own count, the highest one holds until the clock answers,
and the new one from then on: two changes within one comparison, of which the books can find one
(ledger.py). host_tests/meter/test_tariff_trouble.py has that.
"""

from collections.abc import Callable
from random import Random

from dianka.bench.campaign.soak.ledger import CUT_LIMIT_PJ
from dianka.bench.campaign.soak.life import OFFSET_S, UNHEARD_US, Life
from dianka.bench.campaign.trial import MS, S

Trouble = Callable[[Life, Random], None]
_DARK_S = (1, 3, 60, 1_800, 7_200)
_FLICKERS = 7  # more than MOST_STARTS: the meter waits before it closes again
_FORGIVEN_US = 80 * S
_SILENT_US = 16 * S  # a clock that stops answering, and what is played after it


def cut_power(life: Life, draw: Random) -> None:
    """Let the mains go, with the supply's last 100 ms or without."""
    _approach(life, draw)
    _go_dark(life, draw.randrange(3) == 0)
    life.trial.wait(draw.choice(_DARK_S) * S)
    life.happened["power cuts"] += 1
    life.come_back()


def dip(life: Life, draw: Random) -> None:
    """Let the voltage dip: the supply outlives it, or not."""
    _approach(life, draw)
    # Between 50 and 75 V the supply fails unwarned (models/supply.py).
    deep = (0, 45_000)
    life.trial.rig.set_volts(draw.choice(deep if life.calm else (*deep, 60_000, 80_000, 150_000)))
    life.trial.wait(draw.choice((20, 60, 150, 400, 3_000)) * MS)
    life.happened["brown-outs"] += 1
    life.come_back()


def flicker(life: Life, draw: Random) -> None:
    """Cut the power again and again, until the meter keeps the supply off for a while."""
    _approach(life, draw)
    for number in range(_FLICKERS):
        _go_dark(life, number > 0)
        life.trial.wait(S)
        life.restore()
        life.play(draw.randrange(500, 3_000) * MS)
    life.happened["power cuts"] += _FLICKERS
    life.play(_FORGIVEN_US)
    life.come_back(_FLICKERS * CUT_LIMIT_PJ)


def bite(life: Life, draw: Random) -> None:
    """Let the watchdog restart the controller."""
    _approach(life, draw)
    life.trial.bite()
    life.happened["restarts"] += 1
    life.come_back()


def stop_clock(life: Life, draw: Random) -> None:
    """Let the clock chip not answer for some seconds, in which no price changes."""
    if life.find_change() < life.now_us + _SILENT_US:
        return
    life.check(UNHEARD_US)
    chip = life.trial.rig.bench.clock_chip
    chip.mute = True
    life.play(draw.randrange(2, 12) * S)
    chip.mute = False
    life.play(2 * S)
    life.happened["clock faults"] += 1
    life.check(UNHEARD_US)


def lose_clock(life: Life, draw: Random) -> None:
    """Let the clock's battery die in a power cut; some hours later an installer sets it."""
    if not life.clock_tells:
        return
    chip = life.trial.rig.bench.clock_chip
    _approach(life, draw)
    life.trial.rig.switch_mains_off()
    life.trial.wait(2 * S)
    chip.battery = False
    life.trial.wait(2 * S)
    chip.battery = True
    life.clock_tells = False
    life.note_change()
    life.happened["clock faults"] += 1
    life.come_back()
    life.schedule(draw.randrange(600, 20_000), lambda: _set_clock(life))


def set_clock_off(life: Life, draw: Random) -> None:
    """Let the clock be wound back or on in the dark; some hours later an installer sets it.

    A meter with several prices keeps the time that it has charged at (tariff_timed.py): one that is
    before it is no time.
    """
    if not life.clock_tells:
        return
    chip = life.trial.rig.bench.clock_chip
    _approach(life, draw)
    life.trial.rig.switch_mains_off()
    life.trial.wait(2 * S)
    off_us = draw.randrange(-30, 30) * 86_400 * S + 4_321 * S
    chip.move_to(chip.time_us + off_us)
    life.clock_tells = off_us > 0 or life.ledger.tariff.is_flat
    life.note_change()
    life.happened["clock faults"] += 1
    life.come_back()
    life.schedule(draw.randrange(600, 20_000), lambda: _set_clock(life))


def _set_clock(life: Life) -> None:
    """Let an installer set the clock."""
    life.play(S)
    life.rest()
    life.check()
    if (life.chip_s or 0) > life.now_s:
        life.ledger.go_back(life.now_s)
    life.trial.meter.set_clock(life.now_s - OFFSET_S, True)
    life.clock_tells = True
    life.note_change()
    life.await_change()
    life.play(2 * S)
    life.rest()
    life.check()


def _go_dark(life: Life, hard: bool) -> None:
    """Take the mains away; not `hard`: the supply lasts for 100 ms, in which the meter commits."""
    if hard and not life.calm:
        life.trial.rig.cut_power()
    else:
        life.trial.rig.switch_mains_off()


def _approach(life: Life, draw: Random) -> None:
    """Come to the moment at full resolution: what was used is not all committed then."""
    life.play(draw.randrange(1, 6_000) * MS)
    if life.calm:
        life.rest()
    life.check(UNHEARD_US)
