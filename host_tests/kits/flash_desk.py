"""A desk for flashing tests: flash_board.py's board, a firmware folder and the flash command."""

from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from dianka.cli import app
from dianka.flash import build
from flash_board import DeskBoard, write_firmware, write_kinds


class Desk:
    """A board, a folder of firmware, and the command that flashes the firmware to the board."""

    def __init__(self, folder: Path) -> None:
        self.firmware = folder / "firmware"
        self.kinds = write_kinds(folder / "boards")
        self.board = DeskBoard(folder / "board")

    def write(self, mark: str = "", **how: Any) -> None:
        write_firmware(self.firmware, mark, **how)

    @property
    def version(self) -> build.Version:
        return build.build(build.load_kind("desk", self.kinds), self.firmware, self.kinds)

    def flash(self, *more: str, port: str = "") -> Result:
        return CliRunner().invoke(app, [*self.command(port), *more])

    def command(self, port: str = "") -> list[str]:
        places = ["--firmware", str(self.firmware), "--boards", str(self.kinds)]
        return ["flash", "--board", "desk", "--port", port or self.board.port, *places]

    def slot(self) -> str:
        return (self.board.files / "slot").read_text()
