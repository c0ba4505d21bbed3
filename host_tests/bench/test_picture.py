"""The live screen as SVG: the picture is the screen, cell by cell, in plain SVG 1.1."""

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from dianka.bench.stage.live import Screen
from dianka.bench.stage.pictures import CELL, LINE, WIDTH, draw_window
from dianka.firmware import ROOT
from strict_rig import StrictDesk, StrictRig

SVG = "{http://www.w3.org/2000/svg}"
FRAME = "╭─╮│╰╯"
PLAIN = {  # elements, and what they may say: anything that draws SVG knows these
    "svg": {"viewBox", "font-size"},
    "title": set(),
    "g": {"font-family", "transform"},
    "rect": {"x", "y", "width", "height", "rx", "fill", "stroke"},
    "circle": {"cx", "cy", "r", "fill"},
    "path": {"d", "fill", "stroke", "stroke-width"},
    "text": {
        "x",
        "y",
        "textLength",
        "fill",
        "font-weight",
        "font-family",
        "font-size",
        "text-anchor",
    },
}


def drawn(columns: int) -> tuple[list[str], ElementTree.Element]:
    """A meter's screen as the terminal shows it, and the picture of it."""
    rig = StrictRig(shows=[(0, "8.8.8.8.8.8.8.8.")])
    screen = Screen(rig, Path(), StrictDesk(rig))
    screen.do_key("m")
    screen.add_log_line('a line with  two blanks, <&> and "marks"')
    console = Console(file=io.StringIO(), width=columns, force_terminal=True)
    rows = console.render_lines(screen.render(columns), pad=False)
    shown = ["".join(segment.text for segment in row).rstrip() for row in rows]
    return shown, ElementTree.fromstring(draw_window(rows, "make live"))


@pytest.mark.parametrize("columns", [48, WIDTH])
def test_each_word_stands_at_its_own_place(columns: int) -> None:
    """Words and blanks were one text once, which programs but browsers squeeze to the left."""
    shown, picture = drawn(columns)
    grid = [[" "] * WIDTH for _ in shown]
    group = picture.find(f"{SVG}g")
    assert group is not None
    for text in group.iter(f"{SVG}text"):
        word, column, row = (
            text.text or "",
            int(text.get("x", "")) // CELL,
            int(text.get("y", "")) // LINE,
        )
        assert word and not re.search(r"\s", word)
        assert int(text.get("textLength", "")) == len(word) * CELL
        grid[row][column : column + len(word)] = word
    expected = [re.sub(f"[{FRAME}]", " ", row).rstrip() for row in shown]
    assert ["".join(row).rstrip() for row in grid] == expected
    pieces = sum(len(re.findall(f"─+|[{FRAME.replace('─', '')}]", row)) for row in shown)
    assert len(list(group.iter(f"{SVG}path"))) >= pieces > (0 if columns >= 52 else -1)


def test_the_picture_of_the_documentation_is_plain_svg() -> None:
    """rich's own has style sheets, clips and entities: right in browsers alone."""
    text = (ROOT / "docs" / "live.svg").read_text(encoding="utf-8")
    assert "&#" not in text and "\N{NO-BREAK SPACE}" not in text
    for element in ElementTree.fromstring(text).iter():
        name = element.tag.removeprefix(SVG)
        assert name in PLAIN and set(element.keys()) <= PLAIN[name], (name, element.keys())
