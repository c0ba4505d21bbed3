"""A whole meter with several prices: slots, steps, cuts, lost memories and clocks without time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from dianka.bench.models.fram import SIZE, Cut
from dianka.cardos.files import card_files, pack_tariff
from dianka.desk.prices import NewPrice
from ledger import FEN, PJ_PER_WH, compute_used_fen
from meter_kit import INIT, INIT_DATA, METER_NO, MS, USER, USER_DATA, MeterKit, S, tell

EPOCH_S = 946_684_800  # of the clock chip
RATES = [3000, 5000, 8000, 10000]
DAY = {"slots": [1, 3301, 3402, 4003, 8004]}  # 08:15, 08:30, 10:00, 20:00
STEPS = {"limits": [10, 20], "steps_e4": [0, 1000, 3000]}  # 0.10 and 0.20 kWh
MONDAY = datetime(2026, 1, 5, 8, 20, tzinfo=UTC)  # stands for local time


def pack(**more: Any) -> bytes:
    return pack_tariff(RATES, more)


def make_kit(folder: Path, data: bytes, at: datetime = MONDAY) -> MeterKit:
    """A meter in use with this set and 600 yuan, at this local time."""
    kit = MeterKit(folder, clock_set=False)
    set_clock(kit, at)
    kit.set_up(replace(INIT_DATA, tariff=data), replace(USER_DATA, tariff=data))
    kit.sell(60_000)
    assert kit.run_session(USER).code == 0, kit.lines[-5:]
    return kit


def set_clock(kit: MeterKit, at: datetime) -> None:
    kit.rig.bench.clock_chip.set(int(at.timestamp()) - EPOCH_S - 8 * 3600)


def wait_until(kit: MeterKit, at: datetime) -> None:
    left_s = int(at.timestamp()) - EPOCH_S - 8 * 3600 - kit.rig.bench.clock_chip.time_s
    assert left_s >= 0
    kit.wait(left_s * S)


def charged_at(kit: MeterKit, low_e4: int, high_e4: int) -> Fraction:
    """Return the energy charged at the low one of two prices, from money and energy alone."""
    state = kit.state
    return (compute_used_fen(state) * FEN - state.energy_pj * high_e4) / (low_e4 - high_e4)


def restart(kit: MeterKit, dark_us: int = 5 * S) -> None:
    kit.rig.cut_power()
    kit.restart(dark_us)


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = make_kit(tmp_path, pack(**DAY))
    yield kit
    kit.close()


# ****** Slots and steps ******


def test_a_slot_begins_at_its_quarter_and_the_price_page_says_so(kit: MeterKit) -> None:
    kit.rig.set_load(2_200_000)
    page = kit.meter.pages.compose_texts
    assert page()[2] == "P1 0.3000"
    wait_until(kit, MONDAY.replace(hour=8, minute=30))
    before_pj = kit.ledger.energy_pj
    kit.wait(60 * S)
    assert page()[2] == "P2 0.5000" and kit.state.price_e4 == 5000
    low_pj = charged_at(kit, 3000, 5000)
    assert low_pj.denominator == 1 and abs(low_pj - before_pj) < 2_200_000 * 10**9  # 1 s of load


@pytest.mark.slow
def test_a_slot_changes_without_load_too(kit: MeterKit) -> None:
    wait_until(kit, MONDAY.replace(hour=10, minute=1))
    assert (kit.state.price_e4, compute_used_fen(kit.state)) == (8000, 0)


def test_steps_go_by_the_use_and_live_through_cuts(tmp_path: Path) -> None:
    kit = make_kit(tmp_path, pack(**STEPS))
    kit.rig.set_load(6_600_000)
    for _ in range(10):
        kit.wait(17 * S)
        restart(kit)
    state = kit.state
    assert state.step_pj == state.energy_pj and state.price_e4 == 6000
    tenth_pj = 360_000_000_000_000_000
    worked = tenth_pj * 3000 + tenth_pj * 4000 + (state.energy_pj - 2 * tenth_pj) * 6000
    assert compute_used_fen(state) * FEN == worked
    kit.close()


# ****** Cuts ******


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slot", "step"])
def test_a_cut_at_the_bytes_around_a_boundary(tmp_path: Path, name: str) -> None:
    """At a step's limit and a slot's beginning: bought is used and balance, by each price."""
    kit = make_kit(tmp_path, pack(**(DAY if name == "slot" else STEPS)), MONDAY)
    fram, cuts = kit.rig.bench.fram, 0
    kit.rig.set_load(6_600_000)
    if name == "slot":
        wait_until(kit, MONDAY.replace(minute=29, second=55))
    else:
        kit.wait(46 * S)
    for point in range(1, 1_400, 111):
        fram.cut_after(point, kit.cut_now, tuple(Cut)[cuts % 3])
        kit.wait(1 * S)
        fram.cut_after_bytes = None
        if not kit.powered:
            cuts += 1
            kit.restart(100 * MS)
            kit.wait(11 * S)  # else so many cuts in a row look deliberate
        state = kit.state
        if name == "slot":
            low_pj = charged_at(kit, 3000, 5000)
            assert low_pj.denominator == 1 and 0 <= low_pj <= state.energy_pj
        else:
            limit_pj = 360_000_000_000_000_000
            first_pj = min(state.energy_pj, limit_pj)
            second_pj = min(state.energy_pj - first_pj, limit_pj)
            third_pj = state.energy_pj - first_pj - second_pj
            worked = first_pj * 3000 + second_pj * 4000 + third_pj * 6000
            assert compute_used_fen(state) * FEN == worked and state.step_pj == state.energy_pj
    assert cuts > 8 and kit.state.price_e4 == {"slot": 5000, "step": 6000}[name]
    tell(f"{cuts} cuts around a {name}'s boundary")
    kit.close()


@pytest.mark.slow
def test_a_cut_at_the_bytes_of_a_new_set(kit: MeterKit) -> None:
    """Old or new plan, whole; the card, put in again, brings the new one."""
    cuts, fram = 0, kit.rig.bench.fram
    for point in range(1, 1_500, 131):
        data = pack(**DAY, limits=[point], steps_e4=[0, 1])
        before = kit.state.next_set_crc
        sell_set(kit, data)
        fram.cut_after(point, kit.cut_now, tuple(Cut)[cuts % 3])
        kit.run_session(USER)
        fram.cut_after_bytes = None
        if not kit.powered:
            cuts += 1
            kit.restart()
            assert kit.state.next_set_crc in (before, crc_of(kit, data))
            kit.wait(11 * S)
        assert kit.run_session(USER).code == 0, kit.lines[-5:]
        memory = kit.modules["parameter_memory"]
        fram_of = kit.meter.tariff._memory
        assert memory.find(fram_of, memory.TARIFFS, kit.state.next_set_crc) == data
        assert memory.find(fram_of, memory.TARIFFS, kit.state.set_crc) == pack(**DAY)
    assert cuts > 5
    tell(f"{cuts} cuts in the session that brings a set")


def sell_set(kit: MeterKit, data: bytes, switch_time: int = 2602010000) -> None:
    rate_e4 = card_files.unpack_tariff(data)["rates_e4"][0]
    kit.sell(100, new=NewPrice(rate_e4, switch_time, tariff=data), now=lambda: 2601050000)


def crc_of(kit: MeterKit, data: bytes) -> int:
    return kit.modules["parameter_memory"].compute_crc(data)


# ****** Sets that change, and memories that are lost ******


def test_a_planned_set_comes_into_force_and_is_split_at_its_minute(kit: MeterKit) -> None:
    sell_set(kit, pack(slots=[4]), 2601050831)
    assert kit.run_session(USER).code == 0, kit.lines[-5:]
    wait_until(kit, MONDAY.replace(minute=31))
    kit.wait(1 * S)
    state = kit.state
    assert (state.set_crc, state.price_e4) == (crc_of(kit, pack(slots=[4])), 10_000)
    restart(kit)
    assert kit.state.price_e4 == 10_000 and kit.meter.tariff.mark == "4"


def test_a_long_pulse_is_split_at_the_switch_by_time(kit: MeterKit) -> None:
    """30 s before and 10 s after the minute, with and without a look in between."""
    sell_set(kit, pack(slots=[4]), 2601050831)
    assert kit.run_session(USER).code == 0
    wait_until(kit, MONDAY.replace(minute=30, second=30))
    kit.meter._charge(4)
    before_fen, energy_pj = compute_used_fen(kit.state), 40 * 10**15
    kit.wait(40 * S)
    kit.meter._charge(energy_pj)
    cost = (compute_used_fen(kit.state) - before_fen) * FEN
    assert cost == energy_pj * 3 // 4 * 5000 + energy_pj // 4 * 10_000


@pytest.mark.parametrize("esam", [True, False])
def test_a_lost_copy_comes_from_the_esam_and_the_highest_price_holds_meanwhile(
    kit: MeterKit, esam: bool
) -> None:
    kit.rig.cut_power()
    fram = kit.rig.bench.fram
    content = bytearray(fram.content)
    for half in (0, SIZE // 2):
        content[half + 3072 : half + 4096] = bytes(1024)
    fram.load(bytes(content))
    if not esam:
        kit.rig.bench.esam.put(None)
    kit.restart()
    kit.wait(5 * S)
    state = kit.state
    if esam:
        assert (state.price_e4, kit.meter.tariff.mark) == (3000, "1")
        memory = kit.modules["parameter_memory"]
        assert memory.find(kit.meter.tariff._memory, memory.TARIFFS, state.set_crc)
    else:
        assert (state.price_e4, kit.meter.tariff.mark) == (10_000, "H")


def test_a_blank_memory_gets_set_and_plan_back(kit: MeterKit) -> None:
    sell_set(kit, pack(slots=[4]))
    assert kit.run_session(USER).code == 0
    names = kit.state.set_crc, kit.state.next_set_crc, kit.state.switch_time
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.restart()
    kit.wait(8 * S)
    state = kit.state
    assert (state.set_crc, state.next_set_crc, state.switch_time) == names
    assert (state.price_e4, state.meter_no) == (3000, METER_NO)


# ****** Sets that are none ******


def test_a_refused_set_leaves_the_old_one_whole_and_the_purchase_good(kit: MeterKit) -> None:
    before = bytes(kit.esam.state.files[card_files.ESAM_TARIFF_2])
    params = bytes(kit.esam.state.files[card_files.ESAM_PARAMS])
    state = kit.state
    names = state.set_crc, state.next_set_crc, state.switch_time
    sell_set(kit, pack(slots=[1, 4003, 2802]))
    session = kit.run_session(USER)
    assert session.code == 14 and any("overlaps" in line for line in session.log)
    assert bytes(kit.esam.state.files[card_files.ESAM_TARIFF_2]) == before
    assert bytes(kit.esam.state.files[card_files.ESAM_PARAMS]) == params
    assert (state.set_crc, state.next_set_crc, state.switch_time) == names
    assert (state.bought_fen, state.count) == (60_100, 2)
    assert kit.may_sell()  # the receipt is on the card


def test_an_initialisation_card_with_a_set_that_is_none_changes_nothing(tmp_path: Path) -> None:
    init = replace(INIT_DATA, tariff=pack(slots=[1, 4003, 2802]))
    kit = MeterKit.before_cards(tmp_path, init)
    files = dict(kit.esam.state.files)
    assert kit.run_session(INIT).code == 14
    assert dict(kit.esam.state.files) == files and not kit.state.meter_no
    kit.close()


# ****** Clocks ******


@pytest.mark.slow
def test_a_clock_that_falls_silent_keeps_the_slot_then_the_highest_rate_holds(
    kit: MeterKit,
) -> None:
    wait_until(kit, MONDAY.replace(minute=31))
    kit.rig.bench.clock_chip.mute = True
    kit.wait(60 * S)
    assert (kit.state.price_e4, kit.meter.tariff.mark) == (5000, "2")
    wait_until(kit, MONDAY.replace(hour=9, minute=59, second=58))
    assert kit.state.price_e4 == 5000
    kit.wait(4 * S)
    assert (kit.state.price_e4, kit.meter.tariff.mark) == (10_000, "H")
    assert kit.meter.pages.compose_texts()[2] == "PH 1.0000" and "Err-04" in kit.watch_display(
        7 * S
    )
    kit.rig.bench.clock_chip.mute = False
    kit.wait(1 * S)
    assert (kit.state.price_e4, kit.meter.tariff.mark) == (8000, "3")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["lost", "back", "2000", "2099"])
def test_no_start_with_a_wrong_clock_is_cheaper(kit: MeterKit, how: str) -> None:
    """Its rate would be the cheapest one. The last one is about to leave the years it can hold."""
    kit.rig.set_load(2_200_000)
    kit.wait(20 * S)
    if how == "lost":
        kit.rig.bench.clock_chip.battery = False
    kit.rig.cut_power()
    if how != "lost":
        at = {
            "back": MONDAY.replace(hour=8, minute=0),
            "2000": datetime(2000, 1, 2, tzinfo=UTC),
            "2099": datetime(2099, 12, 31, 23, 59, 57, tzinfo=UTC),
        }[how]
        set_clock(kit, at)
    before_pj = kit.state.energy_pj
    kit.restart()
    kit.wait(20 * S)
    low_pj = charged_at(kit, 3000, 10_000)
    assert low_pj.denominator == 1 and before_pj - PJ_PER_WH // 4 <= low_pj <= before_pj
    assert kit.state.energy_pj > before_pj and kit.meter.tariff.mark == "H"


def test_an_installer_may_set_the_clock_back_and_no_step_begins_again(tmp_path: Path) -> None:
    kit = make_kit(tmp_path, pack(**STEPS))
    kit.rig.set_load(6_600_000)
    kit.wait(70 * S)
    used_pj = kit.state.step_pj
    kit.meter.set_clock(int(datetime(2025, 12, 5, tzinfo=UTC).timestamp()) - EPOCH_S, True)
    kit.wait(5 * S)
    assert kit.state.step_pj > used_pj and kit.meter.tariff.mark == "1"
    kit.meter.set_clock(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) - EPOCH_S)
    kit.wait(5 * S)
    assert kit.state.step_pj < used_pj
    kit.close()
