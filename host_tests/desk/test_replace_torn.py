"""`dianka card replace --former`, broken off at each write.

It says which cards are good, and the same command completes it.
"""

import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import ALARMS
from dianka.card_port import CardError, CardPort
from dianka.cardos.image import CardFile
from dianka.cli import app
from dianka.desk import replace
from dianka.desk.cli.output import guard_output
from dianka.desk.sell import read_user_card

WORDS = [
    "card",
    "replace",
    "new.card",
    "--former",
    "old.card",
    "--count",
    "1",
    "--amount",
    "50",
    "--price",
    "0.5",
]
MOST_WRITES = 100


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def is_good(path: Path) -> bool:
    """Whether a file is a user card with the purchase on it."""
    if not path.exists():
        return False
    with CardFile.open(path) as card:
        try:
            return read_user_card(card).money_fen == 5000
        except CardError:
            return False


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for words in (
        "keys init .",
        "card issue user old.card --meter 42 --customer 7 --price 0.5 --alarm1 20 --alarm2 5",
        "sell old.card 50",
    ):
        assert run(*words.split())[0] == 0
    return tmp_path


def broken_at(at: int, end: Callable[[], None]) -> tuple[int, int, str, str]:
    """Return the writes that were left, and how the command ended that met `end` at its nth one."""
    left, sync = at, os.fsync

    def struck(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            end()
        sync(descriptor)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", struck)
        done = run(*WORDS)
    return left, *done


def full() -> None:
    raise OSError(28, "No space left on device")


ENDS: dict[int, Callable[[], None]] = {
    130: lambda: os.kill(os.getpid(), signal.SIGINT),
    128 + signal.SIGTERM: lambda: os.kill(os.getpid(), signal.SIGTERM),
    1: full,
}


@pytest.mark.slow
@pytest.mark.parametrize("status", list(ENDS))
def test_broken_off_at_every_write(
    desk: Path, status: int, record_property: Callable[[str, object], None]
) -> None:
    old, new = desk / "old.card", desk / "new.card"
    whole, two = old.read_bytes(), 0
    for at in range(1, MOST_WRITES):
        old.write_bytes(whole)
        new.unlink(missing_ok=True)
        left, ended, _, err = broken_at(at, ENDS[status])
        if left > 0:
            break
        if not ended and status == 1:
            continue  # the folder's: the file is stored by then
        assert ended == status and err.count("\n") == 1, (at, err)
        good = is_good(old), is_good(new)
        assert any(good), at
        if all(good):
            two += 1
            assert (
                "two cards are good now, new.card and old.card: give the same command again" in err
            ), (at, err)
            assert run(*WORDS)[0] == 0
            assert (is_good(old), is_good(new)) == (False, True)
        elif good == (True, False):
            assert not new.exists() and (
                "no new card was made, and old.card is as it was" in err or status == 1
            ), (at, err)
        else:
            assert "new.card is made and old.card is cleared" in err, (at, err)
    assert left > 0 and at > 20 and two > 0
    record_property(
        "figure",
        f"card replace --former ended with {status} at each of {at - 1} writes: "
        f"{two} left two good cards",
    )


def test_another_card_in_its_place_is_not_taken_for_it(desk: Path) -> None:
    assert (
        run(
            "card",
            "issue",
            "user",
            "new.card",
            "--meter",
            "42",
            "--customer",
            "8",
            "--price",
            "0.5",
            *ALARMS,
        )[0]
        == 0
    )
    before = (desk / "new.card").read_bytes()
    status, _, err = run(*WORDS)
    assert status == 1 and "new.card exists already" in err
    assert (desk / "new.card").read_bytes() == before and is_good(desk / "old.card")


class FullDisk(io.TextIOBase):
    """Standard output on a disk that has no room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_output_that_fails_hides_no_trouble(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The former card could not be cleared: two are good, and that must be said in any case."""

    def refuses(control: CardPort, former: CardPort) -> None:
        raise CardError("the former card is gone")

    monkeypatch.setattr(replace, "clear_card", refuses)
    monkeypatch.setattr(sys, "stdout", FullDisk())
    said: list[str] = []
    monkeypatch.setattr("dianka.desk.cli.plain.say_error", said.append)
    with pytest.raises(SystemExit) as ended, guard_output():
        app(WORDS)
    assert ended.value.code == 1
    assert len(said) == 1 and "two cards are good now, new.card and old.card" in said[0]


def test_a_card_with_another_price_is_not_the_same_card(desk: Path) -> None:
    """An opening card sets the price: another try with another one once took the first for made."""
    old = desk / "old.card"
    whole = old.read_bytes()
    assert run(*WORDS)[0] == 0
    old.write_bytes(whole)
    status, _, err = run(*WORDS[:-1], "0.9")
    assert status == 1 and "new.card exists already" in err and is_good(old)
