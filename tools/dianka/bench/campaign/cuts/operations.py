"""The operations that need no card: what a meter does by itself, day and night."""

from datetime import datetime, timedelta
from typing import Any

from dianka.bench.campaign import resident
from dianka.bench.campaign.cuts.books import LIMIT_PJ, PJ_PER_WH
from dianka.bench.campaign.cuts.flash import Flash
from dianka.bench.campaign.cuts.operation import (
    LOAD_MW,
    RATES_E4,
    STEP_PRICES,
    STEPS,
    TURN_US,
    Operation,
    draw,
    make_meter,
    make_with,
    make_with_tariff,
    rest,
    settle,
)
from dianka.bench.campaign.cuts.records import check_days
from dianka.bench.campaign.trial import MS, USER, S, Trial
from dianka.desk.prices import NewPrice, card_minute
from dianka.desk.supply import parse_supply
from dianka.firmware import load_shared

_EPOCH = datetime(2000, 1, 1, 8)  # noqa: DTZ001  of the clock chip, in the meter's local time
_NEW_E4 = 1_234_567
_SLOTS = {"slots": [1, 3301, 3402, 4003, 8004]}  # 08:15, 08:30, 10:00, 20:00
_DAY_S = 86_400
# With the report that the first look then finds 0.75 s, as measured on the emulated RP2040.
_BOOT_US = 600 * MS
_LATE_LIMIT_PJ = 7 * PJ_PER_WH  # 3 s at 6.6 kW in which nothing can be kept, and what a cut costs
# What a firmware that hangs lets through until the watchdog bites, and what was pending.
_HANG_LIMIT_PJ = LOAD_MW * (8_400 + 260) * MS * 1000 + PJ_PER_WH // 4
# At 6.6 kW 0.75 s are 1.38 Wh that no firmware has ever seen. 0.25 Wh may not be committed yet, and
# 0.26 s, 0.48 Wh, not be reported (docs/journal.md).
SLOW_LIMIT_PJ = LOAD_MW * 1010 * MS * 1000 + PJ_PER_WH // 4
MODULUS = 1 << 17  # at which an HLW8032's count begins anew
_TO_WRAP_PJ = 17 * PJ_PER_WH  # less than a firmware that hangs lets through
_PAUSE_US = 60 * S + TURN_US  # after an overload
_map = load_shared("fram_map")


# ****** Metering and settling ******


def _prepare_settling(trial: Trial) -> None:
    """Make a meter with much to settle, a few seconds before it is due."""
    make_meter(trial)
    settle(trial)
    trial.wait(1 * S)
    trial.rig.cut_power()
    trial.switch_mains_on()
    trial.wait(860 * S)
    trial.rig.set_load(LOAD_MW)
    trial.wait(5 * S)
    rest(trial)


def _run_mains_failure(trial: Trial) -> None:
    trial.rig.set_load(LOAD_MW)
    trial.wait(2 * S)
    settle(trial)


def _run_start(trial: Trial) -> None:
    """Start cold under load: what a start commits and logs, until it is forgiven."""
    trial.rig.cut_power()
    trial.wait(1 * S)
    trial.rig.set_load(LOAD_MW)
    trial.rig.switch_mains_on()
    trial.wait(12 * S)


def _prepare_wrapping(trial: Trial) -> None:
    """Make a meter whose metering chip has counted almost up to its wrap, in a life before."""
    make_meter(trial)
    trial.rig.cut_power()
    trial.wait(1 * S)
    trial.rig.switch_mains_on()
    trial.wait(1 * MS)
    chip = trial.rig.bench.chip
    chip.set_pulses(MODULUS - _TO_WRAP_PJ // chip.params.pulse_pj)  # before its first report
    trial.rig.set_load(LOAD_MW)
    trial.wait(1 * S)
    rest(trial)
    assert trial.state.register == chip.pulses, "the count near the wrap is not kept"


def _prepare_slow_start(trial: Trial) -> None:
    """Make a meter whose controller boots as slowly as the RP2040 does, to its first look."""
    make_meter(trial)
    runner: Any = trial.rig.runner
    runner.boot_us = _BOOT_US


def _run_reset(trial: Trial) -> None:
    """Let the watchdog restart the controller alone."""
    trial.rig.set_load(LOAD_MW)
    trial.bite()
    trial.wait(2 * S)


# ****** The end of the money ******


def _prepare_ending(trial: Trial) -> None:
    """Make a meter with 52 fen left, so that alarm 2, zero and the limit are seconds away."""
    make_meter(trial, bought_fen=170)
    while trial.state.balance_fen > 60:
        trial.rig.set_load(LOAD_MW // 4)
        trial.wait(100 * MS)
    rest(trial)


def _run_ending(trial: Trial) -> None:
    """Use it up: the relay opens at alarm 2, by the key it closes, at zero it opens for good."""
    trial.rig.set_load(LOAD_MW)
    trial.wait(6 * S)
    trial.rig.press_key(4_000)
    trial.wait(12 * S)


# ****** Prices ******


def _local(at_s: int) -> int:
    return card_minute(_EPOCH + timedelta(seconds=at_s))


def _prepare_planned_price(trial: Trial) -> None:
    """Make a meter that has a price planned for a minute that begins soon."""
    make_meter(trial)
    now_s = trial.rig.bench.clock_chip.time_s
    begin_s = (now_s // 60 + 3) * 60
    new = NewPrice(_NEW_E4, _local(begin_s), at_once=True)
    trial.sell(100, USER, new, lambda: _local(now_s))
    resident.complete_session(trial, USER)
    rest(trial)
    trial.wait((begin_s - 3) * S - trial.rig.bench.clock_chip.time_us)


def _prepare_steps(trial: Trial) -> None:
    """Make a meter whose price rises by the use of the month, in steps that are seconds away."""
    make_with_tariff(trial, STEPS)


def _prepare_slot(trial: Trial) -> None:
    """Make a meter whose price is another one from half past eight on, in some seconds."""
    make_with_tariff(trial, _SLOTS)
    chip = trial.rig.bench.clock_chip
    day_us = _DAY_S * S
    local_us = chip.time_us + 8 * 3600 * S
    chip.move_to(local_us // day_us * day_us + (30 * 60 + 8 * 3600 - 3) * S - 8 * 3600 * S)
    trial.wait(1 * S)
    assert trial.state.price_e4 == RATES_E4[0], "the slot before is not in force"


def _prepare_lost_tariff(trial: Trial) -> None:
    """Make a meter that has lost its tariff set from both halves, and will take it from the ESAM.

    The price is that of its first step and of its only slot in force: the highest one holds until
    the set is there again, so nothing is drawn.
    """
    _prepare_steps(trial)
    trial.rig.cut_power()
    _lose_tariff(trial)
    trial.wait(1 * S)


def _lose_tariff(trial: Trial) -> None:
    size = _map.TARIFF_SLOTS * _map.TARIFF_SLOT_BYTES
    for half in _map.HALVES:
        trial.rig.bench.fram.destroy(half + _map.TARIFF_AT, size)


def _run_lost_tariff(trial: Trial) -> None:
    trial.switch_mains_on()
    trial.wait(3 * S)
    assert not trial.meter.tariff.lacks, "the ESAM's set is not taken"


# ****** Events, days, rules ******


def _run_events(trial: Trial) -> None:
    """Open and close the case, let a part fail and come back, set the clock."""
    trial.rig.set_load(LOAD_MW)
    trial.rig.open_case()
    trial.wait(1 * S)
    trial.rig.bench.clock_chip.mute = True
    trial.wait(5 * S)
    trial.rig.bench.clock_chip.mute = False
    trial.rig.open_case(False)
    trial.rig.set_load(LOAD_MW // 20)
    trial.wait(70 * S)
    trial.rig.set_load(LOAD_MW)
    trial.meter.set_clock(trial.rig.bench.clock_chip.time_s + 7)
    trial.wait(1 * S)


def _prepare_midnight(trial: Trial) -> None:
    """Make a meter some seconds before midnight."""
    make_meter(trial)
    now_us = trial.rig.bench.clock_chip.time_us
    local_s = now_us // S + 8 * 3600
    left_s = -local_s % _DAY_S - 3
    trial.rig.bench.clock_chip.move_to(now_us + left_s * S)
    trial.wait(1 * S)


def _run_overload(trial: Trial) -> None:
    """Draw more than the rules allow: the relay opens, waits, and closes again."""
    _run_lock(trial)
    trial.rig.set_load(100_000)
    trial.wait(60 * S)


def _run_lock(trial: Trial) -> None:
    """Draw more than the rules allow where they allow no return: the relay opens for good."""
    trial.rig.set_load(LOAD_MW)
    trial.wait(20 * S)


# ****** Memory lost or late ******


def _prepare_lost_memory(trial: Trial) -> None:
    """Make a settled meter whose memory has been exchanged for a new one."""
    make_meter(trial)
    settle(trial)
    trial.rig.cut_power()
    trial.rig.bench.fram.load(bytes(_map.SIZE))


def _run_lost_memory(trial: Trial) -> None:
    trial.switch_mains_on()
    trial.wait(8 * S)
    assert trial.state.bought_fen == 60_000 and trial.relay_closed


def _run_late_memory(trial: Trial) -> None:
    """Start with a memory that answers only 3 s later."""
    trial.rig.cut_power()
    trial.wait(1 * S)
    trial.rig.bench.fram.mute = True
    trial.rig.set_load(LOAD_MW)
    trial.switch_mains_on()
    trial.rig.bench.fram.mute = False
    trial.wait(5 * S)


# ****** Updates ******


def _run_update(trial: Trial) -> None:
    """Let a version have its trial, and be kept."""
    trial.rig.cut_power()
    trial.wait(1 * S)
    trial.rig.set_load(LOAD_MW)
    trial.rig.switch_mains_on()
    trial.wait(9 * S)


def _judge_update(trial: Trial) -> None:
    words = trial.rig.runner.modules["versions"]._read("slot").split()  # type: ignore[attr-defined]
    assert words in (["a"], ["b"]), f"after the update the slot says {words}"


def list_operations() -> list[Operation]:
    """Return the operations that need no card, the commonest first."""

    def add(name: str, prepare: Any, run: Any, **more: Any) -> Operation:
        return Operation(name, prepare, run, **more)

    rules = parse_supply("3000W,10s,2x60s", "", "", "", 1000)
    strict = parse_supply("3000W,10s,0x60s", "", "", "", 1000)
    return [
        add("metering", make_meter, draw(100), shares=4, resets=True),
        add("metering, 300 W", make_meter, draw(60, 300_000), load_mw=300_000,
            resets=True),
        add("metering over the wrap of the count", _prepare_wrapping, draw(9), resets=True,
            reset_limit_pj=LIMIT_PJ, hang_limit_pj=_HANG_LIMIT_PJ,
            hang_beyond="the firmware hangs while the chip's count begins anew"),
        add("settle", _prepare_settling, draw(40, 1_000_000), load_mw=0, resets=True),
        add("settle at rest", _prepare_settling, draw(40, 0), load_mw=0, pairs=1,
            resets=True),
        add("mains fails", make_meter, _run_mains_failure),
        add("start", make_meter, _run_start, pairs=15, resets=True, hang_limit_pj=_HANG_LIMIT_PJ,
            hang_beyond="the firmware hangs before it has kept a count of this start"),
        add("start, the count near the wrap", _prepare_wrapping, _run_start, resets=True),
        add("start in 0.75 s", _prepare_slow_start, _run_start, pairs=15, limit_pj=SLOW_LIMIT_PJ,
            beyond="the controller takes 0.75 s to its first look"),
        add("watchdog", make_meter, _run_reset),
        add("end of the money", _prepare_ending, _run_ending, load_mw=100_000),
        add("planned price", _prepare_planned_price, draw(8), others={"changed_e4": _NEW_E4}),
        add("slot of a tariff", _prepare_slot, draw(6), others={"changed_e4": RATES_E4[1]}),
        add("step of a tariff", _prepare_steps, draw(50), others={"steps": STEP_PRICES},
            shares=4),
        add("lost tariff", _prepare_lost_tariff, _run_lost_tariff, load_mw=0),
        add("event log", make_meter, _run_events),
        add("midnight", _prepare_midnight, draw(6), judge=check_days),
        add("overload", make_with(supply=rules, overdraft_limit_fen=1000), _run_overload,
            load_mw=100_000, returns_us=_PAUSE_US),
        add("overload, locked", make_with(supply=strict, overdraft_limit_fen=1000), _run_lock,
            load_mw=100_000, locks=True),
        add("lost memory", _prepare_lost_memory, _run_lost_memory, load_mw=0,
            blank=True),
        add("late memory", make_meter, _run_late_memory, load_mw=0,
            limit_pj=_LATE_LIMIT_PJ, beyond="the memory is silent for 3 s"),
        add("update", make_meter, _run_update, shares=2, judge=_judge_update,
            flash=lambda: Flash(slot="a b", code="00000")),
    ]  # fmt: skip
