"""Other people's programs and the command line with the virtual cards.

Opensc-tool, `dianka card insert`, `dianka reader`.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import ISSUE_WORDS, control_card, user_card
from dianka.bench.stage.desk_line import DeskLine
from dianka.cardos.t0 import Tpdu
from dianka.cli import app
from pcsc_kit import Readers, need

LEAST_APDU_PER_S = 1000
WAIT_S = 60  # for whatever a process has to say: then it is killed, and reading from it ends


def dianka(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "dianka", *(str(word) for word in words)]


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def opensc(*words: str) -> str:
    done = subprocess.run(
        ["opensc-tool", *words], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_opensc_reads_the_card(pcsc: Readers) -> None:
    need(opensc=True)
    card = user_card(control_card())
    with pcsc.holding(1, Tpdu(card)):
        assert "Test reader 00 01" in opensc("--list-readers")
        atr = opensc("--reader", "1", "--atr").strip()
        assert (
            bytes.fromhex(atr.replace(":", "")) == bytes.fromhex("3B69000041") + card.state.serial
        )
        said = opensc("--reader", "1", "--send-apdu", "00A4000002DF01", "--send-apdu", "00B0810004")
        assert said.count("SW1=0x90, SW2=0x00") == 2
        assert "68 01 00 27" in said


@contextlib.contextmanager
def inserted(path: Path, port: int, background: bool = False) -> Iterator[subprocess.Popen[str]]:
    """`dianka card insert` in a process of its own, until the end of the block.

    In the background as a script starts it: with SIGINT ignored, which lasts over the exec.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if background else signal.SIG_DFL)
    try:
        process = subprocess.Popen(
            dianka("card", "insert", path, "--port", str(port)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    overdue = threading.Timer(WAIT_S, process.kill)
    overdue.start()
    try:
        assert process.stdout and "Ctrl-C pulls it" in process.stdout.readline()
        yield process
    finally:
        overdue.cancel()
        process.kill()
        process.communicate(timeout=WAIT_S)


def pulled(process: subprocess.Popen[str], number: signal.Signals) -> int:
    """The exit code of a card that a signal pulls, which says so."""
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_S)
    assert re.search(r"pulled after \d+ commands", out) and not err
    return process.returncode


@pytest.mark.slow
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_a_signal_pulls_the_card(
    tmp_path: Path, pcsc: Readers, background: bool, number: signal.Signals, status: int
) -> None:
    """From a script's background too, where it ignored SIGINT once and held the reader for ever."""
    card = tmp_path / "user.card"
    run("card", "issue", "user", card, "--blank")
    with inserted(card, pcsc.ports[0], background) as process:
        pcsc.wait(0, present=True)
        assert pulled(process, number) == status
    pcsc.wait(0, present=False)
    assert run("card", "show", card)[0] == 0  # nobody holds it any more


@pytest.mark.slow
def test_a_card_file_in_a_virtual_reader(tmp_path: Path, pcsc: Readers) -> None:
    control, card = tmp_path / "control.card", tmp_path / "user.card"
    run("card", "new", "control", control)
    run("card", "new", "user", card, "--serial", "00112233445566aa", *ISSUE_WORDS["user"])
    with inserted(card, pcsc.ports[0]) as process:
        pcsc.wait(0, present=True)
        status, out, _ = run("reader", "list")
        assert status == 0 and "00112233445566aa" in out and "empty" in out
        assert run("sell", "7.00", "--reader", "0", "--control", control)[0] == 0
        status, _, err = run("card", "show", card)
        assert status == 1 and "is in use" in err
        status, _, err = run("card", "insert", control, "--port", str(pcsc.ports[0]))
        assert status == 1 and err.count("\n") == 1 and "pull the other one out first" in err
        assert pulled(process, signal.SIGINT) == 0
    assert "7.00 yuan, number 1" in run("card", "show", card)[1]
    pcsc.wait(0, present=False)


def test_nothing_listens(tmp_path: Path) -> None:
    card = tmp_path / "user.card"
    run("card", "new", "user", card, "--blank")
    status, _, err = run("card", "insert", card, "--port", "1")
    assert status == 1 and err.count("\n") == 1 and "start pcscd" in err
    assert "no step of a story" in DeskLine().find_mistake(["card", "insert", str(card)])


def test_a_thousand_commands_a_second(
    pcsc: Readers, record_property: Callable[[str, object], None]
) -> None:
    best = 0
    for _ in range(3):
        status, out, err = run(
            "reader", "speed", "--slot", "0", "--port", str(pcsc.ports[0]), "--count", "2000"
        )
        assert (status, err) == (0, "")
        pcsc.wait(0, present=False)
        best = max(best, int(re.search(r"(\d+) APDU/s", out)[1]))
        if best >= LEAST_APDU_PER_S:
            break
    record_property("figure", f"through pcscd and vpcd: {best} APDU/s")
    assert best >= LEAST_APDU_PER_S


def test_the_readers_are_watched_until_ctrl_c(pcsc: Readers) -> None:
    """A terminal's Ctrl-C goes to the card process too; what is started in the background hears."""
    process = subprocess.Popen(
        dianka("reader", "watch"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    overdue = threading.Timer(WAIT_S, process.kill)
    overdue.start()
    lines = [
        "the card service runs",
        f"{pcsc.names[0]} is there",
        f"{pcsc.names[1]} is there",
        f"{pcsc.names[1]}: electricity meter card",
        f"{pcsc.names[1]}: the card is out",
    ]
    try:
        assert process.stdout
        for line in lines[:3]:
            said = process.stdout.readline()
            assert re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d {line}", said), said
        with pcsc.holding(1, Tpdu(control_card())):
            assert lines[3] in process.stdout.readline()
        assert lines[4] in process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=WAIT_S) == ("", "") and process.returncode == 0
    finally:
        overdue.cancel()
        process.kill()
        process.communicate(timeout=WAIT_S)
