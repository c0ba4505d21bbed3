"""The pages of the boards: pins and test jig that a builder reads are those of board.py; what must be said is said."""

import re
import subprocess

import pytest

from dianka.bench.wiring import read_constants
from dianka.firmware import BOARDS, ROOT
from dianka.wiring_parts import BOARDS as PICTURED

PIN = re.compile(r"`([A-Z_]+)` \(([A-Z]+)(\d+)\)")


def page(name: str) -> str:
    return (BOARDS / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURED)
def test_the_table_of_pins_is_that_of_the_board(name: str) -> None:
    board, pins = PICTURED[name], read_constants(BOARDS / name)
    found = dict(re.findall(r"^\| `([A-Z_]+)` \| ([A-Z]+\d+) \|", page(name), re.MULTILINE))
    wired = [row.name for part in board.left + board.right for row in part.rows]
    assert found == {each: f"{board.prefix}{pins[each]}" for each in wired}


@pytest.mark.parametrize("name", PICTURED)
def test_pins_named_in_the_text_are_those_of_the_board(name: str) -> None:
    board, pins = PICTURED[name], read_constants(BOARDS / name)
    named = PIN.findall(page(name).partition("## Test jig")[2])
    assert {each for each, _, _ in named} == {"RELAY_CLOSE", "RELAY_FEEDBACK", "CARD_CLOCK", "PULSE", "POWER_FAIL"}
    for each, prefix, pin in named:
        assert (prefix, int(pin)) == (board.prefix, pins[each]), each


@pytest.mark.parametrize("name", PICTURED)
def test_the_page_says_what_must_be_said(name: str) -> None:
    text = page(name)
    for words in ("![wiring](wiring.svg)", "Mains voltage kills", "## Three lines, two UARTs", "## Parts", "## Test jig"):
        assert words in text


def test_test_board_without_a_port_is_one_line() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "test-board", "PORT="],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make: ***")]
    assert said == ["rung 4 not run: name the board's port, as in make test-board BOARD=rp2_pico PORT=/dev/ttyACM0"]
