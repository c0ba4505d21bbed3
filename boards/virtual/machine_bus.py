"""Provide `SPI` and `I2C` of the virtual board; numbers, pins and errors are in the chip's port.py.

Writes on SPI are posted; reads, and every I2C transfer, ask the bench at once. A transfer takes no
virtual time. Sources: machine_spi.c, machine_i2c.c of the port, extmod/machine_i2c.c.
"""

import errno

from micropython import const

import bench_link as link
import port
from machine_pin import need_int, number_of

_NOT_SET = const(-1)
_HELD = const(-2)  # a chip holds SDA: no START could be made


def _check_bus(kind, id, ids):
    if need_int(id) not in ids:
        raise ValueError("%s(%d) doesn't exist" % (kind, id))


def _number_or_none(pin):
    return None if pin is None else number_of(pin)


class SPI:
    MSB = 0
    LSB = 1

    def __init__(
        self, id, baudrate=port.SPI_BAUD, *, polarity=0, phase=0, bits=8, firstbit=MSB, sck=None,
        mosi=None, miso=_NOT_SET
    ):  # fmt: skip
        _check_bus("SPI", id, port.SPI_IDS)
        self._bus = id
        miso = None if miso == _NOT_SET else miso
        port.check_spi(id, _number_or_none(sck), _number_or_none(mosi), _number_or_none(miso))
        self._baud = self._polarity = self._phase = 0
        self._set(baudrate, polarity, phase, bits, firstbit)

    def init(
        self,
        *,
        baudrate=_NOT_SET,
        polarity=_NOT_SET,
        phase=_NOT_SET,
        bits=_NOT_SET,
        firstbit=_NOT_SET,
    ):
        self._set(baudrate, polarity, phase, bits, firstbit)

    def _set(self, baudrate, polarity, phase, bits, firstbit):
        if firstbit == SPI.LSB:
            raise NotImplementedError("LSB")
        if bits not in (_NOT_SET, 8):
            raise ValueError("the virtual board sends 8 bits at a time")
        if need_int(baudrate) != _NOT_SET:
            self._baud = baudrate
        if need_int(polarity) != _NOT_SET:
            self._polarity = polarity & 1
        if need_int(phase) != _NOT_SET:
            self._phase = phase & 1
        link.post_packed(
            "<BBIBB", link.SPI_OPEN, self._bus, self._baud, self._polarity, self._phase
        )

    def deinit(self):
        pass

    def write(self, buf):
        link.post_data(link.SPI_WRITE, self._bus, buf)

    def _exchange(self, data, into):
        view = memoryview(into)
        for start in range(0, len(view), link.LONGEST):
            piece = data[start : start + link.LONGEST]
            _, answer = link.ask(piece, "<BBH", link.SPI_EXCHANGE, self._bus, len(piece))
            view[start : start + len(piece)] = answer

    def read(self, nbytes, write=0):
        into = bytearray(nbytes)
        self._exchange(bytes((write,)) * nbytes, into)
        return bytes(into)

    def readinto(self, buf, write=0):
        self._exchange(bytes((write,)) * len(buf), buf)

    def write_readinto(self, write_buf, read_buf):
        if len(write_buf) != len(read_buf):
            raise ValueError("buffers must be the same length")
        self._exchange(memoryview(write_buf), read_buf)


class I2C:
    # Empty writes are done in software on the RP2040, and give ENODEV there too.
    _ABSENT = port.I2C_ABSENT

    def __init__(self, id, freq=400_000, *, scl=None, sda=None, timeout=_NOT_SET):
        _check_bus("I2C", id, port.I2C_IDS)
        self._bus = id
        port.check_i2c(id, _number_or_none(sda), _number_or_none(scl))
        if need_int(timeout) > port.I2C_LONGEST_US:
            raise ValueError("timeout exceeds %d" % port.I2C_LONGEST_US)
        link.post_packed("<BBI", link.I2C_OPEN, self._bus, need_int(freq))

    def deinit(self):
        pass

    def _write(self, addr, data, stop=True):
        if len(data) > link.LONGEST:
            raise OSError(errno.EINVAL)
        acks, _ = link.ask(
            data, "<BBBBH", link.I2C_WRITE, self._bus, need_int(addr), bool(stop), len(data)
        )
        if acks == _HELD:
            raise OSError(errno.ETIMEDOUT)
        if acks < 0:
            raise OSError(self._ABSENT if len(data) else errno.ENODEV)
        return acks

    def _read(self, addr, count, stop=True):
        acks, data = link.ask(
            b"", "<BBBBH", link.I2C_READ, self._bus, need_int(addr), bool(stop), count
        )
        if acks < 0:
            raise OSError(errno.ETIMEDOUT if acks == _HELD else self._ABSENT)
        return data

    def scan(self):
        found = []
        for addr in range(0x08, 0x78):
            try:
                self._write(addr, b"")
                found.append(addr)
            except OSError:
                pass
        return found

    # The port takes these arguments by position only, which MicroPython's syntax can't express;
    # the underscores keep anybody from calling them by name.

    def writeto(self, addr_, buf_, stop_=True):
        return self._write(addr_, memoryview(buf_), stop_)

    def writevto(self, addr_, vector_, stop_=True):
        return self._write(addr_, b"".join(bytes(piece) for piece in vector_), stop_)

    def readfrom(self, addr_, nbytes_, stop_=True):
        return self._read(addr_, nbytes_, stop_)

    def readfrom_into(self, addr_, buf_, stop_=True):
        memoryview(buf_)[:] = self._read(addr_, len(buf_), stop_)

    def _encode_address(self, memaddr, addrsize):
        if addrsize & 7 or not 0 <= addrsize <= 32:
            raise ValueError("invalid addrsize")
        return (memaddr & (1 << addrsize) - 1).to_bytes(addrsize // 8, "big")

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        self._write(addr, self._encode_address(memaddr, addrsize), False)
        return self._read(addr, nbytes)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        memoryview(buf)[:] = self.readfrom_mem(addr, memaddr, len(buf), addrsize=addrsize)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._write(addr, self._encode_address(memaddr, addrsize) + bytes(buf))


class SoftI2C(I2C):
    """An I2C bus in software on two pins.

    Here they must be the pins of a hardware bus, which tells which bus of the bench is meant.
    """

    _ABSENT = errno.ENODEV

    def __init__(self, scl, sda, *, freq=400_000, timeout=_NOT_SET):
        super().__init__(number_of(sda) >> 1 & 1, freq, scl=scl, sda=sda, timeout=timeout)
