"""Flashing that something comes in between.

The cable, the power, a port that dies, a board that starts again and again.
"""

import contextlib
import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from dianka.flash import build, link
from flash_desk import Desk
from sweeps import points, sweep

BROKE_OFF = "broke off: plug the board in again and repeat the command"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.board:
        yield made


class Dead(BaseException):
    """The tool is no more."""


def at_word(
    number: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch, run: Callable[[], Result]
) -> Result | None:
    """Run the command, with something happening before its word of this number.

    None if it had no so many words.

    A word is what the tool types into the board, its last one being the reset.
    """
    left, typed = number, link.SerialTransport.exec_raw_no_follow

    def typing(self: link.SerialTransport, command: str | bytes) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            act()
        typed(self, command)

    with monkeypatch.context() as patched:
        patched.setattr(link.SerialTransport, "exec_raw_no_follow", typing)
        done = run()
    assert left <= 0 or done.exit_code == 0, done.output
    return done if left <= 0 else None


def words_of(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Result]) -> int:
    """Return how many words the command types when nothing comes in between."""
    count, typed = 0, link.SerialTransport.exec_raw_no_follow

    def typing(self: link.SerialTransport, command: str | bytes) -> None:
        nonlocal count
        count += 1
        typed(self, command)

    with monkeypatch.context() as patched:
        patched.setattr(link.SerialTransport, "exec_raw_no_follow", typing)
        run()
    return count


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def restore(desk: Desk, pristine: Path) -> None:
    for path in desk.board.files.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(pristine, desk.board.files, dirs_exist_ok=True)
    desk.board.power_cycle()


def one_line(done: Result) -> str:
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


@sweep(4)
@pytest.mark.parametrize(("more", "fewest"), [((), 20), (("--check",), 8)], ids=["flash", "check"])
def test_unplugged_before_each_word_it_says_so_in_one_line(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
    fewest: int,
    every: int,
) -> None:
    desk.write("old")
    assert desk.flash().exit_code == 0
    pristine = shutil.copytree(desk.board.files, desk.board.files.parent / "pristine")
    if not more:
        desk.write("new")
    said: list[str] = []
    repaired: list[dict[str, bytes]] = []
    count = words_of(monkeypatch, lambda: desk.flash("--wait", "1", *more))
    restore(desk, pristine)
    for word in points(count, every):
        done = at_word(
            word, desk.board.unplug, monkeypatch, lambda: desk.flash("--wait", "1", *more)
        )
        assert done is not None, word
        port = desk.board.port
        desk.board.plug()
        if done.exit_code == 0:
            said.append("")
            continue
        said.append(one_line(done))
        here = contents(desk.board.files)
        here.pop("fram", None)
        if said[-1] == f"the line to {port} {BROKE_OFF}" and here not in repaired:
            repaired.append(here)
            assert desk.flash().exit_code == 0, word
        restore(desk, pristine)
    assert count > fewest
    *early, last = said
    assert all(line.endswith(BROKE_OFF) for line in early), early
    # The last word is the reset: what was to be looked at has been seen, and the trial runs without
    # a listener.
    assert last.startswith("" if more else "the meter said nothing for 1 s after the reset"), last
    assert bool(last) != bool(more)


@sweep(6)
def test_power_may_go_before_each_word_of_the_first_flash(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """An empty board waits at its prompt until it has all it needs to start.

    Flashing again completes it at each point.
    """
    desk.write("first")
    empty = desk.board.files.parent / "empty"
    empty.mkdir()
    wanted = desk.version
    whole = (
        wanted.root
        | {f"a/{name}": data for name, data in wanted.files.items()}
        | {"a/manifest": wanted.manifest, "slot": b"a"}
    )

    def cut() -> None:
        desk.board.power_cycle()
        raise Dead

    runs: list[bool] = []
    repaired: list[dict[str, bytes]] = []
    count = words_of(monkeypatch, desk.flash)
    restore(desk, empty)
    for word in points(count, every):
        with pytest.raises(Dead):
            at_word(word, cut, monkeypatch, desk.flash)
        here = contents(desk.board.files)
        here.pop("fram", None)
        runs.append("main.py" in here)
        if runs[-1]:
            assert {name: here.get(name) for name in whole} == whole, (
                f"word {word}: what starts is not whole"
            )
        if here not in repaired:
            repaired.append(here)
            assert desk.flash().exit_code == 0, word
            here = contents(desk.board.files)
            assert {name: here.get(name) for name in whole} == whole, word
            assert set(here) - set(whole) <= {"code", "fram"}, word
        restore(desk, empty)
    assert count > 25 and len(repaired) > 10 // every
    assert runs == sorted(runs) and runs[-1] and not runs[0], "from one word on it starts"


def test_a_port_that_dies_while_entering_is_opened_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write()
    enter, dead, opened = link.SerialTransport.enter_raw_repl, 3, []
    opening = link.open_port

    def entering(
        self: link.SerialTransport, soft_reset: bool = True, timeout_overall: int = 10
    ) -> None:
        nonlocal dead
        dead -= 1
        if dead >= 0:
            raise OSError(5, "Input/output error")
        enter(self, soft_reset, timeout_overall)

    monkeypatch.setattr(link.SerialTransport, "enter_raw_repl", entering)
    monkeypatch.setattr(
        link, "open_port", lambda port: opened.append(time.monotonic()) or opening(port)
    )
    assert desk.flash().exit_code == 0
    assert len(opened) >= 4
    assert min(after - before for before, after in itertools.pairwise(opened[:4])) >= 0.25
    dead = 1 << 30
    monkeypatch.setattr(link, "_ENTER_S", 2)
    assert one_line(desk.flash()) == f"the line to {desk.board.port} {BROKE_OFF}"


@pytest.mark.parametrize(
    "how",
    [{"early": "1 // 0"}, {"late": "machine.reset()"}, {"early": "while True: print('!' * 70)"}],
)
def test_a_board_whose_first_version_crashes_takes_another(desk: Desk, how: dict[str, str]) -> None:
    desk.write("bad", **how)
    done = desk.flash("--wait", "2")
    assert (
        one_line(done)
        == "the meter said nothing for 2 s after the reset: look at its display, then flash again"
    )
    assert desk.board.starts > 1
    desk.write("good")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert desk.board.version_that_runs() == desk.version.name


@pytest.mark.parametrize("tries", [1, 2])
def test_a_board_that_restarts_once_it_is_entered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """The watchdog bites between the prompt and the first word: the tool enters again."""
    desk.write("good")
    assert desk.flash().exit_code == 0
    enter, left = link.Link._enter, [1]

    def enter_and_restart(self: link.Link) -> None:
        enter(self)
        if left[0]:
            left[0] -= 1
            desk.board.power_cycle()

    monkeypatch.setattr(link.Link, "_enter", enter_and_restart)
    monkeypatch.setattr(link, "_ANSWER_S", 2)
    monkeypatch.setattr(link, "_TRIES", tries)
    desk.write("better")
    done = desk.flash()
    if tries > 1:
        assert done.exit_code == 0, done.output
        assert desk.board.version_that_runs() == desk.version.name
    else:
        assert one_line(done) == f"the line to {desk.board.port} {BROKE_OFF}"


@pytest.mark.parametrize("deaf_s", [2.5, 4, 6])
def test_a_board_that_answers_late_answers_every_try(desk: Desk, deaf_s: float) -> None:
    """A later answer to an earlier try is not taken for the answer to a command."""
    desk.write("good")
    assert desk.flash().exit_code == 0
    desk.write("better")
    desk.board.deafen(deaf_s)
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert desk.board.version_that_runs() == desk.version.name


def test_what_talks_without_end_does_not_hold_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither while entering nor in an answer, on a pseudo-terminal as on a port."""
    monkeypatch.setattr(link, "_ENTER_S", 3)
    master, slave = os.openpty()
    os.set_blocking(master, False)  # or the talker waits for ever when nobody reads
    over = threading.Event()

    def talk() -> None:
        while not over.is_set():
            with contextlib.suppress(BlockingIOError):
                os.write(master, b"$GPGGA,123519,4807.038,N,01131.000,E,1,08\r\n")
            time.sleep(0.001)

    talking = threading.Thread(target=talk, daemon=True)
    talking.start()
    try:
        began_s = time.monotonic()
        with pytest.raises(
            build.FlashError,
            match="does not answer as MicroPython: put MicroPython on the board first",
        ):
            link.Link(os.ttyname(slave))
        wire = link.open_port(os.ttyname(slave))
        for wire.is_pty in (True, False):
            wire.read_until(1, b"\x04", timeout=60, timeout_overall=1)
        assert time.monotonic() - began_s < 10
        wire.close()
    finally:
        over.set()
        talking.join(10)
        assert not talking.is_alive()
        os.close(master)
        os.close(slave)
