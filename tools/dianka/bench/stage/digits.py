"""Draws eight seven-segment digits as lines of text, in any size.

Segments are lettered as in datasheets: a on top, then clockwise b to f, g in the middle. A dot
belongs to the digit before it.
"""

from dianka.bench.models.tm1638 import _SHAPES as SHAPES

DIGITS = 8
_UNKNOWN = "abeg"  # a question mark


def split_cells(text: str) -> list[tuple[str, bool]]:
    """Return (character, has a dot) for each digit, padded with dark digits on the left."""
    out: list[tuple[str, bool]] = []
    for char in text:
        if char == "." and out and not out[-1][1]:
            out[-1] = (out[-1][0], True)
        else:
            out.append((" ", True) if char == "." else (char, False))
    return [(" ", False)] * (DIGITS - len(out)) + out


def draw_digits(text: str, width: int = 1, height: int = 1) -> list[str]:
    """Return the display as 1 + 2 x `height` lines; a horizontal segment is `width` long."""
    digits = [(SHAPES.get(char, _UNKNOWN), dot) for char, dot in split_cells(text)]
    lines = ["".join(f" {_draw_level(lit, 'a', width)}  " for lit, _ in digits)]
    for left, right, level in (("f", "b", "g"), ("e", "c", "d")):
        for row in range(height):
            last = row == height - 1
            lines.append(
                "".join(
                    _draw_row(
                        lit,
                        dot and last and level == "d",
                        left,
                        right,
                        level if last else "",
                        width,
                    )
                    for lit, dot in digits
                )
            )
    return lines


def _draw_level(lit: str, segment: str, width: int) -> str:
    return ("_" if segment and segment in lit else " ") * width


def _draw_row(lit: str, dot: bool, left: str, right: str, level: str, width: int) -> str:
    sides = ["|" if side in lit else " " for side in (left, right)]
    return sides[0] + _draw_level(lit, level, width) + sides[1] + ("." if dot else " ")
