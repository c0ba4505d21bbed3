"""A memory that is silent at the start, for any time: what it holds stays true.

What was counted meanwhile is added. The bench's own account of money and energy is held against the
meter's; test_silent_life.py does it at random.
"""

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from dianka.bench.models.fram import SIZE
from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.desk.issue import InitData, UserData
from dianka.desk.prices import NewPrice
from dianka.firmware import FIRMWARE, load_shared
from ledger import FEN, PJ_PER_WH, compute_used_fen
from memory_kit import silent_start
from meter_kit import CUSTOMER_NO, INIT, KEYS, METER_NO, MS, USER, MeterKit, S, dip, in_use
from service_kit import CREDIT, esam_chip, make_credit, make_test, results, uses

OTHER = Path("other.card")
DEAR_E4 = 999_999
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


def agrees(kit: MeterKit, lost_pj: int = 0) -> None:
    """The meter's account is exact, and the bench's but for what cuts may cost."""
    state = kit.state
    assert not kit.meter.store.unread
    assert state.bought_fen == kit.ledger.bought_fen
    assert compute_used_fen(state) == Fraction(state.energy_pj * state.price_e4, FEN)
    assert 0 <= kit.ledger.energy_pj - state.energy_pj <= lost_pj
    assert kit.get_esam_wallet()[0] >= state.wallet_fen and kit.get_esam_wallet()[1] == state.count


def in_debt(kit: MeterKit) -> int:
    while kit.state.balance_fen > -300:
        kit.wait(20 * S)
        if not kit.relay_closed:
            kit.run_session(USER)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    return kit.state.balance_fen


@pytest.mark.slow
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
    assert "Err-06" not in kit.watch_display(15 * S) and kit.meter.settlement.ready
    kit.rig.cut_power()
    kit.restart()
    agrees(kit, 2 * PJ_PER_WH)
    assert not [line for line in kit.lines if "restarts" in line]


@pytest.mark.parametrize("silent_ms", [60, 500, 999, 4_000, 60_000])
def test_a_silent_memory_switches_nobody_off(kit: MeterKit, silent_ms: int) -> None:
    """Until the ESAM tells that the account is open, the contact stays where it is."""
    switched, since = kit.rig.bench.relay.operations, len(kit.lines)
    silent_start(kit, silent_ms * MS)
    for _ in range(300):
        kit.wait(50 * MS)
        assert kit.relay_closed
    assert kit.rig.bench.relay.operations == switched
    kit.wait(silent_ms * MS)
    assert kit.relay_closed and not kit.meter.store.unread
    assert not [line for line in kit.lines[since:] if "not initialised" in line]


def test_a_meter_that_nobody_tells_anything_opens(kit: MeterKit) -> None:
    """Memory and ESAM are both silent: nobody knows whose account it is."""
    kit.rig.bench.esam.put(None)
    since = len(kit.lines)
    silent_start(kit, 60 * S)
    kit.wait(4 * S)
    assert kit.relay_closed
    kit.wait(3 * S)
    assert not kit.relay_closed
    assert any(line.endswith("supply: not initialised") for line in kit.lines[since:])


def test_a_card_put_in_while_the_memory_wakes_pays_the_debt(kit: MeterKit) -> None:
    owed_fen = in_debt(kit)
    silent_start(kit, 3 * S)
    kit.wait(3 * S + 1)
    kit.sell(2000)
    assert kit.run_session(USER).code == 0
    kit.ledger.bought_fen += 2000
    agrees(kit, PJ_PER_WH)
    assert 0 <= kit.state.balance_fen - (owed_fen + 2000) <= 3


def test_a_purchase_in_the_silence_is_refused_and_taken_later(kit: MeterKit) -> None:
    kit.wait(20 * S)
    silent_start(kit, 20 * S)
    kit.wait(5 * S)
    kit.sell(500)
    session = kit.run_session(USER)
    assert "Err-31" in session.texts and kit.get_esam_wallet()[1] == 1
    kit.wait(20 * S)
    agrees(kit, PJ_PER_WH)
    assert kit.run_session(USER).code == 0
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
        kit.run_session(USER)
        if kit.state.count > credited:
            kit.ledger.bought_fen, credited = kit.ledger.bought_fen + 500, credited + 1
        kit.wait(2 * S)
        agrees(kit, 30 * PJ_PER_WH)
        assert kit.run_session(USER).code == 0
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
        kit.cut_now() if kit.get_esam_wallet()[1] == 2 else None
    )
    kit.run_session(USER)
    esam.on_character = None
    assert not kit.rig.take_view().powered and kit.get_esam_wallet()[1] == 2
    kit.rig.set_load(0)  # or the session would break off at the ESAM's settling already
    silent_start(kit, 6 * S)
    kit.wait(6 * S - before_ms * MS if before_ms else 10 * S)
    kit.run_session(USER)
    receipt = kit.on_card().write_back
    assert not receipt or receipt["count"] == 2
    kit.wait(4 * S)
    kit.ledger.bought_fen += 500
    agrees(kit, PJ_PER_WH)
    assert any("completed after a cut" in line for line in kit.lines)
    assert kit.run_session(USER).code == 0 and kit.on_card().write_back["count"] == 2


def test_illegal_cards_of_the_silence_are_added(kit: MeterKit) -> None:
    CardFile.create(kit.folder / OTHER, kinds.CONTROL).close()
    kit.run_session(OTHER)
    before = kit.state.illegal_cards
    assert before == 1
    silent_start(kit, 20 * S)
    kit.wait(5 * S)
    kit.run_session(OTHER)
    assert kit.state.illegal_cards == 1
    kit.wait(20 * S)
    assert kit.state.illegal_cards == before + 1


@pytest.mark.parametrize("load_mw", [100_000, 2_000_000])
def test_a_watchdog_s_restart_finds_the_memory_silent(kit: MeterKit, load_mw: int) -> None:
    """The metering chip has counted on: nothing is charged twice, and nothing is left out."""
    kit.rig.set_load(load_mw)
    kit.wait(30 * S)
    kit.rig.clock.call_after(5 * S, lambda: setattr(kit.rig.bench.fram, "mute", False))
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
    assert kit.run_session(USER).code == 0
    kit.ledger.bought_fen += 500
    state = kit.state
    before, dear = state.energy_pj, compute_used_fen(state)
    assert state.price_e4 == DEAR_E4 and state.switch_time
    silent_start(kit, 20 * S, 300 * S)
    kit.rig.set_load(2_000_000)
    kit.wait(30 * S)
    state = kit.state
    assert state.price_e4 == 5000 and state.energy_pj - before > 10 * PJ_PER_WH
    assert compute_used_fen(state) == dear + Fraction((state.energy_pj - before) * 5000, FEN)


def minute_after(clock: object, seconds: int) -> int:
    """YYMMDDhhmm so many seconds from now, on the same day."""
    minute = clock.read_local_minute()  # type: ignore[attr-defined]
    hours, minutes = divmod(minute % 100 + seconds // 60, 60)
    return minute - minute % 100 + hours * 100 + minutes


# ****** A console interrupt, as flashing begins with one, while a late memory is adopted ******

# It is raised at each line of the firmware that runs then; main.py stops the meter, and the next
# start finds everything.


# In journal and driver: nothing has been adopted yet.
SCANNING = ("scan", "_scan_ring", "_read", "_ask", "read")


@pytest.fixture
def woken(kit: MeterKit) -> Iterator[MeterKit]:
    """Counting, with the former count in a memory that could be read again for the first time."""
    kit.wait(40 * S)
    silent_start(kit, 1_000 * S)
    kit.rig.set_load(2_000_000)
    kit.wait(100 * S)
    assert kit.meter.store.unread and kit.state.energy_pj > 40 * PJ_PER_WH
    kit.rig.bench.fram.mute = False
    yield kit


def at_line(wanted: int, act: Callable[[], Any]) -> int:
    """Run `act` with an interrupt at this line of the firmware, not counting those that only read.

    How many there were.
    """
    seen = [0]

    def line(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            seen[0] += 1
            if seen[0] == wanted:
                raise KeyboardInterrupt
        return line

    def call(frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        return line if str(FIRMWARE) in code.co_filename and code.co_name not in SCANNING else None

    former = sys.gettrace()  # that of `make coverage`
    sys.settrace(call)
    try:
        act()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(former)
    return seen[0]


def test_an_interrupt_at_any_line_loses_nothing(woken: MeterKit) -> None:
    kit, meter = woken, woken.meter
    fram, before = kit.rig.bench.fram, dict(vars(woken.meter))
    content, store, metering = fram.content, dict(vars(meter.store)), dict(vars(meter.metering))
    journal = dict(vars(meter.store._journal))
    made_up = dict(vars(meter.store.state))

    def again() -> None:
        for thing, values in ((meter, before), (meter.store, store), (meter.metering, metering)):
            vars(thing).update(values)
        vars(meter.store._journal).update(journal)
        vars(meter.store.state).update(made_up)
        fram.load(content)

    lines = at_line(0, meter.recovery.adopt_now)
    assert not meter.store.unread and lines > 50
    whole = dict(vars(kit.state))
    for wanted in range(1, lines + 1):
        again()
        assert at_line(wanted, meter.recovery.adopt_now) == wanted
        meter.stop()
        found = kept(kit)
        assert vars(found) == whole == vars(kit.state), wanted
    assert 0 <= kit.ledger.energy_pj - found.energy_pj <= PJ_PER_WH
    assert compute_used_fen(found) == Fraction(found.energy_pj * found.price_e4, FEN)


@pytest.mark.parametrize("late_ms", [60, 300, 1_500, 4_000])
def test_the_self_check_waits_for_a_memory_that_wakes_late(kit: MeterKit, late_ms: int) -> None:
    """Its digit would say all day, and to the next update, that the memory does not answer."""
    silent_start(kit, late_ms * 1000)
    kit.wait(15 * S)
    assert not kit.meter.store.unread and kit.meter.self_check.code.startswith("00000")


def test_a_silent_memory_is_not_told_for_ever(kit: MeterKit) -> None:
    kit.wait(20 * S)
    silent_start(kit, 1_000 * S)
    kit.rig.set_load(6_600_000)
    since = len(kit.lines)
    kit.wait(60 * S)
    assert kit.state.energy_pj > 50 * COMMIT_PJ
    # One at a commit, one at the ESAM's start.
    assert len([line for line in kit.lines[since:] if "has not been read" in line]) <= 2


def test_a_test_credit_in_the_silence_takes_no_use(tmp_path: Path) -> None:
    kit = MeterKit.before_cards(tmp_path)
    make_credit(kit)
    silent_start(kit, 1_000 * S)
    kit.wait(6 * S)
    before = esam_chip(kit).state.files
    assert "Err-31" in kit.run_session(CREDIT).texts
    assert (uses(kit, CREDIT), kit.state.balance_fen, kit.relay_closed) == (3, 0, False)
    assert esam_chip(kit).state.files == before and not results(kit, CREDIT)
    kit.rig.bench.fram.mute = False
    kit.wait(2 * S)
    assert kit.run_session(CREDIT).code == 0 and (uses(kit, CREDIT), kit.state.balance_fen) == (
        2,
        100,
    )
    kit.close()


def test_what_tests_have_used_is_forgiven_for_good(tmp_path: Path) -> None:
    """A first try that the memory refused must not leave it to a second that found no error."""
    dear_e4 = 999_999
    init, user = (
        InitData(METER_NO, 100, 50, 1000, 0, 0, [dear_e4]),
        UserData(METER_NO, CUSTOMER_NO, 100, 50, [dear_e4]),
    )
    kit = MeterKit.before_cards(tmp_path, init, user)
    assert kit.run_session(INIT).code == 0
    make_test(kit, tests=1, seconds=5)
    kit.rig.set_load(6_000_000)
    kit.run_session(Path("test.card"))
    kit.wait(20 * S)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    assert kit.state.balance_fen < 0
    kit.rig.bench.fram.protected = True
    assert "Err-31" in kit.run_session(KEYS).texts
    kit.rig.bench.fram.protected = False
    assert kit.run_session(KEYS).code == 0
    kit.cut_now()
    kit.restart(1 * S)
    kit.wait(3 * S)
    kit.sell(5000)
    assert kit.run_session(USER).code == 0 and kit.state.balance_fen == 5000
    kit.close()


# ****** It stays silent, is blank, or the meter is stopped meanwhile ******

# The stop comes before or after the memory was read.


records = load_shared("state")


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
    assert kit.meter.store.unread and "Err-06" in kit.watch_display(15 * S)
    assert not [line for line in kit.lines if "restarts" in line]


@pytest.mark.slow
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
    kit.rig.set_load(0)
    kit.wait(2 * S)
    dip(kit)
    energy_pj = kit.state.energy_pj
    silent_start(kit, 8 * S)
    left_fen = kit.get_esam_wallet()[0]
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.wait(12 * S)
    assert not kit.meter.store.unread and kit.meter.store.anew and not kit.meter.store.fault
    assert (kept(kit).meter_no, kept(kit).count) == (METER_NO, 1) and kept(
        kit
    ).balance_fen == left_fen > 1000
    assert kept(kit).energy_pj == energy_pj
    kit.sell(500)
    assert kit.run_session(USER).code == 0 and kept(kit).count == 2
