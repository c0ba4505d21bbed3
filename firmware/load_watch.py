"""Watch load and mains voltage against the rules of the supply (supply_rules.py).

Integers in, integers out: no hardware, no clock. `look` is called every 200 ms with the time and
the newest reading; what it decides is in the state (`tripped`, so that nobody undoes a trip by
pulling the main switch) and in `over` and `under`.

Overload: more than the limit for the whole delay trips. The supply returns after a pause, as often
as the rules say; then it is locked until a card. The count of trips goes back to zero with a card,
or after an hour without overload.

Heating load: a step of the power, between two states of rest of 2 s, that lies in the window and
whose own power factor is at least that of the rules. What is on when the contact closes is one
step. A load that does not rest for 10 s is judged by its highest reading in that time. The step's
power factor is that of its active and reactive power, each the difference of two readings. Reactive
power is without a sign here, as the chips give volts, amperes and watts.

Voltage: beyond its limit for the delay trips, within the hysteresis for the delay returns. The
first reading of a start decides at once, since the relay may be waiting to close.
"""

import time

from micropython import const

import card_files
from state import OVERLOAD_LOCK, OVERLOADED, STEP_LOCK, STEPPED, State

_REST_MS = const(2_000)
_RESTLESS_MS = const(10_000)
_REST_W = const(20)  # a reading within this, or 3 %, of the first one is at rest
_FORGIVE_MS = const(3_600_000)
_MOST_TRIPS = const(255)


class LoadWatch:
    """The watch of one meter."""

    def __init__(self) -> None:
        self.rules = None  # a dict of SUPPLY, or None if there are none
        self._number = 0  # the state's form of them
        self.over = False  # the mains voltage is beyond its limit
        self.under = False
        self.left_s = 0  # until a tripped supply returns, or 0
        self._forget()

    def _forget(self) -> None:
        self._over_ms = self._under_ms = None  # since when the voltage speaks for a change
        self._first = True
        self._overload_ms = None  # since when there is an overload
        self._calm_ms = None  # since when there is none
        self._open_ms = None  # since when a tripped contact has been open
        self._forget_load()

    def _forget_load(self) -> None:
        self._base = (0, 0)  # power in W and reactive power in var at the last rest
        self._met_w = None  # power in the first of the readings that are alike
        self._met_ms = self._moved_ms = 0
        self._peak = (0, 0)  # the highest power since the last rest, and its volt-amperes
        self._rests = True

    def load_rules(self, state: "State") -> None:
        """Take the state's rules over if they have changed."""
        if state.supply_rules == self._number:
            return
        self._number = state.supply_rules
        self.rules = None
        if self._number:
            data = self._number.to_bytes(card_files.size_of(card_files.SUPPLY), "big")
            self.rules = card_files.unpack(card_files.SUPPLY, data)
        self.over = self.under = False
        self.left_s = 0
        self._forget()

    def look(self, state: "State", now_ms: int, reading, closed: bool, day: int) -> bool:
        """Judge one reading: (voltage_mv, current_ma, power_mw), None from an unresponsive chip.

        A voltage of 0 is one that the chip does not measure. `closed` is the contact, `day` is
        YYMMDD or 0 if unknown. Return True if the state has changed and is to be committed.
        """
        rules = self.rules
        if not rules:
            return False
        voltage_mv, current_ma, power_mw = reading or (0, 0, 0)
        if reading:
            self._follow_voltage(rules, now_ms, voltage_mv)
        else:
            self._over_ms = self._under_ms = None
        changed = self._begin_day(state, day)
        if state.tripped & (OVERLOADED | STEPPED):
            self._forget_load()
            self._overload_ms = self._calm_ms = None
            return self._return(state, rules, now_ms, closed) or changed
        self._open_ms, self.left_s = None, 0
        if not closed:
            self._forget_load()
            self._overload_ms = self._calm_ms = None
            return changed
        if rules["overload_w"] and self._judge_overload(state, rules, now_ms, power_mw):
            changed = True
        if not voltage_mv:
            self._met_w, self._rests = None, True  # the load of the last rest stands
        elif rules["step_from_w"]:
            volt_amps = voltage_mv * current_ma // 1_000_000
            load = self._find_load(now_ms, (power_mw // 1000, volt_amps))
            if load and self._judge_step(state, rules, load, day):
                changed = True
        return changed

    # ****** Voltage ******

    def _follow_voltage(self, rules: dict, now_ms: int, voltage_mv: int) -> None:
        over_mv, under_mv = rules["over_v"] * 1000, rules["under_v"] * 1000
        inside_mv, delay_ms = rules["hysteresis_v"] * 1000, rules["voltage_delay_s"] * 1000
        if self._first and voltage_mv:
            delay_ms = 0
            self._first = False
        unknown = not voltage_mv
        too_high = bool(over_mv) and not unknown and voltage_mv > over_mv - inside_mv * self.over
        too_low = bool(under_mv) and not unknown and voltage_mv < under_mv + inside_mv * self.under
        self.over, self._over_ms = _follow(self.over, too_high, self._over_ms, now_ms, delay_ms)
        self.under, self._under_ms = _follow(self.under, too_low, self._under_ms, now_ms, delay_ms)

    # ****** Overload ******

    def _judge_overload(self, state: "State", rules: dict, now_ms: int, power_mw: int) -> bool:
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

    def _forgive(self, state: "State", now_ms: int) -> bool:
        if not state.overload_trips:
            return False
        if self._calm_ms is None:
            self._calm_ms = now_ms
        if time.ticks_diff(now_ms, self._calm_ms) < _FORGIVE_MS:
            return False
        state.overload_trips = 0
        return True

    # ****** Heating load ******

    def _judge_step(self, state: "State", rules: dict, load: tuple, day: int) -> bool:
        power_w, volt_amps = load
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

    def _find_load(self, now_ms: int, load: tuple) -> "tuple | None":
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

    def _begin_day(self, state: "State", day: int) -> bool:
        """Forget the heating loads of the day before.

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

    # ****** Return ******

    def _return(self, state: "State", rules: dict, now_ms: int, closed: bool) -> bool:
        """End a trip when its pause is over. The pause begins when the contact is open."""
        self.left_s = 0
        if closed:
            self._open_ms = None
            return False
        if self._open_ms is None:
            self._open_ms = now_ms
        if state.tripped & OVERLOADED:
            flag, lock, pause_s = OVERLOADED, OVERLOAD_LOCK, rules["overload_return_s"]
        else:
            flag, lock, pause_s = STEPPED, STEP_LOCK, rules["step_return_s"]
        if state.tripped & lock:
            self._open_ms = now_ms  # so that no old time is left when the lock goes
            return False
        left_ms = pause_s * 1000 - time.ticks_diff(now_ms, self._open_ms)
        if left_ms > 0:
            self.left_s = -(-left_ms // 1000)
            return False
        state.tripped &= ~flag
        self._open_ms = None
        return True


def _follow(on: bool, beyond: bool, since_ms, now_ms: int, delay_ms: int) -> tuple:
    """Return (on, since when a reading speaks against it) after one reading."""
    if beyond == on:
        return on, None
    if since_ms is None:
        since_ms = now_ms
    if time.ticks_diff(now_ms, since_ms) < delay_ms:
        return on, since_ms
    return not on, None


def compute_root(value: int) -> int:
    """Return the integer square root of a number of 0 or more, rounded down."""
    if value < 2:
        return value
    root = value
    better = (value + 1) >> 1
    while better < root:  # Newton's way down: it ends, as each step is smaller than the one before
        root, better = better, (better + value // better) >> 1
    return root
