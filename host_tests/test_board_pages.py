"""The pages of the boards: pins and test jig that a builder reads are those of board.py; what must be said is said."""

import os
import re
import subprocess
import sys

import pytest

from dianka.bench.wiring import read_constants
from dianka.firmware import BOARDS, ROOT
from dianka.flash import build
from dianka.wiring_parts import BOARDS as PICTURED

PIN = re.compile(r"`([A-Z_]+)` \(([A-Z]+)(\d+)\)")


def page(name: str) -> str:
    return (BOARDS / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURED)
def test_the_table_of_pins_is_that_of_the_board(name: str) -> None:
    board, pins = PICTURED[name], read_constants(BOARDS / name)
    found = re.findall(r"^\| `([A-Z_]+)` \| ([A-Z]+\d+) \| .*: (.*), through (.*) \|$", page(name), re.MULTILINE)
    rows = [row for part in board.left + board.right for row in part.rows]
    wired = [(row.name, f"{board.prefix}{pins[row.name]}", row.contact, row.between) for row in rows]
    assert sorted(found) == sorted(wired)


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


def test_what_the_picture_draws_on_the_mains_can_be_bought() -> None:
    parts = page("rp2_pico").partition("## Parts")[2]
    for row in (
        "| mains sense resistors, 4 | 68 kilohm, 1 W, 350 V or more |",
        "| mains sense, 2 | H11AA1TVM, the form with 10.16 mm",
        "| storage behind the 12 V supply | 6800 uF,",
        "| ESAM, cards | none ready-made: see [docs/card-protocol.md](../../docs/card-protocol.md) |",
    ):
        assert row in parts


@pytest.mark.parametrize("name", PICTURED)
def test_the_page_names_the_oldest_micropython(name: str) -> None:
    oldest = ".".join(str(part) for part in build.load_kind(name).micropython)
    assert f"MicroPython {oldest} or newer for " in page(name)


@pytest.mark.parametrize(
    ("board", "port", "said"),
    [
        ("rp2_pico", "/dev/nonsense", "no board at /dev/nonsense: plug it in, or name another port"),
        ("nope", "/dev/nonsense", "no board is called nope: there are esp32_devkit, rp2_pico, virtual"),
    ],
)
def test_test_board_without_its_board_is_one_line(board: str, port: str, said: str) -> None:
    """It was a traceback for each of the tests."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:xdist", "host_tests/board"],
        cwd=ROOT,
        env=os.environ | {"DIANKA_PORT": port, "DIANKA_BOARD": board},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    assert [line for line in done.stdout.splitlines() if said in line and "Exit: " in line]
    assert "Error" not in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr


def test_test_board_without_a_port_is_one_line() -> None:
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--no-print-directory", "test-board", "PORT="],
        cwd=ROOT,
        env=outside_make,  # a make inside `make test` names its depth and passes its own options on
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make: ***")]
    assert said == ["rung 4 not run: name the board's port, as in make test-board BOARD=rp2_pico PORT=/dev/ttyACM0"]
