"""Draw the wiring of a board as SVG.

The pin numbers are those of the board's own board.py, so that picture and firmware agree. `make
pictures` writes each board's wiring.svg, and mains.svg beside it (mains_picture.py), and the steps
of docs/building.md into its folder. parts.py says which part is at which constant.
"""

import sys
from pathlib import Path

from dianka.bench.models.board_pins import read_constants
from dianka.wiring import mains_picture
from dianka.wiring import shapes as svg
from dianka.wiring.parts import BOARDS, NOTES, Part, PictureBoard, Row, make_pin_label
from dianka.wiring.shapes import INK, MAINS, WIDTH

_ROW = 26
_HEAD = 30  # of a part's box, for its name
_WARNING = 18  # more, for a line under the name
_GAP = 18
_TOP = 84
_PART_WIDTH = 236
_BETWEEN_WIDTH = 204  # leaves the wire and its arrow in sight on both sides
_CHIP_LEFT, _CHIP_RIGHT = 500, 720


class WiringError(Exception):
    """The picture can't be drawn. The message is one line: what to do."""


def draw(folder: Path, step: int = 0) -> str:
    """Return the SVG of the board in `folder`, whole or as it is after a `step` of building.

    What was there before the step is pale then, and what comes later is not drawn. Raise
    WiringError if the board is not described, or board.py lacks a pin.
    """
    board = BOARDS.get(folder.name)
    if board is None:
        raise WiringError(f"no picture is described for {folder.name}: add it to wiring/parts.py")
    pins = read_constants(folder)
    missing = sorted(
        {row.name for part in board.left + board.right for row in part.rows} - pins.keys()
    )
    if missing:
        raise WiringError(
            f"{folder.name}/board.py has no {', '.join(missing)}: "
            "name it there or take it from wiring/parts.py"
        )
    bottom = max(_measure_height(board.left), _measure_height(board.right)) + _TOP
    shapes = [_draw_chip(board, bottom)]
    if step in (0, *(part.step for part in board.left if part.mains)):
        shapes += _draw_barrier(board)  # the isolators lie over it
    shapes += _draw_side(board, board.left, pins, True, step)
    shapes += _draw_side(board, board.right, pins, False, step)
    if step:
        return svg.draw_picture(bottom, f"{board.title}: step {step}", shapes)
    height = bottom + 30 + 20 * len(NOTES)
    return svg.draw_picture(height, board.title, shapes + svg.draw_notes(bottom + 24, NOTES))


def list_steps(name: str) -> list[int]:
    """Return the steps of docs/building.md in which a part of this board is built in."""
    board = BOARDS[name]
    return sorted({part.step for part in board.left + board.right})


def _measure_height(parts: tuple[Part, ...]) -> int:
    return sum(_measure_part(part) + _GAP for part in parts)


def _measure_part(part: Part) -> int:
    return _measure_head(part) + _ROW * len(part.rows)


def _measure_head(part: Part) -> int:
    return _HEAD + (_WARNING if part.warning else 0)


def _draw_side(
    board: PictureBoard, parts: tuple[Part, ...], pins: dict[str, int], left: bool, step: int
) -> list[str]:
    y, shapes = _TOP, []
    for part in parts:
        if not step or part.step <= step:
            shapes += svg.draw_group(_draw_part(board, part, pins, y, left), part.step < step)
        y += _measure_part(part) + _GAP
    return shapes


def _draw_part(
    board: PictureBoard, part: Part, pins: dict[str, int], y: int, left: bool
) -> list[str]:
    x = 24 if left else WIDTH - 24 - _PART_WIDTH
    colour, fill = (MAINS, svg.MAINS_FILL) if part.mains else (INK, svg.SAFE_FILL)
    shapes = [
        svg.draw_box(x, y, _PART_WIDTH, _measure_part(part), fill, colour),
        svg.draw_text(x + 10, y + 20, part.name, 13, bold=True),
    ]
    if part.warning:
        at = y + 20 + _WARNING
        shapes.append(svg.draw_text(x + 10, at, part.warning, 13, bold=True, colour=MAINS))
    for number, row in enumerate(part.rows):
        at = y + _measure_head(part) + _ROW * number + 9
        shapes += _draw_row(board, row, pins[row.name], at, left)
    return shapes


def _draw_row(board: PictureBoard, row: Row, pin: int, y: int, left: bool) -> list[str]:
    """Draw one wire: contact, the parts between, pin."""
    far = 24 + _PART_WIDTH if left else WIDTH - 24 - _PART_WIDTH
    near = _CHIP_LEFT if left else _CHIP_RIGHT
    middle = (far + near) // 2
    shapes = [svg.draw_line(far, y, near, y)]
    if row.to_chip:
        shapes.append(svg.draw_arrow(near, y, rightwards=left))
    if row.from_chip:
        shapes.append(svg.draw_arrow(far, y, rightwards=not left))
    if row.between:
        shapes += svg.draw_between(middle, y, _BETWEEN_WIDTH, row.between)
    anchor, inward = ("end", -10) if left else ("start", 10)
    shapes.append(svg.draw_text(far + inward, y + 4, row.contact, 12, anchor=anchor))
    shown = make_pin_label(board, pin)
    if left:
        shapes.append(svg.draw_text(near + 10, y + 4, shown, 12, bold=True))
    else:
        shapes.append(svg.draw_text(near - 10, y + 4, shown, 12, anchor="end", bold=True))
    return shapes


def _draw_barrier(board: PictureBoard) -> list[str]:
    """Draw the line that only isolators cross, beside the parts that are on the mains."""
    mains = [part for part in board.left if part.mains]
    if not mains:
        return []
    x, bottom = (
        (24 + _PART_WIDTH + _CHIP_LEFT) // 2,
        _TOP + _measure_height(tuple(mains)) - _GAP + 8,
    )
    return [
        svg.draw_barrier((x, _TOP - 14), (x, bottom)),
        svg.draw_text(x - 10, _TOP - 6, "mains", 12, anchor="end", colour=MAINS),
        svg.draw_text(x + 10, _TOP - 6, "safe to touch", 12, colour=MAINS),
    ]


def _draw_chip(board: PictureBoard, bottom: int) -> str:
    box = svg.draw_box(
        _CHIP_LEFT, _TOP, _CHIP_RIGHT - _CHIP_LEFT, bottom - _TOP - _GAP, "#f4f1e6", INK
    )
    middle = (_CHIP_LEFT + _CHIP_RIGHT) // 2
    return "\n".join(
        [box, svg.draw_text(middle, _TOP + 20, board.chip, 13, anchor="middle", bold=True)]
    )


def main(arguments: list[str]) -> int:
    """Write both pictures of each board folder, and its steps into the first folder.

    Return the exit code.
    """
    if len(arguments) < 2:
        text = "say where the steps go, and which board: docs/building boards/rp2_pico"
        print(text, file=sys.stderr)  # noqa: T201
        return 2
    for argument in arguments[1:]:
        folder = Path(argument)
        try:
            (folder / "wiring.svg").write_text(draw(folder), encoding="utf-8")
            (folder / "mains.svg").write_text(mains_picture.draw(folder), encoding="utf-8")
            for step in list_steps(folder.name):
                file = Path(arguments[0]) / f"{folder.name}-{step}.svg"
                file.write_text(draw(folder, step), encoding="utf-8")
        except (WiringError, OSError) as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
