"""docs/operations.md against the codes of refused cards: each has its row, pictures and words."""

import re

from dianka.bench.models.tm1638 import _SHAPES
from dianka.bench.stage.digit_pictures import FOLDER, draw_digits_svg
from dianka.firmware import ROOT
from parts import Parts

DOCS = ROOT / "docs"
PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")
PARTS = Parts()
ERRORS, WORDS = PARTS.module("card_errors"), PARTS.module("card_words")
_PICTURE = r"!\[(.+?)\]\(digits/(.+?)\)"
ROW = rf"^\| (\d+) \| {_PICTURE} \| {_PICTURE} \| {_PICTURE} \| (.+?) \| (.+?) \|$"


def test_every_code_has_its_row_its_words_and_its_pictures() -> None:
    rows = re.findall(ROW, PAGE, re.M)
    assert [int(row[0]) for row in rows] == sorted(ERRORS._CODES.values())
    for code, *pictures, meaning, to_do in rows:
        texts, files = pictures[::2], pictures[1::2]
        error = ERRORS.CardError(int(code), "")
        messages = WORDS.compose_messages(error.display, error.code)
        assert [text for text, _ in messages] == texts
        assert [ms for _, ms in messages] == [3000, 2000, 5000], "as the page says"
        for text, file in zip(texts, files, strict=True):
            drawn = (DOCS / FOLDER / file).read_text(encoding="utf-8")
            assert drawn == draw_digits_svg(text), "make pictures"
        assert meaning and to_do


def test_there_is_a_word_for_each_code_and_eight_digits_carry_it() -> None:
    assert len(WORDS._WORDS) == max(ERRORS._CODES.values()) == len(ERRORS._CODES)
    assert all(len(text) <= 8 and set(text) <= set(_SHAPES) for text in WORDS._WORDS)
    assert [text for text, _ in WORDS.compose_messages("Err-31", 0)] == ["Err-31", "CALL"]
