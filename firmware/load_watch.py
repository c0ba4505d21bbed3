"""Watch load and mains voltage against the rules of the supply (supply_rules.py).

Integers in, integers out: no hardware, no clock. `look` is called every 200 ms with the time and
the newest reading; what it decides is in the state (`tripped`, so that nobody undoes a trip by
pulling the main switch) and in `over` and `under`.

Overload: more than the limit for the whole delay trips. The supply returns after a pause, as often
as the rules say; then it is locked until a card. The count of trips goes back to zero with a card,
or after an hour without overload. Heating loads have a module of their own (step_watch.py), which
is imported where there are rules for them.

Voltage: beyond its limit for the delay trips, within the hysteresis for the delay returns. The
first reading of a start decides at once, since the relay may be waiting to close.
"""

import time

from micropython import const

from state import OVERLOAD_LOCK, OVERLOADED, STEP_LOCK, STEPPED, State

_FORGIVE_MS = const(3_600_000)
_MOST_TRIPS = const(255)


class LoadWatch:
    """The watch of one meter by these rules, a dict of card_files.SUPPLY."""

    def __init__(self, rules: dict) -> None:
        self._rules = rules
        self._steps = None
        self.over = False  # the mains voltage is beyond its limit
        self.under = False
        self.left_s = 0  # until a tripped supply returns, or 0
        self._over_ms = self._under_ms = None  # since when the voltage speaks for a change
        self._first = True
        self._overload_ms = None  # since when there is an overload
        self._calm_ms = None  # since when there is none
        self._open_ms = None  # since when a tripped contact has been open

    def look(self, state: "State", now_ms, reading, closed: bool, day: int) -> bool:
        """Judge one reading: (voltage_mv, current_ma, power_mw), None from an unresponsive chip.

        A voltage of 0 or None is one that the chip does not measure. `closed` is the contact,
        `day` is YYMMDD or 0 if unknown. Return True if the state has changed and is to be
        committed.
        """
        rules = self._rules
        voltage_mv, current_ma, power_mw = reading or (0, 0, 0)
        if reading:
            self._follow_voltage(now_ms, voltage_mv)
        else:
            self._over_ms = self._under_ms = None
        steps = self._find_step_watch()
        changed = bool(steps) and steps.begin_day(state, day)
        tripped = state.tripped & (OVERLOADED | STEPPED)
        if tripped or not closed:
            self._overload_ms = self._calm_ms = None
            if steps:
                steps.forget()
        if tripped:
            return self._return(state, now_ms, closed) or changed
        self._open_ms, self.left_s = None, 0
        if not closed:
            return changed
        if rules["overload_w"] and self._judge_overload(state, now_ms, power_mw):
            changed = True
        if steps and steps.look(state, now_ms, voltage_mv, current_ma, power_mw, day):
            changed = True
        return changed

    def _find_step_watch(self):
        """Return the watch of heating loads, None without rules for them."""
        if not self._steps and self._rules["step_from_w"]:
            from step_watch import StepWatch

            self._steps = StepWatch(self._rules)
        return self._steps

    # ****** Voltage ******

    def _follow_voltage(self, now_ms, voltage_mv: int) -> None:
        rules = self._rules
        over_mv, under_mv = rules["over_v"] * 1000, rules["under_v"] * 1000
        inside_mv, delay_ms = rules["hysteresis_v"] * 1000, rules["voltage_delay_s"] * 1000
        if self._first and voltage_mv:
            delay_ms = 0
            self._first = False
        too_high = too_low = False  # a voltage that is not told is none to cut for
        if voltage_mv:
            too_high = bool(over_mv) and voltage_mv > over_mv - inside_mv * self.over
            too_low = bool(under_mv) and voltage_mv < under_mv + inside_mv * self.under
        self.over, self._over_ms = _follow(self.over, too_high, self._over_ms, now_ms, delay_ms)
        self.under, self._under_ms = _follow(self.under, too_low, self._under_ms, now_ms, delay_ms)

    # ****** Overload ******

    def _judge_overload(self, state: "State", now_ms, power_mw: int) -> bool:
        rules = self._rules
        if power_mw <= rules["overload_w"] * 1000:
            self._overload_ms = None
            return self._forgive(state, now_ms)
        self._calm_ms = None
        if self._overload_ms is None:
            self._overload_ms = now_ms
        if time.ticks_diff(now_ms, self._overload_ms) < rules["overload_delay_s"] * 1000:
            return False
        state.overload_trips = min(state.overload_trips + 1, _MOST_TRIPS)
        state.tripped |= OVERLOADED
        if state.overload_trips > rules["overload_returns"]:
            state.tripped |= OVERLOAD_LOCK
        return True

    def _forgive(self, state: "State", now_ms) -> bool:
        if not state.overload_trips:
            return False
        if self._calm_ms is None:
            self._calm_ms = now_ms
        if time.ticks_diff(now_ms, self._calm_ms) < _FORGIVE_MS:
            return False
        state.overload_trips = 0
        return True

    # ****** Return ******

    def _return(self, state: "State", now_ms, closed: bool) -> bool:
        """End a trip when its pause is over. The pause begins when the contact is open."""
        rules = self._rules
        self.left_s = 0
        if closed:
            self._open_ms = None
            return False
        if state.tripped & OVERLOADED:
            flag, lock, pause_s = OVERLOADED, OVERLOAD_LOCK, rules["overload_return_s"]
        else:
            flag, lock, pause_s = STEPPED, STEP_LOCK, rules["step_return_s"]
        if self._open_ms is None or state.tripped & lock:
            self._open_ms = now_ms  # no old time is left when a lock goes
        if state.tripped & lock:
            return False
        left_ms = pause_s * 1000 - time.ticks_diff(now_ms, self._open_ms)
        if left_ms > 0:
            self.left_s = -(-left_ms // 1000)
            return False
        state.tripped &= ~flag
        self._open_ms = None
        return True


def _follow(on: bool, beyond: bool, since_ms, now_ms, delay_ms: int) -> tuple:
    """Return (on, since when a reading speaks against it) after one reading."""
    if beyond == on:
        return on, None
    if since_ms is None:
        since_ms = now_ms
    if time.ticks_diff(now_ms, since_ms) < delay_ms:
        return on, since_ms
    return not on, None
