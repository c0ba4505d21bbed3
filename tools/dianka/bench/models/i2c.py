"""The I2C bus between controller and chips, in bytes; i2c_lines.py has its two wires."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class I2cDevice(Protocol):
    """A chip on the I2C bus, byte by byte.

    `start` and `write` return whether the chip acknowledges.
    """

    def start(self, read: bool) -> bool: ...
    def write(self, value: int) -> bool: ...
    def read(self) -> int: ...
    def stop(self) -> None: ...


class BlockDevice(ABC):
    """A chip that also takes the bytes of a transfer at once, with the same effect: it is faster.

    `start` and `stop` are called as for the bytes one by one.
    """

    @abstractmethod
    def write_block(self, data: bytes) -> int:
        """Return how many of the bytes are acknowledged."""

    @abstractmethod
    def read_block(self, count: int) -> bytes: ...

    @abstractmethod
    def stop(self) -> None: ...


class I2cLines(Protocol):
    """SDA and SCL bit by bit (i2c_lines.py), for events inside a byte."""

    @property
    def held(self) -> bool: ...
    def start(self) -> None: ...
    def strand_sender(self, device: I2cDevice, value: int, bit: int) -> None: ...
    def strand_receiver(self, device: I2cDevice) -> None: ...


@dataclass
class Loss:
    """A controller that stops inside a byte.

    It stops at this bit of the `count`th byte that chips send from now on. If not `reading`, at the
    acknowledge of the `count`th byte that they receive. `happen` is called then.
    """

    count: int
    happen: Callable[[], None]
    bit: int = 8  # 0 the first of a byte, 8 its acknowledge
    reading: bool = True

    def count_down(self, reading: bool) -> bool:
        """Count one byte down; return whether the controller stops in it."""
        self.count -= reading == self.reading
        return not self.count


class I2cBus:
    """Bytes to and from the chips.

    No transfer begins while a chip holds SDA (`held`).
    """

    def __init__(self) -> None:
        self.devices: dict[int, I2cDevice] = {}
        self.freq = 0
        # None: the controller never stops in the middle of a byte.
        self.lines: I2cLines | None = None
        self.loss: Loss | None = None

    @property
    def held(self) -> bool:
        return self.lines is not None and self.lines.held

    def write(self, address: int, data: bytes, stop: bool = True) -> int:
        """Write to a chip; return the number of bytes acknowledged.

        -1 if nothing acknowledged the address.
        """
        device = self._begin(address, False)
        if device is None:
            return -1
        if self.loss is None and isinstance(device, BlockDevice):
            done = device.write_block(data)
            if stop:
                device.stop()
            return done
        done = 0
        for value in data:
            if not device.write(value):
                break
            done += 1
            if self._stop_if_due(device, False):
                return -1
        if stop:
            device.stop()
        return done

    def read(self, address: int, count: int, stop: bool = True) -> bytes | None:
        """Return `count` bytes, or None if nothing acknowledged the address."""
        device = self._begin(address, True)
        if device is None:
            return None
        if self.loss is None and isinstance(device, BlockDevice):
            block = device.read_block(count)
            if stop:
                device.stop()
            return block
        data = bytearray()
        while len(data) < count:
            data.append(device.read())
            if self._stop_if_due(device, True, data[-1]):
                return None
        if stop:
            device.stop()
        return bytes(data)

    def _begin(self, address: int, read: bool) -> I2cDevice | None:
        """Send START and the address; return the device if it acknowledges."""
        if self.held:
            return None
        if self.lines:
            self.lines.start()
        device = self.devices.get(address)
        return device if device is not None and device.start(read) else None

    def _stop_if_due(self, device: I2cDevice, reading: bool, value: int = 0) -> bool:
        """Return whether the controller stops in this byte; the chip is stranded then."""
        loss = self.loss
        if loss is None or not loss.count_down(reading):
            return False
        assert self.lines
        self.loss = None
        if reading:
            self.lines.strand_sender(device, value, loss.bit)
        else:
            self.lines.strand_receiver(device)
        loss.happen()
        return True
