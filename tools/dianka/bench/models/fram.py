"""The MB85RC256V memory: 32 KiB of FRAM on the I2C bus, and the power cuts that strike in the
middle of a write.

Owns the content. Facts (data sheet DS501-00017): device address 0x50 with the address pins low; two
address bytes, of which the top bit is ignored; sequential writes and reads wrap from the last
address to 0; a read without address goes on after the last byte touched; there is no write delay, a
byte is kept once it has been acknowledged. The write-protect pin keeps the whole memory from
changing; whether the chip still acknowledges is not known here, so the model does: the harder case.
"""

from collections.abc import Callable
from enum import Enum, auto
from random import Random

SIZE = 32 * 1024
ADDRESS = 0x50


class Cut(Enum):
    """Where the power goes, seen from the byte that the countdown ends at."""

    AFTER = auto()  # the byte has landed
    BEFORE = auto()  # it has not
    TORN = auto()  # some of the bits that had to change have changed


class Mb85rc256v:
    """Powered from the start, all zeros as delivered.

    After a cut it is dead until `power_on`, so nothing more lands.
    """

    def __init__(self, content: bytes | None = None, seed: int = 1) -> None:
        self.memory = bytearray(SIZE)
        if content is not None:
            self.load(content)
        self.powered = True
        self.mute = False  # acknowledges nothing, as with a broken bus
        self.protected = False  # the write-protect pin is high
        self.stuck: dict[int, int] = {}  # address: value that it always reads as
        self.writes = 0  # data bytes that have landed
        self.cut_after_bytes: int | None = (
            None  # data bytes still to come, the last of which meets the cut
        )
        self.cut = Cut.AFTER
        self.on_cut: Callable[[], None] | None = None
        self._random = Random(seed)
        self._at = 0
        self._address_bytes = 0  # received of the two

    # ****** Content ******

    @property
    def content(self) -> bytes:
        return bytes(self.memory)

    def load(self, content: bytes) -> None:
        if len(content) != SIZE:
            raise ValueError(f"a memory image has {len(content)} bytes; it must have {SIZE}")
        self.memory[:] = content

    def destroy(self, start: int, size: int) -> None:
        """Random bytes from `start` on; the range must lie inside the memory."""
        if start < 0 or size < 0 or start + size > SIZE:
            raise ValueError(f"the range to destroy must lie within {SIZE} bytes")
        self.memory[start : start + size] = self._random.randbytes(size)

    # ****** Supply ******

    def cut_after(self, count: int, on_cut: Callable[[], None], cut: Cut = Cut.AFTER) -> None:
        """Cut the power at the `count`th data byte written from now on."""
        if count < 1:
            raise ValueError("a cut needs at least one byte to strike at")
        self.cut_after_bytes, self.on_cut, self.cut = count, on_cut, cut

    def power_on(self) -> None:
        self.powered = True
        self._at = self._address_bytes = 0

    def power_off(self) -> None:
        self.powered = False

    # ****** Bus ******

    @property
    def addressed(self) -> bool:
        """Whether the next byte written is data, both address bytes having come."""
        return self._address_bytes >= 2

    @property
    def at(self) -> int:
        """The address that the next byte goes to or comes from."""
        return self._at

    def start(self, read: bool) -> bool:
        self._address_bytes = 2 if read else 0
        return self.powered and not self.mute

    def write(self, value: int) -> bool:
        if not self.powered or self.mute:
            return False
        if self._address_bytes < 2:
            self._at = (self._at << 8 | value) % SIZE if self._address_bytes else value
            self._address_bytes += 1
            return True
        if self.cut_after_bytes is not None:
            self.cut_after_bytes -= 1
            if self.cut_after_bytes <= 0:
                return self._strike(value)
        self._land(value)
        return True

    def read(self) -> int:
        if not self.powered or self.mute:
            return 0xFF
        at = self._at
        self._at = (at + 1) % SIZE
        return self.stuck[at] if at in self.stuck else self.memory[at]

    def stop(self) -> None:
        self._address_bytes = 0

    def _land(self, value: int) -> None:
        if not self.protected:
            self.memory[self._at] = value
            self.writes += 1
        self._at = (self._at + 1) % SIZE

    def _strike(self, value: int) -> bool:
        """The power goes at this byte. The answer is whether it was acknowledged."""
        self.cut_after_bytes = None
        if self.cut is Cut.TORN:
            old = self.memory[self._at]
            value = old ^ ((old ^ value) & self._random.randrange(256))
        if self.cut is not Cut.BEFORE:
            self._land(value)
        self.powered = False
        if self.on_cut:
            self.on_cut()
        return self.cut is Cut.AFTER
