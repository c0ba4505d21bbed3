"""Provide `Counter` of the ESP32: edges counted by a PCNT unit, and its rounds by an interrupt.

Source: docs/library/machine.Counter.rst and ports/esp32/modules/machine.py of MicroPython 1.28: a
unit goes round at 32000. The filter is as long as a unit's at most; more is taken for that.
"""

from esp32 import PCNT
from micropython import const

_ROUND = const(32000)
_LONGEST_FILTER = const(1023)


class Counter:
    RISING = 1
    FALLING = 2
    UP = PCNT.INCREMENT
    DOWN = PCNT.DECREMENT

    _counters = {}

    def __new__(cls, id, *args, **kwargs):
        if id not in cls._counters:
            unit = PCNT(id, min=-_ROUND, max=_ROUND)
            counter = cls._counters[id] = super().__new__(cls)
            counter._unit = unit
            counter._running = False
        return cls._counters[id]

    def __init__(self, id, *args, **kwargs):
        if args or kwargs:
            self.init(*args, **kwargs)

    def init(self, src, edge=RISING, direction=UP, *, filter_ns=0):
        cycles = min(max(0, filter_ns * 80 // 1000), _LONGEST_FILTER)
        self._rounds = self._offset = 0
        self._unit.init(
            pin=src,
            rising=direction if edge & Counter.RISING else PCNT.IGNORE,
            falling=direction if edge & Counter.FALLING else PCNT.IGNORE,
            filter=cycles,
            value=0,
        )
        self._unit.irq(self._count_round, PCNT.IRQ_MIN | PCNT.IRQ_MAX)
        self._unit.start()
        self._running = True

    def _count_round(self, unit):
        flags = unit.irq().flags()
        if flags & PCNT.IRQ_MIN:
            self._rounds -= 1
        elif flags & PCNT.IRQ_MAX:
            self._rounds += 1

    def value(self, value=None):
        if not self._running:
            raise RuntimeError("not initialised")
        current = self._unit.value()  # which handles the rounds up to it
        result = self._rounds * _ROUND + current + self._offset
        if value is not None:
            self._rounds, self._offset = 0, value - current
        return result

    def deinit(self):
        self._unit.deinit()
        self._running = False
