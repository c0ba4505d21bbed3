"""The drawn digits, the live screen and its keyboard."""

import io
import os
import pty
import re
import signal
import termios
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dianka.bench.stage.console import Printer
from dianka.bench.stage.digits import draw_digits, split_cells
from dianka.bench.stage.live import HELP, Screen
from dianka.bench.stage.terminal import Keyboard, decode
from dianka.signals import end_on_signals
from strict_rig import StrictDesk, StrictRig


def shown(screen: Screen) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(screen.render())
    return out.getvalue()


def screen_of(rig: StrictRig, folder: Path) -> tuple[Screen, StrictDesk]:
    desk = StrictDesk(rig)
    return Screen(rig, folder, desk), desk


def test_digits_are_drawn_with_their_dots() -> None:
    assert draw_digits("-0.52") == [
        "                         _   _   _  ".removeprefix("    "),
        "                     _  | | |_   _| ".removeprefix("    "),
        "                        |_|. _| |_  ".removeprefix("    "),
    ]
    assert [len(line) for line in draw_digits("8.8.8.8.8.8.8.8.", width=3, height=2)] == [48] * 5
    assert split_cells("..") == [(" ", False)] * 6 + [(" ", True), (" ", True)]
    assert set("".join(draw_digits(""))) == {" "}
    assert draw_digits("?") != draw_digits(" ")


def test_keys_do_what_the_help_line_says(tmp_path: Path) -> None:
    (tmp_path / "control.card").touch()
    (tmp_path / "resident.card").touch()
    rig = StrictRig()
    screen, desk = screen_of(rig, tmp_path)
    for key in ("m", "up", "+", "k", "s", "c"):
        assert screen.do_key(key)
    assert rig.mains_since_us is not None
    assert rig.power_mw == 100_000
    assert rig.done == ["key 300", "insert resident.card right"]
    assert desk.sold == [("resident.card", "10.00")]
    screen.do_key("s")  # the desk refuses a card in the slot, and the screen says so
    text = shown(screen)
    assert "resident.card is in use: pull it there first" in text
    assert "10.00 yuan sold on resident.card" in text and HELP in text
    for key in ("c", "n", "c", "x", "down", "down", "down"):
        assert screen.do_key(key)
    assert rig.slot == "control.card"
    assert (rig.power_mw, rig.mains_since_us) == (0, None)
    assert screen.do_key("z")
    assert not screen.do_key("q")


def test_m_and_x_tell_what_each_does_and_where_the_mains_is(tmp_path: Path) -> None:
    """Once they looked alike: "mains off", and nothing in the log."""
    rig = StrictRig()
    screen, _ = screen_of(rig, tmp_path)
    for key, state, line in (
        ("m", "mains on", "bench: mains on"),
        ("m", "mains off", "bench: mains off: the meter is warned and has 100 ms left"),
        ("m", "mains on", "bench: mains on"),
        ("x", "mains cut", "bench: power cut: the meter is dead at once, unwarned"),
    ):
        assert screen.do_key(key)
        text = shown(screen)
        assert f"   {state}\n" in re.sub(" +\n", "\n", text), key
        lines = [row.strip() for row in text.splitlines() if row.startswith("bench: ")]
        assert lines[-1] == line
    assert screen.do_key("x")
    assert "! the meter has no supply already: m switches the mains on" in shown(screen)
    assert rig.done == ["cut power"]
    assert screen.do_key("m") and "   mains on" in shown(screen) and rig.mains_since_us is not None


def test_refusals_are_shown_and_end_nothing(tmp_path: Path) -> None:
    screen, _ = screen_of(StrictRig(), tmp_path)
    assert screen.do_key("c") and screen.do_key("s")
    assert shown(screen).count("there is no card here") == 2


def test_time_is_wall_time_times_speed(tmp_path: Path) -> None:
    rig = StrictRig()
    screen, _ = screen_of(rig, tmp_path)
    screen.tick(50_000)
    assert rig.now_us == 50_000
    for _ in range(9):
        screen.do_key(">")
    screen.tick(100_000)
    assert rig.now_us == 50_000 + 360_000_000
    for _ in range(9):
        screen.do_key("<")
    screen.tick(1_000)
    assert rig.now_us == 50_000 + 360_000_000 + 1_000
    screen.tick(0)
    assert rig.now_us == 50_000 + 360_000_000 + 1_000


def test_a_slow_bench_loses_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = StrictRig()
    screen, _ = screen_of(rig, tmp_path)
    now_ns = [0]
    monkeypatch.setattr("dianka.bench.stage.live.time.monotonic_ns", lambda: now_ns[0])
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


@pytest.mark.parametrize("end", [None, KeyboardInterrupt(), signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_left_as_it_was(end: BaseException | signal.Signals | None) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    try:
        with end_on_signals(), Keyboard(slave) as keyboard:
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
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == handlers
    os.close(slave)
    os.close(master)


def test_a_card_s_name_is_no_picture_and_the_command_is_today_s(tmp_path: Path) -> None:
    screen, _ = screen_of(StrictRig(), tmp_path)
    screen.do_key("s")
    assert "make one with dianka card issue" in shown(screen)
    (tmp_path / ":x:[red].card").touch()
    screen.do_key("n")
    assert "card in hand :x:[red].card" in shown(screen)


def text_of(screen: Screen, columns: int, lines: int) -> list[str]:
    """What a window of this size shows, which cuts off whatever is too much."""
    out = io.StringIO()
    Console(file=out, width=columns, force_terminal=False).print(screen.render(columns, lines))
    shown = out.getvalue().splitlines()
    assert len(shown) <= lines and max(map(len, shown)) <= columns
    return shown


@pytest.mark.parametrize(
    "size", [(112, 40), (80, 24), (80, 17), (80, 16), (80, 14), (60, 20), (48, 20)]
)
def test_a_small_window_keeps_keys_state_and_what_to_do(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    screen, _ = screen_of(StrictRig(), tmp_path)
    screen.do_key("m")
    for at in range(20):
        screen.add_log_line(f"[{at}] " + "a very long line of the meter " * 6)
    screen.add_log_line("! " + "what was refused, " * 5 + "and at its end: what to do")
    shown = text_of(screen, *size)
    text = " ".join(" ".join(shown).split())
    assert "and at its end: what to do" in text
    for part in (
        *re.split(" {2,}", HELP),
        "○ overdraft",
        "relay open",
        "card in hand none",
        "220.0 V",
        "speed 1x",
    ):
        assert any(part in line for line in shown), part
    # The large digits are shown if there is room.
    assert ("Dianka" in text) == (size[0] >= 52 and size[1] >= 17)
    assert any("|_|.|_| |_|" in line for line in shown) != ("Dianka" in text)


@pytest.mark.parametrize("size", [(80, 9), (30, 24)])
def test_a_window_that_is_too_small_says_how_large_it_must_be(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    screen, _ = screen_of(StrictRig(), tmp_path)
    assert "make it 80 columns wide and 14 lines high" in " ".join(
        " ".join(text_of(screen, *size)).split()
    )


def printed(width: int, terminal: bool) -> list[str]:
    """A story's printer on a meter with everything lit, with a long step and a long log line."""
    out = io.StringIO()
    lamps = dict.fromkeys(("alarm", "trip", "overdraft", "fault", "card", "pulse"), True)
    view = replace(
        StrictRig().take_view(),
        lamps=lamps,
        power_mw=6_600_000,
        volts_mv=220_000,
        current_ma=30_000,
    )
    printer = Printer(
        Console(file=out, width=width, force_terminal=terminal, color_system=None, emoji=False)
    )
    printer.begin_step(
        36,
        "desk: card issue user resident.card --meter 1 --customer 1 --alarm1 1.00 --alarm2 0.50 "
        "--price 0.5000",
    )
    printer.print_log_line(
        "[10] self-check 00000168 version unflashed energy_pj 1522 remainder 16 balance_fen -11 "
        "bought_fen 200 count 1"
    )
    printer.show_text(
        "An installer powers a new meter. It knows no number, no price and only the public keys: "
        "nobody gets electricity."
    )
    printer.end_step(view)
    return out.getvalue().splitlines()


def test_a_story_fits_a_terminal_of_80_columns_and_breaks_no_word() -> None:
    narrow, wide, piped = printed(80, True), printed(200, True), printed(80, False)
    assert max(map(len, narrow)) <= 80 and wide == piped
    assert " ".join(wide).split().count("│") == 5 and " ".join(narrow).split().count("│") == 9
    assert sorted(" ".join(narrow).replace("│", "").split()) == sorted(
        " ".join(wide).replace("│", "").split()
    )
    assert any(line.endswith("● overdraft  ● fault  ● card  ● pulse") for line in narrow)
