"""A board for flashing tests: real MicroPython behind a pseudo-terminal, its files in a folder.

The unix port stands for the chip. This module adds what a chip has beside its interpreter: main.py
runs after each reset, and a prompt follows it; control-C interrupts a running program; a reset or
the watchdog restarts the chip; the power can fail at any instant. The board runs the real main.py,
versions.py and selfcheck.py with a short meter, whose parts can be made to fail; a file with its
totals stands for the FRAM.
"""

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import threading
import time
import tty
from pathlib import Path

from dianka.bench.rungs.vm.runner import find_micropython
from dianka.firmware import FIRMWARE
from dianka.flash.update import TOTALS

MACHINE = """
import os
_DOG = os.getenv("DIANKA_DOG")
class WDT:
    def __init__(self, id=0, timeout=5000):
        self.timeout = timeout
        self.feed()
    def feed(self):
        with open(_DOG, "w") as file:
            file.write(str(self.timeout))
def reset():
    os.system("kill -9 $PPID")
"""

BOARD = """
import hlw8032

class I2C:
    # A clock chip that stands still, as delivered until somebody writes to it: its registers \
are a file.
    def _registers(self):
        try:
            with open("../clock_chip", "rb") as file:
                return bytearray(file.read())
        except OSError:
            return bytearray(b"\\0\\0\\0\\1\\1\\1\\0" + bytes(7) + b"\\x1c\\x88\\0\\x19\\0")
    def readfrom_mem(self, address, memory, count):
        return bytes(self._registers()[memory:memory + count])
    def writeto_mem(self, address, memory, data):
        registers = self._registers()
        registers[memory:memory + len(data)] = data
        with open("../clock_chip", "wb") as file:
            file.write(registers)
def i2c():
    return I2C()
def clock():
    from ds3231 import Ds3231
    return Ds3231(i2c())
"""

METER = """
import asyncio, machine
import versions
from selfcheck import SelfCheck
FAULT = {fault!r}
TOTALS = ("energy_pj", "remainder", "balance_fen", "bought_fen", "count")
class Part:
    def __init__(self, **has):
        self.__dict__.update(has) if hasattr(self, "__dict__") and not has else \
[setattr(self, k, v) for k, v in has.items()]
class Store:
    anew = fault = unread = False
    def __init__(self):
        try:
            with open("fram") as file:
                values = [int(word) for word in file.read().split()]
        except OSError:
            values = [0, 0, 0, 0, 0]
        self.state = Part(**dict(zip(TOTALS, values)))
    def check(self):
        return int(FAULT[0])
    def commit(self):
        with open("fram.new", "w") as file:
            file.write(" ".join(str(getattr(self.state, name)) for name in TOTALS))
        import os
        os.rename("fram.new", "fram")
    keep = commit
class Clock:
    fault = int(FAULT[3])
    def read_seconds(self):
        return 0
class Meter:
    def __init__(self, board):
        {early}
        self.store = Store()
        self.chip = Part(pulse_pj=1, reports=9, rejected=0, skipped=0)
        self.metering = Part(silent=FAULT[1] != "0", calibration=0)
        settlement, esam, clock = Part(ready=True, failures=0), Part(alive=True), Clock()
        relay, display = Part(commanded=True, closed=True), \
Part(append_message=lambda message: None)
        self.metering.chip = self.chip
        self.self_check = SelfCheck(
            self.store, self.metering, settlement, esam, clock, relay, display, self.log,
            lambda refused: None, self.stop)
        self.board = board
    def log(self, text):
        print("[0]", text)
    def set_clock(self, seconds, back=False):
        return self.board.clock().adjust(seconds, self.log, back)
    def stop(self):
        self.store.commit()
    async def run(self):
        dog = machine.WDT(timeout=8000)
        {late}
        asyncio.create_task(self.self_check.run())
        while True:
            self.store.state.energy_pj += 7
            dog.feed()
            await asyncio.sleep_ms(50)
"""


# The modules whose classes selfcheck.py names; METER has its own parts instead.
NAMED = {
    "display": "Display", "esam": "Esam", "metering": "Metering", "relay": "Relay",
    "settlement": "Settlement", "state": "State", "state_store": "StateStore",
}  # fmt: skip


def write_firmware(
    folder: Path,
    mark: str = "",
    fault: str = "00000",
    early: str = "pass",
    late: str = "pass",
    answers: bool = True,
) -> Path:
    """Write firmware into this folder, with a meter that can fail, and return the folder.

    `early` is code that runs when the meter is built, `late` when it runs; `fault` is the
    self-check's five digits. `mark` makes versions differ. If `answers` is false, the firmware is
    like versions before the module answers.py existed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("main", "versions", "selfcheck", "answers"):
        shutil.copy(FIRMWARE / f"{name}.py", folder)
    if not answers:
        (folder / "answers.py").unlink()
        check = (
            (folder / "selfcheck.py").read_text(encoding="utf-8").replace("import answers\n", "")
        )
        (folder / "selfcheck.py").write_text(
            check.replace("answers.TOTALS", repr(TOTALS)), encoding="utf-8"
        )
    (folder / "meter.py").write_text(METER.format(fault=fault, early=early, late=late))
    (folder / "hlw8032.py").write_text(f"# {mark}\nclass Hlw8032: mark = {mark!r}\n")
    (folder / "line.py").write_text("class UartLine: pass\n")
    for name, part in NAMED.items():
        (folder / f"{name}.py").write_text(f"LOST = -1\nclass {part}: pass\n")
    shutil.copy(FIRMWARE / "ds3231.py", folder)
    return folder


def write_kinds(folder: Path, **changes: str) -> Path:
    """Write a folder of boards with one for this interpreter, `desk`; return the folder."""
    facts = {
        "title": "desk board",
        "platform": "linux",
        "machine": "",
        "arch": "x64",
        "micropython": "1.20",
    } | changes
    (folder / "desk").mkdir(parents=True, exist_ok=True)
    text = (
        "".join(f'{name} = "{value}"\n' for name, value in facts.items()) + 'modules = ["board"]\n'
    )
    (folder / "desk" / "board.toml").write_text(text)
    (folder / "desk" / "board.py").write_text(BOARD)
    return folder


INTERRUPTS_S = 0.2
_END_S = 10  # for a thread or a killed process to end


class DeskBoard:
    """One board, powered from the start. `files` is its file system, `port` its USB port."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        overlay = folder / "silicon"
        overlay.mkdir()
        (overlay / "machine.py").write_text(MACHINE)
        self._dog = folder / "dog"
        self._environment = dict(
            os.environ, MICROPYPATH=f"{overlay}:.frozen:lib", DIANKA_DOG=str(self._dog)
        )
        self._lock = threading.RLock()
        self._master = -1
        self._slaves: list[int] = []
        self._hears_s = 0.0
        self.plug()
        self.starts = 0
        self.heard = b""  # all that the board has printed
        self._inner = -1
        self._child: subprocess.Popen[bytes] | None = None
        self._held = b""
        self._over = False
        self._start()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "DeskBoard":
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join(_END_S)
        assert not self._thread.is_alive(), "the board's thread never ends"
        self._stop()
        self.unplug()
        for slave in self._slaves:
            os.close(slave)

    def power_cycle(self) -> None:
        """Cut the power at this instant, and restore it at once."""
        with self._lock:
            self._stop()
            self._start()

    def unplug(self) -> None:
        """Pull the cable; the board runs on, since the mains feed it."""
        with self._lock:
            if self._master >= 0:
                os.close(self._master)
            self._master = -1

    def plug(self) -> None:
        """Plug the cable in again; the board is at another port."""
        with self._lock:
            self.unplug()
            # The slave stays open, or the line would close between two users. It stays open even
            # without its master, or the next terminal of another test would get the port's name,
            # and the tool, which tries to open it again, would write to a stranger.
            self._master, slave = pty.openpty()
            self._slaves.append(slave)
            tty.setraw(slave)
            self.port = os.ttyname(slave)

    def deafen(self, time_s: float) -> None:
        """Let what arrives in this time wait, as in a board that is busy or just starting."""
        self._hears_s = time.monotonic() + time_s

    def wait_for(self, text: str, limit_s: float = 20) -> str:
        """Wait until the board, in this start, prints the text; return the output."""
        until_s = time.monotonic() + limit_s
        while text.encode() not in self.heard:
            assert time.monotonic() < until_s, f"never heard {text!r} in {self.heard!r}"
            time.sleep(0.02)
        return self.heard.decode("utf-8", "replace")

    def version_that_runs(self) -> str:
        """Power-cycle the board, and return the version in its self-check."""
        with self._lock:
            self.heard = b""
            self.power_cycle()
        return self.wait_for(" version ").partition(" version ")[2].split()[0]

    # ****** The chip ******

    def _start(self) -> None:
        self._dog.unlink(missing_ok=True)
        inner, child = pty.openpty()
        tty.setraw(child)
        # A chip that has not started yet ignores control-C. The process would die of it before
        # MicroPython handles it, hence the trap.
        command = [
            "sh",
            "-c",
            'trap "" INT; exec "$@"',
            "sh",
            str(find_micropython()),
            "-X",
            "heapsize=2m",
        ]
        self._program = (self.files / "main.py").exists()
        if self._program:
            command += ["-i", "main.py"]
        self._child = subprocess.Popen(
            command,
            cwd=self.files,
            env=self._environment,
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
        )
        os.close(child)
        self._inner, self._held, self._tail = inner, b"", b""
        self._switching, self._interrupted_s = False, 0.0
        self.starts += 1

    def _stop(self) -> None:
        if self._child:
            self._child.kill()
            self._child.wait(_END_S)
            self._child = None
            os.close(self._inner)

    def _serve(self) -> None:
        while not self._over:
            with self._lock:
                deaf = self._master < 0 or time.monotonic() < self._hears_s
                wires = [self._inner] if deaf else [self._master, self._inner]
                ready, _, _ = select.select(wires, [], [], 0.01)
                if self._master in ready:
                    self._from_tool(os.read(self._master, 4096))
                if self._inner in ready:
                    self._from_chip()
                if (self._child and self._child.poll() is not None) or self._bitten():
                    self.power_cycle()
            time.sleep(0.0005)  # let another thread take the lock

    def _from_tool(self, data: bytes) -> None:
        self._held += data
        if self._program and b"\x03" in self._held and not self._listens():
            self._held = self._held.partition(b"\x03")[2]
            self._interrupt()
        elif self._program and self._listens():
            os.write(self._inner, self._held)
            self._held = b""
        elif not self._program and not self._switching:
            # The unix port drops what waits when its terminal changes its mode; a chip does not.
            before, switch, self._held = self._held.partition(b"\x01")
            self._switching = bool(switch)
            with contextlib.suppress(OSError):
                os.write(self._inner, before + switch)

    def _interrupt(self) -> None:
        """Interrupt the program, if it listens; a chip that does not is not harmed by it.

        The unix port would die of a signal outside a program, and of two that it has not yet seen.
        """
        child, now_s = self._child, time.monotonic()
        if not child or now_s < self._interrupted_s + INTERRUPTS_S or child.poll() is not None:
            return
        os.kill(child.pid, signal.SIGSTOP)
        state = os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if state and state.si_code == os.CLD_STOPPED:
            if self._catches_interrupts():
                self._interrupted_s = now_s
                os.kill(child.pid, signal.SIGINT)
            os.kill(child.pid, signal.SIGCONT)

    def _listens(self) -> bool:
        """Return whether the program takes control-C, and all else, for itself."""
        return not self._catches_interrupts() and b"asyncio REPL" in self.heard

    def _catches_interrupts(self) -> bool:
        assert self._child
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> signal.SIGINT - 1 & 1)

    def _from_chip(self) -> None:
        try:
            data = os.read(self._inner, 4096)
        except OSError:
            return
        self.heard, self._tail = self.heard + data, (self._tail + data)[-200:]
        with contextlib.suppress(OSError):
            os.write(self._master, data)
        if self._program and b">>> " in self._tail:
            self._program = False
            self._from_tool(b"")
        elif self._switching and self._tail.endswith((b">", b"\x01")):
            self._switching = False
            self._from_tool(b"")

    def _bitten(self) -> bool:
        try:
            limit_s = int(self._dog.read_text()) / 1000
            return time.time() - self._dog.stat().st_mtime > limit_s
        except (OSError, ValueError):
            return False
