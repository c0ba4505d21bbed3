"""The Pico's flash chip (W25Q16JV), with erasing and programming that take their time.

An operation can be watched, and torn by a power cut. Typical times of the datasheet: 45 ms for a
sector of 4 KiB, 150 ms for a block of 64 KiB, 0.7 ms for a page of 256 bytes. While one runs, bit 0
of status register 1 reads 1; the boot ROM's flash routines poll it. Programming can only clear
bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rp2040py.peripherals.ssi import (
    CMD_BLOCK_ERASE,
    CMD_PAGE_PROGRAM,
    CMD_READ_STATUS_1,
    CMD_SECTOR_ERASE,
)
from rp2040py.rp2040 import RP2040

_SIZES = {CMD_SECTOR_ERASE: 4096, CMD_BLOCK_ERASE: 65536, CMD_PAGE_PROGRAM: 256}
_DURATIONS_NS = {
    CMD_SECTOR_ERASE: 45_000_000,
    CMD_BLOCK_ERASE: 150_000_000,
    CMD_PAGE_PROGRAM: 700_000,
}
_BUSY = 1


@dataclass(frozen=True)
class FlashOperation:
    """One erase or program.

    `before` and `after` are the contents from `address` on, before and after it.
    """

    kind: str  # "erase" or "program"
    address: int
    before: bytes
    after: bytes
    begun_ns: int
    done_ns: int

    def tear_content(self, landed: int) -> bytes:
        """Return the content if only so many bytes were done.

        The next byte has only some of its bits changed.
        """
        if landed >= len(self.after):
            return self.after
        half = (
            self.before[landed] & self.after[landed]
            | (self.before[landed] | self.after[landed]) & 0x55
        )
        return self.after[:landed] + bytes((half,)) + self.before[landed + 1 :]


class FlashChip:
    """The flash of one emulated chip.

    `sleep(ns)` lets emulated time pass in the middle of a register access and returns how much did.
    """

    def __init__(self, chip: RP2040, sleep: Callable[[int], int]) -> None:
        self.on_operation: Callable[[FlashOperation], int | None] | None = None
        """Called as each begins. An answer cuts the power there: so many bytes of it are done."""
        self.on_cut: Callable[[], None] | None = None
        self.takes_time = True
        self.operations = 0
        self._chip = chip
        self._sleep = sleep
        self._ssi = chip.ssi
        self._shift, self._apply = chip.ssi._shift_byte, chip.ssi._apply_command
        chip.ssi._shift_byte = self._shift_byte  # type: ignore[method-assign]
        chip.ssi._apply_command = self._execute_command
        self._running: FlashOperation | None = None

    def get_content(self, size: int) -> bytes:
        """Return the memory as a power cut now would leave it, inside an operation too."""
        flash = self._chip.flash
        content = bytearray(flash[:size])
        operation = self._running
        now_ns = self._now_ns
        if operation and now_ns < operation.done_ns:
            landed = (
                len(operation.after)
                * (now_ns - operation.begun_ns)
                // (operation.done_ns - operation.begun_ns)
            )
            content[operation.address : operation.address + len(operation.after)] = (
                operation.tear_content(landed)
            )
        return bytes(content)

    @property
    def _now_ns(self) -> int:
        return round(self._chip.clock.nanos)

    def _execute_command(self) -> None:
        """Carry out the bytes shifted in: the chip has been deselected."""
        buffer = self._ssi._tx_buffer
        code = buffer[0] if buffer else 0
        if code not in _SIZES or len(buffer) < 4 or not self._ssi._write_enabled:
            self._apply()
            return
        size = _SIZES[code]
        address = int.from_bytes(buffer[1:4], "big") & ~(size - 1)
        before = bytes(self._chip.flash[address : address + size])
        self._apply()
        after = bytes(self._chip.flash[address : address + size])
        now_ns = self._now_ns
        done_ns = now_ns + (_DURATIONS_NS[code] if self.takes_time else 0)
        kind = "program" if code == CMD_PAGE_PROGRAM else "erase"
        self._begin(FlashOperation(kind, address, before, after, now_ns, done_ns))

    def _begin(self, operation: FlashOperation) -> None:
        self._running = operation
        self.operations += 1
        landed = self.on_operation(operation) if self.on_operation else None
        if landed is not None:
            end = operation.address + len(operation.after)
            self._chip.flash[operation.address : end] = operation.tear_content(landed)
            self._running = None
            if self.on_cut:
                self.on_cut()

    def _shift_byte(self, value: int) -> int:
        answer = self._shift(value)
        buffer = self._ssi._tx_buffer
        if buffer[0] == CMD_READ_STATUS_1 and len(buffer) > 1 and self._running:
            left_ns = self._running.done_ns - self._now_ns
            if left_ns > 0 and self._sleep(left_ns) < left_ns:
                return answer | _BUSY
            self._running = None
        return answer
