"""The few shapes of the wiring pictures.

They are plain SVG, with no fonts and no scripts to load.
"""

from html import escape

WIDTH = 1220
MAINS = "#c0392b"
MAINS_FILL = "#fdecea"
INK = "#1f2d3a"
SAFE_FILL = "#eef4fa"
WHITE = "#ffffff"
GREY = "#7f8c8d"
_ARROW = 7


def draw_line(x1: int, y1: int, x2: int, y2: int, colour: str = INK, thick: str = "1.5") -> str:
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="{thick}"/>'
    )


def draw_barrier(*points: tuple[int, int]) -> str:
    """Return the dashed line that only isolators cross."""
    path = " ".join(f"{x},{y}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{MAINS}" stroke-width="2" '
        'stroke-dasharray="9 5"/>'
    )


def draw_group(shapes: list[str], pale: bool) -> list[str]:
    """Return these shapes, pale or as they are."""
    return ['<g opacity="0.4">', *shapes, "</g>"] if pale else shapes


def draw_dot(x: int, y: int, colour: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>'


def draw_arrow(x: int, y: int, rightwards: bool) -> str:
    back = x - _ARROW if rightwards else x + _ARROW
    return f'<path d="M{x} {y} L{back} {y - 4} L{back} {y + 4} Z" fill="{INK}"/>'


def draw_box(x: int, y: int, width: int, height: int, fill: str, stroke: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="{fill}" '
        f'stroke="{stroke}"/>'
    )


def draw_text(
    x: int,
    y: int,
    words: str,
    size: int,
    *,
    anchor: str = "start",
    bold: bool = False,
    colour: str = INK,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}'
    return f"<text {place}>{escape(words)}</text>"


def draw_between(middle: int, y: int, width: int, words: str) -> list[str]:
    """Return the white box in a wire, which names the parts between its ends."""
    return [
        draw_box(middle - width // 2, y - 10, width, 20, WHITE, GREY),
        draw_text(middle, y + 4, words, 11, anchor="middle"),
    ]


def draw_notes(top: int, lines: tuple[str, ...]) -> list[str]:
    """Return the lines of text under the picture."""
    return [draw_text(24, top + 20 * number, words, 13) for number, words in enumerate(lines)]


def draw_picture(height: int, title: str, shapes: list[str]) -> str:
    """Return the whole SVG."""
    head = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            'font-family="sans-serif">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="{WHITE}"/>',
        draw_text(24, 38, title, 20, bold=True),
    ]
    return "\n".join([*head, *shapes, "</svg>", ""])
