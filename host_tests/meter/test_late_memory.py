"""A memory that is silent at the start, for any time.

What it holds stays true, and what was counted meanwhile is added.

The bench's own account of money and energy is held against the meter's; test_late_memory_life.py
does it at random.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.desk.issue import InitData, UserData
from dianka.desk.prices import NewPrice
from ledger import FEN, PJ_PER_WH, used_fen
from meter_kit import CUSTOMER_NO, METER_NO, MS, USER, MeterKit, S, in_use

OTHER = Path("other.card")
DEAR_E4 = 999_999
DARK_US = 5 * S
COMMIT_PJ = PJ_PER_WH // 4


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """At 99.9999 yuan a kWh, 10 yuan of overdraft granted."""
    init = InitData(METER_NO, 100, 50, 1000, 0, 0, [DEAR_E4])
    kit = MeterKit.new(tmp_path, init, UserData(METER_NO, CUSTOMER_NO, 100, 50, [DEAR_E4]))
    in_use(kit, 1500)
    kit.rig.set_load(2_000_000)
    yield kit
    kit.close()


def silent_start(kit: MeterKit, for_us: int, dark_us: int = DARK_US) -> None:
    """After a cut: the mains comes back, and the memory answers only so long after it."""
    fram = kit.rig.bench.fram
    kit.ledger.count()
    kit.rig.cut_power()
    kit.wait(dark_us)
    kit.ledger.count()
    fram.mute = True
    kit.rig.clock.after(for_us, lambda: setattr(fram, "mute", False))
    kit.rig.mains_on()


def agrees(kit: MeterKit, lost_pj: int = 0) -> None:
    """The meter's account is exact, and the bench's but for what cuts may cost."""
    state = kit.state
    assert not kit.meter.store.unread
    assert state.bought_fen == kit.ledger.bought_fen
    assert used_fen(state) == Fraction(state.energy_pj * state.price_e4, FEN)
    assert 0 <= kit.ledger.energy_pj - state.energy_pj <= lost_pj
    assert kit.esam_wallet()[0] >= state.wallet_fen and kit.esam_wallet()[1] == state.count


def in_debt(kit: MeterKit) -> int:
    while kit.state.balance_fen > -300:
        kit.wait(20 * S)
        if not kit.relay_closed:
            kit.session(USER)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    return kit.state.balance_fen


@pytest.mark.parametrize("silent_ms", [50, 300, 2_000, 60_000])
@pytest.mark.parametrize("load_mw", [0, 2_000_000])
def test_debt_and_total_outlive_a_silent_start(kit: MeterKit, silent_ms: int, load_mw: int) -> None:
    owed_fen = in_debt(kit)
    total_pj = kit.state.energy_pj
    assert owed_fen < -300 and total_pj > 150 * PJ_PER_WH
    silent_start(kit, silent_ms * MS)
    kit.rig.set_load(load_mw)
    kit.wait(silent_ms * MS + 12 * S)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    agrees(kit, PJ_PER_WH)
    assert kit.state.balance_fen <= owed_fen + 3  # of the 0.25 Wh that the cut may cost
    assert load_mw or (
        kit.state.energy_pj >= total_pj - COMMIT_PJ and kit.state.balance_fen >= owed_fen
    )
    assert "Err-06" not in kit.looks(15 * S) and kit.meter.settlement.ready
    kit.rig.cut_power()
    kit.restart()
    agrees(kit, 2 * PJ_PER_WH)
    assert not [line for line in kit.lines if "restarts" in line]


def test_a_card_put_in_while_the_memory_wakes_pays_the_debt(kit: MeterKit) -> None:
    owed_fen = in_debt(kit)
    silent_start(kit, 3 * S)
    kit.wait(3 * S + 1)
    kit.sell(2000)
    assert kit.session(USER).code == 0
    kit.ledger.bought_fen += 2000
    agrees(kit, PJ_PER_WH)
    assert 0 <= kit.state.balance_fen - (owed_fen + 2000) <= 3


def test_a_purchase_in_the_silence_is_refused_and_taken_later(kit: MeterKit) -> None:
    kit.wait(20 * S)
    silent_start(kit, 20 * S)
    kit.wait(5 * S)
    kit.sell(500)
    session = kit.session(USER)
    assert "Err-31" in session.texts and kit.esam_wallet()[1] == 1
    kit.wait(20 * S)
    agrees(kit, PJ_PER_WH)
    assert kit.session(USER).code == 0
    kit.ledger.bought_fen += 500
    agrees(kit, PJ_PER_WH)


def test_the_memory_wakes_in_the_middle_of_a_session(kit: MeterKit) -> None:
    """At many moments of a purchase: taken whole or not at all, and accounts are not mixed."""
    credited = 1
    for part in range(0, 1_200, 50):
        kit.sell(500)
        kit.wait(10 * S)
        silent_start(kit, (4_000 + part) * MS, S)
        kit.wait(4 * S)
        kit.session(USER)
        if kit.state.count > credited:
            kit.ledger.bought_fen, credited = kit.ledger.bought_fen + 500, credited + 1
        kit.wait(2 * S)
        agrees(kit, 30 * PJ_PER_WH)
        assert kit.session(USER).code == 0
        if kit.state.count > credited:
            kit.ledger.bought_fen, credited = kit.ledger.bought_fen + 500, credited + 1
        agrees(kit, 30 * PJ_PER_WH)
        assert kit.on_card().write_back["count"] == credited == kit.state.count


@pytest.mark.parametrize("before_ms", [0, 200, 400, 600, 800, 1000])
def test_a_cut_before_the_credit_came_back_is_settled_by_the_memory_s_intent(
    kit: MeterKit, before_ms: int
) -> None:
    """The ESAM has credited, the journal has the intent, and the next start can't read it.

    The card is put in again before the memory wakes (0: after it): a receipt is written by the
    memory's state or not at all.
    """
    kit.wait(60 * S)
    kit.sell(500)
    esam = kit.rig.bench.esam
    esam.on_character = lambda direction, index: (
        kit.cut_now() if kit.esam_wallet()[1] == 2 else None
    )
    kit.session(USER)
    esam.on_character = None
    assert not kit.rig.view().powered and kit.esam_wallet()[1] == 2
    kit.rig.set_load(0)  # or the session would break off at the ESAM's settling already
    silent_start(kit, 6 * S)
    kit.wait(6 * S - before_ms * MS if before_ms else 10 * S)
    kit.session(USER)
    receipt = kit.on_card().write_back
    assert not receipt or receipt["count"] == 2
    kit.wait(4 * S)
    kit.ledger.bought_fen += 500
    agrees(kit, PJ_PER_WH)
    assert any("completed after a cut" in line for line in kit.lines)
    assert kit.session(USER).code == 0 and kit.on_card().write_back["count"] == 2


def test_illegal_cards_of_the_silence_are_added(kit: MeterKit) -> None:
    CardFile.create(kit.folder / OTHER, kinds.CONTROL).close()
    kit.session(OTHER)
    before = kit.state.illegal_cards
    assert before == 1
    silent_start(kit, 20 * S)
    kit.wait(5 * S)
    kit.session(OTHER)
    assert kit.state.illegal_cards == 1
    kit.wait(20 * S)
    assert kit.state.illegal_cards == before + 1


@pytest.mark.parametrize("load_mw", [100_000, 2_000_000])
def test_a_watchdog_s_restart_finds_the_memory_silent(kit: MeterKit, load_mw: int) -> None:
    """The metering chip has counted on: nothing is charged twice, and nothing is left out."""
    kit.rig.set_load(load_mw)
    kit.wait(30 * S)
    kit.rig.clock.after(5 * S, lambda: setattr(kit.rig.bench.fram, "mute", False))
    kit.rig.bench.fram.mute = True
    kit.bite()
    assert kit.meter.store.unread
    kit.wait(6 * S)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    agrees(kit)


def test_a_planned_price_that_began_in_the_dark_is_charged_in_the_silence(kit: MeterKit) -> None:
    clock = kit.meter.clock
    kit.rig.set_load(0)  # before the session, which commits all that was counted
    kit.wait(2 * S)
    kit.sell(500, new=NewPrice(5000, minute_after(clock, 120), at_once=True))
    assert kit.session(USER).code == 0
    kit.ledger.bought_fen += 500
    state = kit.state
    before, dear = state.energy_pj, used_fen(state)
    assert state.price_e4 == DEAR_E4 and state.switch_time
    silent_start(kit, 20 * S, 300 * S)
    kit.rig.set_load(2_000_000)
    kit.wait(30 * S)
    state = kit.state
    assert state.price_e4 == 5000 and state.energy_pj - before > 10 * PJ_PER_WH
    assert used_fen(state) == dear + Fraction((state.energy_pj - before) * 5000, FEN)


def minute_after(clock: object, seconds: int) -> int:
    """YYMMDDhhmm so many seconds from now, on the same day."""
    minute = clock.local_minute()  # type: ignore[attr-defined]
    hours, minutes = divmod(minute % 100 + seconds // 60, 60)
    return minute - minute % 100 + hours * 100 + minutes
