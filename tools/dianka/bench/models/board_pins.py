"""Read which pin is which from the board's own board.py, so that firmware and bench agree.

A board names each pin, bus and figure once, as an integer constant. Nothing else is read here.
"""

import ast
from pathlib import Path

FIRST_LINE_PORT = 16  # the numbers below are UARTs


def read_constants(board: Path) -> dict[str, int]:
    """Return every `NAME = number` of a board's board.py."""
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


def find_line_port(constants: dict[str, int], name: str) -> int:
    """Return the bench's serial port of a board's T=0 line `name` ("CARD" or "ESAM").

    It is the line's UART. A line on a PIO pin has a port of its own: FIRST_LINE_PORT + the pin.
    """
    uart = constants.get(f"{name}_UART")
    return FIRST_LINE_PORT + constants[f"{name}_IO"] if uart is None else uart
