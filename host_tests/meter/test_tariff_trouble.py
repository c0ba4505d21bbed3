"""A planned price and what may come in its way.

Clocks without time, lost memories, cards that bring too much or too late.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from cards_kit import Pulled
from dianka.bench.models.fram import SIZE
from dianka.card_port import CardError
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Behaviour
from dianka.desk.issue import NEW_PRICE, pack_user_tariff
from dianka.desk.prices import NewPrice
from dianka.desk.sell import SaleError, sell
from meter_kit import METER_NO, PRICE_E4, USER, MeterKit, S, exact, in_use
from tariff_kit import at_least_pj, at_the_old_price, local, planned, sell_new, wait_until


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 60_000)
    yield kit
    kit.close()


# ****** Sales that were broken off ******


@pytest.mark.slow
def test_a_broken_price_sale_made_again_without_a_price_moves_no_plan_in_the_meter(
    kit: MeterKit,
) -> None:
    """0.60 from 09:00 is in the meter, a sale of 0.70 from 1 February breaks at any command.

    The meter then had 0.60 from 1 February.
    """
    former, new, at, seen = (6000, 2601050900), (7000, 2602010000), 0, set()

    def sale(plan: tuple[int, int] | None, pulled_at: int = 0) -> None:
        with CardFile.open(kit.folder / USER, kit.rng) as file:
            port = Pulled(file.chip, pulled_at, done=True) if pulled_at else file.chip
            price = NewPrice(*plan) if plan else None
            sell(
                kit.control.chip,
                port,
                100,
                kit.rng,
                price,
                lambda: local(kit.rig.bench.clock_chip.time_s),
            )
        assert kit.run_session(USER).code == 0

    def in_meter() -> tuple[int, int]:
        assert kit.state.price_e4 == PRICE_E4  # 09:00 is yet to come
        return kit.state.next_price_e4, kit.state.switch_time

    while "whole" not in seen:
        at += 1
        if (kit.state.next_price_e4, kit.state.switch_time) != former:
            sale(former)
        try:
            sale(new, at)
            seen.add("whole")
        except SaleError as error:
            assert "pulled" in str(error)
            try:
                sale(None)
            except (
                SaleError
            ) as refused:  # the last command was done, the card pulled before its answer
                assert (
                    "has not been in the meter yet" in str(refused)
                    and kit.run_session(USER).code == 0
                )
            except CardError as refused:
                assert "sell with --price and --from" in str(refused)
                seen.add("refused")
                assert in_meter() == former
                sale(new)
        seen.add(in_meter())
    assert seen == {"whole", "refused", former, new}
    kit.ledger.bought_fen = kit.state.bought_fen
    exact(kit)


# ****** Clocks that do not tell the time ******


@pytest.mark.slow
@pytest.mark.parametrize("how", ["mute", "stopped"])
def test_a_clock_that_does_not_tell_the_time_never_switches(kit: MeterKit, how: str) -> None:
    begin_us = planned(kit, 6000, 2)
    clock_chip = kit.rig.bench.clock_chip
    if how == "mute":
        clock_chip.mute = True
    else:
        clock_chip.battery = False
        kit.rig.cut_power()
        kit.restart()
    kit.rig.set_load(2_200_000)
    wait_until(kit, begin_us + 60 * S)
    waits = [line for line in kit.lines if "waits for a clock" in line]
    assert (kit.state.price_e4, kit.state.next_price_e4, len(waits)) == (PRICE_E4, 6000, 1)
    if how == "mute":
        clock_chip.mute = False
    else:
        kit.meter.clock.set(int((datetime(2026, 1, 5, 4) - datetime(2000, 1, 1)).total_seconds()))
    counted_pj = kit.ledger.energy_pj
    kit.wait(20 * S)
    assert kit.state.price_e4 == 6000
    assert (
        at_least_pj(kit, counted_pj, 2_200_000, 1)
        <= at_the_old_price(kit, PRICE_E4, 6000)
        <= counted_pj
    )


def told(kit: MeterKit, registers: dict[int, tuple[int, ...]]) -> None:
    """From now on the bus spoils what the clock tells.

    At each look the next of these values for each register, then none.
    """
    clock_chip = kit.rig.bench.clock_chip
    start, left = (
        clock_chip.start,
        {register: list(values) for register, values in registers.items()},
    )

    def spoilt(read: bool) -> bool:
        there = start(read)
        if read and clock_chip._at == 0:
            for register, values in left.items():
                if values:
                    clock_chip._registers[register] = values.pop(0)
        return there

    clock_chip.start = spoilt


@pytest.mark.slow
@pytest.mark.parametrize("registers", [
    {6: (0x99,)},  # a date of the far future, once
    {6: (0x99, 0x98)},  # twice, but not the same
    {5: (0x12,), 4: (0x05, 0x06)},
    {6: (0xA5, 0xA5, 0xA5)},  # no year
    {5: (0x81, 0x81, 0x81)},  # this month of the next century
])  # fmt: skip
def test_a_look_that_is_spoilt_on_the_bus_changes_no_price(
    kit: MeterKit, registers: dict[int, tuple[int, ...]]
) -> None:
    begin_us = planned(kit, 6000, 2)
    told(kit, registers)
    wait_until(kit, begin_us - 1 * S)
    assert (kit.state.price_e4, kit.state.next_price_e4) == (PRICE_E4, 6000)
    wait_until(kit, begin_us + 1 * S)
    assert kit.state.price_e4 == 6000


@pytest.mark.slow
def test_a_clock_with_a_year_that_is_none_stops_nothing(kit: MeterKit) -> None:
    """The receipt carries no time, as with a clock that has stopped.

    An illegal card is kept without one.
    """
    planned(kit, 6000, 2)
    told(kit, {6: (0xA5,) * 100_000})
    kit.wait(1 * S)
    assert "Err-04" in kit.watch_display(920 * S)
    kit.sell(100)
    assert kit.run_session(USER).code == 0 and kit.on_card().write_back["time"] == 0
    assert kit.run_session(USER, behaviour=Behaviour(lying_sw=0x6A82)).code == 7
    assert len(kit.meter.illegal.read_newest(20)) == kit.state.illegal_cards == 1
    assert kit.state.price_e4 == PRICE_E4 and not [line for line in kit.lines if "restarts" in line]


def test_a_clock_that_is_set_back_does_not_bring_the_old_price_back(kit: MeterKit) -> None:
    wait_until(kit, planned(kit, 6000, 1) + 1 * S)
    kit.meter.clock.set(0)
    kit.wait(5 * S)
    kit.rig.cut_power()
    kit.restart()
    assert kit.state.price_e4 == 6000


# ****** A memory that is lost ******


def lose_memory(kit: MeterKit) -> None:
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.restart()
    kit.wait(5 * S)
    assert kit.state.meter_no == METER_NO and any(
        "restored from the ESAM" in line for line in kit.lines
    )


def test_a_lost_memory_gets_the_plan_and_the_price_back(kit: MeterKit) -> None:
    """Pending, in force, and pending after one that is in force: the ESAM knows each."""
    begin_us = planned(kit, 6000, 3)
    lose_memory(kit)
    state = kit.state
    assert (state.price_e4, state.next_price_e4) == (PRICE_E4, 6000)
    wait_until(kit, begin_us + 1 * S)
    assert kit.state.price_e4 == 6000
    lose_memory(kit)
    assert (kit.state.price_e4, kit.state.switch_time) == (6000, 0)
    begin_us = planned(kit, 7000, 3)
    lose_memory(kit)
    assert (kit.state.price_e4, kit.state.next_price_e4) == (6000, 7000)
    wait_until(kit, begin_us + 1 * S)
    assert kit.state.price_e4 == 7000


# ****** What a card may not ******


def test_set_1_of_a_purchase_changes_no_price(kit: MeterKit) -> None:
    """Neither now nor by way of the ESAM, which keeps a set 1 only if it is in force."""
    sell_new(kit, 6000, 600)
    kit.write(USER, {"update_flag": NEW_PRICE}, CARD_TARIFF_1=pack_user_tariff([1]))
    assert kit.run_session(USER).code == 0
    assert kit.state.price_e4 == PRICE_E4 and any("not in force" in line for line in kit.lines)
    lose_memory(kit)
    assert (kit.state.price_e4, kit.state.next_price_e4) == (PRICE_E4, 6000)


def test_alarms_of_a_purchase_stay_as_they_are(kit: MeterKit) -> None:
    sell_new(kit, 6000, 600)
    kit.write(USER, {"update_flag": 0xFF, "alarm1_fen": 1, "alarm2_fen": 1})
    assert kit.run_session(USER).code == 0
    assert (kit.state.alarm1_fen, kit.state.alarm2_fen, kit.state.next_price_e4) == (100, 50, 6000)
    lose_memory(kit)
    assert (kit.state.alarm1_fen, kit.state.alarm2_fen) == (100, 50)


def test_a_card_that_comes_late_changes_the_price_at_once(kit: MeterKit) -> None:
    begin_us = sell_new(kit, 6000, 1)
    wait_until(kit, begin_us + 30 * S)
    assert kit.state.price_e4 == PRICE_E4
    assert kit.run_session(USER).code == 0 and kit.state.price_e4 == 6000
    assert kit.meter.pages.compose_texts()[2] == "P  0.6000"


def test_the_opening_may_bring_a_price(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    begin_us = sell_new(kit, 6000, 2, 1000)
    assert kit.run_session(USER).code == 0
    assert (kit.state.price_e4, kit.state.next_price_e4) == (PRICE_E4, 6000)
    wait_until(kit, begin_us - 1 * S)
    assert kit.meter.pages.compose_texts()[2] == "P  0.5000"
    kit.wait(2 * S)
    assert kit.meter.pages.compose_texts()[2] == "P  0.6000"
    kit.close()
