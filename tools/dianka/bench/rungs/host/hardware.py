"""`machine` and `time` for the host rung: strict, small, and only a way to the bench's Mcu.

Wrong arguments raise as on the RP2040; a method that a port does not have is not here either.
Levels and bytes are the models', so nothing answers that is not wired.
"""

import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dianka.bench.models.mcu import FALLING, RISING, Mcu, PowerCut
from dianka.bench.models.wires import Format, SerialPort

TICKS = 1 << 30
EIO = 5
ETIMEDOUT = 110


class Reset(BaseException):
    """Raised by machine.reset(): this start of the firmware ends here."""


class Hardware:
    """All that one start of the firmware uses of the Mcu.

    Calls after the supply has failed raise PowerCut.
    """

    def __init__(self, mcu: Mcu, cause: int, wait_us: Callable[[int], None]) -> None:
        self.mcu = mcu
        self.cause = cause
        self.wait_us = wait_us
        self.handlers: dict[int, Callable[[Any], None]] = {}
        self.pins: dict[int, Any] = {}
        self.start_us = mcu.clock.now_us
        # True once this start has ended: its remains must not act on the next one.
        self.over = False

    def get_mcu(self) -> Mcu:
        """Return the Mcu; PowerCut if this start is over or the supply is gone."""
        if self.over or self.mcu.dead:
            raise PowerCut
        return self.mcu

    def survive(self) -> None:
        """End the firmware here if the watchdog has reset it within its last operation."""
        if self.mcu.bitten:
            self.wait_us(0)

    # ****** time ******

    def ticks_us(self) -> int:
        """Return the ticks in us, which wrap at 2^30.

        At the start they are 30 s before the wrap, in ms and in us alike.
        """
        return (self.mcu.clock.now_us - self.start_us + TICKS - 30_000_000) % TICKS

    def ticks_ms(self) -> int:
        """Return the ticks in ms; the wrap as in `ticks_us`."""
        return ((self.mcu.clock.now_us - self.start_us) // 1000 + TICKS - 30_000) % TICKS

    def make_time_module(self) -> types.ModuleType:
        """Return the module that `import time` gives the firmware."""
        module = types.ModuleType("time")
        names = {
            "ticks_ms": self.ticks_ms,
            "ticks_us": self.ticks_us,
            "ticks_diff": lambda a, b: ((a - b + TICKS // 2) % TICKS) - TICKS // 2,
            "ticks_add": lambda a, b: (a + b) % TICKS,
            "sleep_ms": lambda ms: self.wait_us(max(0, ms) * 1000),
            "sleep_us": lambda us: self.wait_us(max(0, us)),
            "time": lambda: (self.mcu.clock.now_us - self.start_us) // 1_000_000,
        }
        vars(module).update(names)
        return module

    # ****** machine ******

    def make_machine_module(self) -> types.ModuleType:
        """Return the module that `import machine` gives the firmware."""
        module = types.ModuleType("machine")
        for base in (Pin, UART, SPI, I2C, Counter, PWM, WDT):
            setattr(module, base.__name__, type(base.__name__, (base,), {"_hw": self}))
        vars(module).update(
            PWRON_RESET=1, WDT_RESET=3, reset=self.reset, reset_cause=lambda: self.cause
        )
        return module

    def reset(self) -> None:
        raise Reset

    def run_handlers(self) -> None:
        """Call the handlers of the edges that have happened."""
        for number, _ in self.mcu.take_edges():
            if number in self.handlers:
                self.handlers[number](self.pins[number])


class Pin:
    """machine.Pin; reading gives the wire's level, also of an output."""

    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_RISING, IRQ_FALLING = RISING, FALLING
    _hw: Hardware

    def __init__(
        self, number: int, mode: int = -1, pull: int | None = -1, *, value: int | None = None
    ) -> None:
        if not isinstance(number, int) or not 0 <= number <= 39:
            raise ValueError("invalid pin")
        self._number = number
        self._wire = self._hw.get_mcu().get_pin(number)
        self._out = mode in (self.OUT, self.OPEN_DRAIN)
        self._hw.pins[number] = self
        if value is not None:
            self.value(value)

    def init(self, mode: int = -1, pull: int | None = -1, *, value: int | None = None) -> None:
        """Change the mode; an input that was driven is let go."""
        self._out = mode in (self.OUT, self.OPEN_DRAIN)
        if not self._out:
            self._wire.release(pull == self.PULL_UP)
        elif value is not None:
            self.value(value)

    def value(self, level: int | None = None) -> int | None:
        self._hw.get_mcu()
        if level is None:
            return self._wire.level
        if not self._out:
            raise ValueError(f"pin {self._number} is an input")
        self._wire.set(1 if level else 0)
        return None

    def on(self) -> None:
        self.value(1)

    def off(self) -> None:
        self.value(0)

    def irq(
        self, handler: Callable[[Any], None], trigger: int = RISING | FALLING, *, hard: bool = False
    ) -> None:
        self._hw.handlers[self._number] = handler
        self._hw.get_mcu().arm(self._number, trigger)


class UART:
    """machine.UART; of the pins only those count at which a UART is turned to a line."""

    _hw: Hardware

    def __init__(
        self,
        number: int,
        baudrate: int = 115200,
        bits: int = 8,
        parity: int | None = None,
        stop: int = 1,
        *,
        tx: Pin | None = None,
        rx: Pin | None = None,
        rxbuf: int = 256,
        txbuf: int = 256,
    ) -> None:
        if not 32 <= rxbuf <= 32766 or not 32 <= txbuf <= 32766:
            raise ValueError("rxbuf or txbuf")
        self._number = number
        self._port = self._find_port(tx, rx)
        self._port.configure(Format(baudrate, bits, parity, stop), rxbuf)

    def init(self, *, baudrate: int, tx: Pin | None = None, rx: Pin | None = None) -> None:
        """Change rate and pins. The other settings stay, and characters in the ring are lost."""
        former = self._port
        self._hw.get_mcu()
        if former.format is None or baudrate <= 0:
            raise ValueError("baudrate")
        form = replace(former.format, baud=baudrate)
        if tx and rx:
            former.format = None
            self._port = self._find_port(tx, rx)
        self._port.configure(form, former.ring_size)

    def _find_port(self, tx: Pin | None, rx: Pin | None) -> SerialPort:
        pins = (pin._number if pin else -1 for pin in (tx, rx))
        return self._hw.get_mcu().find_uart(self._number, *pins)

    def any(self) -> int:
        self._hw.get_mcu()
        return self._port.count_waiting()

    def read(self, count: int) -> bytes | None:
        count = min(count, self.any())
        data = bytes(self._port.received[:count])
        del self._port.received[:count]
        return data or None

    def readinto(self, buffer: Any, count: int | None = None) -> int | None:
        data = self.read(len(buffer) if count is None else min(count, len(buffer)))
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: bytes) -> int:
        self._hw.get_mcu()
        self._port.send(bytes(data))
        return len(data)

    def txdone(self) -> bool:
        mcu = self._hw.get_mcu()
        return mcu.clock.now_us >= self._port.sent_by_us


class SPI:
    """machine.SPI, MSB first; bytes that no chip answers read FFH."""

    MSB, LSB = 1, 0
    _hw: Hardware

    def __init__(
        self,
        number: int,
        baudrate: int = 1_000_000,
        *,
        polarity: int = 0,
        phase: int = 0,
        bits: int = 8,
        firstbit: int = MSB,
        sck: Pin | None = None,
        mosi: Pin | None = None,
        miso: Pin | None = None,
    ) -> None:
        if firstbit != self.MSB:
            raise NotImplementedError("LSB")
        self._bus = self._hw.get_mcu().get_spi_bus(number)
        self.init(baudrate=baudrate, polarity=polarity, phase=phase)

    def init(self, *, baudrate: int, polarity: int, phase: int) -> None:
        """Change rate and mode."""
        self._hw.get_mcu()
        if baudrate <= 0 or polarity not in (0, 1) or phase not in (0, 1):
            raise ValueError("baudrate, polarity or phase")
        self._bus.baud, self._bus.polarity, self._bus.phase = baudrate, polarity, phase

    def write(self, data: bytes) -> None:
        self._hw.get_mcu()
        self._bus.exchange(bytes(data))

    def write_readinto(self, data: bytes, into: Any) -> None:
        self._hw.get_mcu()
        if len(data) != len(into):
            raise ValueError("buffers must be the same length")
        into[:] = self._bus.exchange(bytes(data))


class I2C:
    """machine.I2C; OSError(ETIMEDOUT) while a chip holds SDA, OSError(EIO) without acknowledge."""

    _hw: Hardware

    def __init__(
        self,
        number: int,
        *,
        scl: Pin | None = None,
        sda: Pin | None = None,
        freq: int = 400_000,
        timeout: int = 50_000,
    ) -> None:
        self._bus = self._hw.get_mcu().get_i2c_bus(number)
        self._bus.freq = freq

    def writeto_mem(self, address: int, memory: int, data: bytes, *, addrsize: int = 8) -> None:
        self._write(address, memory.to_bytes(addrsize // 8, "big") + bytes(data))

    def readfrom_mem(self, address: int, memory: int, count: int, *, addrsize: int = 8) -> bytes:
        self._write(address, memory.to_bytes(addrsize // 8, "big"), False)
        data = self._bus.read(address, count)
        self._hw.survive()
        if data is None:
            raise OSError(EIO)
        return data

    def _write(self, address: int, data: bytes, stop: bool = True) -> None:
        self._hw.get_mcu()
        if self._bus.held:
            raise OSError(ETIMEDOUT)
        acknowledged = self._bus.write(address, data, stop)
        self._hw.survive()
        if acknowledged != len(data):
            raise OSError(EIO)


class Counter:
    """machine.Counter, rising edges; the filter is as long as that of an ESP32's unit at most."""

    _hw: Hardware

    def __init__(self, number: int, src: Pin, *, filter_ns: int = 0) -> None:
        if not 0 <= filter_ns <= 12_787:
            raise ValueError("filter_ns")
        self._counter = self._hw.get_mcu().open_counter(number, src._number, filter_ns // 1000)

    def value(self) -> int:
        self._hw.get_mcu()
        return self._counter.count()


class PWM:
    """machine.PWM; duty 0 stops the signal."""

    _hw: Hardware

    def __init__(self, pin: Pin, *, freq: int, duty_u16: int) -> None:
        self._number, self._freq = pin._number, freq
        self.duty_u16(duty_u16)

    def duty_u16(self, duty: int) -> None:
        if not 0 <= duty <= 65535:
            raise ValueError("duty")
        self._hw.get_mcu().set_pwm(self._number, self._freq, duty)


class WDT:
    """machine.WDT; the timeout is limited as on the RP2040."""

    _hw: Hardware

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        if not 1 <= timeout <= 8388:
            raise ValueError("timeout exceeds 8388")
        self._hw.get_mcu().feed_watchdog(timeout)

    def feed(self) -> None:
        self._hw.get_mcu().feed_watchdog(0)
