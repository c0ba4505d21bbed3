"""Drive an I2C FRAM of the MB85RC256V class.

32 KiB, two address bytes, no write delay, 1e12 writes a byte (MB85RC256V datasheet).
"""

from micropython import const

_ADDRESS = const(0x50)


class Fram:
    """A byte memory.

    Every call is one bus transaction and raises OSError if the chip does not answer, ValueError
    outside the memory.
    """

    def __init__(self, i2c, address: int = _ADDRESS, size: int = 32768) -> None:
        self._i2c = i2c
        self._address = address
        self.size = size

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes from `address` on."""
        self._check(address, count)
        return self._i2c.readfrom_mem(self._address, address, count, addrsize=16)

    def write(self, address: int, data: bytes) -> None:
        """Store `data`; each byte is safe as soon as the chip has acknowledged it."""
        self._check(address, len(data))
        self._i2c.writeto_mem(self._address, address, data, addrsize=16)

    def _check(self, address: int, count: int) -> None:
        if address < 0 or address + count > self.size:
            raise ValueError("outside the memory")
