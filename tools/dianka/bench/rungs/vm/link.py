"""Serve one MicroPython process on the virtual board, its pins, ports, buses and waits.

All of these are served by an `Mcu`. This is the wire format, over a stream socket, little-endian;
boards/virtual/bench_link.py is the other side. The board sends a request of 16 bytes and the
operations posted since the last one. The bench carries them out in order and answers with a head of
16 bytes and events. The bench speaks first, with a HELLO. Time moves only in WAIT.

    request   until_us i64, kind u8, uart mask u8, code u16, length u32 of the operations after it
      1 WAIT  until then, or until an armed edge, or a byte at a port of the mask
      2 ASK   the last operation has an answer
      3 END   code: exit status; 256 machine.reset, 257 machine.soft_reset. There is no answer.

    operations (first byte, then the fields; n is a pin, port or bus number)
      1 PIN_IN        n, pull u8: report this pin's level
      2 PIN_OUT       n, level u8
      3 PIN_ARM       n, trigger u8 (8 rising, 4 falling)
      4 PWM           n, hertz u32, duty u16
      5 WATCHDOG      timeout_ms u32, 0: feed
      6 UART_OPEN     n, TX pin, RX pin, baud u32, bits u8, parity u8 (255 none), stop u8, ring u16
      7 UART_WRITE    n, length u16, bytes
      8 UART_LOST     n, count u16
      9 UART_CLOSE    n, 0
     10 SPI_OPEN      n, baud u32, polarity u8, phase u8
     11 SPI_WRITE     n, length u16, bytes
     12 I2C_OPEN      n, hertz u32
     13 SPI_EXCHANGE  n, length u16, bytes; answer: 0, bytes
     14 I2C_WRITE     n, address, stop, length u16, bytes;
                      answer: bytes acknowledged or -1, -2: a chip holds SDA
     15 I2C_READ      n, address, stop, length u16; answer: 0 and bytes, or -1, -2
     16 COUNTER_OPEN  n, pin, filter u16 in cycles of 80 MHz, rising u8, falling u8 (0 ignored,
                      1 up, 2 down), limits i16, i16: set up a counter unit, at 0
     17 COUNTER_READ  n, length u16 = 0; answer: 0, count i32
     18 PIO_LOAD      block, offset, length u16, instructions u16
     19 SM_SET_UP     n, length u16, the setting, pins given to it: pio_operations.py
     20 SM_ACTIVE     n, on u8
     21 SM_RESTART    n, 0
     22 SM_EXEC       n, instruction u16
     23 SM_PUT        n, length u16 = 4, word u32; answer: 0, or -1: its FIFO is full
     24 SM_GET        n, length u16 = 0; answer: 0 and word u32, or -1: its FIFO is empty
     25 SM_LEVELS     n, length u16 = 0; answer: 0, words to fetch u8, words put in u8
     26 DMA_FEED      channel, state machine, length u16, words u32 for its FIFO
     27 DMA_DRAIN     channel, state machine, count u32: take so many words from its FIFO
     28 DMA_STOP      channel, 0
     29 DMA_LEFT      channel, length u16 = 0; answer: 0, transfers u32
     30 COUNTER_RUN   n, on u8
     31 COUNTER_CLEAR n, 0

    answer    now_us i64, length i64 of the events that follow
      1 LEVEL   n, level
      2 EDGE    n, level
      3 UART    n, length u16, bytes
      4 ANSWER  status i16, length u16, bytes
      5 HELLO   ticks_ms u32, ticks_us u32, clock u32, frequency u32, reset cause u8, id 8 bytes
      6 DRAINED channel, length u16, words u32
      7 LIMIT   n, high u8: a counter unit has begun again at 0
"""

import socket
import struct
import time
from collections.abc import Callable

from dianka.bench.models.mcu import Mcu
from dianka.bench.models.pio import PioBlocks
from dianka.bench.rungs.chips import Chip
from dianka.bench.rungs.vm.operations import Operations

POWER_ON = 1  # machine.PWRON_RESET and machine.WDT_RESET of all chips here
WATCHDOG = 3

WAIT, ASK, END = 1, 2, 3
HELLO = 5

TICKS_PERIOD = 1 << 30
BEFORE_WRAP_MS = 30_000

_REQUEST = struct.Struct("<qBBHI")
_ANSWER_HEAD = struct.Struct("<qq")
_GREETING = struct.Struct("<BIIIIB8s")
_SILENCE_S = 0.1  # how long to block before checking on the process
_ENDINGS = {256: "reset", 257: "soft reset"}


class LinkLost(Exception):
    """The firmware's process has ended without a request END."""


class VmLink:
    """The bench's end of the socket."""

    def __init__(
        self,
        mcu: Mcu,
        connection: socket.socket,
        look_after: Callable[[float], None],
        chip: Chip,
        unit: bytes,
    ) -> None:
        """Serve the firmware at the other end of `connection`.

        `look_after(seconds)` is called while the firmware sends nothing. `unit` is the chip's
        number, eight bytes.
        """
        self._mcu = mcu
        self._chip = chip
        self._connection = connection
        self._look_after = look_after
        self._unit = unit
        self._buffer = bytearray(1 << 15)
        self._until_us: int | None = None  # the end of the firmware's wait; None while it runs
        pio = PioBlocks(mcu, chip.pio_blocks, chip.cpu_hz) if chip.pio_blocks else None
        self.operations = Operations(mcu, pio)
        wait = struct.pack("ll", 0, int(_SILENCE_S * 1_000_000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)

    # ****** Requests and answers ******

    def send_greeting(self, cause: int) -> None:
        """Send the first answer of a start; `cause` is its reset cause."""
        ticks_ms = TICKS_PERIOD - BEFORE_WRAP_MS
        ticks_us = TICKS_PERIOD - BEFORE_WRAP_MS * 1000
        self.operations.events += _GREETING.pack(
            HELLO, ticks_ms, ticks_us, self._chip.clock_s, self._chip.cpu_hz, cause, self._unit
        )
        self._answer()

    def serve(self, when_us: int) -> str | None:
        """Run firmware and models until `when_us`.

        Return None if they got there, otherwise how the firmware ended.
        """
        mcu, clock, operations = self._mcu, self._mcu.clock, self.operations
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
            if not (mcu.edges or operations.has_news):
                mcu.wait(min(until_us, when_us))
                if mcu.dead or mcu.bitten:
                    continue
            if mcu.edges or operations.has_news or clock.now_us >= until_us:
                self._until_us = None
                self._answer()
            elif clock.now_us >= when_us:
                return None

    def _take_request(self) -> str | None:
        until_us, kind, mask, code, body = self._receive()
        self.operations.execute(body)
        if self._mcu.dead or self._mcu.bitten:
            return None
        if kind == WAIT:
            self._until_us = until_us
            if mask:
                self.operations.listen_to_ports(mask)
        elif kind == ASK:
            self._answer()
        elif kind == END:
            return _ENDINGS.get(code, f"exit {code}")
        else:
            raise LinkLost
        return None

    def _receive(self) -> tuple[int, int, int, int, bytes]:
        have = 0
        needed = _REQUEST.size
        fields = (0, 0, 0, 0, 0)
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
                fields = _REQUEST.unpack_from(self._buffer)
                needed = _REQUEST.size + fields[4]
        until_us, kind, mask, code, _ = fields
        return until_us, kind, mask, code, bytes(memoryview(self._buffer)[_REQUEST.size : needed])

    def _answer(self) -> None:
        events = self.operations.collect()
        try:
            self._connection.sendall(
                _ANSWER_HEAD.pack(self._mcu.clock.now_us, len(events)) + events
            )
        except ConnectionError:
            raise LinkLost from None
        events.clear()
