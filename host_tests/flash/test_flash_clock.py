"""The meter's clock from the PC's time, at flashing and by `dianka clock`, through mpremote."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dianka.cli import app
from flash_desk import Desk

AS_DELIVERED = bytes.fromhex("00000001010100") + bytes(7) + bytes.fromhex("1c88001900")
SILENT = (
    "import board\n        def gone(*words): raise OSError(5)\n"
    "        board.I2C.readfrom_mem = gone"
)
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)  # by the PC's clock


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.write("first")
    with made.board:
        yield made


@pytest.fixture(autouse=True)
def pc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dianka.flash.clock.get_pc_time", lambda: NOW)


def set_chip(desk: Desk, off: timedelta) -> None:
    """The clock chip's time, off the PC's by this."""
    at = NOW + off
    (desk.board.files.parent / "clock_chip").write_bytes(
        bytes.fromhex(at.strftime("%S%M%H0%u%d%m%y")) + bytes(7) + b"\x1c\x08\0\x19\0"
    )


def chip(desk: Desk) -> str:
    """The chip's registers 0 to 6, and the flag that it has no time."""
    registers = (desk.board.files.parent / "clock_chip").read_bytes()
    return registers[:7].hex(" ") + (" lost" if registers[0x0F] & 0x80 else "")


def clock(desk: Desk, *more: str) -> Result:
    return CliRunner().invoke(app, ["clock", "--port", desk.board.port, *more])


def test_flashing_sets_a_clock_as_delivered(desk: Desk) -> None:
    (desk.board.files.parent / "clock_chip").write_bytes(AS_DELIVERED)
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert "clock: set to 2026-03-01 10:00:00 UTC, it had no time before\n" in done.stdout
    assert chip(desk) == "00 00 10 02 01 03 26"
    set_chip(desk, timedelta(minutes=-2))
    done = desk.flash()
    assert (
        "clock: set to 2026-03-01 10:00:00 UTC, it was at 2026-03-01 09:58:00 UTC, 0:02:00 behind\n"
        in done.stdout
    )


def test_flashing_leaves_a_clock_alone_that_would_go_back(desk: Desk) -> None:
    set_chip(desk, timedelta(hours=3))
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert (
        "clock: not set, the meter has had 2026-03-01 13:00:00 UTC and this PC has 2026-03-01 "
        "10:00:00 UTC" in done.stdout
    )
    assert chip(desk).startswith("00 00 13")


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (timedelta(0), "right"),
        (timedelta(minutes=5), "0:05:00 ahead"),
        (timedelta(days=-400, seconds=-1), "400 days, 0:00:01 behind"),
    ],
)
def test_the_command_says_what_the_clock_told_before(desk: Desk, off: timedelta, said: str) -> None:
    assert desk.flash().exit_code == 0
    set_chip(desk, off)
    desk.board.heard = b""
    done = clock(desk)
    assert (done.exit_code, done.stderr) == (0, "")
    was = NOW + off
    assert (
        done.stdout
        == f"clock: set to 2026-03-01 10:00:00 UTC, it was at {was:%Y-%m-%d %H:%M:%S} UTC, {said}\n"
    )
    assert chip(desk).startswith("00 00 10")
    desk.board.wait_for(" version ")


def test_more_than_five_minutes_back_needs_a_word(desk: Desk) -> None:
    assert desk.flash().exit_code == 0
    set_chip(desk, timedelta(minutes=5, seconds=1))
    done = clock(desk)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert (
        "so it is 0:05:01 ahead: find out which is right; dianka clock --back sets the meter's back"
        in done.stderr
    )
    assert chip(desk).startswith("01 05 10")
    done = clock(desk, "--back")
    assert done.exit_code == 0 and done.stdout.endswith(
        ", it was at 2026-03-01 10:05:01 UTC, 0:05:01 ahead\n"
    )
    assert chip(desk).startswith("00 00 10")


def test_what_the_command_can_not_do_is_one_line(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = clock(desk)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith(": flash it first\n")
    monkeypatch.setattr("dianka.flash.clock.get_pc_time", lambda: datetime(1970, 1, 1, tzinfo=UTC))
    done = desk.flash()
    assert (
        done.exit_code == 1
        and "this PC's clock says 1970-01-01 00:00 UTC: set it right" in done.stderr
    )
    assert not (desk.board.files / "main.py").exists(), "nothing was written"


def test_a_clock_that_is_silent_does_not_stop_the_flashing(desk: Desk) -> None:
    desk.write("silent", early=SILENT)
    assert desk.flash().exit_code == 0
    done = desk.flash()  # the meter of this version is running now, and its bus with it
    assert done.exit_code == 0, done.output
    assert "clock: does not answer, see docs/selfcheck.md\n" in done.stdout
    done = clock(desk)
    assert done.exit_code == 1 and "does not answer" in done.stderr


def test_the_time_is_the_pcs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    from dianka.flash.clock import get_pc_seconds

    assert abs(get_pc_seconds() - (time.time() - 946_684_800)) <= 1
