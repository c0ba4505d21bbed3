"""Run the firmware on the emulated RP2040 with the bench's models on its pins.

Rung 3's counterpart of `VmRunner`. The chip's flash belongs to the runner: it is filled once, with
MicroPython and the compiled files, and outlives every `kill` as the real one outlives a power cut.
The watchdog and machine.reset() restart the chip inside, as on a real board. The runner ends only
when the power goes or the firmware falls out into the REPL.
"""

import zlib
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from dianka.bench.models.bitline import Alarm, BitLine
from dianka.bench.models.board_pins import read_constants
from dianka.bench.models.contact_lines import make_lines
from dianka.bench.models.mcu import Mcu
from dianka.bench.rungs.rp2040 import files
from dianka.bench.rungs.rp2040.emulator import Emulator
from dianka.bench.rungs.rp2040.flash import FlashOperation
from dianka.bench.rungs.rp2040.image import FILES_AT, FLASH_SIZE, find_image, load_image
from dianka.bench.rungs.rp2040.link import Link

POWER_ON, WATCHDOG = 1, 3  # machine.PWRON_RESET and machine.WDT_RESET of the RP2040
LAST_LINES = 20
_PROMPT = b">>> "


_WALL_S_PER_S = 20  # some four times what a second of a busy chip takes


class _Pad:
    """A pin of the emulated chip, as a BitLine has it."""

    def __init__(self, emulator: Emulator, pin: int) -> None:
        self._emulator = emulator
        self._gpio = emulator.chip.gpio[pin]

    @property
    def now_ns(self) -> float:
        return self._emulator.now_ns

    def create_alarm(self, action: Callable[[], None]) -> Alarm:
        return self._emulator.clock.create_alarm(action)

    def set_level(self, high: bool) -> None:
        if self._gpio.input_value != high or not self._gpio._driven:
            self._gpio.set_input_value(high)


class ChipRunner:
    """One Pico with its firmware.

    `board` is the folder of its board.py, whose constants also name the PIO lines.
    """

    def __init__(
        self, mcu: Mcu, firmware: Path, board: Path, on_line: Callable[[str], None] | None = None
    ) -> None:
        self.mcu = mcu
        # None while it runs; else "exit", "power cut", "killed".
        self.ended: str | None = "never started"
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        # For one `run_until`, of this processor's time; and more for each second of the chip.
        self.wall_limit_s = 300.0
        # Beside firmware and board, when the flash is filled.
        self.extra_files: dict[str, bytes] = {}
        # Called when the chip restarts itself, with "watchdog" or "reset".
        self.on_reset: Callable[[str], None] | None = None
        # See FlashChip.on_operation.
        self.on_flash: Callable[[FlashOperation], int | None] | None = None
        self.lines: dict[str, BitLine] = {}  # of this start, by name: "CARD", "ESAM"
        self.emulator: Emulator | None = None
        self._folders = (firmware, board)
        self._constants = read_constants(board) if (board / "board.py").is_file() else {}
        self._on_line = on_line
        self._flash: bytes | None = None
        self._filled = b""  # hash of the flash as filled
        self._shorted: set[str] = set()
        self._link: Link | None = None
        self._partial = b""

    def start(self, cause: int = POWER_ON) -> None:
        """Boot from the beginning; `cause` is the value of machine.reset_cause()."""
        self.kill()
        self.mcu.reset()
        self.last_lines.clear()
        emulator = self.emulator = Emulator(self.flash, watchdog_bit=cause == WATCHDOG)
        emulator.console.on_data = self._hear
        constants = self._constants
        self.lines = make_lines(
            self.mcu, constants, lambda pin: _Pad(emulator, pin), lambda: self.emulator is emulator
        )
        by_pin = {constants[f"{name}_IO"]: line for name, line in self.lines.items()}
        link = self._link = Link(emulator, self.mcu, by_pin)
        for name in self._shorted:
            self.lines[name].hold_low(True)
        emulator.on_reset = self._follow_reset
        emulator.flash_chip.on_operation = self._report_flash_operation
        self.ended = None
        link.listen_to_new_wires()

    def run_until(self, when_us: int) -> bool:
        """Run the firmware until then.

        Return True if it got there, False if it ended before.
        """
        if self._link is None:
            return False
        self._link.listen_to_new_wires()
        try:
            seconds = max(0, when_us - self.mcu.clock.now_us) // 1_000_000
            limit_s = self.wall_limit_s + _WALL_S_PER_S * seconds
            reached = self._link.time.run_until(when_us, limit_s)
        except BaseException:
            self.kill()
            raise
        if self.mcu.dead:
            self._end("power cut")
        elif not reached:
            self._end("exit")
        return self.ended is None

    def kill(self) -> None:
        """Cut the power at this instant; the flash keeps its content."""
        if self._link:
            self._end("killed")

    def close(self) -> None:
        self.kill()

    def short_line(self, name: str, low: bool) -> None:
        """Put metal on a T=0 line ("CARD") or remove it, now and at each later start."""
        (self._shorted.add if low else self._shorted.discard)(name)
        if self.emulator:
            self.lines[name].hold_low(low)

    def agree(self, name: str, rate: tuple[int, int]) -> None:
        """Change the F and D of the chip on this line."""
        if name in self.lines:
            self.lines[name].agree(rate)

    def __enter__(self) -> "ChipRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def story(self) -> str:
        """Return how it ended, with the last lines it wrote, for a test's message."""
        return "\n".join((self.ended or "running", *self.last_lines))

    # ****** Flash ******

    @property
    def flash(self) -> bytes:
        """Return the whole flash as a power cut now would leave it."""
        if self.emulator:
            return self.emulator.flash
        if self._flash is None:
            self._flash = self._fill()
        return self._flash

    @flash.setter
    def flash(self, content: bytes) -> None:
        """End the present run, and set the flash for the next start."""
        self.kill()
        self._flash = content

    def save_flash(self, path: Path) -> None:
        """Save the flash to this file, if it was ever used."""
        if self._flash is not None or self.emulator:
            path.write_bytes(self._filled + zlib.compress(self.flash, 1))

    def load_flash(self, path: Path) -> None:
        """Load the flash that `save_flash` wrote.

        It is new if there is no such file, or if image or firmware have changed since.
        """
        kept = path.read_bytes() if path.is_file() else b""
        if kept and kept[:32] == sha256(self._make_flash()).digest():
            self._filled, self.flash = kept[:32], zlib.decompress(kept[32:])

    def _fill(self) -> bytes:
        content = self._make_flash()
        self._filled = sha256(content).digest()
        return content

    def _make_flash(self) -> bytes:
        content = files.compile_files(*self._folders) | self.extra_files
        return load_image(find_image()).ljust(FILES_AT, b"\xff") + files.build_files_image(content)

    @property
    def files(self) -> dict[str, bytes]:
        """Return the content of the chip's file system."""
        flash = self.flash
        assert len(flash) == FLASH_SIZE
        return files.read_files(flash)

    # ****** While it runs ******

    def _follow_reset(self, why: str) -> None:
        assert self._link
        self._link.let_go()
        if self.on_reset:
            self._link.time.touch(self.on_reset, why)

    def _report_flash_operation(self, operation: FlashOperation) -> int | None:
        return (
            self._link.time.touch(self.on_flash, operation)
            if self.on_flash and self._link
            else None
        )

    def _end(self, ending: str) -> None:
        assert self.emulator and self._link
        self._flash = self.emulator.flash
        self._link.release()
        self.emulator = self._link = None
        if self._partial not in (b"", _PROMPT):
            self._take_line(self._partial)
        self._partial = b""
        self.ended = ending

    def _hear(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._take_line(line)
        if self._partial == _PROMPT and self.emulator:
            self.emulator.stop()

    def _take_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self.last_lines.append(text)
        if self._on_line:
            self._on_line(text)
