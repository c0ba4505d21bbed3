"""The controller's side of the bench: numbered pins, ports, buses, counters, watchdog, waiting.

Every rung drives the models through this one class: the host rung calls it directly, the VM rung
through a socket (bench/rungs/vm/link.py), the chip rung from the emulator's pins. It knows no
model; `Bench` (bench.py) connects them.
"""

from collections.abc import Callable

from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.i2c import I2cBus
from dianka.bench.models.wires import ContactWire, SerialPort, SharedWire, SpiBus, Wire

RISING = 8  # machine.Pin.IRQ_RISING and IRQ_FALLING of the RP2040
FALLING = 4


class PowerCut(BaseException):
    """The controller's supply failed in the middle of an operation.

    Nothing that the controller does after this reaches the models.
    """


class EdgeCounter:
    """Counts the rising edges of a wire in hardware, as an ESP32's PCNT unit does.

    A level counts once it has lasted longer than `filter_us`.
    """

    def __init__(self, clock: Clock, wire: Wire, filter_us: int) -> None:
        self._clock = clock
        self._wire = wire
        self._filter_us = filter_us
        self._level = self._believed = wire.level
        self._since_us = clock.now_us
        self._edges = 0
        wire.listeners.append(self._follow)

    def count(self) -> int:
        """Return the edges since the counter was opened."""
        self._settle()
        return self._edges

    def close(self) -> None:
        self._wire.listeners.remove(self._follow)

    def _follow(self, level: int) -> None:
        self._settle()
        self._level, self._since_us = level, self._clock.now_us

    def _settle(self) -> None:
        if self._level == self._believed:
            return
        if self._filter_us and self._clock.now_us - self._since_us <= self._filter_us:
            return
        self._believed = self._level
        self._edges += self._level


class Mcu:
    """Pins, ports and buses by number, and the watchdog."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pins: dict[int, Wire] = {}
        self.uarts: dict[int, SerialPort] = {}
        self.line_ports: dict[int, int] = {}  # pins at which a UART is turned to a line: its port
        self.i2c: dict[int, I2cBus] = {}
        self.spi: dict[int, SpiBus] = {}
        self.counters: dict[int, EdgeCounter] = {}
        self.pwm: dict[int, tuple[int, int]] = {}  # pin: (frequency in Hz, duty of 65536)
        self.on_pwm: Callable[[int, int], None] | None = None  # (pin, frequency; 0 when stopped)
        # (pin, level) of each edge of an armed pin since `take_edges`.
        self.edges: list[tuple[int, int]] = []
        self.bitten = False  # the firmware did not feed the watchdog in time
        self.dead = False  # the supply is gone; a runner that sees it ends the firmware at once
        self._armed: dict[int, int] = {}
        self._watchdog: Timer | None = None
        self._watchdog_us = 0

    # ****** Building, by the bench ******

    def get_pin(self, number: int) -> Wire:
        """Return the wire of this pin; made at the first call."""
        if number not in self.pins:
            self._add_wire(number, Wire(f"GP{number}"))
        return self.pins[number]

    def make_shared_pin(self, number: int) -> SharedWire:
        """Make this pin a line that chips pull low too.

        Call it before anybody asks for the pin.
        """
        wire = SharedWire(f"GP{number}")
        self._add_wire(number, wire)
        return wire

    def make_contact_pin(self, number: int) -> ContactWire:
        """Make this pin a card's contact I/O. Call it before anybody asks for the pin."""
        wire = ContactWire(f"GP{number}")
        self._add_wire(number, wire)
        return wire

    def _add_wire(self, number: int, wire: Wire) -> None:
        self.pins[number] = wire
        wire.listeners.append(lambda level: self._note_edge(number, level))

    def get_uart(self, number: int) -> SerialPort:
        return self.uarts.setdefault(number, SerialPort(self.clock))

    def find_uart(self, number: int, tx: int, rx: int) -> SerialPort:
        """Return the port that UART `number` has on these pins.

        It is the UART's own, but for pins that belong to a line (`line_ports`): that line's, and
        one that nobody is at if only one of them does.
        """
        ends = {self.line_ports[pin] for pin in (tx, rx) if pin in self.line_ports}
        if not ends:
            return self.get_uart(number)
        both = tx in self.line_ports and rx in self.line_ports and len(ends) == 1
        return self.get_uart(ends.pop()) if both else SerialPort(self.clock)

    def get_i2c_bus(self, number: int) -> I2cBus:
        return self.i2c.setdefault(number, I2cBus())

    def get_spi_bus(self, number: int) -> SpiBus:
        return self.spi.setdefault(number, SpiBus())

    # ****** Called for the firmware ******

    def arm(self, pin: int, trigger: int) -> None:
        """Let edges of this pin end a wait from now on; `trigger` 0 disarms it."""
        self._armed[pin] = trigger

    def set_pwm(self, pin: int, frequency: int, duty_u16: int) -> None:
        """Put out a PWM signal: `frequency` in Hz, `duty_u16` of 65536; duty 0 stops it."""
        self.pwm[pin] = (frequency, duty_u16)
        if self.on_pwm:
            self.on_pwm(pin, frequency if duty_u16 else 0)

    def open_counter(self, number: int, pin: int, filter_us: int) -> EdgeCounter:
        """Let counter `number` count this pin's rising edges from now on, from 0."""
        self._close_counter(number)
        self.counters[number] = EdgeCounter(self.clock, self.get_pin(pin), filter_us)
        return self.counters[number]

    def _close_counter(self, number: int) -> None:
        if number in self.counters:
            self.counters.pop(number).close()

    def feed_watchdog(self, timeout_ms: int) -> None:
        """Start or feed the watchdog; once started it can't be stopped."""
        if timeout_ms:
            self._watchdog_us = timeout_ms * 1000
        if self._watchdog:
            self._watchdog.cancel()
        self._watchdog = self.clock.call_after(self._watchdog_us, self._bite)

    def die(self) -> None:
        """Cut the supply now."""
        self.dead = True
        self.clock.interrupt()

    def wait(self, until_us: int) -> bool:
        """Let time pass until then, or until an armed pin changes.

        Return True if the time was reached.
        """
        return self.clock.advance(until_us)

    def take_edges(self) -> list[tuple[int, int]]:
        """Return the edges of armed pins since the last call, and clear them."""
        edges, self.edges = self.edges, []
        return edges

    def reset(self) -> None:
        """Return to power-on state: nothing configured, no pin driven, watchdog off."""
        self._armed.clear()
        self.edges.clear()
        self.pwm.clear()
        for number in list(self.counters):
            self._close_counter(number)
        self.bitten = self.dead = False
        if self._watchdog:
            self._watchdog.cancel()
            self._watchdog = None
        for wire in self.pins.values():
            if isinstance(wire, SharedWire):
                wire.release()
        for port in self.uarts.values():
            port.reset()

    def _note_edge(self, pin: int, level: int) -> None:
        if self._armed.get(pin, 0) & (RISING if level else FALLING):
            self.edges.append((pin, level))
            self.clock.interrupt()

    def _bite(self) -> None:
        self.bitten = True
        self.clock.interrupt()
