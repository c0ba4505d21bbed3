"""Provide `UART` of the virtual board, with the waiting rules of machine_uart.c in the port.

A read waits `timeout` ms for its first character and `timeout_char` ms for each further one,
counted in ticks of a millisecond, so that even a timeout of 0 blocks to the next tick;
`timeout_char` is never shorter than a character. Characters beyond the ring's size are lost. A
write blocks once the ring and the chip's FIFO are full. Numbers, pins, sizes: the chip's port.py.
"""

import errno
import io

from micropython import RingIO, const

import bench_link as link
import port
from machine_pin import need_int, number_of

_NOT_SET = const(-1)
_RING = const(256)
_POLL = const(3)
_FLUSH = const(1)
_POLLIN = const(1)
_POLLOUT = const(4)
_PARITY_NONE = const(255)


def _now_ms():
    return (link.head[0] - link.boot_us) // 1000


class UART(io.IOBase):
    _ports = [None] * port.UARTS

    def __new__(cls, id, *args, **kwargs):
        if not 0 <= need_int(id) < port.UARTS:
            raise ValueError("UART(%d) doesn't exist" % id)
        uart = cls._ports[id]
        if uart is None:
            uart = cls._ports[id] = super().__new__(cls)
            uart._number = id
            uart._bench_mask = 1 << id
            uart._baud = 0
            uart._format = (8, _PARITY_NONE, 1)
            uart._timeout = uart._timeout_char = 0
            uart._ring_size = uart._txbuf = _RING
            uart._sent_us = 0
            uart._ring = uart._pins = None
        return uart

    def __init__(
        self, id, baudrate=_NOT_SET, bits=_NOT_SET, parity=_NOT_SET, stop=_NOT_SET, **others
    ):
        self._ring = None
        self._ring_size = self._txbuf = _RING
        self._setup(baudrate, bits, parity, stop, **others)

    def init(self, baudrate=_NOT_SET, bits=_NOT_SET, parity=_NOT_SET, stop=_NOT_SET, **others):
        self._setup(baudrate, bits, parity, stop, **others)

    def _setup(
        self, baudrate, bits, parity, stop, *, tx=None, rx=None, timeout=_NOT_SET,
        timeout_char=_NOT_SET, txbuf=_NOT_SET, rxbuf=_NOT_SET, invert=0, flow=0
    ):  # fmt: skip
        self._set_format(need_int(baudrate), need_int(bits), parity, need_int(stop))
        self._set_pins(tx, rx)
        if invert or flow:
            raise ValueError("the virtual board has no inverted lines and no hardware flow control")
        if need_int(timeout) >= 0:
            self._timeout = timeout
        if need_int(timeout_char) >= 0:
            self._timeout_char = timeout_char
        self._timeout_char = max(self._timeout_char, 13000 // self._baud + 1)
        if need_int(txbuf) > 0:
            self._txbuf = port.pick_ring(txbuf, "txbuf")
        size = port.pick_ring(rxbuf, "rxbuf") if need_int(rxbuf) > 0 else self._ring_size
        if self._ring is None or size != self._ring_size or port.FLUSH_ON_INIT:
            self._ring_size = size
            self._ring = RingIO(size)
        link.receivers[self._number] = self._receive
        bits, parity, stop = self._format
        link.post_packed(
            "<BBBBIBBBH",
            link.UART_OPEN,
            self._number,
            *self._pins,
            self._baud,
            bits,
            parity,
            stop,
            self._ring_size,
        )

    def _set_format(self, baudrate, bits, parity, stop):
        old_bits, old_parity, old_stop = self._format
        if parity is None:
            parity = _PARITY_NONE
        elif parity == _NOT_SET:
            parity = old_parity
        else:
            parity = need_int(parity) & 1
        bits = bits if bits > 0 else old_bits
        stop = stop if stop > 0 else old_stop
        if not 5 <= bits <= 8 or stop > 2:
            raise ValueError("bad character format: 5 to 8 bits, 1 or 2 stop bits")
        self._format = (bits, parity, stop)
        if baudrate > 0:
            self._baud = baudrate
        elif not self._baud:
            self._baud = 115200

    def _set_pins(self, tx, rx):
        tx = None if tx is None else number_of(tx)
        rx = None if rx is None else number_of(rx)
        if self._pins is None:
            default_tx, default_rx = port.UART_DEFAULTS[self._number]
            tx = default_tx if tx is None else tx
            rx = default_rx if rx is None else rx
        port.check_uart(self._number, tx, rx)
        old_tx, old_rx = self._pins or (None, None)
        self._pins = (old_tx if tx is None else tx, old_rx if rx is None else rx)

    def deinit(self):
        self.flush()
        link.receivers.pop(self._number, None)
        link.post(link.UART_CLOSE, self._number, 0)
        self._ring = None
        self._baud = 0

    # ****** Receiving ******

    def _receive(self, buffer, start, count):
        kept = self._ring.write(buffer, start, count) or 0
        if kept < count:
            link.post_packed("<BBH", link.UART_LOST, self._number, count - kept)

    def _check_open(self):
        if self._ring is None:
            raise OSError(errno.EIO)

    def any(self):
        self._check_open()
        return self._ring.any()

    def _fill(self, buffer, size):
        """Read up to `size` bytes into `buffer`, waiting as the chip's port does.

        Return their number.
        """
        self._check_open()
        ring = self._ring
        view = memoryview(buffer)
        limit_ms = self._timeout
        done = 0
        since_ms = _now_ms()
        while done < size:
            if not ring.any():
                until_us = link.boot_us + (since_ms + limit_ms + 1) * 1000
                if link.head[0] >= until_us:
                    break
                link.wait(until_us, self._bench_mask)
                continue
            done += ring.readinto(view[done:size])
            since_ms = _now_ms()
            limit_ms = self._timeout_char
        return done

    def read(self, nbytes=-1):
        if need_int(nbytes) >= 0:
            if nbytes == 0:
                return b""
            buffer = bytearray(nbytes)
            count = self._fill(buffer, nbytes)
            return bytes(buffer[:count]) if count else None
        data = b""
        buffer = bytearray(_RING)
        while True:
            count = self._fill(buffer, _RING)
            if not count:
                return data or None
            data += buffer[:count]

    def readinto(self, buf, nbytes=None):
        size = len(buf) if nbytes is None else min(len(buf), nbytes)
        return self._fill(buf, size) or None

    def readline(self):
        line = b""
        while line[-1:] != b"\n":
            byte = self.read(1)
            if not byte:
                break
            line += byte
        return line or None

    # ****** Sending ******

    def _compute_char_ns(self):
        bits, parity, stop = self._format
        return (1 + bits + (parity != _PARITY_NONE) + stop) * 1_000_000_000 // self._baud

    def _compute_room(self):
        """Return how many characters a write can take now."""
        waiting_ns = max(0, (self._sent_us - link.head[0]) * 1000)
        return (
            self._txbuf
            + port.UART_FIFO
            - (waiting_ns + self._compute_char_ns() - 1) // self._compute_char_ns()
        )

    def _compute_room_us(self):
        """Return when there will be room for a character."""
        return self._sent_us - (self._txbuf + port.UART_FIFO - 1) * self._compute_char_ns() // 1000

    def write(self, buf):
        self._check_open()
        data = memoryview(buf.encode() if isinstance(buf, str) else buf)
        done = self._post(data)
        limit_ms = self._timeout
        while done < len(data):
            end_us = link.boot_us + (_now_ms() + limit_ms + 1) * 1000
            if self._compute_room_us() > end_us:
                self._wait_until(end_us)
                break
            self._wait_until(self._compute_room_us())
            done += self._post(data[done:])
            limit_ms = self._timeout_char
        return done or None

    def _post(self, data):
        count = min(len(data), self._compute_room())
        if count <= 0:
            return 0
        link.post_data(link.UART_WRITE, self._number, data[:count])
        start_ns = max(link.head[0], self._sent_us) * 1000
        self._sent_us = -(-(start_ns + count * self._compute_char_ns()) // 1000)
        return count

    def _wait_until(self, until_us):
        while link.head[0] < until_us:
            link.wait(until_us)

    def txdone(self):
        return link.head[0] >= self._sent_us

    def flush(self):
        self._wait_until(self._sent_us)

    def ioctl(self, request, arg):
        if request == _POLL:
            ready = 0
            if arg & _POLLIN and self.any():
                ready |= _POLLIN
            if arg & _POLLOUT and self._compute_room() > 0:
                ready |= _POLLOUT
            return ready
        if request == _FLUSH:
            self.flush()
            return 0
        return -1
