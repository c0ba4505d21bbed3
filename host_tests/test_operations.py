"""docs/operations.md: its commands are typed as they stand, in order, in one folder, and the steps at the meter are played."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from rich.console import Console
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command
from typer.testing import CliRunner

from dianka.bench import story as stories
from dianka.bench.console import Printer
from dianka.bench.player import Player
from dianka.bench.rig import ESAM_FILE, Rig
from dianka.bench.story import StoryError
from dianka.cards.image import CardFile
from dianka.cards.issue import issue_esam
from dianka.cards.t0 import Tpdu
from dianka.cli import app
from dianka.deskline import DeskLine
from pcsc_kit import Readers

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"


def blocks() -> list[tuple[str, list[str]]]:
    """(what kind of block, its lines), in the page's order."""
    found = re.findall(r"^```([a-z ]+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [(kind, text.splitlines()) for kind, text in found]


def commands(kind: str) -> list[str]:
    return [line for of, lines in blocks() if of == kind for line in lines]


def page_as_story() -> str:
    lines: list[str] = []
    for kind, block in blocks():
        if kind == "sh":
            lines += [line.replace("dianka ", "desk: ", 1) for line in block]
        elif kind == "story":
            lines += block
    return "\n".join(lines)


def play(text: str, folder: Path) -> str:
    out = io.StringIO()
    with contextlib.closing(Rig(folder, "host")) as rig:
        printer = Printer(Console(file=out, width=200))
        stories.play(stories.parse(text, PAGE.name), Player(rig, folder, DeskLine(), printer))
    return out.getvalue()


@pytest.mark.parametrize("profile", ["sm4", "3des"])
def test_the_page_is_what_happens(tmp_path: Path, profile: str) -> None:
    """In either cipher: for 3DES the page says to add two words, and the meter has such an ESAM."""
    text = page_as_story()
    assert text.count("desk: ") >= 20 and text.count("insert ") >= 8
    if profile == "3des":
        text = text.replace("desk: keys init control.card", "desk: keys init control.card --profile 3des")
        issue_esam(tmp_path / ESAM_FILE, profile=profile)
    said = play(text, tmp_path)
    assert profile in said
    assert "BAD" not in said and "purchase 2 of 30.00 yuan is on the card once more" in said


def test_a_page_that_lies_is_told(tmp_path: Path) -> None:
    lie = page_as_story().replace('expect display "50.00"', 'expect display "51.00"')
    with pytest.raises(StoryError, match=r"51\.00"):
        play(lie, tmp_path)


def test_the_commands_with_readers(tmp_path: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand, but for the two that keep a terminal each: their cards are put in here."""
    monkeypatch.chdir(tmp_path)
    lines = ["dianka keys init control.card", *commands("sh readers")]
    with contextlib.ExitStack() as slots:
        for line in lines:
            words = shlex.split(line)[1:]
            if words[:2] == ["card", "insert"]:
                file = slots.enter_context(CardFile.open(words[2]))
                slots.enter_context(pcsc.holding(int(words[4]), Tpdu(file.chip)))
                continue
            result = CliRunner().invoke(app, words)
            assert (result.exit_code, result.stderr) == (0, ""), line
        assert "20.00 yuan, number 1" in result.stdout and "000000000043" in result.stdout


def test_every_command_of_the_page_is_one() -> None:
    """Those with readers too: their words are understood, with all their options."""
    lines = commands("sh") + commands("sh readers")
    assert all(line.startswith("dianka ") for line in lines)
    for line in lines:
        command, words = get_command(app), shlex.split(line)[1:]
        while isinstance(command, TyperGroup):
            command = command.commands[words.pop(0)]
        assert isinstance(command, TyperCommand)
        command.make_context(line, list(words))  # raises if it is not understood
        with pytest.raises(TyperException):
            command.make_context(line, [*words, "--nonsense"])


def test_every_command_of_the_desk_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    desk = get_command(app)
    assert isinstance(desk, TyperGroup)
    for group in ("card", "keys"):
        inner = desk.commands[group]
        assert isinstance(inner, TyperGroup)
        for name, command in inner.commands.items():
            names = [f"issue {kind}" for kind in command.commands] if isinstance(command, TyperGroup) else [name]
            for shown in names:
                on_bench = command.hidden or shown == "issue control"  # for trials
                assert on_bench or f"dianka {group} {shown} " in page, shown
