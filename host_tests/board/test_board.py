"""Rung 4: what is flashed runs on a real board, with the wires of its README.md and nothing else.

The board and its port come from `make test-board BOARD=... PORT=...`; without them there is nothing
to test on.
"""

import os
import re
import time
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

import jig_code

PORT = os.environ.get("DIANKA_PORT", "")
BOARD = os.environ.get("DIANKA_BOARD", "rp2_pico")
if not PORT:
    pytest.skip(
        "rung 4 not run: it needs a board, make test-board BOARD=rp2_pico PORT=...",
        allow_module_level=True,
    )

from dianka.bench.models.board_pins import read_constants  # noqa: E402
from dianka.firmware import BOARDS, FIRMWARE  # noqa: E402
from dianka.flash import build, update  # noqa: E402
from dianka.flash.helper import HELPER  # noqa: E402
from dianka.flash.link import Link  # noqa: E402

NOTHING_ATTACHED = (
    "31113"  # memory silent, chip silent, ESAM silent, clock silent, relay not driven
)
USE = (
    "import sys, time; from machine import Pin, PWM; sys.path.insert(0, "
    "_text('slot').split()[0]); import board"
)
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
def fresh(link: Link) -> Link:
    """MicroPython from its beginning, without the meter.

    None of its state machines and DMA channels is at work.
    """
    link._transport.enter_raw_repl(soft_reset=True, timeout_overall=5)
    link.run(HELPER)
    link.run(USE)
    return link


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
    update.check_board(link, version.kind)
    board = update.read_board(link)
    assert update.find_differences(version, board.good_files) == [], "run make flash first"
    assert update.find_root_differences(version, board) == []


def report(link: Link) -> update.Report:
    for line in link.read_lines(BACK_S):
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
    assert [
        link.ask(f"(close.value({level}), time.sleep_ms(1), back.value())[-1]")
        for level in (1, 0, 1, 0)
    ] == [1, 0, 1, 0]


@pytest.mark.parametrize("meanwhile", ["collect", "erase"])
def test_pulses_are_counted_without_loss(fresh: Link, meanwhile: str) -> None:
    """The clock pin is switched by PWM at 100 kHz.

    Both ends of the count fall while it stands still.
    """
    fresh.run(jig_code.COUNT)
    clock = read_constants(BOARDS / BOARD)["CARD_CLOCK"]
    counted, took_us = told(fresh, f"count(board.pulse_counter(), {clock}, {meanwhile})")
    assert took_us > 100_000, "so short a time erases nothing"
    assert abs(counted - took_us // 10) <= 10


def told(link: Link, code: str) -> tuple:
    """The last line that this prints on the board."""
    return literal_eval(link.run(f"_feed(); {code}").strip().splitlines()[-1])


@pytest.fixture
def lines(fresh: Link) -> Iterator[Link]:
    """Both T=0 lines, on the jig's wire from one contact to the other."""
    if fresh.ask("sys.platform") != "rp2":
        pytest.skip(
            "T=0 by PIO is the RP2040's: on this board both lines share a UART, "
            "which can't talk to itself"
        )
    fresh.run(jig_code.TALK)
    fresh.run("card, esam = board.card_line(), board.esam_line()")
    yield fresh
    fresh.run("off(card, esam)")


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_every_character_passes_both_ways_between_two_pio_lines(lines: Link, factor: int) -> None:
    assert told(lines, f"asyncio.run(at_rate(card, esam, {factor}))") == (True, True, 0, 0)


def test_wrong_parity_is_signalled_and_the_signal_obeyed(lines: Link) -> None:
    assert told(lines, "asyncio.run(refused(card, esam))") == (
        "chip refuses a character",
        4,
        b"",
        4,
        True,
    )


def test_an_update_that_fails_its_trial_is_gone_again(link: Link, tmp_path: Path) -> None:
    """A version that can't even be imported; the one on the board runs on, whole."""
    version = build.build(build.load_kind(BOARD))
    before = update.read_board(link)
    assert update.find_differences(version, before.good_files) == [], "run make flash first"
    broken = copytree(FIRMWARE, tmp_path / "broken")
    (broken / "pages.py").write_text("import no_such_module\n", encoding="utf-8")
    refused = build.build(build.load_kind(BOARD), broken)
    update.install(link, refused, before, lambda line: None)
    with pytest.raises(
        build.FlashError,
        match=rf"{re.escape(refused.name)} was not kept.* {re.escape(version.name)} runs",
    ):
        update.restart(link, refused)
    link.close()
    back = Link(PORT)
    try:
        after = update.read_board(back)
        assert (after.good, after.pending) == (before.good, False)
        assert update.find_differences(version, after.good_files) == []
    finally:
        back.reset()
        back.close()
