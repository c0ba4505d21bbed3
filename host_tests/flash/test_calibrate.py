"""`dianka calibrate`: on the bench as people use it, and over the line to a board."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dianka.bench.stage.rig import STATE_FILE
from dianka.cli import app
from dianka.flash.build import FlashError
from dianka.flash.calibrate import parse_milli
from flash_desk import Desk

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
# A meter whose calibrator says what it was asked, and prints lines of its own as the real one does.
ECHO = """
        class Echo:
            Refused = ValueError
            def gain(own, *words):
                print("calibration 1 by lee")
                own.words = words
                return (215000, 4500, 980000), words
            def measure(own):
                return 220001, 4545, 1000000
            def back(own, *words):
                raise ValueError("nothing to take back")
            def show(own):
                return 3, [(3, 0, 1, 1, 2, 3, 825674400, b"lee             ")]
        echo = Echo()
        self.make_calibrator = lambda: echo"""
WORDS = ("--volts", "220", "--amps", "4,545", "--watts", "1000.0")


@pytest.fixture(autouse=True)
def pc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dianka.flash.clock.get_pc_time", lambda: NOW)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.board:
        yield made


def run(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["calibrate", *words], input=typed)


def is_one_line(done: Result, words: str) -> bool:
    return done.exit_code == 1 and done.stderr.count("\n") == 1 and words in done.stderr


# ****** On the bench ******


def test_a_new_meter_of_the_bench_is_calibrated_and_taken_back(tmp_path: Path) -> None:
    meter = ("--bench", str(tmp_path / "meter"))
    done = run(*meter, "--show")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.endswith("no calibration is in force: the board's constants hold\n")
    off_ppm = json.loads((tmp_path / "meter" / STATE_FILE).read_text())["off_ppm"]
    assert len(set(off_ppm)) > 1 and all(abs(each) <= 20_000 for each in off_ppm)
    done = run(*meter, "--who", "lee", "--load", "1500")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("the reference shows 220.000 V, 6.818 A, 1500.000 W\n")
    offs = re.findall(r"now [0-9.]+ [VAW] \(([-+])0\.0([0-9]) %\)", done.stdout)
    assert len(offs) == 3 and int(offs[2][1]) <= 3
    assert done.stdout.endswith("calibration 1 is in force\n")
    done = run(*meter, "--show")
    assert "calibration 1: 2026-03-01 10:00:00 UTC by lee, gains " in done.stdout
    assert run(*meter, "--back", "--who", "li").stdout.endswith(
        "no calibration is in force: the board's constants hold\n"
    )
    assert is_one_line(run(*meter, "--back", "--who", "li"), "nothing to take back")
    assert "calibration 2: 2026-03-01 10:00:00 UTC by li, back to" in run(*meter, "--show").stdout


def test_an_att7022_of_the_bench_is_walked_through_its_three_steps(tmp_path: Path) -> None:
    meter = ("--bench", str(tmp_path / "meter"), "--who", "lee")
    assert is_one_line(run(*meter, "--metering", "att7022", "--step", "phase"), "gain step of")
    for step, quantities in (("gain", 3), ("phase", 3), ("offset", 1)):
        done = run(*meter, "--step", step, "--phase", "2")
        assert done.exit_code == 0, done.stderr
        offs = re.findall(r"now [0-9.]+ [VAW] \(([-+])0\.([0-9]{2}) %\)", done.stdout)
        assert len(offs) == quantities and all(int(off) <= 10 for _, off in offs)
    done = run(*meter, "--step", "offset", "--phase", "2", "--load", "0")
    assert re.search(r"the reference 0.000 W, now -?0\.0[0-9]{2} W\n", done.stdout), done.stderr
    assert run(*meter, "--back").stdout.endswith("calibration 5 is in force\n")
    rows = run(*meter, "--show").stdout.splitlines()
    found = [row.rpartition("by lee, ")[2] for row in rows if "by lee" in row]
    assert found == [
        "gain of phase 2", "phase of phase 2", "offset of phase 2", "offset of phase 2",
        "a step back",
    ]  # fmt: skip


def test_a_step_that_the_chip_has_not_is_one_line(tmp_path: Path) -> None:
    meter = ("--bench", str(tmp_path / "meter"), "--who", "lee")
    assert is_one_line(run(*meter, "--step", "phase"), "its gains alone")
    assert is_one_line(run(*meter, "--step", "offset"), "its gains alone")
    assert is_one_line(run(*meter, "--phase", "1"), "has one phase: leave --phase out")
    assert is_one_line(run(*meter, "--step", "angle"), "no step is called angle")
    other = ("--bench", str(tmp_path / "other"), "--who", "lee")
    assert is_one_line(run(*other, "--metering", "pulse_meter"), "goes by its board's constants")
    assert is_one_line(run(*other, "--metering", "none"), "no metering chip is called none")


def test_who_it_is_is_asked_for(tmp_path: Path) -> None:
    done = run("--bench", str(tmp_path), typed="lee\n")
    assert done.exit_code == 0 and "who calibrates: " in done.stdout
    assert is_one_line(run("--bench", str(tmp_path), "--who", "a" * 17), "1 to 16 letters")


def test_a_meter_is_named_once() -> None:
    assert is_one_line(run(), "name the meter")
    assert is_one_line(run("--port", "x", "--bench", "y"), "name the meter")


# ****** Over the line ******


def test_the_words_reach_the_board_and_its_answer_comes_back(desk: Desk) -> None:
    desk.write("echo", early=ECHO.strip())
    assert desk.flash().exit_code == 0
    desk.board.heard = b""
    done = run("--port", desk.board.port, *WORDS, "--who", "lee")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "voltage: the meter showed 215.000 V, the reference 220.000 V, now 220.001 V (+0.00 %)",
        "current: the meter showed 4.500 A, the reference 4.545 A, now 4.545 A (+0.00 %)",
        "power: the meter showed 980.000 W, the reference 1000.000 W, now 1000.000 W (+0.00 %)",
        "calibration 3 is in force",
    ]
    desk.board.wait_for(" version ")  # it runs again
    done = run("--port", desk.board.port, "--show")
    assert done.stdout.splitlines() == [
        "calibration 3: 2026-03-01 10:00:00 UTC by lee, gains 1 2 3 millionths",
        "calibration 3 is in force",
    ]
    desk.board.heard = b""
    done = run("--port", desk.board.port, "--back", "--who", "lee")
    assert is_one_line(done, "nothing to take back")
    desk.board.wait_for(" version ")


def test_an_installer_is_asked_for_each_value_before_the_meter_is_stopped(desk: Desk) -> None:
    desk.write("echo", early=ECHO.strip())
    assert desk.flash().exit_code == 0
    starts = desk.board.starts
    done = run("--port", desk.board.port, typed="220.5\n4.6\n1,0\nx")
    assert done.exit_code == 1 and desk.board.starts == starts
    done = run("--port", desk.board.port, typed="220\n4.545\n1000\nlee\n")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("1  The meter has no customer yet")
    for word in ("volts by the reference: ", "amps by", "watts by", "who calibrates: "):
        assert word in done.stdout


def test_a_load_that_has_changed_is_told(desk: Desk) -> None:
    desk.write("echo", early=ECHO.strip().replace("4545, 1000000", "4545, 998900"))
    assert desk.flash().exit_code == 0
    done = run("--port", desk.board.port, *WORDS, "--who", "lee")
    assert is_one_line(done, "the power is -0.11 % off after the step")


def test_a_board_that_can_not_be_calibrated_is_one_line(desk: Desk) -> None:
    desk.write("plain")
    assert is_one_line(run("--port", desk.board.port, "--show"), "flash it first")
    assert desk.flash().exit_code == 0
    assert is_one_line(run("--port", desk.board.port, "--show"), "no meter runs on this board")
    desk.write("old", answers=False)
    assert desk.flash().exit_code == 0
    assert is_one_line(run("--port", desk.board.port, "--show"), "flash a newer one")


def test_a_port_that_is_none_is_one_line() -> None:
    assert is_one_line(run("--port", "/dev/nowhere", "--show"), "no board at /dev/nowhere")


@pytest.mark.parametrize(
    ("text", "milli"),
    [("220", 220_000), ("220.1", 220_100), ("4,551", 4_551), (" 0.5 ", 500), ("99999", 99_999_000)],
)
def test_numbers_are_read_in_thousandths(text: str, milli: int) -> None:
    assert parse_milli(text, "volts") == milli


@pytest.mark.parametrize("text", ["", "-1", "1e3", "220.1234", "1.", ".5", "nan", "123456", "٣"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(FlashError, match="volts: a number with up to three decimals"):
        parse_milli(text, "volts")
