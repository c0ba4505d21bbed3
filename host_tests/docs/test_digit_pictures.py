"""The drawn digits of docs/: each is the picture of the text beside it, and none is left over."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dianka.bench.stage.digit_pictures import (
    FOLDER,
    PictureError,
    draw_digits_svg,
    draw_pictures,
    find_pictures,
)
from dianka.bench.stage.digits import SHAPES
from dianka.firmware import ROOT

DOCS = ROOT / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def test_every_picture_is_drawn_from_the_text_of_its_page() -> None:
    """`make pictures` after a change of the pages."""
    named = find_pictures(DOCS)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / FOLDER).glob("*")}
    assert len(named) >= 30
    assert drawn == {name: draw_digits_svg(text) for name, text in named.items()}


@pytest.mark.parametrize("sign", SHAPES)
def test_a_picture_lights_the_segments_of_its_text_and_no_other(sign: str) -> None:
    root = ElementTree.fromstring(draw_digits_svg(sign * 3 + "." + sign))
    dark, lit = (path.get("d", "").count("M") for path in root.iter(f"{SVG}path"))
    assert lit == 4 * len(SHAPES[sign]) + 1 and dark + lit == 8 * 8


@pytest.mark.parametrize("text", ["123456789", "L    2200", "KWh", "?"])
def test_a_text_that_eight_digits_can_t_show_is_no_picture(text: str) -> None:
    with pytest.raises(PictureError, match="can't show"):
        draw_digits_svg(text)


def test_pictures_follow_their_pages(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("![1.00](digits/one.svg) ![  -](digits/none.svg)\n")
    assert draw_pictures(tmp_path) == 2
    page.write_text("![2.00](digits/one.svg)\n")
    assert draw_pictures(tmp_path) == 1
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["one.svg"]
    page.write_text("![2.00](digits/one.svg) ![3.00](digits/one.svg)\n")
    with pytest.raises(PictureError, match=r'one\.svg is to show "2\.00" and "3\.00"'):
        draw_pictures(tmp_path)
    page.write_text("nothing\n")
    with pytest.raises(PictureError, match="no page in"):
        draw_pictures(tmp_path)
    assert (tmp_path / FOLDER / "one.svg").exists()


def test_a_labelled_number_fills_the_digits() -> None:
    """Label at the left end, number at the right end: what is shorter is a slip of the pen."""
    for text in find_pictures(DOCS).values():
        if re.fullmatch(r"[A-Za-z]\S* +[0-9.-]+", text):
            assert len(text.replace(".", "")) == 8, text
