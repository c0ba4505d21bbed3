"""Draw the mains path and the supplies of a board as SVG, the second of its wiring pictures.

The mains are above and left of the dashed line; the parts that are safe to touch are right of it
and below. mains.py lists the parts and where they lie; picture.py draws the first picture.
"""

from pathlib import Path

from dianka.bench.models.board_pins import read_constants
from dianka.wiring import shapes as svg
from dianka.wiring.mains import BREAKER, NOTES, PATH, Block, Lead, list_blocks
from dianka.wiring.parts import BOARDS, make_pin_label

BLOCK_WIDTH = {"mains": 150, "border": 180, "safe": 280}
BETWEEN_WIDTH = 250
BETWEEN_RIGHT_WIDTH = 150
NODE_WIDTH = 90
_BLOCK_LEFT = {"mains": 440, "border": 710, "safe": 440}
_BARRIER = 800
_LINE_L, _LINE_N = 116, 186
_TOP = 262  # of the first block
_ROW, _HEAD, _GAP = 26, 30, 14


def draw(folder: Path) -> str:
    """Return the SVG of the board in `folder`."""
    board = BOARDS[folder.name]
    pin = {name: make_pin_label(board, number) for name, number in read_constants(folder).items()}
    shapes, y = _draw_path(), _TOP
    parts = list_blocks(board, pin)
    border_bottom = _TOP + sum(_measure_height(part) for part in parts if part.where != "safe") - 2
    shapes.append(
        svg.draw_barrier((_BARRIER, _TOP - 30), (_BARRIER, border_bottom), (24, border_bottom))
    )
    shapes.append(
        svg.draw_text(_BARRIER - 10, _TOP - 20, "mains", 12, anchor="end", colour=svg.MAINS)
    )
    shapes.append(svg.draw_text(_BARRIER + 10, _TOP - 20, "safe to touch", 12, colour=svg.MAINS))
    for part in parts:
        y += _GAP if part.where == "safe" and y == border_bottom + 2 else 0
        shapes += _draw_block(part, y)
        y += _measure_height(part)
    shapes += svg.draw_notes(y + 18, NOTES)
    return svg.draw_picture(y + 18 + 20 * len(NOTES), f"{board.title}: mains and supplies", shapes)


def _measure_height(part: Block) -> int:
    return _HEAD + _ROW * max(len(part.left), len(part.right)) + _GAP


def _draw_path() -> list[str]:
    """Draw the mains path from the wall to the load, and back."""
    ends = (60, 1050)
    shapes = [svg.draw_line(ends[0], y, ends[1], y, svg.MAINS, "3") for y in (_LINE_L, _LINE_N)]
    shapes += [svg.draw_text(30, _LINE_L + 5, "L", 16, bold=True, colour=svg.MAINS)]
    shapes += [svg.draw_text(30, _LINE_N + 5, "N", 16, bold=True, colour=svg.MAINS)]
    both = _LINE_N - _LINE_L + 40
    for x, words in ((90, ("residual-current", BREAKER, "2 poles")), (1050, ("load", "", ""))):
        shapes.append(svg.draw_box(x, _LINE_L - 20, 140, both, svg.MAINS_FILL, svg.MAINS))
        shapes += [
            svg.draw_text(x + 70, _LINE_L + 14 + 18 * i, each, 12, anchor="middle")
            for i, each in enumerate(words)
            if each
        ]
    x = 260
    for each in PATH:
        if len(each) == 1:
            shapes += [svg.draw_dot(x + 15, _LINE_L, svg.MAINS)]
            shapes += [
                svg.draw_text(
                    x + 15, _LINE_L - 12, each, 16, anchor="middle", bold=True, colour=svg.MAINS
                )
            ]
            x += 60
        else:
            shapes.append(svg.draw_box(x, _LINE_L - 16, 150, 32, svg.MAINS_FILL, svg.MAINS))
            shapes.append(svg.draw_text(x + 75, _LINE_L + 5, each, 13, anchor="middle"))
            x += 180
    return shapes


def _draw_block(part: Block, y: int) -> list[str]:
    x, width = _BLOCK_LEFT[part.where], BLOCK_WIDTH[part.where]
    live = part.where != "safe"
    height = _measure_height(part) - _GAP
    fill, colour = (svg.MAINS_FILL, svg.MAINS) if live else (svg.SAFE_FILL, svg.INK)
    shapes = [svg.draw_box(x, y, width, height, fill, colour)]
    if part.where == "border":
        shapes.append(
            svg.draw_box(_BARRIER, y, x + width - _BARRIER, height, svg.SAFE_FILL, svg.INK)
        )
        # The name belongs to both sides: it lies on white over the border, which would cut through
        # it.
        shapes.append(svg.draw_box(x, y, width, _HEAD - 2, svg.WHITE, svg.INK))
    shapes.append(svg.draw_text(x + width // 2, y + 20, part.name, 13, anchor="middle", bold=True))
    for number, lead in enumerate(part.left):
        shapes += _draw_left_lead(lead, x, y + _HEAD + _ROW * number + 9, live)
    for number, lead in enumerate(part.right):
        shapes += _draw_right_lead(
            lead, x + width, y + _HEAD + _ROW * number + 9, part.where == "mains"
        )
    return shapes


def _draw_left_lead(lead: Lead, x: int, y: int, live: bool) -> list[str]:
    colour = svg.MAINS if live else svg.INK
    shapes = [svg.draw_line(24 + NODE_WIDTH, y, x, y, colour)]
    shapes.append(svg.draw_text(24, y + 4, lead.node, 12, bold=True, colour=colour))
    shapes.append(svg.draw_text(x + 8, y + 4, lead.pin, 12))
    if lead.between:
        shapes += svg.draw_between(270, y, BETWEEN_WIDTH, lead.between)
    return shapes


def _draw_right_lead(lead: Lead, x: int, y: int, live: bool) -> list[str]:
    colour = svg.MAINS if live else svg.INK
    end = x + (BETWEEN_RIGHT_WIDTH + 30 if lead.between or not live else 30)
    shapes = [
        svg.draw_line(x, y, end, y, colour),
        svg.draw_text(end + 6, y + 4, lead.node, 12, bold=True, colour=colour),
    ]
    shapes.append(svg.draw_text(x - 8, y + 4, lead.pin, 12, anchor="end"))
    if lead.between:
        shapes += svg.draw_between(
            x + 15 + BETWEEN_RIGHT_WIDTH // 2, y, BETWEEN_RIGHT_WIDTH, lead.between
        )
    return shapes
