"""The supply's range and the metering chip's.

When the meter is dark, and what the bench refuses to play.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.supply import HOLD_UP_US
from dianka.bench.stage.rig import Rig, RigError
from meter_kit import MeterKit, S, exact, in_use

DARK = " " * 8


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, "host")
    rig.switch_mains_on()
    rig.wait(5 * S)
    assert rig.take_view().display.strip()
    yield rig
    rig.close()


def lit_at(rig: Rig, mv: int) -> bool:
    """Whether the meter shows anything five seconds after the mains has gone to this voltage."""
    rig.set_volts(mv)
    rig.wait(5 * S)
    view = rig.take_view()
    assert view.powered == (view.display != DARK)
    return view.powered


def test_the_meter_is_dark_at_0_volts_once_its_hold_up_is_spent(rig: Rig) -> None:
    rig.set_volts(0)
    rig.wait(HOLD_UP_US - 1)
    assert rig.take_view().powered
    rig.wait(1)
    assert not rig.take_view().powered and rig.take_view().display == DARK
    assert not any(rig.take_view().lamps.values())


def test_the_supply_holds_to_75_volts_and_starts_at_85(rig: Rig) -> None:
    seen = {mv: lit_at(rig, mv) for mv in (264_000, 85_000, 84_999, 75_000, 74_999)}
    assert seen == {264_000: True, 85_000: True, 84_999: True, 75_000: True, 74_999: False}
    seen = {mv: lit_at(rig, mv) for mv in (75_000, 84_999, 85_000)}
    assert seen == {75_000: False, 84_999: False, 85_000: True}
    rig.switch_mains_off()
    rig.wait(1 * S)
    rig.set_volts(84_999)
    rig.switch_mains_on()
    rig.wait(5 * S)
    assert not rig.take_view().powered


def test_a_dip_shorter_than_the_hold_up_is_no_restart(rig: Rig) -> None:
    lines: list[str] = []
    rig.on_log = lines.append
    for mv in (0, 60_000):
        rig.set_volts(mv)
        rig.wait(HOLD_UP_US - 1)
        rig.set_volts(220_000)
        rig.wait(1 * S)
        assert rig.take_view().powered and not any("self-check" in line for line in lines)
    rig.set_volts(60_000)
    rig.wait(HOLD_UP_US // 2)
    rig.set_volts(80_000)  # a supply that has stopped does not start at this voltage
    rig.wait(HOLD_UP_US)
    assert not rig.take_view().powered


def test_the_firmware_is_warned_below_50_volts_alone(rig: Rig) -> None:
    rig.set_volts(50_000)
    assert rig.bench.get_wire_level("POWER_FAIL") == 1
    rig.set_volts(49_999)
    assert rig.bench.get_wire_level("POWER_FAIL") == 0
    rig.set_volts(220_000)
    assert rig.bench.get_wire_level("POWER_FAIL") == 1


@pytest.mark.parametrize("mv", [264_001, 100_000_000, -1])
def test_a_voltage_that_the_supply_does_not_take_is_refused(rig: Rig, mv: int) -> None:
    with pytest.raises(
        RigError,
        match=r"^the voltage is out of range: expected 0 to 264 V, the most that the supply takes$",
    ):
        rig.set_volts(mv)
    assert rig.take_view().volts_mv == 220_000


def test_a_load_that_the_chip_can_t_measure_is_refused(rig: Rig) -> None:
    with pytest.raises(RigError) as refused:
        rig.set_load(999_999_000_000)
    assert str(refused.value) == (
        "the load is out of range: expected 0 to 6.798 kW at 220 V and power factor 1, "
        "as the meter measures up to 30.9 A and this is 4545450 A"
    )
    rig.set_load(6_798_000)
    with pytest.raises(RigError, match=r"expected 0 to 6\.798 kW at 220 V and power factor 1,"):
        rig.set_load(6_798_001_000)
    with pytest.raises(RigError, match=r"expected 0 to 3\.399 kW at 220 V and power factor 0\.5,"):
        rig.set_load(6_798_000, 500)
    with pytest.raises(RigError, match=r"expected 0 to 5\.665 kW at 264 V and power factor 1,"):
        rig.set_volts(264_000)
    assert (rig.bench.mains.load_mw, rig.bench.mains.pf_milli, rig.take_view().volts_mv) == (
        6_798_000,
        1000,
        220_000,
    )


@pytest.mark.parametrize(
    ("mv", "load_mw"), [(264_000, 5_665_000), (220_000, 6_798_000), (80_000, 18_694_000)]
)
def test_the_most_that_the_bench_accepts_is_charged_to_the_last_pulse(
    tmp_path: Path, mv: int, load_mw: int
) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 20_000)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    kit.rig.set_volts(mv)
    kit.rig.set_load(load_mw)
    before_pj, charged_pj = kit.ledger.energy_pj, kit.state.energy_pj
    kit.wait(60 * S)
    assert 30_800 <= kit.rig.take_view().current_ma <= 30_900
    kit.rig.set_load(0)
    kit.wait(2 * S)
    counted_pj = kit.ledger.energy_pj - before_pj
    assert counted_pj > mv * 30_800 * 59 * 1_000_000
    assert kit.state.energy_pj - charged_pj == counted_pj
    exact(kit)
    kit.close()
