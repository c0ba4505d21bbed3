"""Carry out on an `Mcu` the operations that the virtual board posts, and gather its events.

The operations and events, byte by byte, are in the table of link.py.
"""

import struct
from collections.abc import Callable
from functools import partial

from dianka.bench.models.mcu import Mcu
from dianka.bench.models.pcnt import Pcnt
from dianka.bench.models.pio import PioBlocks
from dianka.bench.models.wires import Format, SerialPort
from dianka.bench.rungs.vm.pio_operations import Row, make_rows, pack_drained

PIN_OUT = 2
LEVEL, EDGE, UART, ANSWER, LIMIT = 1, 2, 3, 4, 7
NO_PARITY = 255
HELD = -2  # a chip holds SDA: no transfer
PULL_UP = 1


class Operations:
    """The operations of one start, and the events for its next answer."""

    def __init__(self, mcu: Mcu, pio: PioBlocks | None = None) -> None:
        """`pio`: that of a chip that has one."""
        self._mcu = mcu
        self._pio = pio
        self.events = bytearray()  # events of the next answer, so far
        self.heard = False  # a character came to a port that the firmware waits for
        self._changed: dict[int, int] = {}
        self._listening: dict[int, Callable[[int], None]] = {}
        self._driven: set[int] = set()
        self._open: dict[int, SerialPort] = {}
        self._units: dict[int, Pcnt] = {}
        self._limits = bytearray()  # events of counter units
        self._actions = self._make_table()

    @property
    def has_news(self) -> bool:
        """Whether something has come that ends a wait: a character, or a counter's limit."""
        return self.heard or bool(self._limits)

    def collect(self) -> bytearray:
        """Return all events up to now. The caller clears them when they are sent."""
        events = self.events
        if self._changed:
            for number, level in self._changed.items():
                events += bytes((LEVEL, number, level))
            self._changed.clear()
        for number, port in self._open.items():
            port.on_receive = None
            if port.count_waiting():
                events += struct.pack("<BBH", UART, number, len(port.received)) + port.received
                port.received.clear()
        if self._mcu.edges:
            for number, level in self._mcu.take_edges():
                events += bytes((EDGE, number, level))
        if self._limits:
            events += self._limits
            self._limits.clear()
        if self._pio and self._pio.transfers:
            pack_drained(self._pio, events)
        self.heard = False
        return events

    def release(self) -> None:
        """Release everything as the controller.

        The pull-downs of its pins take over, and no wire or port is listened to any more.
        """
        for number, listener in self._listening.items():
            self._mcu.get_pin(number).listeners.remove(listener)
        for port in self._open.values():
            port.on_receive = None
        for unit in self._units.values():
            unit.close()
        if self._pio:
            self._pio.release()
        for number in sorted(self._driven):
            self._mcu.get_pin(number).release()
        self._listening.clear()
        self._open.clear()
        self._driven.clear()

    def execute(self, body: bytes) -> None:
        """Carry out these operations in order, until the supply fails."""
        at, mcu, actions = 0, self._mcu, self._actions
        while at < len(body) and not mcu.dead:
            operation = body[at]
            if operation == PIN_OUT:
                self._driven.add(body[at + 1])
                if self._pio:
                    self._pio.leave_pin(body[at + 1])
                mcu.get_pin(body[at + 1]).set(body[at + 2])
                at += 3
                continue
            form, has_data, action = actions[operation]
            fields = form.unpack_from(body, at + 1)
            at += 1 + form.size
            if has_data:
                length = fields[-1]
                action(*fields[:-1], body[at : at + length])
                at += length
            else:
                action(*fields)

    def _make_table(self) -> dict[int, tuple[struct.Struct, bool, Callable[..., object]]]:
        mcu = self._mcu
        rows: dict[int, Row] = {
            1: ("<BB", False, self._listen),
            3: ("<BB", False, mcu.arm),
            4: ("<BIH", False, mcu.set_pwm),
            5: ("<I", False, mcu.feed_watchdog),
            6: ("<BBBIBBBH", False, self._open_uart),
            7: ("<BH", True, lambda number, data: self._open[number].send(data)),
            8: ("<BH", False, self._lose),
            9: ("<BB", False, self._close_uart),
            10: ("<BIBB", False, self._open_spi),
            11: ("<BH", True, lambda number, data: mcu.get_spi_bus(number).exchange(data)),
            12: ("<BI", False, self._open_i2c),
            13: (
                "<BH",
                True,
                lambda number, data: self._say(0, mcu.get_spi_bus(number).exchange(data)),
            ),
            14: ("<BBBH", True, self._write_i2c),
            15: ("<BBBH", False, self._read_i2c),
            16: ("<BBHBBhh", False, self._open_counter),
            17: ("<BH", True, lambda number, _: self._say(0, self._pack_count(number))),
            30: ("<BB", False, lambda number, on: self._get_unit(number).run(bool(on))),
            31: ("<BB", False, lambda number, _: self._get_unit(number).clear()),
        }
        if self._pio:
            rows |= make_rows(self._pio, self._say)
        return {
            code: (struct.Struct(form), data, action) for code, (form, data, action) in rows.items()
        }

    def _say(self, status: int, data: bytes = b"") -> None:
        self.events += struct.pack("<BhH", ANSWER, status, len(data)) + data

    def _listen(self, number: int, pull: int) -> None:
        wire = self._mcu.get_pin(number)
        driven = number in self._driven
        self._driven.discard(number)
        if self._pio:
            self._pio.pulls[number] = pull == PULL_UP
            driven = self._pio.leave_pin(number) or driven
        if driven:
            wire.release(pull == PULL_UP)
        if number not in self._listening:
            listener = self._listening[number] = partial(self._changed.__setitem__, number)
            wire.listeners.append(listener)
        self._changed[number] = wire.level

    def _open_uart(
        self, number: int, tx: int, rx: int, baud: int, bits: int, parity: int, stop: int, ring: int
    ) -> None:
        former = self._open.get(number)
        port = self._open[number] = self._mcu.find_uart(number, tx, rx)
        if former and former is not port:
            former.on_receive = former.format = None
        port.configure(Format(baud, bits, None if parity == NO_PARITY else parity, stop), ring)

    def listen_to_ports(self, mask: int) -> None:
        """Watch the ports of this mask, because the firmware waits for characters.

        At other times they are not watched: most characters arrive then, and there are many.
        """
        for number, port in self._open.items():
            if mask >> number & 1:
                self.heard = self.heard or port.count_waiting() > 0
                port.on_receive = self._hear

    def _hear(self) -> None:
        self.heard = True
        self._mcu.clock.interrupt()

    def _close_uart(self, number: int, _: int) -> None:
        port = self._open.pop(number, None)
        if port:
            port.on_receive = port.format = None

    def _lose(self, number: int, count: int) -> None:
        self._open[number].lost += count

    def _open_spi(self, number: int, baud: int, polarity: int, phase: int) -> None:
        bus = self._mcu.get_spi_bus(number)
        bus.baud, bus.polarity, bus.phase = baud, polarity, phase

    def _open_i2c(self, number: int, freq: int) -> None:
        self._mcu.get_i2c_bus(number).freq = freq

    def _write_i2c(self, number: int, address: int, stop: int, data: bytes) -> None:
        bus = self._mcu.get_i2c_bus(number)
        self._say(HELD if bus.held else bus.write(address, data, bool(stop)))

    def _read_i2c(self, number: int, address: int, stop: int, count: int) -> None:
        bus = self._mcu.get_i2c_bus(number)
        held = bus.held
        data = bus.read(address, count, bool(stop))
        self._say(HELD if held else -1 if data is None else 0, data or b"")

    # ****** Counter units ******

    def _get_unit(self, number: int) -> Pcnt:
        if number not in self._units:
            self._units[number] = Pcnt(self._mcu.clock, partial(self._note_limit, number))
        return self._units[number]

    def _open_counter(
        self, number: int, pin: int, filter: int, rising: int, falling: int, low: int, high: int
    ) -> None:
        self._get_unit(number).open(self._mcu.get_pin(pin), filter, rising, falling, low, high)

    def _note_limit(self, number: int, high: bool) -> None:
        self._limits += bytes((LIMIT, number, high))
        self._mcu.clock.interrupt()

    def _pack_count(self, number: int) -> bytes:
        return struct.pack("<i", self._get_unit(number).read())
