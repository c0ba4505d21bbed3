"""`dianka office report` and its neighbours as people run them: each a process of its own."""

import json
import subprocess
from pathlib import Path

import pytest

from office_kit import MANAGER, PASSWORD, dianka


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a manager who is signed in."""
    folder = tmp_path_factory.mktemp("offices")
    office = folder / "office"
    dianka("office", "init", office, "--manager", MANAGER, given=PASSWORD + "\n")
    kept = {"DIANKA_OFFICE": str(office), "XDG_STATE_HOME": str(folder)}
    assert dianka("office", "sign-in", MANAGER, given=PASSWORD + "\n", **kept).returncode == 0
    return kept


def line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that it says when it refuses."""
    assert done.returncode == 1, done.stdout + done.stderr
    (text,) = done.stderr.splitlines()
    return text


@pytest.mark.slow
def test_a_report_is_shown_drawn_and_written(signed_in: dict[str, str], tmp_path: Path) -> None:
    done = dianka("office", "report", "sales", "--by", "hour", **signed_in)
    assert done.returncode == 0 and "售电统计（按时段）" in done.stdout
    svg, xlsx = tmp_path / "a.svg", tmp_path / "a.xlsx"
    words = ("office", "report", "sales", "--by", "hour", "--svg", svg, "--xlsx", xlsx)
    done = dianka(*words, **signed_in)
    assert done.stdout == f"{svg} and {xlsx} written\n"
    assert svg.read_text(encoding="utf-8").startswith("<svg ") and xlsx.stat().st_size > 1000
    assert "exists: name a new file" in line(dianka(*words, **signed_in))
    done = dianka("office", "report", "balance", "--csv", **signed_in)
    assert done.stdout.startswith("台区 area,")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "sale"), "there is no report 'sale': take one of sales"),
        (("report", "sales", "--from", "2026-13-01"), "'2026-13-01' is no day"),
        (("report", "suspects"), "no list of suspects is made yet: run dianka office suspects"),
        (("limits", "z1_days"), "give z1_days its new value"),
        (("inspection", "feeder", "--area", "E", "--energy", "1.2345"), "is no energy in kWh"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_refusal_is_one_line(
    signed_in: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    assert said in line(dianka("office", *words, **signed_in))


def test_the_list_needs_no_office() -> None:
    done = dianka("office", "report", "list")
    assert done.returncode == 0 and "  not-bought  who has not bought" in done.stdout
    assert "name the office's folder with --office" in line(dianka("office", "report", "sales"))


def test_a_threshold_is_set_and_an_empty_list_is_made(signed_in: dict[str, str]) -> None:
    done = dianka("office", "limits", "z1_days", "120", **signed_in)
    assert done.stdout.split() == ["z1_days", "120"]
    done = dianka("office", "suspects", **signed_in)
    assert done.stdout == "0 places are on the list: dianka office report suspects\n"
    done = dianka("office", "summarise", **signed_in)
    assert done.stdout.endswith("0 accounts without any are taken in\n")
    assert dianka("office", "check", **signed_in).returncode == 0


def test_figures_of_a_small_office_are_right_and_kept(tmp_path: Path) -> None:
    """Its history passes the proof, and the sums of the reports are those of its sales."""
    out = tmp_path / "figures.json"
    words = ("--only", "history", "--meters", "20", "--sales", "150", "--months", "3")
    done = dianka("office", "figures", *words, "--out", out)
    assert done.returncode == 0, done.stderr
    kept = json.loads(out.read_text(encoding="utf-8"))["sqlite"]
    figures = {name: figure["value"] for name, figure in kept["figures"].items()}
    assert figures["faults that the proofs found"] == 0 and "database" in figures
    assert 0 <= figures["sales of the last day"] < 10 and figures["daily proof"] < 60_000
    assert 100 < figures["sales"] < 200
    assert kept["machine"]["database"].startswith("sqlite ") and kept["machine"]["cores"]
    assert sum(name.startswith("report ") for name in figures) >= 20
    assert figures["statement, median"] <= 50 and figures["search, median"] <= 200
    assert figures["file of the day's acts"] > 0
