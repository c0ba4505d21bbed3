"""The desk's disk: full, read-only, names that no file can have.

And card files that are issued a second time.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import ALARMS
from dianka.cardos.image import load
from dianka.cli import app

# Less than any card's file: the system refuses to write it (EFBIG), as a disk that is full does.
LIMIT_BYTES = 1024
WAIT_S = 60
LONG = "x" * 300


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def made(*words: str | Path) -> str:
    status, out, err = run(*words)
    assert (status, err) == (0, ""), err
    return out


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made("keys", "init", ".")
    made(
        "card",
        "issue",
        "user",
        "lin.card",
        "--meter",
        "42",
        "--customer",
        "7",
        "--price",
        "0.5",
        *ALARMS,
    )
    return tmp_path


def without_room(*words: str) -> tuple[int, str]:
    """The command in a process that may write no file as large as a card's."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", "from dianka.cli import main; main()", *words],
        capture_output=True, text=True, timeout=WAIT_S, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES)),
    )  # fmt: skip
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_a_full_disk_is_no_worn_out_card(desk: Path) -> None:
    before = (desk / "lin.card").read_bytes()
    status, err = without_room("sell", "lin.card", "50")
    assert status == 1 and err.startswith(
        "lin.card can't be written (File too large): the card is whole and as it was"
    ), err
    assert f"make room in {desk}" in err and "6581" not in err and "replace" not in err
    assert (desk / "lin.card").read_bytes() == before
    assert "50.00 yuan" in made("sell", "lin.card", "50")


def test_a_new_card_on_a_full_disk_leaves_nothing(desk: Path) -> None:
    status, err = without_room(
        "card",
        "issue",
        "user",
        "new.card",
        "--meter",
        "1",
        "--customer",
        "2",
        "--price",
        "0.5",
        *ALARMS,
    )
    assert status == 1 and "new.card can't be written (File too large)" in err
    assert not (desk / "new.card").exists() and not list(desk.glob(".*.new"))


@pytest.mark.slow
@pytest.mark.parametrize("words", [
    ["card", "show", LONG], ["card", "verify", LONG], ["card", "insert", LONG], ["sell", LONG, "5"],
    ["card", "verify", "lin.card", "--control", LONG], ["sell", "lin.card", "5", "--control", LONG],
    ["card", "replace", "q.card", "--former", LONG],
    ["card", "replace", LONG, "--former", "lin.card"],
    ["card", "issue", "user", LONG, "--meter", "1", "--customer", "1", "--price", "1", *ALARMS],
    ["card", "issue", "user", LONG, "--blank"],
    ["card", "issue", "esam", LONG], ["card", "issue", "control", LONG],
    ["keys", "init", LONG], ["keys", "init", f"{LONG}.card"],
    ["keys", "restore", LONG, "backup-1.card"],
    ["keys", "restore", "q.card", LONG, f"{LONG}.card"],
    ["bench", "play", LONG], ["bench", "play", "first-day", "--folder", LONG],
    ["bench", "picture", LONG, "--runner", "host"],
    ["clock", "--port", f"/dev/{LONG}"],
    ["flash", "--board", LONG, "--port", "x"], ["flash", "--board", "rp2_pico", "--port", LONG],
    ["flash", "--board", "rp2_pico", "--port", "x", "--firmware", LONG],
    ["flash", "--board", "rp2_pico", "--port", "x", "--boards", LONG],
], ids=lambda words: " ".join(words).replace(LONG, "LONG"))  # fmt: skip
def test_a_name_that_no_file_can_have_is_told_in_one_line(desk: Path, words: list[str]) -> None:
    before = {
        path.name: path.read_bytes() for path in desk.iterdir() if not path.name.endswith(".lock")
    }
    status, _, err = run(*words)
    assert status == 1 and err.count("\n") == 1, err
    assert before == {
        path.name: path.read_bytes() for path in desk.iterdir() if not path.name.endswith(".lock")
    }


def test_a_cleared_card_is_issued_again(desk: Path) -> None:
    """It could neither be sold to nor issued again: its file name was taken."""
    made("card", "replace", "lin2.card", "--former", "lin.card", "--price", "0.5")
    serial = load((desk / "lin.card").read_bytes()).serial
    assert "not issued" in run("sell", "lin.card", "5")[2]
    assert serial.hex() in made(
        "card",
        "issue",
        "user",
        "lin.card",
        "--meter",
        "8",
        "--customer",
        "9",
        "--price",
        "0.5",
        *ALARMS,
    )
    assert "000000000008" in made("sell", "lin.card", "5")


def test_a_blank_card_file_becomes_a_card_of_its_kind_alone(desk: Path) -> None:
    made("card", "issue", "user", "chip.card", "--blank")
    for kind, *words in (
        ("init", "--meter", "8"),
        ("user", "--serial", "00" * 8, "--meter", "8", "--customer", "9"),
    ):
        status, _, err = run("card", "issue", kind, "chip.card", *words, "--price", "0.5", *ALARMS)
        assert status == 1 and "chip.card exists already" in err
    made(
        "card",
        "issue",
        "user",
        "chip.card",
        "--meter",
        "8",
        "--customer",
        "9",
        "--price",
        "0.5",
        *ALARMS,
    )
    made("card", "issue", "esam", "meter.esam")
    (desk / "text").write_text("no card")
    before = {path.name: path.read_bytes() for path in desk.iterdir()}
    for taken in ("chip.card", "control.card", "backup-1.card", "meter.esam", "text"):
        status, _, err = run(
            "card",
            "issue",
            "user",
            taken,
            "--meter",
            "8",
            "--customer",
            "9",
            "--price",
            "0.5",
            *ALARMS,
        )
        assert (status, err) == (
            1,
            f"{taken} exists already, and is no blank user card: choose another name\n",
        )
    assert before == {name: (desk / name).read_bytes() for name in before}


def test_a_damaged_part_of_a_backup(desk: Path) -> None:
    part = desk / "backup-1.card"
    for bad in (part.read_bytes()[:300], part.read_bytes().replace(b'"part"', b'"pa"')):
        part.write_bytes(bad)
        status, _, err = run("keys", "restore", "again.card", "backup-1.card", "backup-2.card")
        assert (status, err) == (
            1,
            "backup-1.card is damaged: take another part of the same backup\n",
        )


def test_who_stands_in_the_wrong_folder_is_not_told_to_found_a_second_system(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "else").mkdir()
    monkeypatch.chdir(desk / "else")
    err = run(
        "card",
        "issue",
        "user",
        "lin.card",
        "--meter",
        "1",
        "--customer",
        "1",
        "--price",
        "1",
        *ALARMS,
    )[2]
    assert err.startswith(
        "there is no control card control.card: name it with --control, "
        "or go to the folder where it is"
    )
    assert (
        str(desk / "else") in err
        and err.index("--control") < err.index("keys init")
        and err.count("\n") == 1
    )
