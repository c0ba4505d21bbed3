"""The wiring pictures: drawn from board.py, and those in the repository are up to date."""

import re
import shutil
from xml.etree import ElementTree

import pytest

from dianka import wiring_picture
from dianka.bench.wiring import read_constants
from dianka.firmware import BOARDS
from dianka.wiring_parts import BOARDS as PICTURED

BUSES = re.compile(r"_(UART|UNIT|SM|SPI|HZ|MILLI|MW|BAUD)$|^I2C_BUS$")


@pytest.mark.parametrize("name", PICTURED)
def test_the_picture_in_the_repository_is_the_boards(name):
    drawn = wiring_picture.draw(BOARDS / name)
    assert (BOARDS / name / "wiring.svg").read_text(encoding="utf-8") == drawn, "draw it anew: make pictures"
    ElementTree.fromstring(drawn)


@pytest.mark.parametrize("name", PICTURED)
def test_every_pin_is_in_the_picture_and_has_one_use(name):
    pins = {key: value for key, value in read_constants(BOARDS / name).items() if not BUSES.search(key)}
    board = PICTURED[name]
    shown = [row.name for part in board.left + board.right for row in part.rows]
    assert sorted(shown) == sorted(pins)
    assert len(set(pins.values())) == len(pins)


@pytest.mark.parametrize("name", PICTURED)
def test_nothing_runs_out_of_its_box(name):
    """The widths are DejaVu Sans', wider than most: regular 0.59 of its size on average, bold 0.70."""
    for part in PICTURED[name].left + PICTURED[name].right:
        for words in (part.name, part.warning):
            assert len(words) * 13 * 0.70 <= wiring_picture._PART_WIDTH + 10, words
        for row in part.rows:
            assert len(row.between) * 11 * 0.59 <= wiring_picture._BETWEEN_WIDTH + 4, row.between
    for note in wiring_picture.NOTES:
        assert len(note) * 13 * 0.59 <= wiring_picture.WIDTH - 48, note


@pytest.mark.parametrize("name", PICTURED)
def test_what_keeps_a_builder_alive_is_in_the_picture(name):
    """Once the mains resistors were in the text alone, and the relay seemed safe to touch."""
    drawn = wiring_picture.draw(BOARDS / name)
    assert drawn.count("2 x 68 k; H11AA1") == 2
    assert f'fill="{wiring_picture._MAINS}" font-weight="bold">contacts on the mains<' in drawn
    assert "Not drawn: the mains path" in drawn


def test_a_pin_that_the_board_does_not_name_is_refused(tmp_path):
    folder = shutil.copytree(BOARDS / "rp2_pico", tmp_path / "rp2_pico")
    text = (folder / "board.py").read_text(encoding="utf-8")
    (folder / "board.py").write_text(text.replace("SLOT_SWITCH = 15\n", ""), encoding="utf-8")
    with pytest.raises(wiring_picture.WiringError, match="has no SLOT_SWITCH"):
        wiring_picture.draw(folder)


def test_an_unknown_board_is_one_line(tmp_path, capsys):
    assert wiring_picture.main([str(tmp_path / "moon")]) == 1
    assert capsys.readouterr().err == "no picture is described for moon: add it to wiring_parts.py\n"
