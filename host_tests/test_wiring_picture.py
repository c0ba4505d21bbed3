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
    assert (BOARDS / name / "wiring.svg").read_text(encoding="utf-8") == drawn, (
        f"draw it anew: python -m dianka.wiring_picture boards/{name}"
    )
    ElementTree.fromstring(drawn)


@pytest.mark.parametrize("name", PICTURED)
def test_every_pin_is_in_the_picture_and_has_one_use(name):
    pins = {key: value for key, value in read_constants(BOARDS / name).items() if not BUSES.search(key)}
    board = PICTURED[name]
    shown = [row.name for part in board.left + board.right for row in part.rows]
    assert sorted(shown) == sorted(pins)
    assert len(set(pins.values())) == len(pins)


def test_a_pin_that_the_board_does_not_name_is_refused(tmp_path):
    folder = shutil.copytree(BOARDS / "rp2_pico", tmp_path / "rp2_pico")
    text = (folder / "board.py").read_text(encoding="utf-8")
    (folder / "board.py").write_text(text.replace("SLOT_SWITCH = 15\n", ""), encoding="utf-8")
    with pytest.raises(wiring_picture.WiringError, match="has no SLOT_SWITCH"):
        wiring_picture.draw(folder)


def test_an_unknown_board_is_one_line(tmp_path, capsys):
    assert wiring_picture.main([str(tmp_path / "moon")]) == 1
    assert capsys.readouterr().err == "no picture is described for moon: add it to wiring_parts.py\n"
