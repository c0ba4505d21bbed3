"""The campaign of bad memories: a sample of it, and faults in the firmware that it must report.

`make memory` plays every case; here it is one in many.
"""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from dianka.bench.campaign.memory.ailments import AILMENTS
from pulled_kit import PROMISE, SPOTLESS, bench, planted, read_figures

EVERY = 211
# (ailment, module, right, wrong, what is found)
FAULTS = {
    "one half is written": (
        "one half lost",
        "journal",
        "for half in self._halves]",
        "for half in self._halves[:1] * 2]",
        "fen less are charged",
    ),
    "the CRC is not looked at": (
        "one bit flipped",
        "journal",
        "return record if good and record[: len(head)] == head else",
        "return record if record[: len(head)] == head else",
        "",
    ),
    "commits are not read back": (
        "stores nothing",
        "journal",
        "if taken[half] and (prove or half == 0 or not taken[0]):",
        "if False:",
        "says nothing",
    ),
    "a late memory opens the relay": (
        "answers late",
        "supply_switch",
        "if self._untold:",
        "if False:",
        "the relay has opened",
    ),
}


def test_a_sample_of_all_ailments(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path, page = tmp_path / "memory.json", tmp_path / "promise.md"
    page.write_text(PROMISE.read_text(encoding="utf-8"), encoding="utf-8")
    options = ("--json", str(path), "--page", str(page))
    code, said = bench("memory", "--every", str(EVERY), *options, "--jobs", "2")
    assert code == 0, said
    found = json.loads(path.read_text(encoding="utf-8"))
    assert list(found["ailments"]) == [one.name for one in AILMENTS]
    assert all(row["played"] >= 4 for row in found["ailments"].values())
    assert (found["lost_fen"], found["doubled_fen"]) == ("0", "0")
    assert read_figures(page, "memory").keys() == read_figures(PROMISE, "memory").keys()
    published = read_figures(PROMISE, "memory")
    assert [published[name] for name in SPOTLESS] == ["0"] * len(SPOTLESS)
    record_property("figure", said.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_firmware_is_found_and_played_again(tmp_path: Path, name: str) -> None:
    ailment, module, right, wrong, finding = FAULTS[name]
    copy = planted(tmp_path, module, right, wrong)
    options = ("--only", ailment, "--jobs", "2", "--json", str(tmp_path / "memory.json"))
    if ailment == "one bit flipped":  # most of all cases
        options += ("--every", "3")
    code, said = bench("memory", *options, firmware=copy)
    assert code == 1 and finding in said, said
    command = re.search(r"dianka bench (memory .*--case .*)", said)
    assert command, said
    again = shlex.split(command[1])
    code, said = bench(*again, firmware=copy)
    assert code == 1 and finding in said and said.startswith("case "), said
    code, said = bench(*again)
    assert code == 0 and "nothing lost" in said, said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--only", "tea"), "no ailment is called tea: take one of one bit flipped, "),
        (("--only", "tea", "--case", "1"), "no ailment is called tea: give its whole name"),
        (("--only", "answers late", "--case", "99"), "there is no such case: take one of 1 to 16"),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(arguments: tuple[str, ...], line: str) -> None:
    code, said = bench("memory", *arguments)
    assert code == 1 and said.startswith(line) and said.count("\n") == 1
