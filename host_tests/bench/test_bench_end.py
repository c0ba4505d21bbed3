"""A story that somebody ends from outside, as by closing the terminal: nothing of it is left on the disk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WAIT_S = 60
PROGRAM = "from dianka.cli import main; main()"


def begun(folder: Path, runner: str, before: str = "") -> subprocess.Popen[bytes]:
    """A story that takes a day at the meter, just when the control card has been made in its temporary folder."""
    story = folder / "long.story"
    story.write_text("desk: card issue control control.card\nmains on\nwait 24 h\n")
    place = folder / "tmp"
    place.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, "bench", "play", str(story), "--runner", runner],
        env={**os.environ, "TMPDIR": str(place)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until_s = time.monotonic() + WAIT_S
    while not list(place.glob("dianka-*/meter.json")) and not list(place.glob("dianka-*/control.card")):
        assert process.poll() is None and time.monotonic() < until_s
        time.sleep(0.02)
    return process


def ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(WAIT_S)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("runner", ["host", "vm"])
def test_a_story_that_is_ended_leaves_no_control_card(tmp_path: Path, runner: str, number: signal.Signals) -> None:
    process = begun(tmp_path, runner)
    process.send_signal(number)
    assert ended(process) == 128 + number
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_second_signal_does_not_stop_the_tidying_up(tmp_path: Path) -> None:
    """A closed terminal: the shell, make and the system each send one."""
    process = begun(tmp_path, "host")
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        process.send_signal(number)
    assert ended(process) in (128 + signal.SIGHUP, 128 + signal.SIGTERM)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_nohup_goes_on(tmp_path: Path) -> None:
    process = begun(tmp_path, "host", "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); ")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []
