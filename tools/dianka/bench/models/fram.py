"""The MB85RC256V memory: 32 KiB of FRAM on the I2C bus, with power cuts in the middle of a write.

Owns the content. Facts (data sheet DS501-00017):
- Device address 0x50 with the address pins low. Two address bytes, of which the top bit is ignored.
- Sequential writes and reads wrap from the last address to 0. A read without an address continues
  after the last byte accessed.
- There is no write delay: a byte is stored once it has been acknowledged.
- The write-protect pin keeps the whole memory from changing. Whether the chip still acknowledges
  then is not known; the model does, because that is the harder case.
"""

from collections.abc import Callable
from enum import Enum, auto
from random import Random

from dianka.bench.models.i2c import BlockDevice

SIZE = 32 * 1024
ADDRESS = 0x50


_WATCHED = {"write", "read"}


class Cut(Enum):
    """When the power goes, relative to the byte at which the countdown ends."""

    AFTER = auto()  # the byte is stored
    BEFORE = auto()  # it is not
    TORN = auto()  # some of the bits that had to change have changed


class Mb85rc256v(BlockDevice):
    """One chip, powered from the start, all zeros as delivered.

    After a cut it does nothing until `power_on`, so no further byte is stored.
    """

    def __init__(self, content: bytes | None = None, seed: int = 1) -> None:
        self.memory = bytearray(SIZE)
        if content is not None:
            self.load(content)
        self.powered = True
        self.mute = False  # acknowledges nothing, as with a broken bus
        self.protected = False  # the write-protect pin is high
        self.stuck: dict[int, int] = {}  # address: the value that it always reads as
        self.writes = 0  # data bytes stored so far
        # Data bytes still to come; the cut strikes at the last of them.
        self.cut_after_bytes: int | None = None
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
        """Replace the whole content; ValueError unless it has SIZE bytes."""
        if len(content) != SIZE:
            raise ValueError(f"a memory image has {len(content)} bytes; it must have {SIZE}")
        self.memory[:] = content

    def destroy(self, start: int, size: int) -> None:
        """Write random bytes from `start` on.

        ValueError unless the range lies inside the memory.
        """
        if start < 0 or size < 0 or start + size > SIZE:
            raise ValueError(f"the range to destroy must lie within {SIZE} bytes")
        self.memory[start : start + size] = self._random.randbytes(size)

    # ****** Supply ******

    def cut_after(self, count: int, on_cut: Callable[[], None], cut: Cut = Cut.AFTER) -> None:
        """Cut the power at the `count`th data byte written from now on.

        ValueError if `count` is below 1.
        """
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
        """Return whether the next byte written is data: both address bytes have come."""
        return self._address_bytes >= 2

    @property
    def at(self) -> int:
        """Return the address of the next byte written or read."""
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

    def write_block(self, data: bytes) -> int:
        """Take bytes as `write` does, one after the other; return how many are acknowledged."""
        done, count = 0, len(data)
        while done < count and not self._is_plain(count - done):
            if not self.write(data[done]):
                return done
            done += 1
        left = count - done
        if left and not self.protected:
            self.memory[self._at : self._at + left] = data[done:]
            self.writes += left
        self._at = (self._at + left) % SIZE
        return count

    def read_block(self, count: int) -> bytes:
        """Return bytes as `read` does, one after the other."""
        if self.stuck or not self._is_plain(count):
            return bytes(self.read() for _ in range(count))
        data = bytes(self.memory[self._at : self._at + count])
        self._at = (self._at + count) % SIZE
        return data

    def _is_plain(self, count: int) -> bool:
        """Return whether the next `count` bytes are data like any other, up to the end at most.

        They are not while somebody watches each byte: `write` or `read` is then the instance's own.
        """
        return (
            not _WATCHED & vars(self).keys()
            and self._address_bytes >= 2
            and self.cut_after_bytes is None
            and self.powered
            and not self.mute
            and self._at + count <= SIZE
        )

    def stop(self) -> None:
        self._address_bytes = 0

    def _land(self, value: int) -> None:
        if not self.protected:
            self.memory[self._at] = value
            self.writes += 1
        self._at = (self._at + 1) % SIZE

    def _strike(self, value: int) -> bool:
        """Cut the power at this byte; return whether it was acknowledged."""
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
