"""Electricity that nobody counts: mains interrupted on purpose, and a metering chip's wire cut."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dianka.bench.models.hlw8032_frame import Fault
from dianka.desk.issue import InitData
from ledger import PJ_PER_WH
from meter_kit import INIT_DATA, METER_NO, MS, PRICE_E4, MeterKit, S, exact, in_use, tell

LOAD_MW = 6_600_000
FOR_EVER = 1_000_000
GAIN_WH = 6  # what any number of interruptions can bring at once: docs/operations.md


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """In use, at rest and forgiven all starts."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 60_000)
    kit.wait(30 * S)
    assert kit.relay_closed and kit.state.uncharged_starts == 0
    kit.rig.set_load(LOAD_MW)
    kit.wait(2 * S)
    yield kit
    kit.close()


def interrupt(kit: MeterKit, times: int, off_ms: int, on_ms: int) -> tuple[int, int]:
    """Energy delivered and energy charged since the meter is new, in pJ.

    From the beginning, as the chip has counted what it has not yet told at any moment of a load.
    """
    for _ in range(times):
        kit.rig.switch_mains_off()
        kit.wait(off_ms * MS)
        kit.rig.switch_mains_on()
        kit.wait(on_ms * MS)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    return kit.rig.bench.mains.energy_nj * 1000, kit.state.energy_pj


@pytest.mark.slow
@pytest.mark.parametrize("times", [120, pytest.param(600, marks=pytest.mark.campaign)])
@pytest.mark.parametrize(
    ("off_ms", "on_ms"), [(150, 400), (150, 130), (150, 60), (150, 1_000), (5_000, 3_000)]
)
def test_interrupting_the_mains_brings_a_few_watt_hours(
    kit: MeterKit, times: int, off_ms: int, on_ms: int
) -> None:
    delivered_pj, charged_pj = interrupt(kit, times, off_ms, on_ms)
    delivered_mwh, charged_mwh = (each * 1000 // PJ_PER_WH for each in (delivered_pj, charged_pj))
    tell(
        f"{times} times {off_ms} ms off, {on_ms} ms on: {delivered_mwh} mWh delivered, "
        f"{charged_mwh} charged"
    )
    assert 0 <= delivered_pj - charged_pj <= GAIN_WH * PJ_PER_WH
    assert not kit.relay_closed and any(
        "supply: mains interrupted too often" in line for line in kit.lines
    )
    kit.wait(15 * S)
    assert kit.relay_closed, "a resident whose mains was bad is not locked out"
    assert not kit.rig.bench.relay.violations
    exact_but_for_the_ledger(kit)


@pytest.mark.slow
@pytest.mark.parametrize("on_ms", range(11_410, 11_620, 30))
def test_who_waits_for_forgiveness_gains_1_4_per_cent_at_most(kit: MeterKit, on_ms: int) -> None:
    """Each start is forgiven, so the relay stays closed: what is gained each time is bounded.

    By when the cut falls between two reports of the chip: the times go once through its period.
    """
    delivered_pj, charged_pj = interrupt(kit, 12, 150, on_ms)
    gain_pj = delivered_pj - charged_pj
    tell(f"12 times {on_ms} ms on: {gain_pj * 10_000 // delivered_pj} of 10,000 gained")
    assert 0 <= gain_pj <= delivered_pj * 14 // 1000
    assert kit.relay_closed
    exact_but_for_the_ledger(kit)


def test_no_load_locks_nobody_out(kit: MeterKit) -> None:
    """Reports of no pulses are heard all the same.

    Restarts by the controller alone lose nothing and do not count.
    """
    kit.rig.set_load(0)
    for _ in range(3):
        kit.rig.cut_power()
        kit.restart()
        for _ in range(4):
            kit.bite()
        assert kit.relay_closed
        kit.wait(15 * S)
    assert kit.state.uncharged_starts == 0


def test_starts_are_not_committed_without_end(kit: MeterKit) -> None:
    kit.rig.set_load(0)
    kit.wait(2 * S)
    kit.rig.cut_power()
    kit.restart()
    kit.wait(60 * S)
    writes = kit.rig.bench.fram.writes
    kit.wait(600 * S)
    assert kit.rig.bench.fram.writes == writes


def cut_the_wire(kit: MeterKit) -> None:
    kit.rig.bench.chip.inject(Fault.FROZEN, FOR_EVER)


def test_a_silent_metering_chip_opens_the_supply(kit: MeterKit) -> None:
    """10 min at 6.6 kW, 1.1 kWh, were delivered and nothing of them charged."""
    before_pj = kit.rig.bench.mains.energy_nj * 1000
    cut_the_wire(kit)
    kit.wait(58 * S)
    assert kit.relay_closed
    kit.wait(600 * S)
    assert not kit.relay_closed and any(
        "supply: metering chip silent" in line for line in kit.lines
    )
    assert kit.rig.bench.mains.energy_nj * 1000 - before_pj <= 62 * LOAD_MW * PJ_PER_WH // 3_600_000
    assert "Err-05" in kit.watch_display(20 * S)
    kit.rig.bench.chip.inject(Fault.FROZEN, 0)
    kit.wait(8 * S)
    assert kit.relay_closed and not kit.rig.bench.relay.violations
    kit.rig.set_load(0)
    kit.wait(2 * S)
    exact(kit)


def test_a_silent_chip_and_many_starts_do_not_go_on_for_ever(kit: MeterKit) -> None:
    """Each start gives the chip a minute to be heard, but not each of many."""
    before_pj = kit.rig.bench.mains.energy_nj * 1000
    cut_the_wire(kit)
    for _ in range(20):
        kit.rig.cut_power()
        kit.wait(1 * S)
        cut_the_wire(kit)
        kit.rig.switch_mains_on()
        kit.wait(50 * S)
    assert not kit.relay_closed
    assert (
        kit.rig.bench.mains.energy_nj * 1000 - before_pj
        <= (5 * 50 + 2) * LOAD_MW * PJ_PER_WH // 3_600_000
    )


@pytest.mark.parametrize("silent_s", [10, 100])
def test_no_credit_opens_although_the_chip_tells_no_volts(tmp_path: Path, silent_s: int) -> None:
    """The coil waited for the silent chip's word on the mains.

    The power-fail pin tells of it too.
    """
    kit = MeterKit.new(tmp_path, InitData(METER_NO, 0, 0, 0, 0, 0, [PRICE_E4]))
    in_use(kit, 10)
    kit.wait(5 * S)
    cut_the_wire(kit)
    kit.wait(silent_s * S)
    kit.state.balance_fen = 0
    kit.wait(2 * S)
    assert not kit.relay_closed
    kit.close()


def test_the_initialisation_card_brings_the_limit(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path, replace(INIT_DATA, silence_min=3))
    in_use(kit, 1000)
    assert kit.state.silence_limit_s == 180
    kit.wait(5 * S)
    cut_the_wire(kit)
    kit.wait(175 * S)
    assert kit.relay_closed
    kit.wait(10 * S)
    assert not kit.relay_closed
    kit.close()


def exact_but_for_the_ledger(kit: MeterKit) -> None:
    kit.ledger.bought_fen = kit.state.bought_fen
    exact(kit)
