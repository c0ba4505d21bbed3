"""Make and take apart DL/T 645-2007 frames, for the master's side.

A codec of its own: the meter's is firmware/dlt645.py, and each is tested by the other.
"""

from dataclasses import dataclass

ANY = "AAAAAAAAAAAA"  # an address for a line with one meter
WAKE = b"\xfe" * 4
READ, READ_ADDRESS = 0x11, 0x13
ANSWER, FAILED = 0x80, 0x40
MOST_DATA = 200
_START, _END, _SHIFT = 0x68, 0x16, 0x33


class FrameError(ValueError):
    """These bytes are no frame."""


@dataclass(frozen=True)
class Frame:
    """A frame: `address` is its twelve digits as people write them, the highest first."""

    address: str
    control: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the frame's bytes, without any to wake the other side."""
        if len(self.data) > MOST_DATA:
            raise FrameError("the data of a frame are too long")
        body = bytes((_START, *reversed(bytes.fromhex(self.address)), _START, self.control))
        body += bytes((len(self.data), *(byte + _SHIFT & 0xFF for byte in self.data)))
        return body + bytes((sum(body) & 0xFF, _END))


def decode(raw: bytes) -> Frame:
    """Return the frame that these bytes are, FEH before it aside; FrameError if they are none."""
    raw = raw.lstrip(b"\xfe")
    if len(raw) < 12 or raw[0] != _START or raw[7] != _START or raw[-1] != _END:
        raise FrameError("no frame")
    if raw[9] != len(raw) - 12 or raw[9] > MOST_DATA:
        raise FrameError("the length is wrong")
    if sum(raw[:-2]) & 0xFF != raw[-2]:
        raise FrameError("the sum is wrong")
    data = bytes(byte - _SHIFT & 0xFF for byte in raw[10:-2])
    return Frame(raw[6:0:-1].hex().upper(), raw[8], data)


def count_missing(raw: bytes) -> int:
    """Return how many bytes a frame that has begun like this still lacks; 0 if it has all."""
    rest = raw.lstrip(b"\xfe")
    if len(rest) < 10:
        return 12 - len(rest)
    return max(rest[9] + 12 - len(rest), 0)
