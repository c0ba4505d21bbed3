"""Parts that are broken, missing or slow: what the meter shows, goes on doing, and its recovery."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from dianka.bench.models.hlw8032_frame import Fault
from dianka.bench.models.relay import ContactFault
from dianka.cardos.t0 import Behaviour
from dianka.desk.issue import InitData, UserData
from ledger import FEN, PJ_PER_WH, compute_used_fen
from meter_kit import CUSTOMER_NO, METER_NO, PRICE_E4, USER, MeterKit, S, dip, exact, in_use

MANY = 1_000_000


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter in use with 10 yuan, under load for a while."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    kit.rig.set_load(4_400_000)
    kit.wait(60 * S)
    yield kit
    kit.close()


@pytest.fixture
def dear(tmp_path: Path) -> Iterator[MeterKit]:
    """At 99.9999 yuan/kWh a fen lasts 0.1 Wh, so that there is something to settle each second."""
    init = InitData(METER_NO, 100, 50, 50, 0, 0, [999_999])
    kit = MeterKit.new(tmp_path, init, UserData(METER_NO, CUSTOMER_NO, 100, 50, [999_999]))
    in_use(kit, 20_000)
    kit.rig.set_load(400_000)
    kit.wait(60 * S)
    yield kit
    kit.close()


def test_without_esam(kit: MeterKit) -> None:
    esam = kit.rig.bench.esam
    chip = esam.engine.chip
    kit.rig.cut_power()
    esam.put(None)
    kit.restart()
    kit.wait(20 * S)
    assert "Err-02" in kit.watch_display(15 * S)
    assert kit.relay_closed
    kit.sell(100)
    session = kit.run_session(USER)
    assert session.code == 3 and "Err-31" in session.texts
    kit.wait(300 * S)
    assert 0 <= kit.ledger.energy_pj - kit.state.energy_pj <= 2 * PJ_PER_WH
    exact_but_esam = compute_used_fen(kit.state) == Fraction(kit.state.energy_pj * PRICE_E4, FEN)
    assert exact_but_esam and kit.state.energy_pj > 400 * PJ_PER_WH
    esam.put(chip)
    kit.wait(20 * S)
    assert "Err-02" not in kit.watch_display(15 * S)
    kit.ledger.bought_fen += 100
    assert kit.run_session(USER).code == 0
    exact(kit)
    assert not [line for line in kit.lines if "restarts" in line]


def test_a_memory_that_does_not_answer(kit: MeterKit) -> None:
    fram = kit.rig.bench.fram
    fram.mute = True
    kit.wait(5 * S)
    assert "Err-06" in kit.watch_display(15 * S) and kit.relay_closed
    kit.sell(100)
    session = kit.run_session(USER)
    assert "Err-31" in session.texts  # a purchase that can't be remembered is not taken
    assert kit.state.bought_fen == 1000 and kit.get_esam_wallet()[1] == 1
    fram.mute = False
    kit.wait(5 * S)
    assert "Err-06" not in kit.watch_display(15 * S)
    kit.ledger.bought_fen += 100
    assert kit.run_session(USER).code == 0
    exact(kit)
    assert kit.state.energy_pj <= kit.ledger.energy_pj


def test_a_memory_mute_at_the_start(kit: MeterKit) -> None:
    """The ESAM's word keeps the house supplied."""
    dip(kit)
    left_fen = kit.state.balance_fen
    kit.rig.cut_power()
    kit.rig.bench.fram.mute = True
    kit.restart()
    kit.wait(8 * S)
    assert kit.relay_closed and left_fen - 2 <= kit.state.balance_fen <= left_fen
    shown = kit.watch_display(20 * S)
    assert "Err-06" in shown and "Err-02" not in shown
    kit.rig.bench.fram.mute = False
    kit.sell(100)
    assert kit.run_session(USER).code == 0
    balance_fen = kit.state.balance_fen
    kit.rig.cut_power()
    kit.restart()  # what was committed before the silence must not come back now
    assert kit.state.count == 2 and balance_fen - 2 <= kit.state.balance_fen <= balance_fen


def test_a_clock_that_has_stopped(kit: MeterKit) -> None:
    kit.rig.bench.clock_chip.battery = False
    kit.rig.cut_power()
    kit.restart()
    assert "Err-04" in kit.watch_display(15 * S) and kit.relay_closed
    kit.sell(100)
    assert kit.run_session(USER).code == 0
    assert kit.on_card().write_back["time"] == 0


def test_a_metering_chip_that_is_silent(kit: MeterKit) -> None:
    chip = kit.rig.bench.chip
    chip.inject(Fault.FROZEN, MANY)
    kit.wait(5 * S)
    assert "Err-05" in kit.watch_display(15 * S) and kit.relay_closed
    chip.inject(Fault.FROZEN, 0)
    kit.wait(5 * S)
    assert "Err-05" not in kit.watch_display(15 * S)
    kit.rig.set_load(0)
    kit.wait(1 * S)
    # The energy that passed while the chip did not answer was in its count.
    assert kit.state.energy_pj == kit.ledger.energy_pj


@pytest.mark.parametrize("fault", [ContactFault.WELDED, ContactFault.STUCK_OPEN])
def test_a_relay_that_does_not_follow(dear: MeterKit, fault: ContactFault) -> None:
    kit, relay = dear, dear.rig.bench.relay
    relay.fault = fault
    if fault is ContactFault.WELDED:
        kit.rig.set_load(6_600_000)
        while kit.state.balance_fen > 50:
            kit.wait(60 * S)
        kit.rig.set_load(0)
    kit.wait(190 * S)
    assert "Err-01" in kit.watch_display(15 * S)
    state = kit.state
    assert compute_used_fen(state) == Fraction(state.energy_pj * state.price_e4, FEN)
    relay.fault = ContactFault.NONE
    kit.wait(15 * S)
    if fault is ContactFault.STUCK_OPEN:
        assert "Err-01" not in kit.watch_display(15 * S) and kit.relay_closed
    assert "both coils driven at once" not in relay.violations


def test_an_esam_that_never_stops_and_a_slow_card(kit: MeterKit) -> None:
    """The worst that both lines can do at once must not bring the watchdog."""
    esam = kit.rig.bench.esam
    esam.engine.behaviour.null_forever = True
    kit.sell(100)
    kit.run_session(USER, behaviour=Behaviour(nulls=20))
    kit.run_session(USER, behaviour=Behaviour(null_forever=True))
    kit.wait(30 * S)
    assert not [line for line in kit.lines if "restarts" in line]
    esam.engine.behaviour.null_forever = False
    kit.wait(15 * S)
    kit.ledger.bought_fen += 100
    assert kit.run_session(USER).code == 0
    exact(kit)
