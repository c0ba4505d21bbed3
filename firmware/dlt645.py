"""Find DL/T 645-2007 frames in what a line brings, and make them. Pure: bytes in, bytes out.

A frame is 68H, six address bytes (BCD, lowest first), 68H, control, length, data, the sum of all
before it, 16H. Each data byte has 33H added. FEH may come before a frame, to wake the other side.
A master's control has its three highest bits clear; 80H is set in each answer, 40H in an error.
"""

from micropython import const

_START = const(0x68)
_END = const(0x16)
_HEAD = const(10)  # up to the length
_TAIL = const(2)  # sum and end
_SECOND = const(7)  # place of the second 68H
_LENGTH = const(9)
_MOST_DATA = const(200)  # DL/T 645-2007, 5.2: the longest data of a read
MOST = const(212)  # bytes of a frame
_SHIFT = const(0x33)


class Frames:
    """What the line has brought and no frame has used up: never more than one longest frame."""

    def __init__(self) -> None:
        self._buffer = bytearray(MOST)
        self._fill = 0

    @property
    def room(self) -> int:
        """Return how many bytes `feed` takes; never 0 when `take` has just returned None."""
        return MOST - self._fill

    def feed(self, data: bytes) -> None:
        """Take these bytes, no more than there is room for."""
        end = self._fill + len(data)
        self._buffer[self._fill : end] = data
        self._fill = end

    def forget(self) -> None:
        """Drop the beginning of a frame whose rest is overdue."""
        self._fill = 0

    def take(self) -> "tuple | None":
        """Return (address, control, data) of the next whole frame; None while there is none.

        A beginning that turns out to be none costs its first byte alone: the frame may be behind.
        """
        buffer, at, found = self._buffer, 0, None
        while at < self._fill and not found:
            size = self._judge(at)
            if size < 0:
                break
            if size:
                data = bytes([byte - _SHIFT & 0xFF for byte in buffer[at + _HEAD : at + size - 2]])
                found = bytes(buffer[at + 1 : at + _SECOND]), buffer[at + _SECOND + 1], data
            at += size or 1
        rest = self._fill - at
        buffer[:rest] = buffer[at : self._fill]
        self._fill = rest
        return found

    def _judge(self, at: int) -> int:
        """Return the size of the frame that begins here, 0 for none, -1 if more must come first."""
        buffer, left = self._buffer, self._fill - at
        if buffer[at] != _START or (left > _SECOND and buffer[at + _SECOND] != _START):
            return 0
        if left < _HEAD:
            return -1
        length = buffer[at + _LENGTH]
        if length > _MOST_DATA:
            return 0
        size = _HEAD + length + _TAIL
        if left < size:
            return -1
        end = at + size
        good = buffer[end - 1] == _END and sum(buffer[at : end - 2]) & 0xFF == buffer[end - 2]
        return size if good else 0


def wrap(address: bytes, control: int, data: bytes) -> bytes:
    """Return a frame, with no byte before it."""
    out = bytes((_START,)) + address + bytes((_START, control, len(data)))
    out += bytes([byte + _SHIFT & 0xFF for byte in data])
    return out + bytes((sum(out) & 0xFF, _END))
