"""`dianka bench` on the command line: names are shown as they are, errors are one plain line.

An error is reported before anything is played.
"""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.cli import app


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bench", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


def test_an_error_is_no_markup_and_no_emoji() -> None:
    status, _, err = run("play", "[bold]:x:.story")
    assert status == 1 and err.startswith("no story [bold]:x:.story: give a text file or one of ")
    assert err.count("\n") == 1


def test_the_end_of_a_story_shows_its_name_as_it_is(tmp_path: Path) -> None:
    story = tmp_path / "[red]:x:.story"
    story.write_text('say ":x: [red]"\n')
    status, out, err = run("play", story, "--runner", "host")
    assert (status, err) == (0, "")
    assert "[red]:x:.story: all 1 steps" in out and "\n:x: [red]\n" in out


def test_an_empty_story_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.story").touch()
    status, out, err = run("play", tmp_path / "empty.story")
    assert (status, out) == (1, "")
    assert (
        err == "empty.story has no step: write one, the words are in `dianka bench play --help`\n"
    )


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            "volts 100000",
            "the voltage is out of range: expected 0 to 264 V, the most that the supply takes",
        ),
        (
            "load 999999 kW",
            "the load is out of range: expected 0 to 6.798 kW at 220 V and power factor 1, "
            "as the meter measures up to 30.9 A and this is 4545450 A",
        ),
    ],
)
def test_what_the_meter_can_t_stand_or_measure_ends_the_story_in_one_line(
    tmp_path: Path, step: str, message: str
) -> None:
    (tmp_path / "a.story").write_text(f"mains on\n{step}\nwait 1 h\n")
    status, out, err = run("play", tmp_path / "a.story", "--runner", "host")
    assert (status, err) == (1, f"a.story:2: {step}: {message}\n")
    assert "wait" not in out


def test_a_picture_without_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    status, out, err = run("picture", tmp_path / "no" / "x.svg", "--runner", "nobody")
    assert (status, out, err) == (
        1,
        "",
        f"x.svg can't be written: there is no folder {tmp_path / 'no'}\n",
    )


def test_the_system_s_errors_have_no_number(tmp_path: Path) -> None:
    (tmp_path / "meter.json").mkdir()
    status, _, err = run("play", "new-meter", "--folder", tmp_path)
    assert (status, err) == (1, f"{tmp_path / 'meter.json'}: Is a directory\n")


def test_a_folder_that_can_t_be_one_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, _, err = run("play", "new-meter", "--folder", tmp_path / "file")
    assert (status, err) == (1, f"{tmp_path / 'file'} is a file: name a folder with --folder\n")
    status, _, err = run("play", "new-meter", "--folder", tmp_path / "file" / "in")
    assert (status, err) == (
        1,
        (
            f"{tmp_path / 'file' / 'in'} can't be made (Not a directory): "
            "name a folder with --folder\n"
        ),
    )


@pytest.mark.parametrize("command", ["play", "live", "picture", "figures"])
def test_the_help_names_every_runner(command: str) -> None:
    status, out, _ = run(command, "--help")
    told = " ".join(out.split())
    assert status == 0 and "vm is the real MicroPython" in told
    assert "chip the same on an emulated RP2040" in told and "host is CPython" in told


def test_the_help_of_play_has_the_words_of_stories() -> None:
    status, out, _ = run("play", "--help")
    assert (
        status == 0 and "wait until CONDITION within 2 h\n" in out and "lamp NAME on|off\n" in out
    )


DUMB = (
    "the live screen needs a terminal whose cursor can be moved: "
    "run it in one where TERM is not dumb, or play a story"
)


@pytest.mark.parametrize(
    ("words", "status"), [(("live",), 1), (("play", "{story}", "--live-if-terminal"), 0)]
)
def test_a_dumb_terminal_is_told_that_there_is_no_live_screen(
    tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    """Once it was empty, and waited for q."""
    story = tmp_path / "a.story"
    story.write_text('say "hello"\n')
    master, slave = pty.openpty()
    arguments = [word.format(story=story) for word in words]
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "from dianka.cli import main; main()",
            "bench",
            *arguments,
            "--runner",
            "host",
        ],
        env={**os.environ, "TERM": "dumb"},
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(slave)
    os.close(master)
    assert (process.returncode, process.stderr.decode()) == (status, DUMB + "\n")


def test_a_board_that_is_none_and_a_chip_that_is_not_emulated_are_one_line() -> None:
    status, _, err = run("play", "first-day", "--board", "nope")
    assert status == 1
    assert err == "no board is called nope: there are esp32_devkit, rp2_pico, rp2_pico2\n"
    status, _, err = run("play", "first-day", "--board", "esp32_devkit", "--runner", "chip")
    assert status == 1
    assert err == (
        "the emulated chip is an RP2040, and esp32_devkit has an ESP32: take the runner vm\n"
    )


@pytest.mark.parametrize("board", ["rp2_pico", "rp2_pico2", "esp32_devkit"])
def test_every_board_plays_on_rung_1_too(board: str) -> None:
    status, _, err = run("play", "new-meter", "--board", board, "--runner", "host")
    assert (status, err) == (0, "")


def test_the_speed_is_that_of_a_story_on_each_board_named(tmp_path: Path) -> None:
    story = tmp_path / "short.story"
    story.write_text("mains on\nwait 1 min\n")
    status, out, err = run("speed", story, "--board", "esp32_devkit", "--board", "rp2_pico2")
    assert (status, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith("esp32_devkit ") and second.startswith("rp2_pico2 ")
    assert " times real time: 1 min 0 s in " in first, first
