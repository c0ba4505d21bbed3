"""Serves one MicroPython process on the virtual board: its pins, ports, buses and its waiting, on an `Mcu`.

The wire format, over a stream socket, little-endian; boards/virtual/bench_link.py is the other side. The board sends a request
of 16 bytes and the operations posted since the last one; the bench carries them out in order and answers with a head of 16
bytes and events. The bench speaks first, with a HELLO. Time moves only in WAIT.

    request   until_us i64, kind u8, uart mask u8, code u16, length u32 of the operations that follow
      1 WAIT  until then, or until an armed edge, or a byte at a port of the mask
      2 ASK   the last operation has an answer
      3 END   code: exit status; 256 machine.reset, 257 machine.soft_reset. There is no answer.

    operations (first byte, then the fields; n is a pin, port or bus number)
      1 PIN_IN      n, pull u8: report this pin's level     9 UART_CLOSE    n, 0
      2 PIN_OUT     n, level u8                            10 SPI_OPEN      n, baud u32, polarity u8, phase u8
      3 PIN_ARM     n, trigger u8 (8 rising, 4 falling)    11 SPI_WRITE     n, length u16, bytes
      4 PWM         n, hertz u32, duty u16                 12 I2C_OPEN      n, hertz u32
      5 WATCHDOG    timeout_ms u32, 0: feed                13 SPI_EXCHANGE  n, length u16, bytes; answer: 0, bytes
      6 UART_OPEN   n, baud u32, bits u8, parity u8        14 I2C_WRITE     n, address, stop, length u16, bytes;
                    (255 none), stop u8, ring u16                           answer: bytes acknowledged or -1
      7 UART_WRITE  n, length u16, bytes                   15 I2C_READ      n, address, stop, length u16;
      8 UART_LOST   n, count u16                                            answer: 0 and bytes, or -1

    answer    now_us i64, length i64 of the events that follow
      1 LEVEL  n, level          3 UART    n, length u16, bytes          5 HELLO  ticks_ms u32, ticks_us u32, clock u32,
      2 EDGE   n, level          4 ANSWER  status i16, length u16, bytes          frequency u32, reset cause u8, id 8 bytes
"""

import socket
import struct
import time
from collections.abc import Callable
from functools import partial

from dianka.bench.mcu import Mcu
from dianka.bench.wires import Format, SerialPort

POWER_ON = 1  # machine.PWRON_RESET and machine.WDT_RESET of the RP2040
WATCHDOG = 3

WAIT, ASK, END = 1, 2, 3
PIN_OUT = 2
LEVEL, EDGE, UART, ANSWER, HELLO = 1, 2, 3, 4, 5

TICKS_PERIOD = 1 << 30
BEFORE_WRAP_MS = 30_000
CLOCK_AT_POWER_UP_S = 1_609_459_200  # 2021-01-01: what MicroPython sets on an RP2040, whose clock does not outlive its supply
CPU_HZ = 125_000_000

_REQUEST = struct.Struct("<qBBHI")
_ANSWER_HEAD = struct.Struct("<qq")
_GREETING = struct.Struct("<BIIIIB8s")
_SILENCE_S = 0.1  # how long to block before looking after the process
_ENDINGS = {256: "reset", 257: "soft reset"}


class LinkLost(Exception):
    """The firmware's process has gone without a word."""


class VmLink:
    def __init__(self, mcu: Mcu, connection: socket.socket, look_after: Callable[[float], None], unit: bytes) -> None:
        """`look_after(seconds)` is called while the firmware is silent; `unit` is the chip's number, eight bytes."""
        self._mcu = mcu
        self._connection = connection
        self._look_after = look_after
        self._unit = unit
        self._buffer = bytearray(1 << 15)
        self._until_us: int | None = None  # what the firmware waits for; None while it runs
        self._mask = 0
        self._heard = False
        self._events = bytearray()
        self._changed: dict[int, int] = {}
        self._listening: dict[int, Callable[[int], None]] = {}
        self._driven: set[int] = set()
        self._open: dict[int, SerialPort] = {}
        self._operations = self._table()
        wait = struct.pack("ll", 0, int(_SILENCE_S * 1_000_000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)

    # ****** Requests and answers ******

    def hello(self, cause: int) -> None:
        ticks_ms = TICKS_PERIOD - BEFORE_WRAP_MS
        ticks_us = TICKS_PERIOD - BEFORE_WRAP_MS * 1000
        self._events += _GREETING.pack(HELLO, ticks_ms, ticks_us, CLOCK_AT_POWER_UP_S, CPU_HZ, cause, self._unit)
        self._answer()

    def serve(self, when_us: int) -> str | None:
        """Let firmware and world go on until `when_us`. None if they got there, otherwise how the firmware ended."""
        mcu, clock = self._mcu, self._mcu.clock
        while True:
            if self._until_us is None and (ending := self._take_request()) is not None:
                return ending
            if mcu.dead:
                return "power cut"
            if mcu.bitten:
                return "watchdog"
            until_us = self._until_us
            if until_us is None:
                continue
            if not (mcu.edges or self._heard):
                mcu.wait(min(until_us, when_us))
                if mcu.dead or mcu.bitten:
                    continue
            if mcu.edges or self._heard or clock.now_us >= until_us:
                self._until_us = None
                self._mask = 0
                self._answer()
            elif clock.now_us >= when_us:
                return None

    def release(self) -> None:
        """The controller lets go of everything: its pins' pull-downs take over, nobody listens any more."""
        for number, listener in self._listening.items():
            self._mcu.pin(number).listeners.remove(listener)
        for port in self._open.values():
            port.on_receive = None
        for number in sorted(self._driven):
            self._mcu.pin(number).set(0)
        self._listening.clear()
        self._open.clear()
        self._driven.clear()

    def _take_request(self) -> str | None:
        until_us, kind, mask, code, body = self._receive()
        self._execute(body)
        if kind == WAIT:
            self._mask = mask
            self._heard = any(port.received for number, port in self._open.items() if mask >> number & 1)
            self._until_us = until_us
        elif kind == ASK:
            if not self._mcu.dead:
                self._answer()
        elif kind == END:
            return _ENDINGS.get(code, f"exit {code}")
        else:
            raise LinkLost
        return None

    def _receive(self) -> tuple[int, int, int, int, bytes]:
        have = 0
        needed = _REQUEST.size
        silent_since = 0.0
        while have < needed:
            try:
                count = self._connection.recv_into(memoryview(self._buffer)[have:])
            except BlockingIOError:
                silent_since = silent_since or time.monotonic()
                self._look_after(time.monotonic() - silent_since + _SILENCE_S)
                continue
            except ConnectionError:
                raise LinkLost from None
            if not count:
                raise LinkLost
            have += count
            if have >= _REQUEST.size:
                until_us, kind, mask, code, length = _REQUEST.unpack_from(self._buffer)
                needed = _REQUEST.size + length
        return until_us, kind, mask, code, bytes(memoryview(self._buffer)[_REQUEST.size : needed])

    def _answer(self) -> None:
        events = self._events
        if self._changed:
            for number, level in self._changed.items():
                events += bytes((LEVEL, number, level))
            self._changed.clear()
        for number, port in self._open.items():
            if port.received:
                events += struct.pack("<BBH", UART, number, len(port.received)) + port.received
                port.received.clear()
        if self._mcu.edges:
            for number, level in self._mcu.take_edges():
                events += bytes((EDGE, number, level))
        self._heard = False
        try:
            self._connection.sendall(_ANSWER_HEAD.pack(self._mcu.clock.now_us, len(events)) + events)
        except ConnectionError:
            raise LinkLost from None
        events.clear()

    # ****** Operations ******

    def _execute(self, body: bytes) -> None:
        at, mcu, operations = 0, self._mcu, self._operations
        while at < len(body) and not mcu.dead:
            operation = body[at]
            if operation == PIN_OUT:
                self._driven.add(body[at + 1])
                mcu.pin(body[at + 1]).set(body[at + 2])
                at += 3
                continue
            form, has_data, action = operations[operation]
            fields = form.unpack_from(body, at + 1)
            at += 1 + form.size
            if has_data:
                length = fields[-1]
                action(*fields[:-1], body[at : at + length])
                at += length
            else:
                action(*fields)

    def _table(self) -> dict[int, tuple[struct.Struct, bool, Callable[..., None]]]:
        mcu = self._mcu
        rows: dict[int, tuple[str, bool, Callable[..., None]]] = {
            1: ("<BB", False, self._listen),
            3: ("<BB", False, mcu.arm),
            4: ("<BIH", False, mcu.set_pwm),
            5: ("<I", False, mcu.watchdog),
            6: ("<BIBBBH", False, self._open_uart),
            7: ("<BH", True, lambda number, data: mcu.uart(number).send(data)),
            8: ("<BH", False, self._lose),
            9: ("<BB", False, self._close_uart),
            10: ("<BIBB", False, self._open_spi),
            11: ("<BH", True, lambda number, data: mcu.spi_bus(number).exchange(data)),
            12: ("<BI", False, self._open_i2c),
            13: ("<BH", True, lambda number, data: self._say(0, mcu.spi_bus(number).exchange(data))),
            14: ("<BBBH", True, self._write_i2c),
            15: ("<BBBH", False, self._read_i2c),
        }
        return {code: (struct.Struct(form), data, action) for code, (form, data, action) in rows.items()}

    def _say(self, status: int, data: bytes = b"") -> None:
        self._events += struct.pack("<BhH", ANSWER, status, len(data)) + data

    def _listen(self, number: int, pull: int) -> None:
        self._driven.discard(number)
        wire = self._mcu.pin(number)
        if number not in self._listening:
            listener = self._listening[number] = partial(self._changed.__setitem__, number)
            wire.listeners.append(listener)
        self._changed[number] = wire.level

    def _open_uart(self, number: int, baud: int, bits: int, parity: int, stop: int, ring: int) -> None:
        port = self._open[number] = self._mcu.uart(number)
        port.configure(Format(baud, bits, None if parity == 255 else parity, stop), ring)
        port.on_receive = partial(self._hear, 1 << number)

    def _hear(self, bit: int) -> None:
        if self._mask & bit:
            self._heard = True
            self._mcu.clock.interrupt()

    def _close_uart(self, number: int, _: int) -> None:
        port = self._open.pop(number, None)
        if port:
            port.on_receive = port.format = None

    def _lose(self, number: int, count: int) -> None:
        self._mcu.uart(number).lost += count

    def _open_spi(self, number: int, baud: int, polarity: int, phase: int) -> None:
        bus = self._mcu.spi_bus(number)
        bus.baud, bus.polarity, bus.phase = baud, polarity, phase

    def _open_i2c(self, number: int, freq: int) -> None:
        self._mcu.i2c_bus(number).freq = freq

    def _write_i2c(self, number: int, address: int, stop: int, data: bytes) -> None:
        self._say(self._mcu.i2c_bus(number).write(address, data, bool(stop)))

    def _read_i2c(self, number: int, address: int, stop: int, count: int) -> None:
        data = self._mcu.i2c_bus(number).read(address, count, bool(stop))
        self._say(-1 if data is None else 0, data or b"")
