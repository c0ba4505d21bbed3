"""A memory that was silent at the start: it stays so, is blank, or the meter is stopped meanwhile.

The stop comes before or after the memory was read.
"""

import pytest
from test_late_memory import COMMIT_PJ, agrees, in_debt, kit, silent_start

from dianka.bench.models.fram import SIZE
from dianka.firmware import shared
from ledger import PJ_PER_WH
from meter_kit import METER_NO, MS, USER, MeterKit, S, dip

__all__ = ("kit",)
records = shared("state")


def kept(kit: MeterKit) -> records.State:
    """What the next start would find."""
    return records.unpack(kit.meter.store._journal.load())


def test_a_memory_silent_for_ever_leaves_a_meter_that_meters(kit: MeterKit) -> None:
    kit.wait(20 * S)
    counted = kit.ledger.energy_pj
    silent_start(kit, 10_000 * S)
    kit.wait(1_200 * S)
    assert 0 <= kit.ledger.energy_pj - counted - kit.state.energy_pj <= PJ_PER_WH
    # It tripped at alarm 2, as always.
    assert kit.state.energy_pj > 100 * PJ_PER_WH and not kit.relay_closed
    assert kit.meter.store.unread and "Err-06" in kit.looks(15 * S)
    assert not [line for line in kit.lines if "restarts" in line]


@pytest.mark.parametrize("answers", [False, True])
def test_an_update_s_trial_never_writes_over_a_memory_it_has_not_read(
    kit: MeterKit, answers: bool
) -> None:
    """Its self-check finds digit 1 = 3, it stops the meter and restarts.

    The former version finds every total.
    """
    owed_fen = in_debt(kit)
    total_pj, content = kit.state.energy_pj, kit.rig.bench.fram.content
    # So the check takes 2 s, and a memory that is to answer does so when it ends.
    kit.rig.bench.esam.put(None)
    silent_start(kit, 500 * MS if answers else 60 * S)
    kit.wait(200 * MS)
    kit.rig.runner.modules["versions"].on_trial = True  # type: ignore[attr-defined]
    for _ in range(200):
        kit.wait(50 * MS)
        if any("update refused" in line for line in kit.lines):
            break
    assert any("update refused: self-check 3" in line for line in kit.lines), kit.lines[-5:]
    assert kit.rig.bench.fram.content == content
    kit.rig.bench.fram.mute = False
    kit.wait(5 * S)
    assert (
        0 <= total_pj - kit.state.energy_pj <= COMMIT_PJ
        and 0 <= kit.state.balance_fen - owed_fen <= 3
    )


def test_stop_brings_both_together(kit: MeterKit) -> None:
    """Flashing stops the meter while the memory, silent at the start, has just come back."""
    kit.wait(20 * S)
    silent_start(kit, 2_200 * MS)
    kit.wait(2_150 * MS)
    assert kit.meter.store.unread
    kit.wait(60 * MS)
    kit.meter.stop()
    agrees(kit, 2 * PJ_PER_WH)
    assert kept(kit).energy_pj == kit.state.energy_pj


def test_a_memory_that_wakes_blank_takes_what_the_esam_told(kit: MeterKit) -> None:
    kit.wait(20 * S)
    dip(kit)
    kit.rig.set_load(0)
    silent_start(kit, 8 * S)
    left_fen = kit.esam_wallet()[0]
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.wait(12 * S)
    assert not kit.meter.store.unread and kit.meter.store.anew and not kit.meter.store.fault
    assert (kept(kit).meter_no, kept(kit).count) == (METER_NO, 1) and kept(
        kit
    ).balance_fen == left_fen > 1000
    kit.sell(500)
    assert kit.session(USER).code == 0 and kept(kit).count == 2
