"""Provide `time` of the virtual board: it moves only while the firmware waits.

Ticks wrap where they do on the chip: ticks_ms and ticks_us count modulo 2^30
(MICROPY_PY_TIME_TICKS_PERIOD of ports with 31-bit small ints). They start 30 s before they wrap, so
that every run of more than half a minute meets the wrap. The clock starts where the port's does
after power-up: it is lost with the supply.
"""

import sys

from micropython import const

import bench_link as link
import port

_path = sys.path[:]
sys.path.clear()
try:
    from time import gmtime as _gmtime
finally:
    sys.path.extend(_path)

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)

_head = link.head
_ms_origin_us = link.boot_us - link.greeting[0] * 1000
_us_origin_us = link.boot_us - link.greeting[1]


def ticks_ms():
    return (_head[0] - _ms_origin_us) // 1000 & _MASK


def ticks_us():
    return _head[0] - _us_origin_us & _MASK


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) & _MASK


def ticks_diff(end, start):
    return ((end - start + _HALF) & _MASK) - _HALF


def sleep_us(us):
    _sleep_until(_head[0] + us)


def sleep_ms(ms):
    _sleep_until(_head[0] + ms * 1000)


def sleep(seconds):
    _sleep_until(_head[0] + int(seconds * 1000) * 1000)


def _sleep_until(until_us):
    # An edge ends link.wait early: its handler runs, then the rest is slept.
    until_us = int(until_us)
    while _head[0] < until_us:
        link.wait(until_us)


def time():
    return link.greeting[2] + (_head[0] - link.boot_us) // 1_000_000


def time_ns():
    return link.greeting[2] * 1_000_000_000 + (_head[0] - link.boot_us) * 1000


def gmtime(seconds=None):
    return _gmtime((time() if seconds is None else seconds) + port.EPOCH_S)[:8]


localtime = gmtime  # the chip knows no time zones


def mktime(fields):
    """Return the seconds since the port's epoch of (year, month, day, hour, minute, second, ...).

    A month or day beyond the calendar carries over.
    """
    year, month, day, hour, minute, second = fields[:6]
    year += (month - 1) // 12
    month = (month - 1) % 12 + 1
    if month < 3:  # count years from March, so that the leap day comes last
        year -= 1
        month += 12
    days = (
        year * 365 + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
    )
    return ((days * 24 + hour) * 60 + minute) * 60 + second - port.EPOCH_S
