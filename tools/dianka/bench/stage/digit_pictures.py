"""Draws the eight digits as SVG for the documentation, from the text that stands beside them.

A page that wants a picture names it as Markdown does: `![E   12.34](digits/energy.svg)`. The text
in brackets is what the digits show, so the picture of a text can't be wrong; whether the meter
shows that text is tested where the text comes from. Segments are those of the display's model.
"""

import re
from html import escape
from pathlib import Path

from dianka.bench.stage.digits import SHAPES, split_cells

FOLDER = "digits"  # beside the pages
_NAMED = re.compile(r"!\[([^\]\n]{1,16})\]\(digits/([a-z0-9-]+\.svg)\)")

_PITCH, _TOP, _LEFT = 26, 6, 8  # pixels from digit to digit, and margins
_WIDTH, _HALF, _BAR = 14, 14, 4  # of a digit: middle to middle of the segments, and their width
_HEIGHT = 2 * _HALF + _BAR + 2 * _TOP
_BACK, _LIT, _DARK = "#1c1412", "#ff3b1f", "#3a2520"
# Of each segment the first end, in digit's units of width and half height, and whether it lies.
_SEGMENTS = {
    "a": (0, 0, True), "b": (1, 0, False), "c": (1, 1, False), "d": (0, 2, True),
    "e": (0, 1, False), "f": (0, 0, False), "g": (0, 1, True),
}  # fmt: skip


class PictureError(Exception):
    """A page names a picture that can't be drawn. The text is one line."""


def draw_digits_svg(text: str) -> str:
    """Return the picture of this text. PictureError unless eight digits can show it."""
    cells = split_cells(text)
    unknown = sorted({sign for sign, _ in cells if sign not in SHAPES})
    if len(cells) > 8 or unknown:
        raise PictureError(f'eight digits can\'t show "{text}"')
    lit, dark = [], []
    for number, (sign, dot) in enumerate(cells):
        x, y = _LEFT + number * _PITCH + _BAR // 2, _TOP + _BAR // 2
        for segment, place in _SEGMENTS.items():
            (lit if segment in SHAPES[sign] else dark).append(_draw_segment(x, y, place))
        box = f"M{x + _WIDTH + 4} {y + 2 * _HALF - 2}h4v4h-4z"
        (lit if dot else dark).append(box)
    width = 2 * _LEFT + 7 * _PITCH + _WIDTH + _BAR + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width * 3 // 4}" height="{_HEIGHT * 3 // 4}">\n'
        f"<title>{escape(text)}</title>\n"
        f'<rect width="{width}" height="{_HEIGHT}" rx="4" fill="{_BACK}"/>\n'
        f'<path d="{"".join(dark)}" fill="{_DARK}"/>\n'
        f'<path d="{"".join(lit)}" fill="{_LIT}"/>\n</svg>\n'
    )


def find_pictures(folder: Path) -> dict[str, str]:
    """Return the pictures that the pages in this folder name: file and text.

    PictureError if two texts have one file.
    """
    found: dict[str, str] = {}
    for page in sorted(folder.glob("*.md")):
        for text, name in _NAMED.findall(page.read_text(encoding="utf-8")):
            if found.setdefault(name, text) != text:
                raise PictureError(f'{name} is to show "{found[name]}" and "{text}": rename one')
    return found


def draw_pictures(folder: Path) -> int:
    """Draw all pictures of digits that the pages in this folder name; return how many.

    Those that no page names any more are removed. PictureError if no page names any.
    """
    drawn = {name: draw_digits_svg(text) for name, text in find_pictures(folder).items()}
    if not drawn:
        raise PictureError(f"no page in {folder} names a picture of digits: name another folder")
    (folder / FOLDER).mkdir(exist_ok=True)
    for path in (folder / FOLDER).glob("*.svg"):
        if path.name not in drawn:
            path.unlink()
    for name, svg in drawn.items():
        (folder / FOLDER / name).write_text(svg, encoding="utf-8")
    return len(drawn)


def _draw_segment(x: int, y: int, place: tuple[int, int, bool]) -> str:
    """Return the path of a segment: a bar with pointed ends, a pixel short of its neighbours."""
    right, down, lies = place
    x, y, half = x + right * _WIDTH, y + down * _HALF, _BAR // 2
    if lies:
        side = _WIDTH - 2 * half - 2
        return f"M{x + 1} {y}l{half} -{half}h{side}l{half} {half}l-{half} {half}h-{side}z"
    side = _HALF - 2 * half - 2
    return f"M{x} {y + 1}l{half} {half}v{side}l-{half} {half}l-{half} -{half}v-{side}z"
