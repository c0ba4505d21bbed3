"""The wiring between controller and models: single wires, serial ports, SPI buses; i2c.py has I2C.

The models speak in levels, characters and bus bytes. Each rung connects the controller on the other
side (`Mcu` in mcu.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dianka.bench.models.clock import Clock, Timer


class Wire:
    """One digital wire.

    Everybody reads `level`; every change is passed to the `listeners` as (level).
    """

    __slots__ = ("level", "listeners", "name")

    def __init__(self, name: str, level: int = 0) -> None:
        self.name = name
        self.level = level
        self.listeners: list[Callable[[int], None]] = []

    def set(self, level: int) -> None:
        """Drive the wire to this level; listeners hear of a change."""
        if level != self.level:
            self.level = level
            for listener in self.listeners:
                listener(level)

    def release(self, pull_up: bool = False) -> None:
        """Stop driving it as the controller: the pull of its own pin decides."""
        self.set(int(pull_up))


class SharedWire(Wire):
    """A line with a pull-up on the board, which either side can only pull low.

    `set` is the controller's side, `hold` the chips'.
    """

    __slots__ = ("_driven", "_held")

    def __init__(self, name: str) -> None:
        super().__init__(name, 1)
        self._driven, self._held = 1, False

    def set(self, level: int) -> None:
        self._driven = level
        super().set(int(bool(level) and not self._held))

    def hold(self, low: bool) -> None:
        """Pull the line low as a chip, or let it go."""
        self._held = low
        self.set(self._driven)

    def release(self, pull_up: bool = False) -> None:
        self.set(1)


class ContactWire(SharedWire):
    """A line as SharedWire is one, whose listener hears what the controller itself does.

    `on_drive` gets the level that it drives, or None as it lets go.
    """

    __slots__ = ("_own", "on_drive")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.on_drive: Callable[[int | None], None] = lambda level: None
        self._own: int | None = None

    def set(self, level: int) -> None:
        super().set(level)
        self._tell(level)

    def hold(self, low: bool) -> None:
        self._held = low
        super().set(self._driven)

    def release(self, pull_up: bool = False) -> None:
        super().set(1)
        self._tell(None)

    def _tell(self, own: int | None) -> None:
        if own != self._own:
            self._own = own
            self.on_drive(own)


@dataclass(frozen=True)
class Format:
    """The format of the characters on a serial wire.

    `parity`: 0 even, 1 odd, None without, as machine.UART counts.
    """

    baud: int
    bits: int = 8
    parity: int | None = None
    stop: int = 1

    @property
    def char_us_x1000(self) -> int:
        """Return the nanoseconds of one character: start, data, parity, stop."""
        return self.char_bits * 1_000_000_000 // self.baud

    @property
    def char_bits(self) -> int:
        """Return the bits of one character: start, data, parity, stop."""
        return 1 + self.bits + (self.parity is not None) + self.stop


class SerialPort:
    """The controller's UART as the models see it.

    The controller's side calls `sink(value, start_us, format)` for each character sent, when it
    starts. Models pass characters in with `deliver` when their last bit has passed. Like the
    RP2040's and ESP32's UART under MicroPython, the port keeps characters with a parity error
    unmarked, and drops breaks and what its ring can't hold.
    """

    def __init__(self, clock: Clock, ring_size: int = 256) -> None:
        self.clock = clock
        self.format: Format | None = None
        self.ring_size = ring_size
        self.received = bytearray()
        self.lost = 0
        self.sink: Callable[[int, int, Format], None] | None = None
        self.on_receive: Callable[[], None] | None = None
        # Etu from a T=0 character's edge to its receipt by a UART; 0 where bits are simulated.
        self.heard_etu = 11
        # A lazy model delivers here the characters that have arrived by now.
        self.settle: Callable[[], None] | None = None
        self._free_us = 0
        self._sending: list[Timer] = []  # characters given to `send` that have not begun yet
        self._stalled_us = 0  # until then nobody empties the FIFO
        self._fifo_room = 0

    def stall(self, us: int, fifo: int) -> None:
        """Let the interrupt that empties the FIFO wait so long: the FIFO alone takes characters.

        As on an ESP32 that writes its flash. What the FIFO holds afterwards goes on into the ring.
        """
        self.count_waiting()
        self._stalled_us, self._fifo_room = self.clock.now_us + us, fifo
        self.clock.call_at(self._stalled_us, self._end_stall)

    def _end_stall(self) -> None:
        self.count_waiting()

    def _admit(self, count: int) -> int:
        """Return how many of `count` characters that have just arrived get through to the ring."""
        if self.clock.now_us > self._stalled_us:
            return count
        admitted = min(count, self._fifo_room)
        self._fifo_room -= admitted
        self.lost += count - admitted
        return admitted

    def configure(self, format: Format, ring_size: int = 256) -> None:
        """Open the port with this format and an empty ring, or change its settings."""
        self.count_waiting()
        self.format = format
        self.ring_size = ring_size
        self.received.clear()

    def send(self, data: bytes) -> None:
        """Send from the controller: characters leave one after the other, from now on.

        RuntimeError if the port was not opened.
        """
        if self.format is None:
            raise RuntimeError("serial port written before it was opened")
        now_us = self.clock.now_us
        start_ns = max(now_us * 1000, self._free_us * 1000)
        self._sending = [timer for timer in self._sending if timer.when_us > now_us]
        for value in data:
            if self.sink:
                start_us, sink, form = start_ns // 1000, self.sink, self.format
                self._sending.append(
                    self.clock.call_at(
                        start_us, lambda v=value, s=start_us, k=sink, f=form: k(v, s, f)
                    )
                )
            start_ns += self.format.char_us_x1000
        self._free_us = -(-start_ns // 1000)

    def reset(self) -> None:
        """Close the port, as a reset of the controller does: what it was still to send is not."""
        for timer in self._sending:
            timer.cancel()
        self._sending.clear()
        self._free_us = 0
        self.format = None
        self.received.clear()

    def count_waiting(self) -> int:
        """Return the number of characters in the ring now.

        The controller's side calls it before it reads `received`: a lazy model delivers here.
        """
        if self.settle:
            self.settle()
        return len(self.received)

    @property
    def sent_by_us(self) -> int:
        """Return when the last character given to `send` has left, in the clock's us."""
        return self._free_us

    def deliver_all(self, values: bytes, sent_as: Format) -> None:
        """Take characters that have arrived one after the other."""
        if self.format is None:
            return
        if not _is_compatible(self.format, sent_as):
            values = bytes(garble(value) for value in values)
        values = values[: self._admit(len(values))]
        room = max(0, self.ring_size - len(self.received))
        self.received += values[:room]
        self.lost += max(0, len(values) - room)
        if room and values and self.on_receive:
            self.on_receive()

    def deliver(self, value: int, sent_as: Format) -> None:
        """Take one character from a model.

        If its format does not fit the port's, it arrives as rubbish.
        """
        if self.format is None:
            return
        if not _is_compatible(self.format, sent_as):
            value = garble(value)
        if not self._admit(1):
            return
        if len(self.received) >= self.ring_size:
            self.lost += 1
            return
        self.received.append(value)
        if self.on_receive:
            self.on_receive()


def garble(value: int) -> int:
    """Return the value that a receiver in another rate or format gets for this character."""
    return (value * 37 + 11) & 0xFF


def _is_compatible(ours: Format, theirs: Format) -> bool:
    """Return whether a receiver with one format understands the other."""
    if ours.bits != theirs.bits or (ours.parity is None) != (theirs.parity is None):
        return False
    # An 11-bit character survives about 4 %.
    return abs(ours.baud - theirs.baud) * 100 <= 4 * ours.baud


class SpiDevice(Protocol):
    """A chip on the SPI bus: one byte each way. Its chip select is a Wire of its own."""

    def exchange(self, value: int, bus: "SpiBus") -> int: ...


class SpiBus:
    """Bytes MSB first, as the RP2040 sends them.

    Every device gets every byte; those not selected return 0xFF.
    """

    def __init__(self) -> None:
        self.devices: list[SpiDevice] = []
        self.baud = 0
        self.polarity = 0
        self.phase = 0

    def exchange(self, data: bytes) -> bytes:
        """Send these bytes to all devices; return the bytes that come back."""
        out = bytearray()
        for value in data:
            answer = 0xFF
            for device in self.devices:
                answer &= device.exchange(value, self)
            out.append(answer)
        return bytes(out)
