"""A day at the counter by its commands, from the second person to the closing report."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import CUSTOMER_NO, METER_NO
from dianka.cli import app
from dianka.desk import issue
from dianka.readers import find_reader
from estate_kit import make_contract
from office_kit import MANAGER, PASSWORD

OTHER = "nine lamps burn"
Run = Callable[..., str]


@pytest.fixture
def run(office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the office that is open; `given` are its lines from a pipe."""
    from dianka.desk.cli.office import people, person, signed_in

    for module in (signed_in, people, person):
        monkeypatch.setattr(module, "open_folder", lambda folder: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("DIANKA_OFFICE", str(office))

    def run(words: str, *given: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, words.split(), input="".join(f"{line}\n" for line in given))
        said = done.stdout if not code else done.stderr
        assert done.exit_code == code, (words, done.stdout, done.stderr, done.exception)
        assert not code or len(said.splitlines()) == 1, "an error is one line"
        return said

    return run


def meet(run: Run) -> None:
    """Sign the manager in, add a supervisor and a clerk, each with a password of his own."""
    run(f"office sign-in {MANAGER}", PASSWORD)
    run("office person add wu --role supervisor", PASSWORD)
    run("office password wu", PASSWORD, OTHER)
    assert "takes a second person's consent" in run(
        "office person add li --role clerk", PASSWORD, code=1
    )
    run("office person add li --role clerk --consent wu", PASSWORD, OTHER)
    assert "choose your own with" in run("office sign-in li", PASSWORD, code=1)
    run("office password li", PASSWORD, OTHER)
    assert run("office person list").splitlines() == [
        "li  clerk",
        f"{MANAGER}  manager",
        "wu  supervisor",
    ]


def test_people_tariffs_and_limits(run: Run) -> None:
    meet(run)
    run("office tariff add home 0.5 --consent wu", OTHER)
    price = "office tariff price home 0.6 --from 2099-01-01 --consent wu --version"
    assert "home is 0.6000 yuan/kWh from 2099-01-01 00:00" in run(f"{price} 2", OTHER)
    assert "has version 2 already" in run(f"{price} 2", OTHER, code=1)
    assert run("office tariff list").splitlines() == [
        "home  1  0.5000 yuan/kWh  from the start  consent wu",
        "home  2  0.6000 yuan/kWh  from 2099-01-01 00:00  consent wu",
    ]
    run("office limit set operator-day 20000 --of li")
    run("office limit set sale 500.50")
    assert run("office limit list").splitlines() == [
        "operator-day  li  20000.00 yuan",
        "sale  all  500.50 yuan",
    ]
    run("office limit set sale none")
    run("office desk add desk2")
    run("office desk close desk2")
    assert run("office desk list").splitlines() == ["desk1  open", "desk2  closed"]
    run("office person role li auditor --consent wu", OTHER)
    run("office person role li clerk --take --consent wu", OTHER)
    run("office person close li --consent wu", OTHER)
    run("office person reopen li --consent wu", OTHER)
    run("office person reset li --consent wu", PASSWORD, OTHER)
    run("office sign-out")
    assert "nobody is signed in" in run("office person list", code=1)


def test_a_shift(run: Run, tmp_path: Path) -> None:
    card, contract = make_card(tmp_path), make_contract(METER_NO, CUSTOMER_NO)
    meet(run)
    run("office sign-in li", OTHER)
    assert run("office shift open 50x2 --given 100") == "shift 1 is open with 100.00 yuan\n"
    assert "售电收据" in run(f"sell {card} 50")
    assert "售电收据 副本 1" in run("office receipt 1")
    assert "takes a second person's consent" in run(
        f"office refund 1 {card} --reason mistaken", code=1
    )
    assert "冲正收据" in run(f"office refund 1 {card} --reason mistaken --consent wu", OTHER)
    assert "desk1 2" in run(f"sell {card} 20 --method card")
    run("office shift hand-over 40 --consent wu", OTHER)
    assert "your own shift" not in run("office shift expected desk1", code=1)
    close = "office shift close 50x1 5x1 --card 20 --hand-over 50 --consent wu"
    assert "there is no note or coin" in run("office shift close 60x1", code=1)
    report = run(close, OTHER)
    assert "长短款                                   -5.00" in report
    assert run(close, OTHER) == report == run("office shift report 1")
    assert "closed already, by another count" in run("office shift close 50x1", code=1)
    assert contract.pk


def test_nobody_is_told_what_he_counts(run: Run, tmp_path: Path) -> None:
    """Double entry sums up to nothing, so any one sum that is left out is told by the others."""
    card, _ = make_card(tmp_path), make_contract(METER_NO, CUSTOMER_NO)
    meet(run)
    run("office sign-in wu", OTHER)
    run("office shift open 50x2 --given 100")
    run(f"sell {card} 53.21")
    said = run("office prove")
    assert "a shift is open" in said and "not a fen too many" in said
    assert " yuan" not in said
    export = f"office export acts {tmp_path / 'acts.jsonl'}"
    assert "your own shift is counted before" in run(export, code=1)
    assert not (tmp_path / "acts.jsonl").exists()
    run("office shift close 50x3 1x3 0.1x2 --hand-over 0")
    assert "taken over the counters        153.20 yuan" in run("office prove")
    run(export)


def make_card(folder: Path) -> Path:
    issue.issue_control(folder / "control.card")
    control = find_reader(str(folder / "control.card")).connect()
    try:
        issue.issue_user(
            control.port, folder / "lin.card", METER_NO, CUSTOMER_NO, 2000, 500, [5000]
        )
    finally:
        control.close()
    return folder / "lin.card"
