"""Connect the emulated chip's pins, UARTs, I2C, SPI and PWM to the bench's `Mcu`.

All models work on it unchanged. A pin that the chip drives sets the bench's wire. A wire's level is
what the chip reads at its pin, also at one that it drives itself. When the chip releases a pin that
it drove, the pin's pull decides. A pin that carries T=0 characters bit by bit belongs to a
`BitLine`.
"""

from collections.abc import Callable
from functools import partial

from rp2040py.gpio_pin import FUNCTION_PWM, GPIOPinState

from dianka.bench.models.bitline import BitLine
from dianka.bench.models.mcu import Mcu
from dianka.bench.models.wires import SerialPort
from dianka.bench.rungs.rp2040.emulator import Emulator
from dianka.bench.rungs.rp2040.sync import OneTime
from dianka.bench.rungs.rp2040.uart import Pl011

PINS = 30
_LEVELS = {GPIOPinState.LOW: 0, GPIOPinState.HIGH: 1}


class Link:
    """The connection of one start."""

    def __init__(
        self, emulator: Emulator, mcu: Mcu, lines: dict[int, BitLine] | None = None
    ) -> None:
        """Connect a chip to the bench.

        `lines`: pin number to the bit-level line on it, made with `BitLine` for this emulator.
        """
        self.time = OneTime(emulator, mcu)
        self._emulator = emulator
        self._mcu = mcu
        self._lines = lines or {}
        self._gpio = emulator.chip.gpio
        self._driven: set[int] = set()
        # Pins released, whose level is their pull's until somebody else drives the wire.
        self._resting: set[int] = set()
        self._clocks: set[int] = set()  # pins that put out a PWM signal
        self._listening: dict[int, Callable[[int], None]] = {}
        for number in range(PINS):
            self._gpio[number].add_listener(partial(self._follow_chip, number))
        for line in self._lines.values():
            line.connect(self.time.touch)
        for number, uart in enumerate(emulator.uarts):
            _Serial(emulator, uart, mcu.get_uart(number), self.time)
        for number in (0, 1):
            emulator.i2cs[number].connect(mcu.get_i2c_bus(number), self.time.touch)
            emulator.spis[number].connect(mcu.get_spi_bus(number), self.time.touch)
        emulator.pwm.on_change = self._follow_slice
        emulator.flash_chip.on_cut = lambda: self.time.touch(mcu.die)
        emulator.on_reset = lambda why: self.let_go()
        self.listen_to_new_wires()

    def listen_to_new_wires(self) -> None:
        """Listen to wires that have been added to the bench since the last call."""
        if len(self._listening) == len(self._mcu.pins):
            return
        for number, wire in sorted(self._mcu.pins.items()):
            if number not in self._listening and number < PINS:
                listener = self._listening[number] = partial(self._follow_wire, number)
                wire.listeners.append(listener)
                self._gpio[number].set_input_value(bool(wire.level))

    def let_go(self) -> None:
        """Release all pins: the chip is in reset, and the pull-downs of its pins take over."""
        for number in sorted(self._clocks):
            self.time.touch(self._mcu.set_pwm, number, 0, 0)
        for number in sorted(self._driven):
            self.time.touch(self._mcu.get_pin(number).release)
        self._clocks.clear()
        self._driven.clear()
        for line in self._lines.values():
            line.follow_chip(None)

    def release(self) -> None:
        """Disconnect for good: the chip is gone."""
        for number in sorted(self._clocks):
            self._mcu.set_pwm(number, 0, 0)
        for number in sorted(self._driven):
            self._mcu.get_pin(number).release()
        self.time.end()
        for number, listener in self._listening.items():
            self._mcu.get_pin(number).listeners.remove(listener)
        for line in self._lines.values():
            line.disconnect()
        for port in self._mcu.uarts.values():
            port.on_receive = port.format = None

    # ****** Pins ******

    def _follow_chip(self, number: int, value: GPIOPinState, _: GPIOPinState) -> None:
        if number in self._lines:
            self._lines[number].follow_chip(_LEVELS.get(value))
            return
        if number in self._clocks or self._gpio[number].function_select == FUNCTION_PWM:
            self._follow_pwm(number)
        if value in _LEVELS:
            self._driven.add(number)
            self._resting.discard(number)
            wire = self._mcu.get_pin(number)
            self.listen_to_new_wires()
            self.time.touch(wire.set, _LEVELS[value])
        elif number in self._driven or number in self._resting:
            self._driven.discard(number)
            self.time.touch(self._mcu.get_pin(number).release, value == GPIOPinState.INPUT_PULL_UP)
            self._resting.add(number)

    def _follow_wire(self, number: int, level: int) -> None:
        self._resting.discard(number)
        self._gpio[number].set_input_value(bool(level))

    def _follow_slice(self, number: int) -> None:
        for pin in (2 * number, 2 * number + 1, 2 * number + 16, 2 * number + 17):
            if pin < PINS and self._gpio[pin].function_select == FUNCTION_PWM:
                self._follow_pwm(pin)

    def _follow_pwm(self, pin: int) -> None:
        output = (0, 0)
        if self._gpio[pin].function_select == FUNCTION_PWM:
            output = self._emulator.pwm.get_output(pin)
        if output == self._mcu.pwm.get(pin, (0, 0)):
            return
        self._clocks.add(pin)
        self.time.touch(self._mcu.set_pwm, pin, *output)


class _Serial:
    """One UART of the chip, connected to the port that the models see."""

    def __init__(self, emulator: Emulator, uart: Pl011, port: SerialPort, time: OneTime) -> None:
        self._uart = uart
        self._port = port
        self._time = time
        self._alarm = emulator.clock.create_alarm(self._settle)
        uart.on_start = self._take_character
        uart.on_format = self._follow_settings
        port.on_receive = self._feed_uart

    def _follow_settings(self) -> None:
        form = self._uart.format
        if form == self._port.format:
            return
        if form is None:
            self._port.format = None
            self._alarm.cancel()
            return
        self._time.touch(self._port.configure, form)
        if self._port.settle:
            self._alarm.schedule(form.char_us_x1000)

    def _take_character(self, value: int) -> None:
        port = self._port
        if port.sink and port.format:
            self._time.touch(self._send, value)

    def _send(self, value: int) -> None:
        port = self._port
        assert port.sink and port.format
        port.sink(value, port.clock.now_us, port.format)

    def _feed_uart(self) -> None:
        for value in self._port.received:
            self._uart.feed_byte(value)
        self._port.received.clear()

    def _settle(self) -> None:
        """Fetch a character that a lazy model may have by now, and come back for the next."""
        form = self._port.format
        if form:
            self._time.touch(self._port.count_waiting)
            self._alarm.schedule(form.char_us_x1000)
