"""Flashing through the real mpremote: a refusal is one line with what to do; nothing is written."""

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from typer.testing import CliRunner, Result

from dianka.cli import app
from dianka.flash import build, link, update
from dianka.flash import cli as flash_cli
from flash_board import write_kinds
from flash_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.board:
        yield made


def refusal(done: Result) -> str:
    assert done.exit_code == 1, done.output
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


def test_a_file_that_arrives_damaged_stops_the_update(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("old")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    old = desk.version.name
    desk.write("new")
    write = link.Link.write

    def worn(self: link.Link, name: str, data: bytes) -> None:
        write(self, name, data[:-1] + bytes((data[-1] ^ 1,)) if name == "b/hlw8032.mpy" else data)

    monkeypatch.setattr(link.Link, "write", worn)
    assert refusal(desk.flash()).startswith("hlw8032.mpy arrived damaged: flash again")
    assert desk.board.version_that_runs() == old
    assert not (desk.board.files / "b" / "manifest").exists()


def test_boards_that_are_not_what_they_should_be(desk: Desk) -> None:
    desk.write()
    for changes, said in (
        ({"platform": "rp2"}, "is another kind of board: linux "),
        ({"machine": "with RP2040"}, "is another kind of board: linux "),
        ({"micropython": "9.5"}, "is too old: put 9.5 or newer on the board, then flash again"),
    ):
        write_kinds(desk.kinds, **changes)
        assert said in refusal(desk.flash())
    write_kinds(desk.kinds)
    assert not (desk.board.files / "main.py").exists(), "nothing was written"
    assert desk.flash().exit_code == 0
    manifest = desk.board.files / "a" / "manifest"
    manifest.write_text(manifest.read_text().replace("board desk", "board other"))
    assert "is set up as other, not desk" in refusal(desk.flash())


def test_other_firmware_and_micropython_without_hashes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the helper imports may not be there: the line about it comes first."""
    (desk.board.files.parent / "silicon" / "hashlib.py").write_text("")
    desk.write()
    assert refusal(desk.flash()).startswith(
        f"MicroPython at {desk.board.port} lacks hashlib.sha256: put a build of "
    )
    write_kinds(desk.kinds, micropython="9.5")
    assert "is too old: put 9.5 or newer on the board, then flash again" in refusal(desk.flash())
    other = "\nclass sys:\n    platform = 'RP2040'\n"
    other += (
        "    class implementation:\n        name = 'circuitpython'\n        version = (9, 2, 1)\n"
    )
    monkeypatch.setattr(link, "HELPER", link.HELPER + other)
    assert refusal(desk.flash()) == (
        f"the board at {desk.board.port} runs circuitpython: put MicroPython on it first, "
        "then flash again"
    )
    assert [path.name for path in desk.board.files.iterdir()] == []


def test_a_state_of_another_format_is_not_flashed_over(desk: Desk) -> None:
    desk.write()
    newer = (
        "from micropython import const\nclass State: pass\nFORMAT = const(4)\nOLDEST = const(2)\n"
    )
    (desk.firmware / "state.py").write_text(newer)
    assert desk.flash().exit_code == 0
    for oldest, newest in ((1, 3), (5, 6)):
        (desk.firmware / "state.py").write_text(
            newer.replace("4", str(newest)).replace("2", str(oldest))
        )
        assert (
            f"reads its state in formats {oldest} to {newest}, the meter keeps it in format 4: "
            in refusal(desk.flash())
        )
        assert desk.slot() == "a"


@pytest.mark.parametrize("has_answers", [False, True])
def test_a_state_of_a_former_format_is_flashed_over(desk: Desk, has_answers: bool) -> None:
    """Versions before format 3 have no answers.py; by their state.py they read no other format."""
    desk.write(answers=has_answers)
    (desk.firmware / "state.py").write_text(
        "from micropython import const\nclass State: pass\nFORMAT = const(2)\nSIZE = const(106)\n"
    )
    assert desk.flash().exit_code == 0
    desk.write("next")
    (desk.firmware / "state.py").write_text(
        "from micropython import const\nclass State: pass\nFORMAT = const(3)\nOLDEST = const(1)\n"
    )
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert "totals before: not known" not in done.stdout
    energy = next(line for line in done.stdout.splitlines() if line.startswith("  energy "))
    assert energy.endswith(" pJ, as before") and int(energy.split()[1]) > 0


def test_the_board_s_own_version_is_asked_whatever_its_modules_are_called(desk: Desk) -> None:
    desk.write()
    other = (desk.firmware / "answers.py").read_text().replace("getattr(store.state, name)", "77")
    (desk.firmware / "answers.py").write_text(other)
    assert desk.flash().exit_code == 0
    desk.write("next")
    done = desk.flash()
    assert "  energy " in done.stdout and done.stdout.count("before: 77\n") == 5


def test_not_enough_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write()
    monkeypatch.setattr(link, "HELPER", link.HELPER + "\ndef _room():\n    return 20480, 4096\n")
    needed_kib = (len(desk.version.files) + 4) * 4  # a block for each file, and four for littlefs
    assert (
        refusal(desk.flash())
        == f"not enough room on the board: {needed_kib} KiB needed, 20 free: remove other files"
    )


def test_ports_that_are_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write()
    with pytest.raises(build.FlashError, match="no port is named: say where the board is"):
        link.Link("")
    assert refusal(desk.flash(port="/dev/ttyNONE")).startswith(
        "no board at /dev/ttyNONE: plug it in, or name another port"
    )
    holder = link.Link(desk.board.port)
    assert refusal(desk.flash()) == f"{desk.board.port} is busy: close the program that uses it"
    holder.close()
    monkeypatch.setattr(link, "_ENTER_S", 3)
    master, slave = os.openpty()
    mute = os.ttyname(slave)
    assert "does not answer as MicroPython" in refusal(desk.flash(port=mute))
    os.close(master)
    os.close(slave)


def test_what_is_no_serial_port_is_not_called_busy(tmp_path: Path) -> None:
    """/dev/null and a terminal of one's own were "busy".

    Then one looks for a program that does not exist.
    """
    plain = tmp_path / "firmware.uf2"
    plain.write_bytes(b"")
    for port in (
        "/dev/null",
        str(plain),
        str(tmp_path),
        "foo://x",
        "hwgrep://(",
        "loop://?x=1",
        "socket://nowhere",
    ):
        with pytest.raises(build.FlashError) as refused:
            link.Link(port)
        assert str(refused.value).startswith(
            f"{port} is no serial port: name the board's (there now: "
        )


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOTTY, "is no serial port: name the board's (there now: "),
        (errno.EINVAL, "is no serial port: name the board's (there now: "),
        # /dev/tty without a terminal.
        (errno.ENXIO, "is no serial port: name the board's (there now: "),
        (errno.EACCES, "may not be opened by you: join the group that owns it"),
        (errno.EBUSY, "is busy: close the program that uses it"),
        (errno.EAGAIN, "is busy: close the program that uses it"),
    ],
)
def test_why_a_port_stays_closed(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = tmp_path / "ttyACM0"
    port.touch()

    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(number, "could not open port")

    monkeypatch.setattr(link.serial, "serial_for_url", refuse)
    assert link._explain_closed(str(port)).startswith(f"{port} {said}")


def test_what_cannot_be_built(desk: Desk) -> None:
    desk.write()
    (desk.firmware / "meter.py").write_text("def broken(:\n")
    assert refusal(desk.flash()).startswith("meter.py does not compile: ")
    (desk.firmware / "main.py").unlink()
    assert "main.py is missing" in refusal(desk.flash())
    done = CliRunner().invoke(app, ["flash", "--board", "abacus", "--port", "x"])
    assert refusal(done).startswith("no board is called abacus: there are ")


def test_without_what_flashing_needs_it_says_how_to_get_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mpremote", None)
    assert (
        refusal(desk.flash())
        == "mpremote is missing: install what flashing needs with pip install -e '.[board,chip]'"
    )


def test_a_change_of_totals_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    report = update.parse_report(
        "[1] self-check 00000141 version 1+2 energy_pj 5 remainder 0 balance_fen 7 bought_fen 7 "
        "count 1"
    )
    assert report == update.Report("1+2", "00000141", (5, 0, 7, 7, 1))
    assert report is not None
    with pytest.raises(flash_cli.typer.Exit):
        flash_cli._tell_report(report, (5, 0, 8, 7, 1))
    captured = capsys.readouterr()
    assert (
        "balance 7 fen, before: 8" in captured.out
        and "totals or balance are not what they were" in captured.err
    )
    with pytest.raises(flash_cli.typer.Exit):
        flash_cli._tell_report(report, (5, 1, 7, 7, 1))
    assert update.parse_report("[1] self-check 00000141 version") is None
    assert update.parse_report("mains failing") is None
