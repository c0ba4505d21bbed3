"""The first day of docs/office.md, command by command, in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dianka.firmware import ROOT

PAGE = ROOT / "docs" / "office.md"
# One process for all commands, as each would import the office anew.
PLAY = r"""
import os, re, shlex, sys
from typer.testing import CliRunner
from dianka.cli import app
for line in sys.stdin.read().splitlines():
    given, _, command = line.rpartition(" | ")
    words = shlex.split(command)
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        os.environ[name] = value
        continue
    assert words.pop(0) == "dianka", line
    text = given.removeprefix("printf ").strip("'").replace("\\n", "\n")
    done = CliRunner().invoke(app, words, input=text)
    assert done.exit_code == 0, (line, done.stdout, done.stderr, done.exception)
    print(done.stdout)
"""


@pytest.mark.slow
def test_the_first_day_of_the_page(tmp_path: Path) -> None:
    commands = PAGE.read_text(encoding="utf-8").partition("```sh\n")[2].partition("```")[0]
    assert len(commands.splitlines()) > 15
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DIANKA_")}
    done = subprocess.run(
        [sys.executable, "-c", PLAY],
        input=commands,
        cwd=tmp_path,
        env=kept | {"XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "the control card may seal 350.00 yuan more" in done.stdout
    for said in ("售电收据", "找零                                    50.00 元", "班次结账报告"):
        assert said in done.stdout
    assert "proved: not a fen too many or too few" in done.stdout
    assert "all acts, entries and rows are as they were written" in done.stdout
