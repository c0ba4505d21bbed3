"""docs/read.md: its table of identifiers is that of `dianka read`, and of the meter."""

import re

from typer.testing import CliRunner

from dianka.cli import app
from dianka.firmware import ROOT
from dianka.reading.items import ITEMS, WORDS_OF_BITS

PAGE = (ROOT / "docs" / "read.md").read_text(encoding="utf-8")


def test_the_table_has_every_item_with_its_identifier_and_size() -> None:
    rows = re.findall(r"^\| ([0-9A-Fn, ]+) \| `([a-z0-9-]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert [(name, int(size)) for _, name, size in rows] == [
        (item.name, item.size) for item in ITEMS
    ]
    for (identifiers, _, _), item in zip(rows, ITEMS, strict=True):
        numbers = f"{item.find_identifier(1):08X}", f"{item.find_identifier(item.many):08X}"
        known = identifiers.split(", ")
        written = [text.replace("nn", "{:02X}").replace("n", "{:X}") for text in known]
        for number, which in zip(numbers, (1, item.many), strict=True):
            assert number in [text.format(which) for text in written], item.name


def test_the_bits_of_the_status_words_are_those_that_are_said() -> None:
    for number, bits in WORDS_OF_BITS.items():
        row = re.search(rf"^\| {number} \| (\d.*) \|$", PAGE, re.MULTILINE)
        assert row
        named = [int(bit) for bit in re.findall(r"(?:^|; )(\d+)(?: to \d+)?:", row[1])]
        if number == 2:
            assert named == [0]
            continue
        assert [bit for bit in named if (number, bit) != (3, 9)] == list(bits)
        for bit, words in bits.items():
            assert f"{bit}: {words}" in row[1], words


def test_every_name_on_the_page_can_be_asked_for() -> None:
    listed = CliRunner().invoke(app, ["read", "--list"]).stdout
    examples = re.findall(r"^    dianka read .*$", PAGE, re.MULTILINE)
    assert len(examples) == 4 and "dianka read --list" in examples[3]
    names = {line.split()[0].partition(":")[0] for line in listed.splitlines()}
    for example in examples[:3]:
        words = [word for word in example.split()[2:] if not word.startswith(("-", "/"))]
        assert {word.partition(":")[0] for word in words if not word.isdigit()} <= names
