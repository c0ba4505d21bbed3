"""A pulse counter unit of the ESP32, as the port opens it (technical reference manual, PCNT).

16 bits: at its upper or lower limit it begins again at 0, and says so. Without a limit it wraps at
the 16 bits.
"""

from collections.abc import Callable

from dianka.bench.models.clock import Clock
from dianka.bench.models.wires import Wire

_CYCLES_PER_US = 80  # of the filter
_STEPS = (0, 1, -1)  # IGNORE, INCREMENT, DECREMENT


class Pcnt:
    """One unit, stopped at first. `on_limit(high)` is called at each limit."""

    def __init__(self, clock: Clock, on_limit: Callable[[bool], None]) -> None:
        self.running = False
        self._clock = clock
        self._on_limit = on_limit
        self._wire: Wire | None = None
        self._filter = 0
        self._steps = (0, 0)  # at a falling, at a rising edge
        self._low = self._high = 0
        self._value = 0
        self._level = self._believed = 0
        self._since_us = 0

    def open(self, wire: Wire, filter: int, rising: int, falling: int, low: int, high: int) -> None:
        """Set it up and clear its count; `filter` in cycles of 80 MHz."""
        self.close()
        self._wire = wire
        self._filter, self._low, self._high = filter, low, high
        self._steps = (_STEPS[falling], _STEPS[rising])
        self._level = self._believed = wire.level
        self._since_us = self._clock.now_us
        self._value = 0
        wire.listeners.append(self._follow)

    def close(self) -> None:
        if self._wire:
            self._wire.listeners.remove(self._follow)
            self._wire = None

    def read(self) -> int:
        self._settle()
        return self._value

    def clear(self) -> None:
        self._settle()
        self._value = 0

    def run(self, on: bool) -> None:
        self._settle()
        self.running = on

    def _follow(self, level: int) -> None:
        self._settle()
        self._level, self._since_us = level, self._clock.now_us
        self._settle()

    def _settle(self) -> None:
        """Believe the level once it has lasted longer than the filter."""
        if self._level == self._believed:
            return
        lasted = (self._clock.now_us - self._since_us) * _CYCLES_PER_US
        if self._filter and lasted <= self._filter:
            return
        self._believed = self._level
        step = self._steps[self._level]
        if self.running and step:
            self._count(step)

    def _count(self, step: int) -> None:
        self._value += step
        if (self._high and self._value >= self._high) or (self._low and self._value <= self._low):
            high = self._value > 0
            self._value = 0
            self._on_limit(high)
        elif not -0x8000 <= self._value < 0x8000:
            self._value = (self._value + 0x8000) % 0x10000 - 0x8000
