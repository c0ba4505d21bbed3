"""Watch for heating loads: steps of the power that the rules of the supply do not allow.

A step lies between two states of rest of 2 s. One in the window, whose own power factor is at least
that of the rules, trips. What is on when the contact closes is one step. A load that does not rest
for 10 s is judged by its highest reading in that time. The step's power factor is that of its
active and reactive power, each the difference of two readings. Reactive power is without a sign
here, as the chips give volts, amperes and watts.
"""

import time

from micropython import const

from state import STEP_LOCK, STEPPED, State

_REST_MS = const(2_000)
_RESTLESS_MS = const(10_000)
_REST_W = const(20)  # a reading within this, or 3 %, of the first one is at rest
_MOST_TRIPS = const(255)


class StepWatch:
    """The watch of one meter by these rules, a dict of card_files.SUPPLY."""

    def __init__(self, rules: dict) -> None:
        self._rules = rules
        self.forget()

    def forget(self) -> None:
        """Take the load that comes next as one step: the contact is open."""
        self._base = (0, 0)  # power in W and reactive power in var at the last rest
        self._met_w = None  # power in the first of the readings that are alike
        self._met_ms = self._moved_ms = 0
        self._peak = (0, 0)  # the highest power since the last rest, and its volt-amperes
        self._rests = True

    def look(
        self, state: "State", now_ms, voltage_mv: int, current_ma: int, power_mw: int, day: int
    ) -> bool:
        """Judge one reading. Return True if it trips."""
        if not voltage_mv:  # not measured: the load of the last rest stands
            self._met_w, self._rests = None, True
            return False
        volt_amps = voltage_mv * current_ma // 1_000_000
        load = self._find_load(now_ms, (power_mw // 1000, volt_amps))
        return load is not None and self._judge(state, load, day)

    def begin_day(self, state: "State", day: int) -> bool:
        """Forget the trips of the day before. Return True if the state has changed.

        A clock that was wound back, or that tells the time for the first time, begins no day: the
        count stays, and goes with the next day.
        """
        if not state.step_trips or not day or day == state.step_day:
            return False
        if state.step_day and day > state.step_day:
            state.step_trips = 0
            if state.tripped & STEP_LOCK:
                state.tripped &= ~(STEPPED | STEP_LOCK)
        state.step_day = day
        return True

    def _find_load(self, now_ms, load: tuple) -> "tuple | None":
        """Return the load (W, VA) to judge: once after each change. Else None."""
        power_w, met_w = load[0], self._met_w
        if met_w is None or abs(power_w - met_w) > max(_REST_W, met_w >> 5):
            self._met_w, self._met_ms = power_w, now_ms
            if self._rests:
                self._moved_ms, self._rests, self._peak = now_ms, False, load
        if self._rests:
            return None
        self._peak = max(self._peak, load)
        if time.ticks_diff(now_ms, self._met_ms) >= _REST_MS:
            found = load
        elif time.ticks_diff(now_ms, self._moved_ms) >= _RESTLESS_MS:
            found = self._peak
        else:
            return None
        self._rests = True
        return found

    def _judge(self, state: "State", load: tuple, day: int) -> bool:
        rules, (power_w, volt_amps) = self._rules, load
        reactive_var = compute_root(max(volt_amps * volt_amps - power_w * power_w, 0))
        step_w, step_var = power_w - self._base[0], reactive_var - self._base[1]
        self._base = (power_w, reactive_var)
        if not rules["step_from_w"] <= step_w <= rules["step_to_w"]:
            return False
        pf_milli = rules["step_pf_milli"]
        if step_w * step_w * 1_000_000 < pf_milli * pf_milli * (step_w**2 + step_var**2):
            return False
        state.step_trips = min(state.step_trips + 1, _MOST_TRIPS)
        state.step_day = day or state.step_day
        state.tripped |= STEPPED
        if state.step_trips > rules["step_returns"]:
            state.tripped |= STEP_LOCK
        return True


def compute_root(value: int) -> int:
    """Return the integer square root of a number of 0 or more, rounded down."""
    if value < 2:
        return value
    root = value
    better = (value + 1) >> 1
    while better < root:  # Newton's way down: it ends, as each step is smaller than the one before
        root, better = better, (better + value // better) >> 1
    return root
