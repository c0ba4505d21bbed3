"""docs/operations.md against the one table of the causes, and its words against the digits."""

import re

from dianka.bench.models.tm1638 import _SHAPES
from dianka.desk.supply import (
    FRIENDLY_EXAMPLE,
    HEATING_EXAMPLE,
    OVERLOAD_EXAMPLE,
    VOLTAGE_EXAMPLE,
)
from dianka.firmware import ROOT
from parts import Parts

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
supply = Parts().module("supply")
ACTS = (
    (supply._BY_CARD, "card"),
    (supply.BY_KEY, "key"),
    (supply.BY_PURCHASE, "purchase"),
    (supply._BY_TIME, "time"),
)


def test_the_page_has_the_causes_in_their_order_with_words_and_acts() -> None:
    rows = re.findall(r"^\| `oFF-(\d\d)` \| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.M)
    expected = []
    for number, (log, words, acts) in list(enumerate(supply.CAUSES))[1:]:
        shown = words.replace("#", "") + "45".rjust(9 - len(words)) if "#" in words else words
        by = ", ".join(name for bit, name in ACTS if acts & bit) or "-"
        expected.append((f"{number:02}", shown, log, by))
    assert [row[:4] for row in rows] == expected
    assert all(len(row[1]) <= 8 and set(row[1]) <= set(_SHAPES) for row in rows)


def test_the_examples_of_the_options_are_those_of_the_help() -> None:
    rows = dict(re.findall(r"^\| `(--\w+)` \| `(.+?)` \|", PAGE, re.M))
    assert rows == {
        "--overload": OVERLOAD_EXAMPLE,
        "--heating": HEATING_EXAMPLE,
        "--voltage": VOLTAGE_EXAMPLE,
        "--friendly": FRIENDLY_EXAMPLE,
    }
