"""Whole meters under rules of the supply: overload, heating load, voltage, friendly time, outages.

The household's appliances, the street's voltage and the resident's hands are the bench's.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.bench.models.loads import (
    CHARGER,
    COMPRESSOR,
    FAN,
    HEATER,
    KETTLE,
    LAMP,
    Household,
)
from dianka.bench.models.relay import ContactFault
from meter_kit import METER_NO, MS, USER, MeterKit, S
from supply_kit import HEATING, VOLTAGE, every_rule, make_ruled, wait_until_open

DAY_S = 86_400


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    with every_rule(tmp_path) as kit:
        yield kit


def causes(kit: MeterKit) -> list[str]:
    return [line.split("supply: ")[1] for line in kit.lines if "supply: " in line]


# ****** Overload ******


@pytest.mark.slow
def test_an_overload_is_cut_returns_twice_and_waits_for_the_card(kit: MeterKit) -> None:
    kit.rig.set_load(2_990_000, 700)
    kit.wait(60 * S)
    assert kit.relay_closed
    kit.rig.set_load(4_000_000, 700)
    for _ in range(2):
        assert 9 * S <= wait_until_open(kit, 20 * S) <= 11 * S
        shown = kit.watch_display(14 * S)
        assert "oFF-12" in shown and any(text.startswith("LoAd") for text in shown), shown
        kit.wait(45 * S)
        assert not kit.relay_closed
        kit.wait(3 * S)
        assert kit.relay_closed
    wait_until_open(kit, 20 * S)
    kit.wait(3600 * S)
    assert not kit.relay_closed and "LoAdCArd" in kit.watch_display(20 * S)
    kit.rig.press_key(3_500)
    kit.wait(6 * S)
    assert not kit.relay_closed, "the key does not open a lock"
    kit.rig.set_load(1_000_000, 700)
    assert kit.run_session(USER).code == 0
    kit.wait(6 * S)
    assert kit.relay_closed and kit.state.overload_trips == 0


@pytest.mark.parametrize("dark_s", [0.3, 30])
def test_the_main_switch_neither_returns_nor_unlocks(kit: MeterKit, dark_s: float) -> None:
    kit.rig.set_load(4_000_000)
    for trip in range(3):
        wait_until_open(kit, 20 * S)
        kit.wait(1 * S)
        kit.rig.cut_power()
        kit.restart(round(dark_s * S))
        kit.wait(50 * S)
        assert not kit.relay_closed and kit.state.overload_trips == trip + 1
        kit.wait(15 * S)
        assert kit.relay_closed == (trip < 2)


def test_holding_the_key_ends_the_pause_but_a_stuck_key_does_nothing(kit: MeterKit) -> None:
    kit.rig.set_load(4_000_000)
    wait_until_open(kit, 20 * S)
    kit.rig.set_load(0)
    kit.rig.press_key(2_000)
    kit.wait(8 * S)
    assert not kit.relay_closed
    kit.rig.press_key(3_300)
    kit.wait(8 * S)
    assert kit.relay_closed and kit.state.overload_trips == 1
    kit.rig.press_key(100_000_000)  # for ever
    kit.rig.set_load(4_000_000)
    wait_until_open(kit, 20 * S)
    kit.rig.set_load(0)
    kit.wait(40 * S)
    assert not kit.relay_closed
    kit.wait(30 * S)
    assert kit.relay_closed


def test_a_trip_comes_in_time_whatever_the_slot_is_doing(kit: MeterKit) -> None:
    """Within 1 s of its delay while a card is in its session."""
    for wait_us in (9_000 * MS, 8_500 * MS, 9_700 * MS):
        kit.sell(100)
        kit.rig.set_load(4_000_000)
        begun_us = kit.now_us
        kit.wait(wait_us)
        kit.rig.insert(USER)
        wait_until_open(kit, 12 * S)
        assert 0 <= kit.now_us - begun_us - 10 * S <= 1 * S
        kit.wait(8 * S)
        kit.pull()
        kit.rig.set_load(0)
        kit.wait(70 * S)
        assert kit.relay_closed


def test_a_welded_contact_uses_up_no_returns(kit: MeterKit) -> None:
    kit.rig.bench.relay.fault = ContactFault.WELDED
    kit.rig.set_load(4_000_000)
    kit.wait(600 * S)
    assert kit.state.overload_trips == 1 and "Err-01" in kit.watch_display(30 * S)


# ****** Heating load ******


def test_a_kettle_trips_and_the_household_does_not(kit: MeterKit) -> None:
    house = Household(kit.rig.clock, kit.rig.bench.mains)
    for appliance in (CHARGER, LAMP, FAN, COMPRESSOR):
        house.switch_on(appliance)
        kit.wait(20 * S)
    assert kit.relay_closed
    house.switch_on(KETTLE)
    assert wait_until_open(kit, 4 * S) > 1 * S
    house.switch_off(KETTLE)
    kit.wait(66 * S)
    assert kit.relay_closed, "the compressor's start is no heater"
    kit.wait(30 * S)
    assert kit.relay_closed and kit.state.step_trips == 1
    house.switch_on(HEATER)  # its thermostat never lets it rest
    wait_until_open(kit, 15 * S)
    assert "HEAt dAy" in kit.watch_display(20 * S)
    house.switch_off(HEATER)
    kit.rig.cut_power()
    kit.restart()
    assert kit.run_session(USER).code == 0
    kit.wait(100 * S)
    assert not kit.relay_closed, "neither the main switch nor the card"
    kit.sell(100)
    assert kit.run_session(USER).code == 0
    kit.wait(6 * S)
    assert kit.relay_closed and kit.state.step_trips == 0


def heating_lock_after(kit: MeterKit, point: int, act: Callable[[], None]) -> tuple[int, bool]:
    """Break a purchase's session off at this character, in a meter locked by a heating load.

    Return the characters heard, and whether the purchase was booked; the lock must say the same.
    """
    heard = 0

    def hear(direction: str, index: int) -> None:
        nonlocal heard
        heard += 1
        if heard == point:
            act()

    sockets = (kit.rig.bench.slot, kit.rig.bench.esam)
    for socket in sockets:
        socket.on_character = hear
    kit.run_session(USER)
    for socket in sockets:
        socket.on_character = None
    if not kit.powered:
        kit.restart()
        kit.wait(8 * S)
    return heard, kit.state.count == 2


@pytest.mark.slow
@pytest.mark.parametrize("pulled", [True, False], ids=["pulled", "cut"])
def test_a_purchase_that_is_booked_unlocks_though_its_session_broke_off(
    tmp_path: Path, pulled: bool
) -> None:
    booked = []
    for share in range(40, 101, 6):
        folder = tmp_path / str(share)
        folder.mkdir()
        kit = make_ruled(folder, heating=HEATING)
        kit.sell(100)
        lock = kit.modules["state"].STEP_LOCK
        kit.state.tripped |= lock
        kit.meter.store.commit()
        act = kit.rig.pull if pulled else kit.cut_now
        _, done = heating_lock_after(kit, 6 * share, act)
        assert bool(kit.state.tripped & lock) != done, share
        booked.append(done)
        kit.close()
    assert len(set(booked)) == 2


def test_the_day_of_the_heating_loads_ends_at_midnight(kit: MeterKit) -> None:
    kit.rig.set_load(1_000_000)
    kit.wait(100 * S)
    kit.rig.set_load(0)
    clock_chip = kit.rig.bench.clock_chip
    assert "heating load, locked for today" in causes(kit)
    clock_chip.set(clock_chip.time_s - DAY_S)  # wound back: no new day
    kit.wait(30 * S)
    assert not kit.relay_closed
    clock_chip.set(clock_chip.time_s + 2 * DAY_S)
    kit.wait(10 * S)
    assert kit.relay_closed


# ****** Voltage ******


def test_a_street_returns_one_after_the_other(kit: MeterKit) -> None:
    """Brown-out: 12 s after the voltage is back, as this meter's number is 12."""
    kit.rig.set_volts(170_000)
    assert wait_until_open(kit, 6 * S) >= 4 * S
    kit.wait(10 * S)
    kit.rig.set_volts(184_000)  # within the hysteresis
    kit.wait(60 * S)
    assert not kit.relay_closed and causes(kit)[-1] == "mains voltage too low"
    kit.rig.set_volts(200_000)
    kit.wait(6 * S)
    assert "turn" in " ".join(kit.watch_display(8 * S))
    assert not kit.relay_closed and causes(kit)[-1] == "waits its turn after an outage"
    kit.wait(4 * S)
    assert kit.relay_closed
    kit.rig.set_volts(260_000)
    assert wait_until_open(kit, 6 * S) >= 4 * S


def test_dips_that_the_coil_can_not_follow(kit: MeterKit) -> None:
    """At 150 V the coil is not driven: the cut comes when it can be, and none is forgotten."""
    kit.rig.set_volts(150_000)
    kit.wait(30 * S)
    assert kit.relay_closed and causes(kit)[-1] == "mains voltage too low"
    kit.rig.set_volts(160_000)
    kit.wait(2 * S)
    assert not kit.relay_closed
    for mv in (220_000, 100_000, 220_000, 90_000, 210_000, 160_000):
        kit.rig.set_volts(mv)
        kit.wait(3 * S)
        assert not kit.relay_closed
    kit.rig.set_volts(220_000)
    kit.wait(20 * S)
    assert kit.relay_closed


def test_an_open_contact_and_a_weak_mains(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    kit.rig.set_volts(150_000)
    in_use_at = len(kit.lines)
    kit.sell(1000)
    kit.run_session(USER)
    kit.wait(5 * S)
    assert not kit.relay_closed
    assert "supply: mains too low to switch" in " ".join(kit.lines[in_use_at:])
    kit.close()


@pytest.mark.parametrize("numbers", [range(1, 62), range(1000, 1610, 10), range(7, 700, 11)])
def test_turns_are_spread_evenly(kit: MeterKit, numbers: range) -> None:
    switch = kit.modules["supply_switch"]
    assert kit.state.meter_no == METER_NO
    turns = [number % switch._SPREAD_S for number in numbers]
    assert max(turns.count(turn) for turn in turns) <= len(numbers) // 61 + 1


def test_after_an_outage_the_card_ends_the_wait(tmp_path: Path) -> None:
    kit = make_ruled(tmp_path, voltage=VOLTAGE)
    kit.rig.set_volts(170_000)
    wait_until_open(kit, 6 * S)
    kit.wait(1 * S)  # or the contact springs back
    kit.rig.cut_power()
    kit.rig.set_volts(220_000)
    kit.restart()
    kit.wait(5 * S)
    assert not kit.relay_closed
    assert kit.run_session(USER).code == 0
    assert kit.relay_closed
    kit.close()


# ****** Friendly time ******


def set_hour(kit: MeterKit, hour: int) -> None:
    """Set the meter's clock, which runs in UTC, to this hour in China of the next day."""
    midnight_s = (kit.rig.bench.clock_chip.time_s // DAY_S + 1) * DAY_S
    kit.rig.bench.clock_chip.set(midnight_s + (hour - 8) * 3600)
    kit.wait(7 * S)


@pytest.mark.parametrize("balance_fen", [40, 0, -999])
def test_no_cut_at_night_within_the_overdraft(kit: MeterKit, balance_fen: int) -> None:
    set_hour(kit, 23)
    spend(kit, balance_fen)
    kit.wait(10 * S)
    assert kit.relay_closed and "FrEndLy" in kit.watch_display(15 * S)
    set_hour(kit, 5)
    kit.rig.cut_power()
    kit.restart()
    assert kit.relay_closed
    set_hour(kit, 6)
    assert not kit.relay_closed
    assert causes(kit)[-1] == ("alarm 2" if balance_fen > 0 else "no credit left")


def test_the_night_ends_where_the_overdraft_ends(kit: MeterKit) -> None:
    set_hour(kit, 23)
    spend(kit, -1000)
    kit.wait(2 * S)
    assert not kit.relay_closed and causes(kit)[-1] == "overdraft used up"


def test_a_clock_that_lost_the_time_cuts_nobody_within_the_overdraft(kit: MeterKit) -> None:
    kit.rig.bench.clock_chip.mute = True
    kit.wait(6 * S)
    spend(kit, 0)
    kit.wait(10 * S)
    assert kit.relay_closed and "Err-04" in kit.watch_display(20 * S)
    spend(kit, -1000)
    kit.wait(6 * S)
    assert not kit.relay_closed


def test_the_resident_reads_friendly_time_by_key(tmp_path: Path) -> None:
    kit = make_ruled(tmp_path, friendly="22-06h,sat,sun,month12-02,date10-01")
    texts = kit.meter.pages.compose_texts()
    assert texts[-4:] == ["FH 22-06", "F     67", "Fn 12-02", "Fd 10-01"]
    seen = set()
    for _ in range(len(texts)):
        kit.rig.press_key()
        kit.wait(500 * MS)
        seen.add(kit.rig.bench.display.text.strip())
    assert {"FH 22-06", "F     67", "Fn 12-02", "Fd 10-01"} <= seen
    kit.close()


def spend(kit: MeterKit, balance_fen: int) -> None:
    """Charge down to this balance, as a load would."""
    account, state = kit.modules["account"], kit.state
    used_pj = (state.balance_fen - balance_fen) * account.FEN - state.remainder
    account.debit(state, -(-used_pj // state.price_e4))
    kit.modules["supply"].update(state)
    kit.meter.store.keep()
