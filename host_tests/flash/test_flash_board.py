"""Flashing through the real mpremote onto a real MicroPython.

New boards, updates, versions that fail, tools that die.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.flash import link
from flash_desk import Desk
from sweeps import sweep


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
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
    assert "hlw8032.mpy sent" in done.stdout and "1 files sent, 13 were there" in done.stdout
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
    assert done.stderr.startswith(
        f"the board does not hold version {desk.version.name}, these files differ: "
    )
    assert desk.flash().exit_code == 0
    starts, desk.board.heard = desk.board.starts, b""
    assert "holds exactly version" in desk.flash("--check").stdout
    desk.board.wait_for(" version ")
    assert desk.board.starts == starts + 1, (
        "looking has stopped the meter, so it must be started again"
    )
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
def test_a_version_that_fails_its_trial_is_gone_again(
    desk: Desk, how: dict[str, str], said: str
) -> None:
    desk.write("good")
    assert desk.flash().exit_code == 0
    good = desk.version.name
    desk.write("bad", **how)
    done = desk.flash()
    assert done.exit_code == 1
    assert (
        done.stderr
        == f"version {desk.version.name} was not kept: {said}. {good} runs, self-check 00000999\n"
    )
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


@sweep(3)
def test_power_may_go_before_each_word_to_the_board(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """After each cut the former version runs, or the new one whole.

    And the next run of the tool completes it.
    """
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

    step, ran = 1 - every, []
    while True:
        step += every
        left = step
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
    kept = ran.count(old)
    assert ran == [old] * kept + [new] * (len(ran) - kept), "one word changes what runs"
    assert len(ran) - kept <= 4, "behind it nothing but the clock's"


@pytest.mark.parametrize("after_s", [0.5, 0.8, 1.1])
def test_a_killed_tool_leaves_a_board_that_comes_back_by_itself(desk: Desk, after_s: float) -> None:
    desk.write("old")
    assert desk.flash().exit_code == 0
    old = desk.version.name
    desk.write("new")
    command = [sys.executable, "-c", "from dianka.cli import main; main()", *desk.command()]
    path = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
    process = subprocess.Popen(
        command, env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.DEVNULL
    )
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    desk.board.heard = b""
    said = desk.board.wait_for(" version ") if desk.board.starts else ""
    assert old in said or desk.version.name in said
    assert desk.flash().exit_code == 0
    assert desk.board.version_that_runs() == desk.version.name
