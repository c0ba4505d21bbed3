"""docs/operations.md, done as a reader does it.

Each command typed as it stands, each story played by itself, in one folder.
"""

import contextlib
import io
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command
from typer.testing import CliRunner

from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import ESAM_FILE, Rig
from dianka.bench.stage.story import StoryError
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Tpdu
from dianka.cli import app
from dianka.desk.issue import issue_esam
from dianka.readers.card_process import NOT_STARTED, SILENT
from dianka.readers.changes import NO_SNAPSHOT, Snapshot, compare_snapshots
from dianka.readers.pcsc import Seen, format_status
from pcsc_kit import Readers

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def blocks() -> list[tuple[str, list[str]]]:
    """(what kind of block, its lines), in the page's order."""
    found = re.findall(r"^```([a-z ]+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [(kind, text.splitlines()) for kind, text in found]


def commands(kind: str) -> list[str]:
    return [line for of, lines in blocks() if of == kind for line in lines]


def run_with_order(desk: DeskLine, lines: list[str], folder: Path) -> str:
    """Run these lines; in place of ORDER stands the last line of the command before."""
    said = [""]
    for line in lines:
        order = said[-1].rstrip("\n").split("\n")[-1]
        said.append(desk.run(shlex.split(line.replace("ORDER", order))[1:], folder))
    return "".join(said)


def run_with_pins(desk: DeskLine, lines: list[str], folder: Path) -> str:
    """Run these lines as from a pipe that brings a new PIN to each `keys pin`."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO("246802\n135790\n"))
        return "".join(desk.run(shlex.split(line)[1:], folder) for line in lines)


def play(text: str, folder: Path) -> None:
    """As `dianka bench play meter.story --folder .`.

    A meter that begins without mains and has the folder's memories.
    """
    with contextlib.closing(Rig(folder, "host")) as rig:
        printer = Printer(Console(file=io.StringIO(), width=200))
        stories.play(stories.parse(text, "meter.story"), Player(rig, folder, DeskLine(), printer))


def follow(page: list[tuple[str, list[str]]], folder: Path) -> str:
    """The page from top to bottom; returns what the desk says."""
    desk, said = DeskLine(), ""
    for kind, lines in page:
        if kind == "story":
            play("\n".join(lines), folder)
        elif kind == "sh":
            said += "".join(desk.run(shlex.split(line)[1:], folder) for line in lines)
        elif kind == "sh order":
            said += run_with_order(desk, lines, folder)
        elif kind == "sh pin":
            said += run_with_pins(desk, lines, folder)
    return said


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["sm4", "3des"])
def test_the_page_is_what_happens(tmp_path: Path, profile: str) -> None:
    """In either cipher: for 3DES the page says to add two words, and the meter has such an ESAM."""
    page = blocks()
    assert (
        len(commands("sh")) >= 20
        and sum(line.startswith("insert ") for line in commands("story")) >= 8
    )
    if profile == "3des":
        page = [
            (kind, [line.replace("keys init", "keys init --profile 3des") for line in lines])
            for kind, lines in page
        ]
        issue_esam(tmp_path / ESAM_FILE, profile=profile)
    said = follow(page, tmp_path)
    assert profile in said
    assert not re.search("^BAD", said, re.M)  # an order in hexadecimal may have it anywhere
    assert "purchase 2 is in the meter already" in said
    assert "purchase 2 of 30.00 yuan is on the card once more" in said
    assert "480.00 yuan left to seal" in said and "800.00 yuan left to seal" in said
    assert "order 2 is carried out" in said and "PIN     set, 3 tries left" in said


def test_a_page_that_lies_is_told(tmp_path: Path) -> None:
    lie = [
        (kind, [line.replace('display "50.00"', 'display "51.00"') for line in lines])
        for kind, lines in blocks()
    ]
    with pytest.raises(StoryError, match=r"51\.00"):
        follow(lie, tmp_path)


def test_the_commands_with_readers(
    tmp_path: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they stand, but for those that keep a terminal each: the cards are put in here."""
    monkeypatch.chdir(tmp_path)
    lines = ["dianka keys init control.card", *commands("sh readers")]
    with contextlib.ExitStack() as slots:
        for line in lines:
            words = shlex.split(line)[1:]
            if words == ["reader", "watch"]:  # host_tests/readers/test_pcsc_outside.py plays it
                continue
            if words[:2] == ["card", "insert"]:
                file = slots.enter_context(CardFile.open(words[2]))
                slots.enter_context(pcsc.holding(int(words[4]), Tpdu(file.chip)))
                continue
            result = CliRunner().invoke(app, words)
            assert (result.exit_code, result.stderr) == (0, ""), line
        assert "20.00 yuan, number 1" in result.stdout and "000000000043" in result.stdout


def test_the_page_has_every_line_of_the_watcher() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("### Readers all day long\n")[2].partition("\n#")[0]
    shown = set(re.findall(r"^\| `(.+?)` \|", table, re.M))
    card = Seen("READER", True, bytes.fromhex("3B690000410011223344556677"), 1)
    foreign = bytes.fromhex("3B650000 9C02020702")
    empty, mute = replace(card, present=False, atr=b""), replace(card, atr=b"", mute=True)
    no_service = Snapshot(trouble=format_status(0x8010001D, ""))
    cards = [card, replace(card, in_use=True), card, empty, mute, replace(empty, broken=True)]
    snapshots = [Snapshot((seen,)) for seen in (*cards, replace(card, atr=foreign))]
    snapshots += [Snapshot((card,), sleeps=1, slept_s=9), SILENT, no_service, NOT_STARTED]
    snapshots += [Snapshot(), SILENT, Snapshot((card,)), Snapshot()]
    said, before = set(), NO_SNAPSHOT
    for snapshot in snapshots:
        said |= {event.line for event in compare_snapshots(before, snapshot)}
        before = snapshot
    assert said == shown


def test_every_command_of_the_page_is_one() -> None:
    """Those with readers too, and how to play a story.

    Their words are understood, with all their options.
    """
    lines = [line for kind in ("sh", "sh readers", "sh order", "sh pin") for line in commands(kind)]
    bench = re.findall(r"`(dianka bench [^`]+)`", PAGE.read_text(encoding="utf-8"))
    assert {shlex.split(line)[2] for line in bench} == {"play", "live"}
    lines += bench
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
            names = (
                [f"issue {kind}" for kind in command.commands]
                if isinstance(command, TyperGroup)
                else [name]
            )
            for shown in names:
                on_bench = command.hidden or shown == "issue control"  # for trials
                assert on_bench or f"dianka {group} {shown} " in page, shown
