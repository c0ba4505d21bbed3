"""The register of meter numbers: each is given out once, and stored before its card is made."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import ALARMS
from dianka.card_port import CardError
from dianka.cardos.image import lock_file
from dianka.cli import app
from dianka.desk import register

SERIAL, OTHER = bytes(range(8)), bytes(8)


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def issue_init(card: str, *words: str) -> tuple[int, str]:
    status, _, err = run("card", "issue", "init", card, "--price", "0.5", *ALARMS, *words)
    return status, err


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run("keys", "init", ".")[0] == 0
    return tmp_path


def numbers(folder: Path) -> list[str]:
    lines = (folder / register.NAME).read_text(encoding="ascii").splitlines()
    return [line.split()[0] for line in lines if not line.startswith("#")]


def test_a_number_is_given_out_once(desk: Path) -> None:
    assert issue_init("a.card", "--meter", "42") == (0, "")
    status, err = issue_init("b.card", "--meter", "42")
    assert status == 1 and err.count("\n") == 1 and not (desk / "b.card").exists()
    assert err.startswith("meter number 000000000042 was given out on 20") and "--again" in err
    assert issue_init("b.card", "--meter", "42", "--again") == (0, "")
    assert issue_init("c.card", "--meter", "43") == (0, "")
    assert numbers(desk) == ["000000000042", "000000000042", "000000000043"]


def test_it_lies_beside_the_control_card_and_other_cards_don_t_ask_it(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "else").mkdir()
    monkeypatch.chdir(desk / "else")
    assert issue_init("a.card", "--meter", "42", "--control", "../control.card") == (0, "")
    assert not Path(register.NAME).exists() and numbers(desk) == ["000000000042"]
    (desk / "link.card").symlink_to("control.card")
    assert issue_init("b.card", "--meter", "42", "--control", "../link.card")[0] == 1
    words = (
        "--meter",
        "42",
        "--customer",
        "7",
        "--price",
        "0.5",
        *ALARMS,
        "--control",
        "../control.card",
    )
    assert run("card", "issue", "user", "lin.card", *words)[0] == 0


def test_what_is_refused_before_the_card_is_made_gives_no_number_out(desk: Path) -> None:
    assert issue_init("a.card", "--meter", "0")[0] == 1
    assert issue_init("control.card", "--meter", "42")[0] == 1
    assert issue_init("a.card", "--meter", "42", "--profile", "3des")[0] == 1
    assert not (desk / register.NAME).exists()


def test_a_card_whose_making_was_broken_off_keeps_its_number(tmp_path: Path) -> None:
    register.enter_number(tmp_path, 42, SERIAL)
    register.enter_number(tmp_path, 42, SERIAL)
    assert numbers(tmp_path) == ["000000000042"]
    with pytest.raises(CardError, match="was given out"):
        register.enter_number(tmp_path, 42, OTHER)


def test_a_line_that_a_cut_has_torn_hides_no_number(tmp_path: Path) -> None:
    register.enter_number(tmp_path, 42, SERIAL)
    path = tmp_path / register.NAME
    whole = path.read_bytes()
    for cut in range(1, 20):
        path.write_bytes(whole + b"000000000043 2026-11-27"[:cut])
        register.enter_number(tmp_path, 44, SERIAL)
        with pytest.raises(CardError, match="was given out"):
            register.enter_number(tmp_path, 44, OTHER)
        with pytest.raises(CardError, match="was given out"):
            register.enter_number(tmp_path, 42, OTHER)


def test_the_number_is_on_the_disk_before_the_card_says_it(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut between the two costs a number, not a second meter of it."""
    sync = os.fsync
    left = [0]

    def cut(descriptor: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", cut)
    for at in range(1, 100):
        left[0] = at
        status, _ = issue_init(f"{at}.card", "--meter", str(at))
        entered = (desk / register.NAME).exists() and f"{at:012d}" in numbers(desk)
        if not status:
            break
        assert not (desk / f"{at}.card").exists() and (entered or at < 6), at
    assert at > 10 and entered


def test_without_the_register_no_number_is_given_out(desk: Path) -> None:
    (desk / register.NAME).mkdir()
    status, err = issue_init("a.card", "--meter", "42")
    assert status == 1 and "without it no number is given out" in err and err.count("\n") == 1
    (desk / register.NAME).rmdir()
    with lock_file(desk / register.NAME):
        status, err = issue_init("a.card", "--meter", "42")
    assert status == 1 and "is in use" in err and not (desk / "a.card").exists()
