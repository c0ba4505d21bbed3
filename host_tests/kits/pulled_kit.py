"""Runs the campaigns of broken sessions and of cuts in a process of its own, since they fork.

It runs on the firmware as it is, or on a copy with a planted fault.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from dianka.firmware import FIRMWARE, ROOT

LIMIT_S = 600
PROMISE = ROOT / "docs" / "promise.md"
SPOTLESS = ("fen lost", "fen given twice", "breaches of any rule")  # of the published figures
_PROGRAM = """
import sys
from pathlib import Path
from dianka.bench.rungs import runners
if sys.argv[1] != "-":
    runners.FIRMWARE = Path(sys.argv.pop(1))
else:
    del sys.argv[1]
from dianka.cli import main
main()
"""


def bench(*arguments: str, firmware: Path | None = None) -> tuple[int, str]:
    """Run `dianka bench` with these arguments, and return its exit code and its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "COLUMNS": "200"}
    command = [sys.executable, "-c", _PROGRAM, str(firmware or "-"), "bench", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=LIMIT_S, check=False
    )
    return done.returncode, done.stdout + done.stderr


def campaign(kind: str, every: int, firmware: Path | None = None) -> tuple[int, str]:
    """Run the campaign of broken sessions; as `bench`."""
    options = ("--kind", kind, "--every", str(every), "--jobs", "2")
    return bench("pulled", *options, firmware=firmware)


def read_figures(page: Path, name: str) -> dict[str, str]:
    """Return the figures that a campaign has written into a page, by what they are of."""
    text = page.read_text(encoding="utf-8")
    section = text.split(f"<!-- {name} -->\n")[1].split(f"<!-- end of {name} -->")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if "---" not in line]
    return dict(rows)


def played(said: str) -> int:
    found = re.search(r"points taken, (\d+) played to the end", said)
    return int(found[1]) if found else 0


def planted(folder: Path, module: str, right: str, wrong: str) -> Path:
    """Copy the firmware with one fault planted in it, and return the folder."""
    copy = folder / "firmware"
    shutil.copytree(FIRMWARE, copy)
    text = (copy / f"{module}.py").read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{module} is written differently now: plant the fault anew"
    (copy / f"{module}.py").write_text(text.replace(right, wrong), encoding="utf-8")
    return copy
