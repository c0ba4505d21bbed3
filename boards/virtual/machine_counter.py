"""Provide `Counter` of the virtual board, as the ESP32 has it: rising edges, counted in hardware.

Source: docs/library/machine.Counter.rst of MicroPython 1.26. The filter is that of a PCNT unit, at
most 1023 cycles of 80 MHz; the bench has it in whole microseconds.
"""

from struct import unpack

from micropython import const

import bench_link as link
from machine_pin import need_int, number_of

_COUNTERS = const(8)
_MOST_NS = const(12_787)


class Counter:
    RISING = 1
    UP = 1

    def __init__(self, id, src, *, edge=RISING, direction=UP, filter_ns=0):
        if not 0 <= need_int(id) < _COUNTERS:
            raise ValueError("Counter(%d) doesn't exist" % id)
        if edge != Counter.RISING or direction != Counter.UP:
            raise ValueError("the virtual board counts rising edges, upwards")
        if not 0 <= need_int(filter_ns) <= _MOST_NS:
            raise ValueError("filter_ns")
        self._number = id
        link.post_packed("<BBBB", link.COUNTER_OPEN, id, number_of(src), filter_ns // 1000)

    def value(self):
        _, answer = link.ask(b"", "<BBH", link.COUNTER_READ, self._number, 0)
        return unpack("<Q", answer)[0]
