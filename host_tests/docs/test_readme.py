"""What both READMEs show and say can be had.

The excerpt of `make run`, and an environment or one line with the reason.
"""

import io
import os
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig
from dianka.firmware import ROOT

EXCERPT = re.compile(r"(?m)(?:^    [ 0-9]{4} │.*\n)+")


def excerpt(name: str) -> list[str]:
    (found,) = EXCERPT.findall((ROOT / name).read_text(encoding="utf-8"))
    return [line[4:] for line in found.splitlines()]


def printed(folder: Path, last_line: int) -> list[str]:
    """What playing first-day prints, up to this line of the story.

    An hour and a half less at the meter.
    """
    whole = stories.load("first-day")
    begin = replace(whole, steps=tuple(step for step in whole.steps if step.line <= last_line))
    out = io.StringIO()
    printer = Printer(Console(file=out, emoji=False, highlight=False))
    rig = Rig(folder, "host")
    rig.on_log = printer.print_log_line
    try:
        stories.play(begin, Player(rig, folder, DeskLine(), printer))
    finally:
        rig.close()
    return out.getvalue().splitlines()


def test_the_excerpts_of_make_run_are_its_output(tmp_path: Path) -> None:
    """Every line, in its order and without a gap.

    On rung 1, which prints these lines as rung 2 does.
    """
    shown = excerpt("README.md")
    assert len(shown) >= 15 and excerpt("README.zh.md") == shown
    last = max(int(line[:4]) for line in shown if line[:4].strip())
    lines = printed(tmp_path, last)
    at = lines.index(shown[0])
    assert lines[at : at + len(shown)] == shown


def test_no_chinese_sentence_is_broken_over_lines() -> None:
    """Markdown makes a blank of a line's end, which Chinese has not: a paragraph is one line."""
    # A heading, quotation, table, code, or item of a list.
    own_line = re.compile(r"[#>|]| {4}|\d\. |- ")
    lines = (ROOT / "README.zh.md").read_text(encoding="utf-8").splitlines()
    for number, (line, following) in enumerate(pairwise(lines), 1):
        goes_on = line.strip() and following.strip() and not own_line.match(following)
        assert not goes_on, f"README.zh.md:{number} goes on in the next line"


def make_environment(python: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(
        ["make", f"PYTHON={python}", f"VENV={venv}", f"{venv}/bin/python"],
        cwd=ROOT, env=kept, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not shutil.which("make"), reason="make is not here: install it")
def test_a_python_that_makes_half_an_environment_leaves_none(tmp_path: Path) -> None:
    """As Debian without python3-venv: it fails, but leaves a bin/python for the next `make`."""
    python, venv = tmp_path / "python", tmp_path / "venv"
    python.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = -m ]; then mkdir -p "$3/bin"; : > "$3/bin/python"; '
        'echo "ensurepip is not available"; exit 1; fi\n'
    )
    python.chmod(0o755)
    for _ in range(2):
        done = make_environment(python, venv)
        assert done.returncode == 2
        assert done.stdout.splitlines()[-1] == (
            f"{python} can't make a virtual environment: "
            "on Debian and Ubuntu install python3-venv, and try again"
        )
        assert not venv.exists()
    for name in ("README.md", "README.zh.md"):
        assert "python3-venv" in (ROOT / name).read_text(encoding="utf-8")
