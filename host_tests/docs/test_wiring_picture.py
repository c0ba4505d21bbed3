"""The wiring pictures: drawn from board.py, and those in the repository are up to date."""

import re
import shutil
from html import escape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dianka.bench.models.board_pins import read_constants
from dianka.firmware import BOARDS, ROOT
from dianka.wiring import mains as wiring_mains
from dianka.wiring import mains_picture
from dianka.wiring import picture as wiring_picture
from dianka.wiring import shapes as wiring_shapes
from dianka.wiring.parts import BOARDS as PICTURED
from dianka.wiring.parts import make_pin_label

DOCS = ROOT / "docs"
# What is no pin, and the pins of the other metering chip, which the picture does not show.
BUSES = re.compile(r"_(UART|UNIT|SM|SPI|HZ|MILLI|MW|BAUD|US|KWH)$|^I2C_BUS$|^ATT7022_")

# Its data port is there with pulses alone, which the picture does not show either.
NOT_SHOWN = {"esp32_devkit": {"DATA_TX", "DATA_RX"}}


@pytest.mark.parametrize("name", PICTURED)
def test_the_picture_in_the_repository_is_the_boards(name: str) -> None:
    for file, draw in (("wiring.svg", wiring_picture.draw), ("mains.svg", mains_picture.draw)):
        drawn = draw(BOARDS / name)
        assert (BOARDS / name / file).read_text(encoding="utf-8") == drawn, (
            "draw it anew: make pictures"
        )
        ElementTree.fromstring(drawn)


@pytest.mark.parametrize("name", PICTURED)
def test_each_step_of_building_has_its_picture_with_what_is_there_by_then(name: str) -> None:
    page, board = (DOCS / "building.md").read_text(encoding="utf-8"), PICTURED[name]
    steps = wiring_picture.list_steps(name)
    shown = sorted(int(step) for step in re.findall(rf"\(building/{name}-(\d)\.svg\)", page))
    assert shown == steps and set(steps) <= {3, 4, 5, 6, 7, 8}
    for step in steps:
        drawn = wiring_picture.draw(BOARDS / name, step)
        kept = (DOCS / "building" / f"{name}-{step}.svg").read_text(encoding="utf-8")
        assert kept == drawn, "draw it anew: make pictures"
        there = {part.name for part in board.left + board.right if escape(part.name) in drawn}
        assert there == {p.name for p in board.left + board.right if p.step <= step}
    last = wiring_picture.draw(BOARDS / name, steps[-1])
    assert last.count("<line") == wiring_picture.draw(BOARDS / name).count("<line")


@pytest.mark.parametrize("name", PICTURED)
def test_every_pin_is_in_the_picture_and_has_one_use(name: str) -> None:
    pins = {
        key: value
        for key, value in read_constants(BOARDS / name).items()
        if not BUSES.search(key) and key not in NOT_SHOWN.get(name, ())
    }
    board = PICTURED[name]
    shown = [row.name for part in board.left + board.right for row in part.rows]
    assert sorted(shown) == sorted(pins)
    assert len(set(pins.values())) == len(pins)


@pytest.mark.parametrize("name", PICTURED)
def test_nothing_runs_out_of_its_box(name: str) -> None:
    """The widths are DejaVu Sans', wider than most.

    Regular 0.59 of its size on average, bold 0.70.
    """
    for part in PICTURED[name].left + PICTURED[name].right:
        for words in (part.name, part.warning):
            assert len(words) * 13 * 0.70 <= wiring_picture._PART_WIDTH + 10, words
        for row in part.rows:
            assert len(row.between) * 11 * 0.59 <= wiring_picture._BETWEEN_WIDTH + 4, row.between
    for part in blocks(name):
        for lead in part.left + part.right:
            room = (
                mains_picture.BETWEEN_WIDTH
                if lead in part.left
                else mains_picture.BETWEEN_RIGHT_WIDTH
            )
            assert len(lead.between) * 11 * 0.59 <= room + 4, lead
            assert (
                lead not in part.left or len(lead.node) * 12 * 0.70 <= mains_picture.NODE_WIDTH
            ), lead
        for left, right in zip(part.left, part.right, strict=False):
            assert (len(left.pin) + len(right.pin)) * 12 * 0.59 <= mains_picture.BLOCK_WIDTH[
                part.where
            ] - 16, part.name
    for note in wiring_picture.NOTES + wiring_mains.NOTES:
        assert len(note) * 13 * 0.59 <= wiring_shapes.WIDTH - 48, note


@pytest.mark.parametrize("name", PICTURED)
def test_no_border_runs_through_a_part_s_name(name: str) -> None:
    """Once the border cut the five isolators' names in two.

    What is drawn later lies above what was drawn before.
    """
    shapes = list(ElementTree.fromstring(mains_picture.draw(BOARDS / name)))
    names = [part.name for part in blocks(name)]
    titles = [
        (at, shape)
        for at, shape in enumerate(shapes)
        if shape.text in names and shape.get("font-weight")
    ]
    assert [title.text for _, title in titles] == names
    for at, title in titles:
        half, y = len(title.text) * 13 * 0.60 / 2, int(title.get("y"))
        left, right = int(title.get("x")) - half, int(title.get("x")) + half
        boxes = [
            (x, x + width, top, top + height)
            for x, top, width, height in map(box, shapes[:at])
            if width
        ]
        under = max(
            k
            for k, (x, end, top, bottom) in enumerate(boxes)
            if x <= left and right <= end and top < y - 13 and y < bottom
        )
        for x, end, top, bottom in boxes[under + 1 :]:
            assert not (
                top < y and y - 13 < bottom and any(left < edge < right for edge in (x, end))
            ), title.text


def box(shape: ElementTree.Element) -> tuple[int, int, int, int]:
    """Its left, top, width and height; no width if it is no box."""
    if not shape.tag.endswith("rect"):
        return 0, 0, 0, 0
    x, y, width, height = (int(shape.get(each, 0)) for each in ("x", "y", "width", "height"))
    return x, y, width, height


@pytest.mark.parametrize("name", PICTURED)
def test_what_keeps_a_builder_alive_is_in_the_picture(name: str) -> None:
    """Once the mains resistors were in the text alone, and the relay seemed safe to touch."""
    drawn = wiring_picture.draw(BOARDS / name)
    assert drawn.count("2 x 68 k; H11AA1") == 2
    assert f'fill="{wiring_shapes.MAINS}" font-weight="bold">contacts on the mains<' in drawn
    assert "are in mains.svg" in drawn


@pytest.mark.parametrize("name", PICTURED)
def test_no_wire_leads_round_the_isolation(name: str) -> None:
    """A name on both sides would join them: what is live and what is safe have none in common."""
    live, safe = set(), set()
    for part in blocks(name):
        on_left = safe if part.where == "safe" else live
        on_right = live if part.where == "mains" else safe
        on_left |= {lead.node for lead in part.left}
        on_right |= {lead.node for lead in part.right}
    assert live == wiring_mains.LIVE
    assert not live & safe
    across = [part.name for part in blocks(name) if part.where == "border"]
    assert across == ["ISO7720DW", "H11AA1", "H11AA1", "latching relay", "HLK-5M12"]


def test_the_mains_path_is_in_order_and_the_shunt_before_the_relay() -> None:
    assert wiring_mains.PATH == (
        "fuse F1, 16 A gG",
        "A",
        "shunt, 1 milliohm",
        "B",
        "relay's contact",
        "C",
    )


@pytest.mark.parametrize("name", PICTURED)
def test_all_pins_of_the_metering_chip_are_drawn_once(name: str) -> None:
    """Once they were in no picture, and in no text."""
    (chip,) = [part for part in blocks(name) if part.name == "HLW8032"]
    pins = sorted(lead.pin for lead in chip.left + chip.right)
    assert pins == [
        "GND (5)",
        "IN (3)",
        "IP (2)",
        "PF (7)",
        "RX (8)",
        "TX (6)",
        "VDD (1)",
        "VP (4)",
    ]
    assert {lead.pin: lead.node for lead in chip.left} == {
        "VDD (1)": "+5 V on A",
        "IP (2)": "A",
        "IN (3)": "B",
        "VP (4)": "N",
        "GND (5)": "A",
    }


@pytest.mark.parametrize("name", PICTURED)
def test_the_board_is_fed_through_a_diode_and_never_at_its_usb_pin(name: str) -> None:
    supply = PICTURED[name].supply
    *_, board = blocks(name)
    assert board.name == PICTURED[name].chip
    assert [(lead.pin, lead.node, lead.between[:6]) for lead in board.left] == [
        (supply.power, "5 V", "1N5819"),
        (supply.ground, "GND", ""),
    ]
    assert {lead.pin: lead.node for lead in board.right}[supply.usb] == "nothing but the USB cable"


@pytest.mark.parametrize("name", PICTURED)
def test_each_pin_has_its_own_place_on_the_boards_edge(name: str) -> None:
    """The ESP32's had none."""
    board, pins = PICTURED[name], read_constants(BOARDS / name)
    shown = {row.name for part in board.left + board.right for row in part.rows}
    assert not {each for each in shown if pins[each] not in board.places}
    assert len(set(board.places.values())) == len(board.places)


def blocks(name: str) -> tuple[wiring_mains.Block, ...]:
    board = PICTURED[name]
    return wiring_mains.list_blocks(
        board,
        {each: make_pin_label(board, pin) for each, pin in read_constants(BOARDS / name).items()},
    )


def test_a_pin_that_the_board_does_not_name_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(BOARDS / "rp2_pico", tmp_path / "rp2_pico")
    text = (folder / "board.py").read_text(encoding="utf-8")
    (folder / "board.py").write_text(
        text.replace("_SLOT_SWITCH = const(15)\n", ""), encoding="utf-8"
    )
    with pytest.raises(wiring_picture.WiringError, match="has no SLOT_SWITCH"):
        wiring_picture.draw(folder)


def test_an_unknown_board_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wiring_picture.main([str(tmp_path), str(tmp_path / "moon")]) == 1
    assert (
        capsys.readouterr().err == "no picture is described for moon: add it to wiring/parts.py\n"
    )
