"""How `dianka` starts: its imports, Ctrl-C during them, its version, make's errors before it."""

import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dianka import INTERRUPTED, commands
from dianka.cli import app
from dianka.desk.cli.card import _Cards
from dianka.desk.sell import NOTHING_SENT
from dianka.lazy import LazyGroup

WAIT_S = 60
# Most modules of all, the standard library's included: with the bench and rich a command had 490.
MOST_MODULES = {"--version": 220, "--help": 180, "card show": 380, "keys --help": 370}
NOT_FOR_A_CARD = (
    "rich",
    "greenlet",
    "dianka.bench",
    "dianka.flash",
    "smartcard",
    "multiprocessing",
    "asyncio",
)
COUNTED = """
import sys
from dianka import cli
try:
    cli.app(sys.argv[1:])
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules))
"""
# SIGINT when this module is about to be imported. The shell has not asked for it to be ignored.
INTERRUPTING = """
import os, signal, sys

module = sys.argv.pop(1)

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == module:
            del sys.meta_path[0]
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder)
from dianka.__main__ import main
main()
"""


def python(program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


@pytest.mark.parametrize("words", list(MOST_MODULES))
def test_a_command_imports_what_it_needs(
    tmp_path: Path, words: str, record_property: Callable[[str, object], None]
) -> None:
    """Most of a command's time was imports. Modules are counted, as time depends on the machine."""
    card = tmp_path / "lin.card"
    assert CliRunner().invoke(app, ["card", "issue", "user", str(card), "--blank"]).exit_code == 0
    done = python(COUNTED, *words.split(), *([str(card)] if words == "card show" else []))
    *said, imported = done.stdout.splitlines()
    assert done.returncode == 0 and "".join(said), done.stderr
    names = imported.split()
    needless = [
        name for name in names if any(f"{name}.".startswith(f"{part}.") for part in NOT_FOR_A_CARD)
    ]
    assert needless == []
    record_property("figure", f"dianka {words}: {len(names)} modules imported")
    assert len(names) <= MOST_MODULES[words]


@pytest.mark.parametrize(("module", "words"), [
    ("typer", ["--help"]), ("dianka.cli", ["--help"]), ("dianka.commands", ["sell", "x.card", "5"]),
    ("dianka.desk.cli.sell", ["sell", "x.card", "5"]), ("cryptography", ["sell", "x.card", "5"]),
    ("dianka.desk.cli.issue", ["card", "issue", "user", "x.card"]),
    ("dianka.bench.cli", ["bench", "play", "x"]), ("dianka.flash.cli", ["flash"]),
])  # fmt: skip
def test_ctrl_c_during_the_imports_is_one_line(module: str, words: list[str]) -> None:
    done = python(INTERRUPTING, module, *words)
    says = f"interrupted: {NOTHING_SENT}" if words[0] == "sell" else INTERRUPTED
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{says}\n")


@pytest.mark.parametrize("group", [commands.ALL, _Cards.later])
def test_a_command_s_line_is_what_the_command_says(group: dict) -> None:
    """Its line in the list of commands is written where nothing is imported.

    It must not say something else.
    """
    for name, later in group.items():
        command = later.load(name)
        first = " ".join((command.help or "").split("\n\n")[0].split())
        said = later.help.rstrip(".").split(",")[0].split(":")[0].split("(")[0]
        assert first.startswith(said) or later.hidden, (name, first)


def test_the_lists_of_commands_are_whole() -> None:
    for words in ([], ["card"], ["bench"], ["reader"], ["keys"]):
        command: Any = get_command(app)
        for word in words:
            command = command.commands[word]
        told = CliRunner().invoke(app, [*words, "--help"]).stdout.split("Commands:")[1].splitlines()
        names = [name for name, inner in command.commands.items() if not inner.hidden]
        assert [line.split()[0] for line in told if line.strip()] == names
        assert isinstance(command, LazyGroup) == (words in ([], ["card"]))


def test_the_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"dianka {metadata.version('dianka')}\n")


@pytest.mark.parametrize("goal", ["flash", "flash-check"])
@pytest.mark.parametrize(("words", "says"), [
    (["BOARD="],
     "name the board, a folder of boards/, as in make {} BOARD=rp2_pico PORT=/dev/ttyACM0"),
    (["BOARD=", "PORT=x"],
     "name the board, a folder of boards/, as in make {} BOARD=rp2_pico PORT=/dev/ttyACM0"),
    (["PORT="], "name the board's port, as in make {} BOARD=rp2_pico PORT=/dev/ttyACM0"),
])  # fmt: skip
def test_make_says_what_flashing_lacks(goal: str, words: list[str], says: str) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", goal, *words], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, says.format(goal) + "\n")
    assert "Missing option" not in done.stderr


def test_the_installed_command_begins_where_a_sale_is_held() -> None:
    """`dianka.cli:main` alone would hold no signal while Python imports."""
    (script,) = metadata.entry_points(group="console_scripts", name="dianka")
    assert script.value == "dianka.__main__:main"
