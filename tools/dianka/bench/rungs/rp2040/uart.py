"""The RP2040's UART, an ARM PL011 (RP2040 datasheet 4.2, ARM DDI 0183), with its FIFOs of 32.

It replaces rp2040py's, which raises its transmit interrupt without end and sends in no time. Here a
character takes its time. Kept to the manual: the transmit interrupt comes as the FIFO falls through
its level, the receive interrupt at its level, the receive timeout after 32 bit times without a
character; error bits travel with their character; a character that finds the FIFO full is lost.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from rp2040py.peripherals.uart import RPUART
from rp2040py.rp2040 import RP2040

from dianka.bench.models.wires import Format

# Error bits of a received character.
FRAMING, PARITY, BREAK, OVERRUN = (1 << 8, 1 << 9, 1 << 10, 1 << 11)

_DR, _RSR, _FR, _IFLS, _IMSC, _RIS, _MIS, _ICR, _DMACR = (
    0x00,
    0x04,
    0x18,
    0x34,
    0x38,
    0x3C,
    0x40,
    0x44,
    0x48,
)
_IBRD, _FBRD, _LCR_H, _CR = 0x24, 0x28, 0x2C, 0x30
_RX, _TX, _TIMEOUT = 1 << 4, 1 << 5, 1 << 6
_ERROR_SHIFT = 1  # a character's error bits are one place below the interrupts that they raise
_LEVELS = (4, 8, 16, 24, 28)  # of 32, by the level select's number
_TX_EMPTY, _RX_FULL, _TX_FULL, _RX_EMPTY, _BUSY = 1 << 7, 1 << 6, 1 << 5, 1 << 4, 1 << 3
_CLEAR_TO_SEND = 1
_LOOPBACK = 1 << 7
_TIMEOUT_BITS = 32
_BLOCK = 0x40034  # UART0 in the emulator's table of peripherals; UART1 is 4 further


class Pl011(RPUART):
    """One UART. `on_start(value)` is called as a character begins to leave.

    `feed_byte` takes one whose last bit has passed; `on_format` is called after a change of
    settings.
    """

    @classmethod
    def install(cls, chip: RP2040, number: int) -> "Pl011":
        """Replace the chip's UART of this number."""
        old = chip.uart[number]
        new = cls(chip, old.name, old.irq, old.dreq)
        chip.uart[number] = new
        chip.peripherals[_BLOCK + 4 * number] = new
        return new

    def __init__(self, chip: RP2040, name: str, irq: int, dreq: Any) -> None:
        super().__init__(chip, name, irq, dreq)
        self.on_start: Callable[[int], None] | None = None
        self.on_format: Callable[[], None] | None = None
        self.lost = 0
        self._sent_alarm = chip.clock.create_alarm(self._end_character)
        self._timeout_alarm = chip.clock.create_alarm(self._time_out)
        self._clear()

    def reset(self) -> None:
        super().reset()
        self._sent_alarm.cancel()
        self._timeout_alarm.cancel()
        self._clear()
        if self.on_format:
            self.on_format()

    def _clear(self) -> None:
        self._incoming: deque[int] = deque()
        self._outgoing: deque[int] = deque()
        self._leaving: int | None = None
        self._raised = 0
        self._levels = 0x12
        self._dma = 0

    # ****** The line ******

    @property
    def format(self) -> Format | None:
        """Return the format of the line; None while the UART is off."""
        divider = self._int_divisor * 64 + self._frac_divisor
        if not self.enabled or not divider:
            return None
        line = self._line_ctrl_register
        parity = None if not line & 2 else 0 if line & 4 else 1
        baud = (self.rp2040.clk_peri * 8 + divider) // (2 * divider)
        return Format(baud, self.word_length, parity, 2 if line & 8 else 1)

    @property
    def bit_ns(self) -> float:
        """Return the duration of one bit."""
        return 16 * (self._int_divisor + self._frac_divisor / 64) * 1e9 / self.rp2040.clk_peri

    def feed_byte(self, value: int, error: int = 0) -> None:
        """Receive a character, with its error bits."""
        if not (self.enabled and self.rx_enabled):
            self.lost += 1
            return
        if len(self._incoming) >= self._capacity:
            self.lost += 1
            error = OVERRUN
        else:
            self._incoming.append(value & 0xFF | error)
        self._raised |= error >> _ERROR_SHIFT
        if len(self._incoming) >= self._receive_level:
            self._raised |= _RX
        self._timeout_alarm.schedule(_TIMEOUT_BITS * self.bit_ns)
        self.check_interrupts()

    def _time_out(self) -> None:
        if self._incoming:
            self._raised |= _TIMEOUT
            self.check_interrupts()

    def _start(self) -> None:
        if (
            self._leaving is not None
            or not self._outgoing
            or not (self.enabled and self.tx_enabled)
        ):
            return
        form = self.format
        assert form
        self._leaving = self._outgoing.popleft()
        if len(self._outgoing) == self._send_level:
            self._raised |= _TX
        self._sent_alarm.schedule(form.char_bits * self.bit_ns)
        if self.on_start and not self._ctrl_register & _LOOPBACK:
            self.on_start(self._leaving)

    def _end_character(self) -> None:
        value, self._leaving = self._leaving, None
        if self._ctrl_register & _LOOPBACK and value is not None:
            self.feed_byte(value)
        self._start()
        self.check_interrupts()

    # ****** Registers ******

    @property
    def _capacity(self) -> int:
        return 32 if self.fifos_enabled else 1

    @property
    def _receive_level(self) -> int:
        return _LEVELS[min(self._levels >> 3 & 7, 4)] if self.fifos_enabled else 1

    @property
    def _send_level(self) -> int:
        return _LEVELS[min(self._levels & 7, 4)] if self.fifos_enabled else 0

    @property
    def flags(self) -> int:
        flags = _CLEAR_TO_SEND
        if not self._outgoing:
            flags |= _TX_EMPTY
        if len(self._outgoing) >= self._capacity:
            flags |= _TX_FULL
        if not self._incoming:
            flags |= _RX_EMPTY
        if len(self._incoming) >= self._capacity:
            flags |= _RX_FULL
        if self._leaving is not None or self._outgoing:
            flags |= _BUSY
        return flags

    def check_interrupts(self) -> None:
        self.rp2040.set_interrupt(self.irq, bool(self._raised & self._interrupt_mask))

    def read_uint32(self, offset: int) -> int:
        if offset == _DR:
            return self._take()
        registers = {_RSR: 0, _IFLS: self._levels, _DMACR: self._dma, _RIS: self._raised}
        registers[_MIS] = self._raised & self._interrupt_mask
        if offset in registers:
            return registers[offset]
        return super().read_uint32(offset)

    def _take(self) -> int:
        value = self._incoming.popleft() if self._incoming else 0
        if len(self._incoming) < self._receive_level:
            self._raised &= ~_RX
        if not self._incoming:
            self._raised &= ~_TIMEOUT
        self.check_interrupts()
        return value

    def write_uint32(self, offset: int, value: int) -> None:
        if offset == _DR:
            if len(self._outgoing) < self._capacity:
                self._outgoing.append(value & 0xFF)
                self._start()
            if len(self._outgoing) > self._send_level:
                self._raised &= ~_TX
        elif offset == _IFLS:
            self._levels = value & 0x3F
        elif offset == _IMSC:
            self._interrupt_mask = value & 0x7FF
        elif offset == _ICR:
            self._raised &= ~self.raw_write_value
        elif offset == _DMACR:
            self._dma = value
        elif offset != _RSR:
            super().write_uint32(offset, value)
            if offset in (_IBRD, _FBRD, _LCR_H, _CR):
                self._follow_settings()
        self.check_interrupts()

    def _follow_settings(self) -> None:
        if self.on_format:
            self.on_format()
        self._start()
