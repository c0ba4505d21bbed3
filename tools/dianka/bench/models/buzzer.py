"""An active buzzer at a pin of the controller: it sounds while the pin is high.

Owns what was to be heard: when each sound began and how long it lasted, the newest 1000 of them.
"""

from collections import deque

from dianka.bench.models.clock import Clock
from dianka.bench.models.wires import Wire

_SOUNDS = 1000


class Buzzer:
    """One buzzer on `wire`.

    `sounds` are (beginning, length) in microseconds, without one that has not ended.
    """

    def __init__(self, clock: Clock, wire: Wire) -> None:
        self.sounds: deque[tuple[int, int]] = deque(maxlen=_SOUNDS)
        self.on = False
        self._clock = clock
        self._since_us = 0
        wire.listeners.append(self._follow)

    def _follow(self, level: int) -> None:
        now_us = self._clock.now_us
        if self.on and not level:
            self.sounds.append((self._since_us, now_us - self._since_us))
        elif level and not self.on:
            self._since_us = now_us
        self.on = bool(level)
