"""The HLW8032 model between mains and an open port, for its tests."""

from dianka.bench.models.clock import Clock
from dianka.bench.models.hlw8032 import LINE, Hlw8032Model
from dianka.bench.models.hlw8032_frame import Params, compute_checksum
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import SerialPort, Wire


class HlwRig:
    def __init__(self, params: Params | None = None, wire: Wire | None = None) -> None:
        self.clock = Clock()
        self.mains = Mains(self.clock)
        self.port = SerialPort(self.clock)
        self.port.configure(LINE, 4096)
        self.chip = Hlw8032Model(self.clock, self.mains, self.port, wire, params or Params())

    def after(self, duration_us: int) -> bytes:
        """Let this time pass, and return the bytes that arrive in it."""
        self.clock.advance(self.clock.now_us + duration_us)
        data = bytes(self.port.received)
        self.port.received.clear()
        return data


def number(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 3], "big")


def sound(frame: bytes) -> bool:
    return len(frame) == 24 and frame[1] == 0x5A and frame[23] == compute_checksum(frame)
