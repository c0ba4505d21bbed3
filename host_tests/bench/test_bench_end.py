"""A story that somebody ends from outside, as by closing the terminal.

Nothing of it is left on the disk.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WAIT_S = 60
ENDS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


def begun(
    folder: Path, runner: str, ignored: tuple[signal.Signals, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start a story that takes a day at the meter; return when it has made its control card.

    It begins with these signals ignored and no other, however the tests themselves were started.
    """
    story = folder / "long.story"
    story.write_text("desk: card issue control control.card\nmains on\nwait 24 h\n")
    place = folder / "tmp"
    place.mkdir()
    before = {
        number: signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        for number in ENDS
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "dianka", "bench", "play", str(story), "--runner", runner],
            env={**os.environ, "TMPDIR": str(place)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    until_s = time.monotonic() + WAIT_S
    while not list(place.glob("dianka-*/meter.json")) and not list(
        place.glob("dianka-*/control.card")
    ):
        if process.poll() is not None or time.monotonic() > until_s:
            process.kill()
            raise AssertionError(process.communicate(timeout=WAIT_S))
        time.sleep(0.02)
    return process


def ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(WAIT_S)
    finally:
        process.kill()
        process.communicate(timeout=WAIT_S)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("runner", ["host", "vm"])
def test_a_story_that_is_ended_leaves_no_control_card(
    tmp_path: Path, runner: str, number: signal.Signals
) -> None:
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
    process = begun(tmp_path, "host", ignored=(signal.SIGHUP,))
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("ignored", [(), (signal.SIGINT,)])
def test_ctrl_c_ends_it_in_a_script_s_background_too(
    tmp_path: Path, ignored: tuple[signal.Signals, ...]
) -> None:
    """A shell script starts what it puts into the background with SIGINT ignored."""
    process = begun(tmp_path, "host", ignored)
    process.send_signal(signal.SIGINT)
    assert ended(process) == 130
    assert list((tmp_path / "tmp").iterdir()) == []
