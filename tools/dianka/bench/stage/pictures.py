"""Pictures for the documentation, made from the real meter: the live screen as SVG, after a story has been played."""

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.live import Screen
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig

WIDTH = 112


def live_picture(path: Path, runner: str) -> None:
    """The live screen of a meter in use, a minute after the resident has put in a card with 20.00 yuan."""
    if not path.parent.is_dir():  # said before a minute is spent on the story
        raise FileNotFoundError(f"{path.name} can't be written: there is no folder {path.parent}")
    with tempfile.TemporaryDirectory(prefix="dianka-") as folder:
        place = Path(folder)
        rig = Rig(place, runner)
        try:
            printer = Printer(Console(file=io.StringIO(), width=WIDTH))
            stories.play(stories.load("new-meter"), Player(rig, place, DeskLine(), printer))
            screen = Screen(rig, place, DeskLine())
            rig.on_log = screen.logged
            rig.insert(Path("resident.card"))
            rig.wait(15_000_000)
            rig.pull()
            rig.wait(60_000_000)
            console = Console(record=True, file=io.StringIO(), width=WIDTH, force_terminal=True)
            console.print(screen.render())
            path.write_text(_plain_fonts(console.export_svg(title="make live")), encoding="utf-8")
        finally:
            rig.close()


def _plain_fonts(svg: str) -> str:
    """A picture must not fetch anything: the reader's own monospaced font will do."""
    svg = re.sub(r"<!--.*?-->\s*", "", svg)
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    return re.sub(r"font-family: Fira Code", "font-family: monospace", svg)
