"""Provide `esp32.PCNT` of the virtual board: a pulse counter unit of 16 bits.

Source: ports/esp32/esp32_pcnt.c; TRM, chapter PCNT. At `max` and at `min` a unit begins again at 0
and sets a flag. A handler is called through `micropython.schedule`, so late where Python is busy;
flags that are set meanwhile are one, so a second round in that time is not seen. The rest of
`esp32` is missing, as the firmware does not use it; so are a mode pin, thresholds and the second
channel.
"""

from struct import unpack

import micropython
from micropython import const

import bench_link as link
from machine_pin import need_int, number_of

_UNITS = const(8)
_FILTER = const(1023)  # cycles of 80 MHz


class _Irq:
    def __init__(self, unit):
        self._unit = unit
        self.handler = None
        self.mask = 0
        self.pending = 0

    def flags(self):
        """Return the flags since the last call, and clear them."""
        pending, self.pending = self.pending, 0
        return pending

    def trigger(self, mask=None):
        if mask is not None:
            self.mask = mask
        return self.mask

    def raise_flags(self, flags):
        self.pending |= flags & self.mask
        if self.pending and self.handler:
            try:
                micropython.schedule(self.handler, self._unit)
            except RuntimeError:
                pass  # the queue is full: the call is lost, the flag is not


class PCNT:
    IGNORE = 0
    INCREMENT = 1
    DECREMENT = 2
    IRQ_MIN = 0x08
    IRQ_MAX = 0x10

    _units = [None] * _UNITS

    def __new__(cls, id, **kwargs):
        if not 0 <= need_int(id) < _UNITS:
            raise ValueError("invalid id")
        if cls._units[id] is None:
            unit = cls._units[id] = super().__new__(cls)
            unit._number = id
            unit._irq = None
            unit._clear()
        return cls._units[id]

    def __init__(self, id, **kwargs):
        self.init(**kwargs)

    def _clear(self):
        self._pin, self._rising, self._falling = 0, PCNT.IGNORE, PCNT.IGNORE
        self._min = self._max = self._filter = 0

    def init(
        self, *, channel=0, pin=None, rising=None, falling=None, min=None, max=None, filter=None,
        value=None
    ):  # fmt: skip
        if channel:
            raise ValueError("channel")
        if pin is not None:
            self._pin = number_of(pin)
        if rising is not None or falling is not None:
            self._rising = _check(rising or 0, 0, 2, "rising")
            self._falling = _check(falling or 0, 0, 2, "falling")
        if filter is not None:
            self._filter = _check(filter, 0, _FILTER, "filter")
        if value is not None:
            _check(value, 0, 0, "value")
        if min is not None:
            self._min = _check(min, -32768, 0, "minimum")
        if max is not None:
            self._max = _check(max, 0, 32767, "maximum")
        link.post_packed(
            "<BBBHBBhh",
            link.COUNTER_OPEN,
            self._number,
            self._pin,
            self._filter,
            self._rising,
            self._falling,
            self._min,
            self._max,
        )

    def deinit(self):
        if self._irq:
            self._irq.handler = None
        self.stop()
        self._clear()
        self.init(value=0)

    def start(self):
        link.post(link.COUNTER_RUN, self._number, 1)

    def stop(self):
        link.post(link.COUNTER_RUN, self._number, 0)

    def value(self, value=None):
        if value is not None:
            _check(value, 0, 0, "value")
        _, answer = link.ask(b"", "<BBH", link.COUNTER_READ, self._number, 0)
        # What is still to be handled belongs to this value: the port calls the handler here too.
        while self._irq and self._irq.handler and self._irq.pending:
            self._irq.handler(self)
        if value is not None:
            link.post(link.COUNTER_CLEAR, self._number, 0)
        return unpack("<i", answer)[0]

    def irq(self, handler=None, trigger=IRQ_MAX | IRQ_MIN):
        if self._irq is None:
            self._irq = _Irq(self)
        if handler is not None:
            self._irq.handler, self._irq.mask = handler, trigger
        return self._irq


def _check(value, lowest, highest, name):
    if not lowest <= need_int(value) <= highest:
        raise ValueError(name)
    return value


def receive_limit(number, high):
    unit = PCNT._units[number]
    if unit is not None and unit._irq:
        unit._irq.raise_flags(PCNT.IRQ_MAX if high else PCNT.IRQ_MIN)


link.on_limit = receive_limit
