"""Provide `Pin` of the virtual board, as strict as the chip's port.

The rules of the chip are in its port.py. Levels of inputs come from the bench with every answer.
Before an input is read, operations that have not left yet are sent to the bench, because they may
change it (a clock line that makes a chip answer).
"""

import sys

from micropython import const

import bench_irq
import bench_link as link
import port

_path = sys.path[:]
sys.path.clear()
try:
    from machine import PinBase
finally:
    sys.path.extend(_path)

_READ = object()
_NOT_SET = const(-1)


def number_of(pin):
    """Return the GPIO number of a Pin, or of what names one; ValueError for others."""
    return pin._number if isinstance(pin, Pin) else port.find_pin(pin)


def need_int(value):
    if not isinstance(value, int):
        raise TypeError("can't convert %s to int" % type(value).__name__)
    return value


class Pin(PinBase):
    IN = port.IN
    OUT = port.OUT
    OPEN_DRAIN = port.OPEN_DRAIN
    PULL_UP = port.PULL_UP
    PULL_DOWN = port.PULL_DOWN
    IRQ_FALLING = port.IRQ_FALLING
    IRQ_RISING = port.IRQ_RISING

    _pins = [None] * link.PINS

    def __new__(cls, id, *args, **kwargs):
        number = number_of(id)
        pin = cls._pins[number]
        if pin is None:
            pin = cls._pins[number] = super().__new__(cls)
            pin._number = number
            pin._mode = None
            pin._latch = 0
        return pin

    def __init__(self, id, mode=_NOT_SET, pull=None, *, value=None):
        if mode != _NOT_SET or pull is not None or value is not None:
            self.init(None if mode == _NOT_SET else mode, pull, value=value)

    def init(self, mode=None, pull=None, *, value=None):
        pull = 0 if pull is None else need_int(pull)
        port.check_pin(self._number, Pin.IN if mode is None else need_int(mode), pull)
        if mode is None:
            return
        self._mode = mode
        if value is not None:
            self._latch = 1 if value else 0
        elif mode == Pin.OPEN_DRAIN:
            self._latch = 1
        if mode != Pin.OUT:
            link.post(link.PIN_IN, self._number, 1 if pull & port.PULL_UP else 2 if pull else 0)
        if mode != Pin.IN:
            link.post(link.PIN_OUT, self._number, self._latch)

    def value(self, level=_READ):
        if level is not _READ:
            self._latch = 1 if level else 0
            if self._mode is not None and self._mode != Pin.IN:
                link.post(link.PIN_OUT, self._number, self._latch)
            return None
        if self._mode == Pin.OUT:
            return self._latch
        # Never configured: still an input, but its level has not been asked for so far.
        if self._mode is None:
            self._mode = Pin.IN
            link.post(link.PIN_IN, self._number, 0)
        link.refresh()
        return link.levels[self._number]

    def __call__(self, level=_READ):
        return self.value(level)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    high = on
    low = off

    def toggle(self):
        self.value(not self._latch)

    def irq(self, handler=_READ, trigger=IRQ_FALLING | IRQ_RISING, hard=None):
        irq = bench_irq.get_irq(self, self._number)
        if handler is _READ:
            return irq
        if handler is not None and not callable(handler):
            raise ValueError("handler must be None or callable")
        if hard is not None and not port.HARD_IRQ:
            raise TypeError("unexpected keyword argument 'hard'")
        if need_int(trigger) & ~(Pin.IRQ_FALLING | Pin.IRQ_RISING):
            raise ValueError(
                "the virtual board has no level interrupts: use IRQ_RISING or IRQ_FALLING"
            )
        irq.set(handler, trigger, bool(hard))
        return irq

    def __repr__(self):
        return "Pin(GPIO%d)" % self._number
