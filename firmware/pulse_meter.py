"""Meter by pulses alone: a metering chip's CF, or a meter's pulse output, without any other wire.

A pulse is a known energy, 400 to 6400 of them make a kWh, and that is all that such a source tells:
no voltage, no current, no direction. Its power is the energy of a pulse by the time between two.

Noise is a pulse too, and once counted it can't be told from a true one. So there are two filters.
The counter drops what is shorter than an optocoupler's pulse, as far as it can (pulse_counter.py).
Here a poll is rejected as a whole, with all its pulses, if they are more than the mains can have
delivered in the time since the last pulse. Rejected polls are no readings: noise that goes on makes
the chip unresponsive, which is shown, and opens the supply after a time.

A wire that is cut can't be told from no load: it belongs under the meter's seal.
"""

import time

from micropython import const

from account import PJ_PER_KWH

# Polls come late: a pulse that came just before one may be taken for one just after the last.
_JITTER_MS = const(50)
_WINDOW_MS = const(1_000)  # at least, over which pulses are averaged to power
_LONG_MS = const(3_600_000)  # without a pulse: 0.6 W at 1600 imp/kWh


class PulseMeter:
    """A pulse source behind `counter`, whose `value()` counts from 0 at the start.

    ValueError if a pulse of 1/`imp_per_kwh` kWh is no whole number of picojoules.
    """

    modulus = 1 << 32
    volatile = True
    kind = 0
    voltage_mv = None
    current_ma = None
    withheld = 0
    reverse = 0

    def __init__(self, counter, imp_per_kwh: int, max_power_mw: int) -> None:
        if imp_per_kwh <= 0 or PJ_PER_KWH % imp_per_kwh:
            raise ValueError("imp/kWh: a pulse must be a whole number of pJ")
        self._counter = counter
        self._max_power_mw = max_power_mw
        self.pulse_pj = PJ_PER_KWH // imp_per_kwh
        self.power_mw = 0
        self.register = 0
        self.reports = 0
        self.rejected = 0
        self.skipped = 0  # pulses of rejected polls
        self._seen = 0
        # What the mains can have delivered and no pulse has told; at the start a whole pulse may
        # have been due.
        self._room_pj = self.pulse_pj
        self._polled_ms = self._pulse_ms = time.ticks_ms()
        self._window = -1  # pulses since _pulse_ms; below zero: there has been none yet

    @property
    def phases(self) -> tuple:
        return ((self.voltage_mv, self.current_ma, self.power_mw),)

    def expect(self, pulse_pj: int) -> None:
        """Do nothing: the energy of a pulse is given."""

    def poll(self) -> bool:
        """Read the counter; False if it has counted more than the mains can have delivered."""
        now_ms, seen = time.ticks_ms(), self._counter.value()
        pulses, self._seen = seen - self._seen, seen
        elapsed_ms = time.ticks_diff(now_ms, self._polled_ms)
        self._polled_ms = now_ms
        fresh_pj = self._max_power_mw * elapsed_ms * 1_000_000
        room_pj = min(self._room_pj, self.pulse_pj) + fresh_pj
        if pulses * self.pulse_pj > room_pj + self._max_power_mw * _JITTER_MS * 1_000_000:
            self._room_pj = room_pj
            self.rejected += 1
            self.skipped += pulses
            return False
        self._room_pj = room_pj - pulses * self.pulse_pj
        self.register = (self.register + pulses) % self.modulus
        self._update_power(pulses)
        self.reports += 1
        return True

    def _update_power(self, pulses: int) -> None:
        now_ms = time.ticks_ms()
        span_ms = time.ticks_diff(now_ms, self._pulse_ms)
        if span_ms > _LONG_MS:
            self._pulse_ms = time.ticks_add(now_ms, -_LONG_MS)  # ticks wrap after 12 days
            span_ms = _LONG_MS
        if self._window < 0:
            if pulses:
                self._window, self._pulse_ms = 0, now_ms
            return
        self._window += pulses
        if not span_ms:
            return
        # From pulse to pulse; only where none comes any more the window ends without one.
        if (pulses and span_ms >= _WINDOW_MS) or (self._window and span_ms >= 3 * _WINDOW_MS):
            self.power_mw = self._window * self.pulse_pj // (span_ms * 1_000_000)
            self._window, self._pulse_ms = 0, now_ms
        elif not pulses:
            # The next pulse may come at once: until then the power is no higher than this.
            most_mw = (self._window + 1) * self.pulse_pj // (span_ms * 1_000_000)
            self.power_mw = min(self.power_mw, most_mw)
