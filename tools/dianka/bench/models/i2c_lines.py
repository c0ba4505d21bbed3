"""SDA and SCL bit by bit: an I2C chip whose controller stops in the middle of a byte.

Whole transfers go byte by byte (`I2cBus` in wires.py). Only a chip that is stranded inside a byte
shows its bits here. It continues as soon as SCL is clocked, until an acknowledge that nobody gives,
a START or a STOP (UM10204 3.1.5, 3.1.6, 3.1.10). Bits change while SCL is low and count when it
rises.
"""

from typing import Protocol

from dianka.bench.models.i2c import I2cDevice
from dianka.bench.models.wires import SharedWire

_ACKNOWLEDGE = 8  # the ninth clock of a byte


class _Stranded(Protocol):
    """A stranded chip's reaction to the edges of SCL.

    `fall` returns whether it pulls SDA low from then on. None: it has finished, and waits for a
    START.
    """

    device: I2cDevice

    def fall(self) -> bool | None: ...
    def rise(self, level: int) -> None: ...


class _Sender:
    """A chip that was sending a byte; `bit` is the one on SDA, 8 the acknowledge."""

    def __init__(self, device: I2cDevice, value: int, bit: int) -> None:
        self.device = device
        self._value = value
        self._bit = bit
        self._acknowledged = False

    @property
    def low(self) -> bool:
        return self._bit < _ACKNOWLEDGE and not self._value >> 7 - self._bit & 1

    def fall(self) -> bool | None:
        if self._bit < _ACKNOWLEDGE:
            self._bit += 1
        elif self._acknowledged:
            self._value, self._bit, self._acknowledged = self.device.read(), 0, False
        else:
            return None
        return self.low

    def rise(self, level: int) -> None:
        self._acknowledged = self._bit == _ACKNOWLEDGE and not level


class _Receiver:
    """A chip that was receiving; it begins with the acknowledge of the byte before."""

    def __init__(self, device: I2cDevice) -> None:
        self.device = device
        self._value = 0
        self._bits = _ACKNOWLEDGE
        self._acknowledging = True

    def fall(self) -> bool | None:
        if self._bits < _ACKNOWLEDGE:
            return False
        if self._acknowledging:
            self._value, self._bits, self._acknowledging = 0, 0, False
            return False
        self._acknowledging = True
        return self.device.write(self._value) or None

    def rise(self, level: int) -> None:
        if self._bits < _ACKNOWLEDGE:
            self._value = self._value << 1 | level
            self._bits += 1


class BusLines:
    """One bus. `held` is true while a chip pulls SDA low, so that no transfer can begin."""

    def __init__(self, sda: SharedWire, scl: SharedWire) -> None:
        self._sda = sda
        self._scl = scl
        self._stranded: _Stranded | None = None
        sda.listeners.append(self._follow_sda)
        scl.listeners.append(self._follow_scl)

    @property
    def held(self) -> bool:
        return not self._sda.level

    def start(self) -> None:
        """Take a START or STOP: a stranded chip abandons its transfer."""
        if self._stranded:
            self._stranded.device.stop()
        self.power_off()

    def power_off(self) -> None:
        self._stranded = None
        self._sda.hold(False)

    def strand_sender(self, device: I2cDevice, value: int, bit: int) -> None:
        """Strand a chip at this bit of a byte that it sends: 0 the first, 8 the acknowledge."""
        sender = _Sender(device, value, bit)
        self._sda.hold(sender.low)
        self._stranded = sender

    def strand_receiver(self, device: I2cDevice) -> None:
        """Strand a chip while it acknowledges a byte that it has received."""
        self._sda.hold(True)
        self._stranded = _Receiver(device)

    def _follow_scl(self, level: int) -> None:
        stranded = self._stranded
        if stranded is None:
            return
        if level:
            stranded.rise(self._sda.level)
            return
        low = stranded.fall()
        if low is None:
            self.start()
        else:
            self._sda.hold(low)

    def _follow_sda(self, level: int) -> None:
        if self._scl.level and self._stranded:
            self.start()
