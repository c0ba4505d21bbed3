"""Which pin is which: read from the board's own board.py, so that firmware and bench cannot
disagree.

A board names each pin, bus and figure once as a whole-number constant; those are all that is read
here.
"""

import ast
from pathlib import Path

FIRST_LINE_PORT = 16  # UARTs have the numbers below


def read_constants(board: Path) -> dict[str, int]:
    """Every `NAME = number` of a board's board.py."""
    tree = ast.parse((board / "board.py").read_text(encoding="utf-8"))
    found: dict[str, int] = {}
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, int)
        ):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id.isupper():
                    found[target.id] = node.value.value
    return found


def line_port(constants: dict[str, int], name: str) -> int:
    """The bench's serial port of the T=0 line `name` ("CARD", "ESAM") of a board.

    Its UART's, or one of its PIO pin's own.
    """
    uart = constants.get(f"{name}_UART")
    return FIRST_LINE_PORT + constants[f"{name}_IO"] if uart is None else uart
