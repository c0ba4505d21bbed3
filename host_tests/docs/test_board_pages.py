"""The pages of the boards: pins and test jig that a builder reads are those of board.py.

What must be said is said.
"""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from dianka.bench.models.board_pins import read_constants
from dianka.firmware import BOARDS, ROOT
from dianka.flash import build
from dianka.wiring.mains import Block, list_blocks
from dianka.wiring.parts import BOARDS as PICTURED
from dianka.wiring.parts import make_pin_label

PICOS = ("rp2_pico", "rp2_pico2")  # the same pins, the same parts
UNITS = {"k": "kilohm", "R": "ohm"}
PIN = re.compile(r"`([A-Z_]+)` \(([A-Z]+)(\d+)\)")


def page(name: str) -> str:
    return (BOARDS / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURED)
def test_the_table_of_pins_is_that_of_the_board(name: str) -> None:
    board, pins = PICTURED[name], read_constants(BOARDS / name)
    found = re.findall(
        r"^\| `([A-Z_]+)` \| ([A-Z]+\d+) \| .*: (.*), through (.*) \|$", page(name), re.MULTILINE
    )
    rows = [row for part in board.left + board.right for row in part.rows]
    wired = [
        (row.name, f"{board.prefix}{pins[row.name]}", row.contact, row.between) for row in rows
    ]
    assert sorted(found) == sorted(wired)


@pytest.mark.parametrize("name", PICTURED)
def test_pins_named_in_the_text_are_those_of_the_board(name: str) -> None:
    board, pins = PICTURED[name], read_constants(BOARDS / name)
    named = PIN.findall(page(name).partition("## Test jig")[2])
    jig = {"RELAY_CLOSE", "RELAY_FEEDBACK", "CARD_CLOCK", "PULSE", "POWER_FAIL"}
    assert {each for each, _, _ in named} == jig | (
        {"CARD_IO", "ESAM_IO"} if name in PICOS else set()
    )
    for each, prefix, pin in named:
        assert (prefix, int(pin)) == (board.prefix, pins[each]), each


@pytest.mark.parametrize("name", PICTURED)
def test_the_page_says_what_must_be_said(name: str) -> None:
    text = page(name)
    for words in (
        "![wiring](wiring.svg)",
        "![mains and supplies](mains.svg)",
        "Mains voltage kills",
        "## Three lines, two UARTs",
        "## Supply and USB",
        "## Parts",
        "## Test jig",
    ):
        assert words in text


@pytest.mark.parametrize("name", PICTURED)
def test_the_page_says_how_the_board_is_fed_and_what_usb_may(name: str) -> None:
    """The Pico had 5 V from a supply that led to nowhere, and 3.3 V from nowhere."""
    said = page(name).partition("## Supply and USB")[2].partition("## Every pin")[0]
    supply = PICTURED[name].supply
    for pin in (supply.power, supply.logic, supply.ground):
        words, _, place = pin.rstrip(")").partition(" (")
        assert words in said and place in said, pin
    assert "1N5819" in said and "USB" in said


def test_the_rules_for_usb_are_those_of_each_board() -> None:
    assert "**VBUS (pin 40) belongs to the USB cable: nothing else is connected to it**" in page(
        "rp2_pico"
    )
    assert "**A PC on USB only with the isolation just as drawn**" in page("rp2_pico")
    assert "**USB or the pin 5V, never both**" in page("esp32_devkit")


def test_a_pico_2_of_the_stepping_that_sticks_is_refused_on_its_page() -> None:
    """RP2350-E9: 100 kilohm do not pull down an input that was high."""
    said = page("rp2_pico2").partition("## The chip's stepping")[2].partition("\n## ")[0]
    assert "**Not an RP2350 of stepping A2.**" in said
    weak = {
        row.name
        for part in PICTURED["rp2_pico2"].left + PICTURED["rp2_pico2"].right
        for row in part.rows
        if row.to_chip and "H11AA1; 100 k" in row.between
    }
    assert weak == set(re.findall(r"`([A-Z]+_[A-Z]+)`", said))


def test_the_table_of_the_metering_chip_is_the_pictures() -> None:
    table = (
        page("rp2_pico").partition("The HLW8032, as in its user manual")[2].partition("\n## ")[0]
    )
    found = re.findall(r"^\| ([A-Z]+ \(\d\)) \| (.+) \| (.+) \|$", table, re.MULTILINE)
    chip, isolator = (part for part in drawn("rp2_pico") if part.name in ("HLW8032", "ISO7720DW"))
    beyond = {
        lead.node: f"{isolator.name}: {lead.pin}"
        for lead in isolator.left
        if lead.node in ("TX", "PF")
    }
    leads = chip.left + chip.right
    assert found == [
        (lead.pin, beyond.get(lead.node, lead.node), lead.between or "-") for lead in leads
    ]


@pytest.mark.parametrize("name", PICTURED)
def test_every_value_and_part_of_the_pictures_is_in_the_list_of_parts(name: str) -> None:
    """Resistors and capacitors stood in pictures and pin tables alone; how many of each, too."""
    text = "".join(
        page(each).partition("## Parts")[2].partition("## Test jig")[0]
        for each in {"rp2_pico", name}
    )
    listed: Counter[str] = Counter()
    for first, rest in re.findall(r"^\| ([^|]+) \| (.*) \|$", text, re.MULTILINE):
        if first.endswith(", Pico alone") and name not in PICOS:
            continue
        many = re.search(r", (\d+)$", first)
        value = re.match(r"(\d+(?:\.\d+)?) (kilohm|ohm|uF|nF)\b", rest)
        if value:
            listed[f"{value[1]} {value[2]}"] += int(many[1]) if many else 1
    rows = [row.between for part in PICTURED[name].left + PICTURED[name].right for row in part.rows]
    # Senses and relay are in both pictures: counted in the first.
    more = [part for part in drawn(name) if part.name not in ("H11AA1", "latching relay")]
    between = rows + [lead.between for part in more for lead in part.left + part.right]
    needed: Counter[str] = Counter()
    for many, value, unit in re.findall(
        r"(?:(\d+) x )?(\d+(?:\.\d+)?) (k|R|uF|nF)\b", "; ".join(between)
    ):
        needed[f"{value} {UNITS.get(unit, unit)}"] += int(many or 1)
    # More of them are at the chips that are not in the second picture.
    assert needed.pop("100 nF") <= listed.pop("100 nF")
    assert len(needed) == 12
    assert listed == needed
    parts = "; ".join([*between, *(part.name for part in drawn(name))])
    named = set(
        re.findall(r"\b(?=[A-Z0-9.-]*[A-Z])(?=[A-Z0-9.-]*\d)[A-Z0-9][A-Z0-9.-]{5,}\b", parts)
    )
    assert {
        "ISO7720",
        "H11AA1",
        "ULN2803A",
        "TPS2553",
        "74AHCT125",
        "1N5819",
        "HLK-5M12",
        "R-78E5.0-0.5",
    } <= named
    assert not {each for each in named if each not in text}


@pytest.mark.parametrize("name", PICTURED)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page(name))
    assert links
    for link in links:
        path, _, heading = link.partition("#")
        to = (BOARDS / name / path) if path else BOARDS / name / "README.md"
        assert to.exists(), link
        titles = (
            re.findall(r"^#+ (.*)$", to.read_text(encoding="utf-8"), re.MULTILINE)
            if heading
            else []
        )
        assert not heading or heading in {
            re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in titles
        }, link


def drawn(name: str) -> tuple[Block, ...]:
    board = PICTURED[name]
    return list_blocks(
        board,
        {each: make_pin_label(board, pin) for each, pin in read_constants(BOARDS / name).items()},
    )


def test_what_the_picture_draws_on_the_mains_can_be_bought() -> None:
    parts = page("rp2_pico").partition("## Parts")[2]
    for row in (
        "| mains sense resistors, 4 | 68 kilohm, 1 W, 350 V or more |",
        "| mains sense, 2 | H11AA1TVM, the form with 10.16 mm",
        "| storage behind the 12 V supply | 6800 uF,",
        (
            "| ESAM, cards | none ready-made: see "
            "[docs/cards/protocol.md](../../docs/cards/protocol.md) |"
        ),
    ):
        assert row in parts


@pytest.mark.parametrize("name", PICTURED)
def test_the_page_names_the_oldest_micropython(name: str) -> None:
    oldest = ".".join(str(part) for part in build.load_kind(name).micropython)
    assert f"MicroPython {oldest} or newer for " in page(name)


@pytest.mark.parametrize(
    ("board", "port", "said"),
    [
        (
            "rp2_pico",
            "/dev/nonsense",
            "no board at /dev/nonsense: plug it in, or name another port",
        ),
        (
            "nope",
            "/dev/nonsense",
            "no board is called nope: there are esp32_devkit, rp2_pico, rp2_pico2",
        ),
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
    outside_make = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
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
    said = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if not line.startswith("make: ***")
    ]
    assert said == [
        (
            "rung 4 not run: name the board's port, as in make test-board BOARD=rp2_pico "
            "PORT=/dev/ttyACM0"
        )
    ]
