"""Read which pin is which from the board's own board.py, so that firmware and bench agree.

A board names each pin, bus and figure once, as an integer constant, and its metering chip by a
name. Nothing else is read here.
"""

import ast
import re
from pathlib import Path

from dianka.firmware import find_board_file

METERING_CHIPS = ("hlw8032", "att7022", "pulse_meter")  # values of METERING in board.py
_METERING = re.compile(r'^METERING = "(\w+)"', re.MULTILINE)

FIRST_LINE_PORT = 16  # the numbers below are UARTs


def read_constants(board: Path) -> dict[str, int]:
    """Return every `NAME = number` of a board's board.py, and every `_NAME = const(number)`.

    The latter costs the board no memory; its name here is without the underscore.
    """
    tree = ast.parse(find_board_file(board).read_text(encoding="utf-8"))
    found: dict[str, int] = {}
    for node in tree.body:
        match node:
            case ast.Assign(
                [ast.Name(name)],
                ast.Constant(int(value)) | ast.Call(ast.Name("const"), [ast.Constant(int(value))]),
            ) if name.isupper():
                found[name.removeprefix("_")] = value
    return found


def find_line_port(constants: dict[str, int], name: str) -> int:
    """Return the bench's serial port of a board's T=0 line `name` ("CARD" or "ESAM").

    It is FIRST_LINE_PORT + the pin that receives: a PIO's, or one that a shared UART is turned to.
    """
    return FIRST_LINE_PORT + constants[f"{name}_IO" if f"{name}_IO" in constants else f"{name}_RX"]


def find_line_ports(constants: dict[str, int]) -> dict[int, int]:
    """Return the pins at which a UART is turned to a T=0 line, and that line's port."""
    return {
        constants[pin]: find_line_port(constants, name)
        for name in ("CARD", "ESAM")
        for pin in (f"{name}_TX", f"{name}_RX")
        if pin in constants
    }


def read_metering(board: Path) -> str:
    """Return the name of the metering chip of a board's board.py."""
    found = _METERING.search(find_board_file(board).read_text(encoding="utf-8"))
    return found[1] if found else METERING_CHIPS[0]


def write_board_with(board: Path, chip: str, folder: Path) -> Path:
    """Write a board's board.py into this folder, with another metering chip; return the folder.

    It is the one line that who builds such a board changes.
    """
    text = find_board_file(board).read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    changed = _METERING.sub(f'METERING = "{chip}"', text, count=1)
    (folder / "board.py").write_text(changed, encoding="utf-8")
    kind = board / "board.toml"
    if kind.is_file():
        lines = kind.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("wired_as")]
        (folder / "board.toml").write_text("".join(kept), encoding="utf-8")
    return folder
