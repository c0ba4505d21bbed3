"""Flashing through the real mpremote onto a real MicroPython: new boards, updates, versions that fail, tools that die."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dianka.cli import app
from dianka.flash import build, link, update
from dianka.flash import cli as flash_cli
from flash_board import DeskBoard, write_firmware, write_kinds


class Desk:
    """A board, a folder of firmware, and the command that brings one onto the other."""

    def __init__(self, folder: Path) -> None:
        self.firmware = folder / "firmware"
        self.kinds = write_kinds(folder / "boards")
        self.board = DeskBoard(folder / "board")

    def write(self, mark: str = "", **how: str) -> None:
        write_firmware(self.firmware, mark, **how)

    @property
    def version(self) -> build.Version:
        return build.build(build.load_kind("desk", self.kinds), self.firmware, self.kinds)

    def flash(self, *more: str, port: str = "") -> Result:
        return CliRunner().invoke(app, [*self.command(port), *more])

    def command(self, port: str = "") -> list[str]:
        places = ["--firmware", str(self.firmware), "--boards", str(self.kinds)]
        return ["flash", "--board", "desk", "--port", port or self.board.port, *places]

    def slot(self) -> str:
        return (self.board.files / "slot").read_text()


@pytest.fixture
def desk(tmp_path: Path):
    made = Desk(tmp_path)
    with made.board:
        yield made


def test_a_new_board_then_an_update_then_nothing_to_do(desk: Desk) -> None:
    desk.write("first")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert f"version {desk.version.name} runs, self-check 00000" in done.stdout
    assert "totals before: not known" in done.stdout
    assert desk.slot() == "a"
    first = desk.version.name

    desk.write("second")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert "hlw8032.mpy sent" in done.stdout and "1 files sent, 4 were there" in done.stdout
    assert desk.version.name != first
    assert desk.slot() == "b"
    energy = next(line for line in done.stdout.splitlines() if line.startswith("  energy "))
    assert energy.endswith(" pJ, as before") and int(energy.split()[1]) > 0

    done = desk.flash()
    assert done.exit_code == 0
    assert "nothing to copy" in done.stdout
    assert desk.board.version_that_runs() == desk.version.name


def test_check_says_whether_exactly_this_version_is_there(desk: Desk) -> None:
    desk.write("first")
    done = desk.flash("--check")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"the board does not hold version {desk.version.name}, these files differ: ")
    assert desk.flash().exit_code == 0
    starts, desk.board.heard = desk.board.starts, b""
    assert "holds exactly version" in desk.flash("--check").stdout
    desk.board.wait_for(" version ")
    assert desk.board.starts == starts + 1, "looking has stopped the meter, so it must be started again"
    desk.write("second")
    assert "these files differ: hlw8032.mpy, manifest" in desk.flash("--check").stderr
    (desk.board.files / "a" / "line.mpy").write_bytes(b"M\x06")
    desk.write("first")
    assert "these files differ: line.mpy" in desk.flash("--check").stderr
    (desk.board.files / "main.py").write_text("pass")
    assert "main.py" in desk.flash("--check").stderr


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"early": "1 // 0"}, "it did not come as far as its self-check"),
        ({"early": "import no_such_module"}, "it did not come as far as its self-check"),
        ({"early": "x = bytearray(1 << 30)"}, "it did not come as far as its self-check"),
        ({"late": "machine.reset()"}, "it did not come as far as its self-check"),
        ({"late": "while True: pass"}, "it did not come as far as its self-check"),
        ({"early": "while True: pass"}, "it did not come as far as its self-check"),
        ({"fault": "30000"}, "self-check 30000999, the former version had 00000"),
        ({"fault": "00020"}, "self-check 00020999, the former version had 00000"),
    ],
)
def test_a_version_that_fails_its_trial_is_gone_again(desk: Desk, how: dict[str, str], said: str) -> None:
    desk.write("good")
    assert desk.flash().exit_code == 0
    good = desk.version.name
    desk.write("bad", **how)
    done = desk.flash()
    assert done.exit_code == 1
    assert done.stderr == f"version {desk.version.name} was not kept: {said}. {good} runs, self-check 00000999\n"
    assert desk.slot() == "a"
    assert desk.board.version_that_runs() == good
    desk.write("better")
    assert desk.flash().exit_code == 0
    assert desk.slot() == "b"


def test_a_meter_with_a_dead_clock_battery_takes_an_update(desk: Desk) -> None:
    desk.write("first", fault="00020")
    done = desk.flash()
    assert "clock: fault 2, see docs/selfcheck.md" in done.stdout
    desk.write("second", fault="00020")
    assert desk.flash().exit_code == 0
    desk.write("third", fault="10020")
    assert "was not kept: self-check 10020999, the former version had 00020" in desk.flash().stderr


class Dead(BaseException):
    """The tool is no more."""


def test_power_may_go_before_each_word_to_the_board(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each cut the former version runs, or the new one whole; and the next run of the tool completes it."""
    desk.write("old")
    assert desk.flash().exit_code == 0
    old, pristine = desk.version.name, desk.board.files.parent / "pristine"
    desk.board.wait_for(" version ")
    shutil.copytree(desk.board.files, pristine)
    desk.write("new")
    new, said = desk.version.name, link.Link.run
    left = 0

    def run(self: link.Link, code: str) -> str:
        nonlocal left
        left -= 1
        if left == 0:
            desk.board.power_cycle()
            raise Dead
        return said(self, code)

    step, ran = 0, []
    while True:
        step, left = step + 1, step + 1
        monkeypatch.setattr(link.Link, "run", run)
        whole = False
        try:
            assert desk.flash().exit_code == 0
            whole = True
        except Dead:
            pass
        monkeypatch.setattr(link.Link, "run", said)
        ran.append(desk.board.version_that_runs())
        assert ran[-1] in (old, new), step
        if whole:
            break
        assert desk.flash().exit_code == 0, step
        assert desk.board.version_that_runs() == new
        shutil.rmtree(desk.board.files / "a")
        shutil.rmtree(desk.board.files / "b")
        shutil.copytree(pristine, desk.board.files, dirs_exist_ok=True)
    assert step > 15
    assert ran == [old] * (step - 1) + [new], "only the last word changes what runs"


@pytest.mark.parametrize("after_s", [0.5, 0.8, 1.1])
def test_a_killed_tool_leaves_a_board_that_comes_back_by_itself(desk: Desk, after_s: float) -> None:
    desk.write("old")
    assert desk.flash().exit_code == 0
    old = desk.version.name
    desk.write("new")
    command = [sys.executable, "-c", "from dianka.cli import main; main()", *desk.command()]
    path = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
    process = subprocess.Popen(command, env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.DEVNULL)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait()
    desk.board.heard = b""
    said = desk.board.wait_for(" version ") if desk.board.starts else ""
    assert old in said or desk.version.name in said
    assert desk.flash().exit_code == 0
    assert desk.board.version_that_runs() == desk.version.name


# ****** What is refused ******


def refusal(done: Result) -> str:
    assert done.exit_code == 1, done.output
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


def test_a_file_that_arrives_damaged_stops_the_update(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("old")
    assert desk.flash().exit_code == 0
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


def test_a_state_of_another_format_is_not_flashed_over(desk: Desk) -> None:
    desk.write()
    (desk.firmware / "state.py").write_text("from micropython import const\nFORMAT = const(1)\nSIZE = const(97)\n")
    assert desk.flash().exit_code == 0
    (desk.firmware / "state.py").write_text("from micropython import const\nFORMAT = const(2)\nSIZE = const(99)\n")
    assert "keeps its state in format 2 (99 bytes), the meter in 1 (97 bytes)" in refusal(desk.flash())


def test_not_enough_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write()
    monkeypatch.setattr(link, "HELPER", link.HELPER + "\ndef _room():\n    return 20480, 4096\n")
    assert refusal(desk.flash()) == "not enough room on the board: 36 KiB needed, 20 free: remove other files"


def test_ports_that_are_none(desk: Desk, tmp_path: Path) -> None:
    desk.write()
    with pytest.raises(build.FlashError, match="no port is named: say where the board is"):
        link.Link("")
    assert refusal(desk.flash(port="/dev/ttyNONE")).startswith("no board at /dev/ttyNONE: plug it in, or name another port")
    holder = link.Link(desk.board.port)
    assert refusal(desk.flash()) == f"{desk.board.port} is busy: close the program that uses it"
    holder.close()
    master, slave = os.openpty()
    mute = os.ttyname(slave)
    assert "does not answer as MicroPython" in refusal(desk.flash(port=mute))
    os.close(master)
    os.close(slave)


def test_what_cannot_be_built(desk: Desk) -> None:
    desk.write()
    (desk.firmware / "meter.py").write_text("def broken(:\n")
    assert refusal(desk.flash()).startswith("meter.py does not compile: ")
    (desk.firmware / "main.py").unlink()
    assert "main.py is missing" in refusal(desk.flash())
    done = CliRunner().invoke(app, ["flash", "--board", "abacus", "--port", "x"])
    assert refusal(done).startswith("no board is called abacus: there are ")


def test_a_change_of_totals_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    report = update.parse_report(
        "[1] self-check 00000141 version 1+2 energy_pj 5 remainder 0 balance_fen 7 bought_fen 7 count 1"
    )
    assert report == update.Report("1+2", "00000141", (5, 0, 7, 7, 1))
    with pytest.raises(flash_cli.typer.Exit):
        flash_cli._tell(report, (5, 0, 8, 7, 1))
    captured = capsys.readouterr()
    assert "balance 7 fen, before: 8" in captured.out and "totals or balance are not what they were" in captured.err
    assert update.parse_report("[1] self-check 00000141 version") is None
    assert update.parse_report("mains failing") is None
