"""Provide `machine` of the virtual board: the classes of the chip's port on top of the bench.

`port` has the rules of the chip. ADC, Timer and RTC are missing on purpose: the firmware does not
use them, and a stand-in that nothing drives would hide a use. `Signal`, `PinBase` and memN are the
interpreter's own; memN reaches this process, not a chip.
"""

import sys

import bench_irq
import bench_link as link
import port

_path = sys.path[:]
sys.path.clear()
try:
    from machine import PinBase, Signal, mem8, mem16, mem32
finally:
    sys.path.extend(_path)

from machine_bus import I2C, SPI, SoftI2C
from machine_pin import Pin
from machine_pwm import PWM
from machine_uart import UART

try:
    from machine_counter import Counter  # the ESP32's
except ImportError:
    pass

globals().update(port.CAUSES)


class WDT:
    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        if timeout < port.WDT_SHORTEST_MS:
            raise ValueError("WDT timeout too short")
        if timeout > port.WDT_LONGEST_MS:
            raise ValueError("timeout exceeds %d" % port.WDT_LONGEST_MS)
        if timeout == 0:
            reset()  # the chip's watchdog fires at once
        link.post_packed("<BI", link.WATCHDOG, timeout)

    def feed(self):
        link.post_packed("<BI", link.WATCHDOG, 0)


def reset():
    link.end(link.END_RESET)


def soft_reset():
    link.end(link.END_SOFT_RESET)


def reset_cause():
    return link.greeting[4]


def unique_id():
    return link.greeting[5][: port.UNIQUE_BYTES]


def freq(*hz):
    if not hz:
        return link.greeting[3]
    if hz[0] != link.greeting[3]:
        raise ValueError("cannot change frequency")


def idle():
    """Sleep as the chip does here: until an interrupt, at most to the next millisecond."""
    link.wait(link.head[0] + 1000)


def lightsleep(time_ms=None):
    link.wait(link.FOREVER_US if time_ms is None else link.head[0] + time_ms * 1000)


def deepsleep(time_ms=None):
    lightsleep(time_ms)
    reset()


def disable_irq():
    return bench_irq.disable()


def enable_irq(state):
    bench_irq.enable(state)
