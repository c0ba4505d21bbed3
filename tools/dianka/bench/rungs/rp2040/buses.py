"""The RP2040's I2C (datasheet 4.3) and SPI (4.4), each in front of a bus of the bench.

rp2040py moves bytes in no time. Here a byte takes its 9 or 8 bit times before the device's answer
counts. On I2C the status "transmit buffer empty" then comes when the byte has gone, as
TX_EMPTY_CTRL asks for, and after an abort too, which empties the buffer: the SDK's loops rely on
both.
"""

from collections.abc import Callable
from typing import Any

from rp2040py.peripherals.i2c import IC_RAW_INTR_STAT, R_TX_EMPTY, RPI2C, I2CMode
from rp2040py.peripherals.spi import RPSPI
from rp2040py.rp2040 import RP2040

from dianka.bench.models.i2c import I2cBus, I2cDevice
from dianka.bench.models.wires import SpiBus

_I2C_BITS = 9  # eight and the acknowledge
# Number 0 in the emulator's table of peripherals; number 1 is 4 further.
_I2C_BLOCK, _SPI_BLOCK = (0x40044, 0x4003C)

Touch = Callable[..., Any]
"""Calls a model at the bench's right time: touch(action, *arguments)."""


class TimedI2c(RPI2C):
    """The I2C peripheral, with bytes that take their time."""

    @classmethod
    def install(cls, chip: RP2040, number: int) -> "TimedI2c":
        """Replace the chip's I2C of this number."""
        old = chip.i2c[number]
        new = cls(chip, old.name, old.irq)
        chip.i2c[number] = new
        chip.peripherals[_I2C_BLOCK + 4 * number] = new
        return new

    def __init__(self, chip: RP2040, name: str, irq: int) -> None:
        super().__init__(chip, name, irq)
        self._done: Callable[[], None] = lambda: None
        self._alarm = chip.clock.create_alarm(lambda: self._done())
        self._device: I2cDevice | None = None

    def connect(self, bus: I2cBus, touch: Touch) -> None:
        """Connect the peripheral to this bus. A device answers when its byte has passed."""

        def address(number: int, mode: I2CMode) -> None:
            self._device = bus.devices.get(number)
            bus.freq = round(self.rp2040.clk_sys / self._period_cycles)
            self._schedule_after_byte(lambda: self.complete_connect(start(mode == I2CMode.READ)))

        def start(reads: bool) -> bool:
            return self._device is not None and bool(touch(self._device.start, reads))

        def write(value: int) -> None:
            device = self._device
            assert device
            self._schedule_after_byte(lambda: self.complete_write(bool(touch(device.write, value))))

        def read(_: bool) -> None:
            device = self._device
            assert device
            self._schedule_after_byte(lambda: self.complete_read(touch(device.read) or 0))

        def stop() -> None:
            if self._device:
                touch(self._device.stop)
                self._device = None
            self.complete_stop()

        self.on_connect, self.on_write_byte, self.on_read_byte, self.on_stop = (
            address,
            write,
            read,
            stop,
        )

    @property
    def _period_cycles(self) -> int:
        return (self.scl_low_period + self.scl_high_period) or 1

    def _schedule_after_byte(self, done: Callable[[], None]) -> None:
        self._done = done
        self._alarm.schedule(_I2C_BITS * self._period_cycles * 1e9 / self.rp2040.clk_sys)

    def reset(self) -> None:
        super().reset()
        self._alarm.cancel()
        self._device = None

    def read_uint32(self, offset: int) -> int:
        value = super().read_uint32(offset)
        if offset != IC_RAW_INTR_STAT:
            return value
        empty = not self._busy and self._tx_fifo.item_count <= self.tx_threshold
        return value | R_TX_EMPTY if empty else value & ~R_TX_EMPTY


class TimedSpi(RPSPI):
    """The SPI peripheral, with bytes that take their time."""

    @classmethod
    def install(cls, chip: RP2040, number: int) -> "TimedSpi":
        """Replace the chip's SPI of this number."""
        old = chip.spi[number]
        new = cls(chip, old.name, old.irq, old.dreq)
        chip.spi[number] = new
        chip.peripherals[_SPI_BLOCK + 4 * number] = new
        return new

    def __init__(self, chip: RP2040, name: str, irq: int, dreq: Any) -> None:
        super().__init__(chip, name, irq, dreq)
        self._value = 0
        self._alarm = chip.clock.create_alarm(self._complete_exchange)
        self._exchange: Callable[[int], int] = lambda value: 0xFF
        self.on_transmit = self._begin

    def connect(self, bus: SpiBus, touch: Touch) -> None:
        """Connect the peripheral to this bus."""

        def exchange(value: int) -> int:
            bus.baud = round(self.clock_frequency)
            bus.polarity, bus.phase = self._control0 >> 6 & 1, self._control0 >> 7 & 1
            answer = touch(bus.exchange, bytes((value & 0xFF,)))
            return answer[0] if answer else 0xFF

        self._exchange = exchange

    def reset(self) -> None:
        super().reset()
        self._alarm.cancel()

    def _begin(self, value: int) -> None:
        self._value = value
        self._alarm.schedule(self.data_bits * 1e9 / (self.clock_frequency or self.rp2040.clk_peri))

    def _complete_exchange(self) -> None:
        self.complete_transmit(self._exchange(self._value))
