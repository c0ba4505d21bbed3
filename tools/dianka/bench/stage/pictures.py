"""Draws the live screen as SVG for the documentation, after a story has been played.

rich's own SVG looks right in browsers only: it separates columns by blanks within a text, stretches
texts to a length and clips them. Many other programs do not support this. Here each word has its
own position, the frame is a path, and all attributes are from SVG 1.1, so that every program that
draws SVG draws the same picture.
"""

import io
import re
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from rich.cells import cell_len
from rich.color import blend_rgb
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME as THEME

from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.live import Screen
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig

WIDTH = 112
CELL, LINE, FONT = 12, 24, 20  # pixels; most monospaced letters are as wide as 0.6 of the font size
_LEFT, _TOP, _BAR = 12, 8, 40  # margins of the screen, and the window's bar above it
_WORDS = re.compile(r"─+|[╭╮╰╯│]|[^\s─╭╮╰╯│]+")
# The start and the end of a frame's corner within its cell: (half cells right, half lines down).
_CORNERS = {
    "╭": ((1, 2), (2, 1)),
    "╮": ((0, 1), (1, 2)),
    "╰": ((1, 0), (2, 1)),
    "╯": ((0, 1), (1, 0)),
}


def draw_live_screen(path: Path, runner: str) -> None:
    """Write the live screen of a meter in use, a minute after a purchase of 20.00 yuan.

    FileNotFoundError if the file's folder does not exist.
    """
    if not path.parent.is_dir():  # checked before a minute is spent on the story
        raise FileNotFoundError(f"{path.name} can't be written: there is no folder {path.parent}")
    with tempfile.TemporaryDirectory(prefix="dianka-") as folder:
        place = Path(folder)
        rig = Rig(place, runner)
        try:
            printer = Printer(Console(file=io.StringIO(), width=WIDTH))
            stories.play(stories.load("new-meter"), Player(rig, place, DeskLine(), printer))
            screen = Screen(rig, place, DeskLine())
            rig.on_log = screen.add_log_line
            rig.insert(Path("resident.card"))
            rig.wait(15_000_000)
            rig.pull()
            rig.wait(60_000_000)
            console = Console(file=io.StringIO(), width=WIDTH, force_terminal=True)
            rows = console.render_lines(screen.render(), pad=False)
            path.write_text(draw_window(rows, "make live"), encoding="utf-8")
        finally:
            rig.close()


def draw_window(rows: list[list[Segment]], title: str) -> str:
    """Return a terminal's rows, in a window with this title, as the text of an SVG."""
    width, height = WIDTH * CELL + 2 * _LEFT, len(rows) * LINE + _BAR + _TOP
    foreground, background = THEME.foreground_color.hex, THEME.background_color.hex
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-size="{FONT}">',
        f"<title>{escape(title)}</title>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" '
        f'fill="{background}" stroke="#737373"/>',
    ]
    for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        shapes.append(f'<circle cx="{26 + 22 * at}" cy="22" r="7" fill="{colour}"/>')
    bar = f'x="{width // 2}" y="28" font-family="sans-serif" font-size="18" font-weight="bold"'
    shapes.append(f'<text {bar} text-anchor="middle" fill="{foreground}">{escape(title)}</text>')
    shapes.append(f'<g font-family="monospace" transform="translate({_LEFT}, {_BAR})">')
    for at, row in enumerate(rows):
        shapes += _draw_row(row, at * LINE)
    return "\n".join([*shapes, "</g>", "</svg>", ""])


def _draw_row(row: list[Segment], y: int) -> Iterator[str]:
    """Yield an element for each word or piece of a frame, at its own cell."""
    column = 0
    for segment in row:
        colour, weight = _find_style(segment.style or Style.null())
        for match in _WORDS.finditer(segment.text):
            x = (column + cell_len(segment.text[: match.start()])) * CELL
            word, length = match[0], cell_len(match[0]) * CELL
            if word[0] in "─│" or word in _CORNERS:
                yield (
                    f'<path d="{_draw_frame(word, x, y, length)}" fill="none" '
                    f'stroke="{colour}" stroke-width="1.5"/>'
                )
            else:
                place = f'x="{x}" y="{y + 18}" textLength="{length}" fill="{colour}"{weight}'
                yield f"<text {place}>{escape(word, quote=False)}</text>"
        column += cell_len(segment.text)


def _draw_frame(piece: str, x: int, y: int, length: int) -> str:
    """Return the path of a piece of a frame; a corner is a curve around its cell's middle."""
    middle_x, middle_y = x + CELL // 2, y + LINE // 2
    if piece in _CORNERS:
        (x1, y1), (x2, y2) = _CORNERS[piece]
        begin = f"M{x + x1 * CELL // 2} {y + y1 * LINE // 2}"
        return f"{begin} Q{middle_x} {middle_y} {x + x2 * CELL // 2} {y + y2 * LINE // 2}"
    return f"M{middle_x} {y} v{LINE}" if piece == "│" else f"M{x} {middle_y} h{length}"


def _find_style(style: Style) -> tuple[str, str]:
    """Return (colour, the attribute for bold text or "")."""
    colour = THEME.foreground_color
    if style.color and not style.color.is_default:
        colour = style.color.get_truecolor(THEME)
    if style.dim:
        colour = blend_rgb(colour, THEME.background_color, 0.4)
    return colour.hex, ' font-weight="bold"' if style.bold else ""
