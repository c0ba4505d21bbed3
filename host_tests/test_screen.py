"""The drawn digits, the live screen and its keyboard."""

import io
import os
import pty
import signal
import termios
from pathlib import Path

import pytest
from rich.console import Console

from dianka.bench.digits import cells, draw
from dianka.bench.live import HELP, Screen
from dianka.bench.terminal import Keyboard, decode
from strict_rig import StrictDesk, StrictRig


def shown(screen: Screen) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(screen.render())
    return out.getvalue()


def screen_of(rig: StrictRig, folder: Path) -> tuple[Screen, StrictDesk]:
    desk = StrictDesk(rig)
    return Screen(rig, folder, desk), desk


def test_digits_are_drawn_with_their_dots() -> None:
    assert draw("-0.52") == [
        "                         _   _   _  ".removeprefix("    "),
        "                     _  | | |_   _| ".removeprefix("    "),
        "                        |_|. _| |_  ".removeprefix("    "),
    ]
    assert [len(line) for line in draw("8.8.8.8.8.8.8.8.", width=3, height=2)] == [48] * 5
    assert cells("..") == [(" ", False)] * 6 + [(" ", True), (" ", True)]
    assert set("".join(draw(""))) == {" "}
    assert draw("?") != draw(" ")


def test_keys_do_what_the_help_line_says(tmp_path: Path) -> None:
    (tmp_path / "control.card").touch()
    (tmp_path / "resident.card").touch()
    rig = StrictRig()
    screen, desk = screen_of(rig, tmp_path)
    for key in ("m", "up", "+", "k", "s", "c"):
        assert screen.key(key)
    assert rig.mains_since_us is not None
    assert rig.power_mw == 100_000
    assert rig.done == ["key 300", "insert resident.card right"]
    assert desk.sold == [("resident.card", "10.00")]
    screen.key("s")  # the desk refuses a card in the slot, and the screen says so
    text = shown(screen)
    assert "resident.card is in use: pull it there first" in text
    assert "10.00 yuan sold on resident.card" in text and HELP in text
    for key in ("c", "n", "c", "x", "down", "down", "down"):
        assert screen.key(key)
    assert rig.slot == "control.card"
    assert (rig.power_mw, rig.mains_since_us) == (0, None)
    assert screen.key("z")
    assert not screen.key("q")


def test_refusals_are_shown_and_end_nothing(tmp_path: Path) -> None:
    screen, _ = screen_of(StrictRig(), tmp_path)
    assert screen.key("c") and screen.key("s")
    assert shown(screen).count("there is no card here") == 2


def test_time_is_wall_time_times_speed(tmp_path: Path) -> None:
    rig = StrictRig()
    screen, _ = screen_of(rig, tmp_path)
    screen.tick(50_000)
    assert rig.now_us == 50_000
    for _ in range(9):
        screen.key(">")
    screen.tick(100_000)
    assert rig.now_us == 50_000 + 360_000_000
    for _ in range(9):
        screen.key("<")
    screen.tick(1_000)
    assert rig.now_us == 50_000 + 360_000_000 + 1_000
    screen.tick(0)
    assert rig.now_us == 50_000 + 360_000_000 + 1_000


def test_a_slow_bench_loses_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = StrictRig()
    screen, _ = screen_of(rig, tmp_path)
    now_ns = [0]
    monkeypatch.setattr("dianka.bench.live.time.monotonic_ns", lambda: now_ns[0])
    plain_wait = rig.wait

    def slow_wait(us: int) -> None:
        plain_wait(us)
        now_ns[0] += 30_000_000  # each slice of 10 ms takes 30 ms on the wall

    monkeypatch.setattr(rig, "wait", slow_wait)
    screen.tick(1_000_000)
    assert rig.now_us == 30_000  # three slices, then the keys are looked at
    assert "this machine: 0x" in shown(screen)


def test_arrow_keys_in_pieces() -> None:
    assert decode(b"a\x1b[A\x1bOBq") == (["a", "up", "down", "q"], b"")
    keys, rest = decode(b"\x1b")
    assert (keys, rest) == ([], b"\x1b")
    assert decode(rest + b"[") == ([], b"\x1b[")
    assert decode(b"\x1b[" + b"1;5A") == (["up"], b"")
    assert decode(b"\x1bq\x1b[5~x\r\x00\xff") == (["q", "x"], b"")


@pytest.mark.parametrize("end", [None, KeyboardInterrupt(), signal.SIGTERM])
def test_the_terminal_is_left_as_it_was(end: BaseException | signal.Signals | None) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with Keyboard(slave) as keyboard:
            assert termios.tcgetattr(slave) != before
            os.write(master, b"c\x1b[A")
            assert keyboard.wait(1000) == ["c", "up"]
            assert keyboard.wait(1) == []
            if isinstance(end, signal.Signals):
                os.kill(os.getpid(), end)
            elif end:
                raise end
    except (KeyboardInterrupt, SystemExit):
        assert end is not None
    assert termios.tcgetattr(slave) == before
    assert signal.getsignal(signal.SIGTERM) is handler
    os.close(slave)
    os.close(master)


def test_a_card_s_name_is_no_picture_and_the_command_is_today_s(tmp_path: Path) -> None:
    screen, _ = screen_of(StrictRig(), tmp_path)
    screen.key("s")
    assert "make one with dianka card issue" in shown(screen)
    (tmp_path / ":x:[red].card").touch()
    screen.key("n")
    assert "card in hand :x:[red].card" in shown(screen)
