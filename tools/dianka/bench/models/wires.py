"""What connects the controller to the models: single wires, serial ports, I2C and SPI buses.

The models speak in levels, characters and bus bytes. Each rung plugs the controller in on the other
side (`Mcu` in mcu.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dianka.bench.models.clock import Clock


class Wire:
    """One digital wire.

    `level` is what everybody sees; `listeners` hear every change as (level).
    """

    __slots__ = ("level", "listeners", "name")

    def __init__(self, name: str, level: int = 0) -> None:
        self.name = name
        self.level = level
        self.listeners: list[Callable[[int], None]] = []

    def set(self, level: int) -> None:
        if level != self.level:
            self.level = level
            for listener in self.listeners:
                listener(level)

    def release(self, pull_up: bool = False) -> None:
        """Let go of it as the controller: the pull of its own pin decides."""
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
        self._held = low
        self.set(self._driven)

    def release(self, pull_up: bool = False) -> None:
        self.set(1)


@dataclass(frozen=True)
class Format:
    """How characters go over a serial wire.

    `parity`: 0 even, 1 odd, None without, as machine.UART counts.
    """

    baud: int
    bits: int = 8
    parity: int | None = None
    stop: int = 1

    @property
    def char_us_x1000(self) -> int:
        """Nanoseconds a character takes: start, data, parity, stop."""
        return self.char_bits * 1_000_000_000 // self.baud

    @property
    def char_bits(self) -> int:
        return 1 + self.bits + (self.parity is not None) + self.stop


class SerialPort:
    """The controller's UART as the models see it.

    `sink(value, start_us, format)` is called by the controller's side for each character sent, when
    it starts. Models hand characters in with `deliver` when their last bit has passed. Like the
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
        # Bits after its edge a UART has a T=0 character; 0 where the line is made bit by bit.
        self.heard_etu = 11
        self.settle: Callable[[], None] | None = (
            None  # a lazy model hands in here what has arrived by now
        )
        self._free_us = 0

    def configure(self, format: Format, ring_size: int = 256) -> None:
        self.waiting()
        self.format = format
        self.ring_size = ring_size
        self.received.clear()

    def send(self, data: bytes) -> None:
        """From the controller: characters leave one after the other, from now on."""
        if self.format is None:
            raise RuntimeError("serial port written before it was opened")
        start_ns = max(self.clock.now_us * 1000, self._free_us * 1000)
        for value in data:
            if self.sink:
                start_us, sink, form = start_ns // 1000, self.sink, self.format
                self.clock.at(start_us, lambda v=value, s=start_us, k=sink, f=form: k(v, s, f))
            start_ns += self.format.char_us_x1000
        self._free_us = -(-start_ns // 1000)

    def waiting(self) -> int:
        """Characters in the ring now.

        To be asked by whoever plugs the controller in before `received` is read.
        """
        if self.settle:
            self.settle()
        return len(self.received)

    @property
    def sent_by_us(self) -> int:
        """When the last character handed to `send` has left, in the clock's microseconds."""
        return self._free_us

    def deliver(self, value: int, sent_as: Format) -> None:
        """From a model: one character has arrived.

        A format that does not fit the port's arrives as rubbish.
        """
        if self.format is None:
            return
        if not _compatible(self.format, sent_as):
            value = rubbish(value)
        if len(self.received) >= self.ring_size:
            self.lost += 1
            return
        self.received.append(value)
        if self.on_receive:
            self.on_receive()


def rubbish(value: int) -> int:
    """What a receiver makes of a character at a rate or in a format that is not its own."""
    return (value * 37 + 11) & 0xFF


def _compatible(ours: Format, theirs: Format) -> bool:
    if ours.bits != theirs.bits or (ours.parity is None) != (theirs.parity is None):
        return False
    return (
        abs(ours.baud - theirs.baud) * 100 <= 4 * ours.baud
    )  # an 11-bit character survives about 4 %


class I2cDevice(Protocol):
    """A chip on the I2C bus, byte by byte.

    `start` and `write` answer whether the chip acknowledges.
    """

    def start(self, read: bool) -> bool: ...
    def write(self, value: int) -> bool: ...
    def read(self) -> int: ...
    def stop(self) -> None: ...


class I2cLines(Protocol):
    """SDA and SCL bit by bit (i2clines.py), for what happens inside a byte."""

    @property
    def held(self) -> bool: ...
    def start(self) -> None: ...
    def strand_sender(self, device: I2cDevice, value: int, bit: int) -> None: ...
    def strand_receiver(self, device: I2cDevice) -> None: ...


@dataclass
class Loss:
    """The controller goes at this bit of the `count`th byte that chips send from now on.

    Not `reading`: of the `count`th byte that they take, which can only be its acknowledge.
    """

    count: int
    happen: Callable[[], None]
    bit: int = 8  # 0 the first of a byte, 8 its acknowledge
    reading: bool = True

    def due(self, reading: bool) -> bool:
        self.count -= reading == self.reading
        return not self.count


class I2cBus:
    """Bytes to and from the chips. No transfer begins while a chip holds SDA (`held`)."""

    def __init__(self) -> None:
        self.devices: dict[int, I2cDevice] = {}
        self.freq = 0
        self.lines: I2cLines | None = (
            None  # none: the controller never goes in the middle of a byte
        )
        self.loss: Loss | None = None

    @property
    def held(self) -> bool:
        return self.lines is not None and self.lines.held

    def write(self, address: int, data: bytes, stop: bool = True) -> int:
        """Bytes acknowledged, or -1 if nothing acknowledged the address."""
        device = self._begin(address, False)
        if device is None:
            return -1
        done = 0
        for value in data:
            if not device.write(value):
                break
            done += 1
            if self._lost(device, False):
                return -1
        if stop:
            device.stop()
        return done

    def read(self, address: int, count: int, stop: bool = True) -> bytes | None:
        """`count` bytes, or None if nothing acknowledged the address."""
        device = self._begin(address, True)
        if device is None:
            return None
        data = bytearray()
        while len(data) < count:
            data.append(device.read())
            if self._lost(device, True, data[-1]):
                return None
        if stop:
            device.stop()
        return bytes(data)

    def _begin(self, address: int, read: bool) -> I2cDevice | None:
        """START and the address; the device if it acknowledges."""
        if self.held:
            return None
        if self.lines:
            self.lines.start()
        device = self.devices.get(address)
        return device if device is not None and device.start(read) else None

    def _lost(self, device: I2cDevice, reading: bool, value: int = 0) -> bool:
        """Whether the controller goes in this byte; the chip then waits for it."""
        loss = self.loss
        if loss is None or not loss.due(reading):
            return False
        assert self.lines
        self.loss = None
        if reading:
            self.lines.strand_sender(device, value, loss.bit)
        else:
            self.lines.strand_receiver(device)
        loss.happen()
        return True


class SpiDevice(Protocol):
    """A chip on the SPI bus: one byte each way. Its chip select is a Wire of its own."""

    def exchange(self, value: int, bus: "SpiBus") -> int: ...


class SpiBus:
    """Bytes MSB first, as the RP2040 sends them.

    Every device hears every byte; those not selected answer 0xFF.
    """

    def __init__(self) -> None:
        self.devices: list[SpiDevice] = []
        self.baud = 0
        self.polarity = 0
        self.phase = 0

    def exchange(self, data: bytes) -> bytes:
        out = bytearray()
        for value in data:
            answer = 0xFF
            for device in self.devices:
                answer &= device.exchange(value, self)
            out.append(answer)
        return bytes(out)
