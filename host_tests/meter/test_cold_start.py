"""A controller that starts cold, whether the metering chip has started too or not: nobody pays twice for what was counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.rungs.runners import POWER_ON
from ledger import PJ_PER_WH
from meter_kit import MS, MeterKit, S, exact, in_use, tell

FIRST_LOOK_MS = 700  # from power to the first energy, on this rung


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 60_000)
    yield kit
    kit.close()


def fell_short_pj(kit: MeterKit) -> int:
    """What the chip has counted and nobody was charged for, once all is told."""
    kit.rig.set_load(0)
    kit.wait(1 * S)
    exact(kit)
    return kit.ledger.energy_pj - kit.state.energy_pj


@pytest.mark.parametrize("load_mw", [100_000, 2_200_000, 6_600_000])
def test_a_controller_that_starts_alone_charges_nothing_twice(
    kit: MeterKit, load_mw: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its supply dips for an instant, the chip's does not; the chip has just started or wrapped, so its count is small."""
    monkeypatch.setattr("dianka.bench.stage.rig.WATCHDOG", POWER_ON)  # what machine.reset_cause() says
    for _ in range(4):
        kit.rig.cut_power()
        kit.restart()
        kit.rig.set_load(load_mw)
        kit.wait(1 * S)
        kit.rig.set_load(0)
        kit.wait(1 * S)
        before_pj = fell_short_pj(kit)
        kit.bite()
        assert kit.meter.metering.chip.register < 3_000  # small enough for a chip that has just started
        assert fell_short_pj(kit) == before_pj
        kit.rig.set_load(load_mw)
        kit.wait(500 * MS)
        kit.bite()
        assert before_pj <= fell_short_pj(kit) <= before_pj + load_mw * 5 * PJ_PER_WH // 3_600_000 + PJ_PER_WH


@pytest.mark.parametrize("on_ms", [300, 560, 590, 600, 700, 900, 2_500])
def test_cuts_soon_after_a_start_cost_what_was_used_since_it_at_most(kit: MeterKit, on_ms: int) -> None:
    load_mw, cuts = 6_600_000, 6
    kit.rig.set_load(load_mw)
    kit.wait(2 * S)
    kit.rig.cut_power()
    begun_pj = kit.ledger.energy_pj - kit.state.energy_pj
    for _ in range(cuts):
        kit.wait(5 * S)
        kit.ledger.count()
        kit.rig.mains_on()
        kit.wait(on_ms * MS)
        kit.ledger.count()
        kit.rig.cut_power()
    kit.restart()
    cost_pj = fell_short_pj(kit) - begun_pj
    first_look_pj = load_mw * FIRST_LOOK_MS * PJ_PER_WH // 3_600_000
    tell(f"{cuts} cuts {on_ms} ms after the start at 6.6 kW cost {cost_pj * 1000 // PJ_PER_WH} mWh")
    assert 0 <= cost_pj <= (cuts + 1) * first_look_pj
