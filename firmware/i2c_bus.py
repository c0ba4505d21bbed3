"""Run the I2C bus of memory and clock: free it from a chip that holds it, rebuild it after errors.

A controller that restarts in the middle of a byte that a chip sends leaves that chip waiting for
clocks. If its bit is a zero, SDA stays low, and no START can be made. MicroPython on the RP2040
does not clear the bus (ports/rp2/machine_i2c.c). Sources: I2C-bus specification UM10204, 3.1.16
(bus clear) and 3.1.10 (a START resets the bus logic of every chip).
"""

import time

from machine import I2C, Pin
from micropython import const

_CLOCKS = const(9)  # the rest of a byte, and the acknowledge that nobody gives
_HALF_US = const(5)  # of a clock at 100 kHz, which every chip can follow
_FREQ_HZ = const(400_000)
_ERRORS = const(2)  # in a row, until the bus is freed


def free_bus(sda: int, scl: int) -> bool:
    """Clock SCL up to nine times until SDA is free, then send START and STOP.

    Return True if SDA is free. Nothing is sent if it is free already. The clocks end at the first
    free bit: a chip that was being written to would take all nine for a byte FFH.
    """
    if Pin(sda, Pin.IN, Pin.PULL_UP).value():
        return True
    data = Pin(sda, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    clock = Pin(scl, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    for _ in range(_CLOCKS):
        _drive(clock, 0)
        _drive(clock, 1)
        if data.value():
            break
    # The bit after this one may be a zero again: START, with SCL still high, makes the chip let go.
    for pin, level in ((data, 0), (clock, 0), (clock, 1), (data, 1)):
        _drive(pin, level)
    return bool(data.value())


def _drive(pin, level: int) -> None:
    pin.value(level)
    time.sleep_us(_HALF_US)


class I2cBus:
    """Memory transfers as `machine.I2C` has them; OSError if a chip does not answer.

    A transfer that fails right after another one is retried once, on a bus freed and rebuilt.
    """

    def __init__(self, number: int, sda: int, scl: int, timeout_us: int) -> None:
        self._where = number, sda, scl, timeout_us
        self._errors = 0  # in a row
        self._build()

    def readfrom_mem(self, address: int, memory: int, count: int, addrsize: int = 8) -> bytes:
        try:
            data = self._i2c.readfrom_mem(address, memory, count, addrsize=addrsize)
        except OSError as error:
            self._recover(error)
            data = self._i2c.readfrom_mem(address, memory, count, addrsize=addrsize)
        self._errors = 0
        return data

    def writeto_mem(self, address: int, memory: int, data: bytes, addrsize: int = 8) -> None:
        try:
            self._i2c.writeto_mem(address, memory, data, addrsize=addrsize)
        except OSError as error:
            self._recover(error)
            self._i2c.writeto_mem(address, memory, data, addrsize=addrsize)
        self._errors = 0

    def _recover(self, error: OSError) -> None:
        """Free and rebuild the bus at the second error in a row; raise the first."""
        self._errors += 1
        if self._errors < _ERRORS:
            raise error
        self._errors = 0
        self._build()

    def _build(self) -> None:
        number, sda, scl, timeout_us = self._where
        free_bus(sda, scl)
        self._i2c = I2C(number, sda=Pin(sda), scl=Pin(scl), freq=_FREQ_HZ, timeout=timeout_us)
