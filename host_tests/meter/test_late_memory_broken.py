"""A console interrupt, as flashing begins with one, while a late memory is adopted.

It is raised at each line of the firmware that runs then; main.py stops the meter, and the next
start finds everything.
"""

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from test_late_memory import COMMIT_PJ, kit, silent_start

from dianka.desk.issue import InitData, UserData
from dianka.firmware import FIRMWARE
from ledger import FEN, PJ_PER_WH, used_fen
from meter_kit import CUSTOMER_NO, INIT, KEYS, METER_NO, USER, MeterKit, S
from service_kit import CREDIT, esam_chip, make_credit, make_test, results, uses

__all__ = ("kit",)
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

    sys.settrace(call)
    try:
        act()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
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
        found = kit.rig.runner.modules["state"].unpack(meter.store._journal.load())  # type: ignore[attr-defined]
        assert vars(found) == whole == vars(kit.state), wanted
    assert 0 <= kit.ledger.energy_pj - found.energy_pj <= PJ_PER_WH
    assert used_fen(found) == Fraction(found.energy_pj * found.price_e4, FEN)


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
    assert "Err-31" in kit.session(CREDIT).texts
    assert (uses(kit, CREDIT), kit.state.balance_fen, kit.relay_closed) == (3, 0, False)
    assert esam_chip(kit).state.files == before and not results(kit, CREDIT)
    kit.rig.bench.fram.mute = False
    kit.wait(2 * S)
    assert kit.session(CREDIT).code == 0 and (uses(kit, CREDIT), kit.state.balance_fen) == (2, 100)
    kit.close()


def test_what_tests_have_used_is_forgiven_for_good(tmp_path: Path) -> None:
    """A first try that the memory refused must not leave it to a second that found no error."""
    dear_e4 = 999_999
    init, user = (
        InitData(METER_NO, 100, 50, 1000, 0, 0, [dear_e4]),
        UserData(METER_NO, CUSTOMER_NO, 100, 50, [dear_e4]),
    )
    kit = MeterKit.before_cards(tmp_path, init, user)
    assert kit.session(INIT).code == 0
    make_test(kit, tests=1, seconds=5)
    kit.rig.set_load(6_000_000)
    kit.session(Path("test.card"))
    kit.wait(20 * S)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    assert kit.state.balance_fen < 0
    kit.rig.bench.fram.protected = True
    assert "Err-31" in kit.session(KEYS).texts
    kit.rig.bench.fram.protected = False
    assert kit.session(KEYS).code == 0
    kit.cut_now()
    kit.restart(1 * S)
    kit.wait(3 * S)
    kit.sell(5000)
    assert kit.session(USER).code == 0 and kit.state.balance_fen == 5000
    kit.close()
