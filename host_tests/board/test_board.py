"""Rung 4: what is flashed runs on a real board, with the three wires of its README.md and nothing else.

The board and its port come from `make test-board BOARD=... PORT=...`; without them there is nothing to test on.
"""

import os
import time
from collections.abc import Iterator

import pytest

PORT = os.environ.get("DIANKA_PORT", "")
BOARD = os.environ.get("DIANKA_BOARD", "rp2_pico")
if not PORT:
    pytest.skip("rung 4 not run: it needs a board, make test-board BOARD=rp2_pico PORT=...", allow_module_level=True)

from dianka.flash import build, update  # noqa: E402
from dianka.flash.link import Link  # noqa: E402

NOTHING_ATTACHED = "31113"  # memory silent, chip silent, ESAM silent, clock silent, relay not driven
USE = "import sys, time; from machine import Pin, PWM; sys.path.insert(0, _text('slot').split()[0]); import board"
BACK_S = 40.0


@pytest.fixture(scope="session", autouse=True)
def _board_is_there() -> None:
    """One line when there is nothing to test on, not a traceback for each test."""
    try:
        build.load_kind(BOARD)
        Link(PORT).close()  # left at its prompt: the next one takes over from there
    except build.FlashError as error:
        pytest.exit(str(error), returncode=2)


@pytest.fixture
def link() -> Iterator[Link]:
    """The board at its prompt, running the meter again afterwards."""
    try:
        made = Link(PORT)
    except build.FlashError as error:
        pytest.fail(str(error), pytrace=False)
    yield made
    made.reset()
    made.close()


def test_the_board_holds_exactly_this_version(link: Link) -> None:
    version = build.build(build.load_kind(BOARD))
    update.hello(link, version.kind)
    board = update.look(link)
    assert update.differences(version, board.good_files) == [], "run make flash first"
    assert update.root_differences(version, board) == []


def report(link: Link) -> update.Report:
    for line in link.lines(BACK_S):
        found = update.parse_report(line)
        if found:
            return found
    raise AssertionError(f"no self-check within {BACK_S:.0f} s")


def test_self_check_says_what_is_not_there(link: Link) -> None:
    link.reset()
    found = report(link)
    assert found.code[:5] == NOTHING_ATTACHED
    assert int(found.code[5:]) >= 100, "KiB of heap"


def test_the_watchdog_brings_a_silent_board_back(link: Link) -> None:
    """As after flashing that was killed: nobody feeds it, nobody resets it."""
    link.ask("1")
    link._at_prompt = False  # from here on it is left alone
    began_s = time.monotonic()
    report(link)
    assert time.monotonic() - began_s > 4, "it must not have been reset by anything else"


def test_outputs_drive_and_inputs_hear(link: Link) -> None:
    link.run(USE + "\nclose, back = board.relay_close(), board.relay_feedback()")
    assert [link.ask(f"(close.value({level}), time.sleep_ms(1), back.value())[-1]") for level in (1, 0, 1, 0)] == [1, 0, 1, 0]


def test_pulses_are_counted_without_loss(link: Link) -> None:
    """The clock pin is switched by PWM at 100 kHz; both ends of the count fall while it stands still."""
    link.run(USE + "\ncounter = board.pulse_counter(); before = counter.value()")
    link.run("import gc\nclock = PWM(Pin(board.CARD_CLOCK), freq=100_000, duty_u16=32768); start = time.ticks_us()")
    link.run("for _ in range(20):\n    _feed(); gc.collect(); time.sleep_ms(50)")
    link.run("clock.duty_u16(0); took = time.ticks_diff(time.ticks_us(), start)")
    counted, took_us = link.ask("(counter.value() - before, took)")
    assert abs(counted - took_us // 10) <= 10
