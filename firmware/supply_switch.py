"""Switch the supply: gather what the decision depends on, decide, and let the relay follow.

Owns the present cause and what people are told of it. The decision itself is in supply.py, the
watch of load and voltage in load_watch.py.

After an outage, and when a voltage comes back that was too high or too low, the relays of a street
do not close in the same second: each waits its meter number modulo 61 in seconds. 61 is prime, so
any regular numbering is spread evenly. Whoever puts a card in or holds the key waits no longer.
"""

import time

from micropython import const

import supply
import supply_rules
from ds3231 import Ds3231
from load_watch import LoadWatch
from metering import Metering
from relay import Relay
from state import INITIALISED, OPENED, TEST_CREDIT
from state_store import StateStore

# 70 % of 220 V: below it a coil is not driven (docs/hardware.md, "The relay's pulse").
_MIN_RELAY_MV = const(154_000)
_SPREAD_S = const(61)
_CLOCK_MS = const(5_000)  # between two looks at the clock
_DIGITS = const(8)


class SupplySwitch:
    """The supply of one meter. `cold`: the mains has just come, not the controller alone."""

    def __init__(
        self,
        store: "StateStore",
        metering: "Metering",
        relay: "Relay",
        clock: "Ds3231",
        cold: bool,
        log,
    ) -> None:
        self._store = store
        self._metering = metering
        self._relay = relay
        self._clock = clock
        self._log = log
        self._watch = LoadWatch()
        self._now = supply.Circumstances()
        self._told = None
        self._friendly_pages = (None, [])  # the rules that they tell, and their texts
        self._day = 0  # YYMMDD, 0 while unknown
        self._clock_ms = None  # when the clock was last looked at
        self._spread_ms = time.ticks_ms() if cold else None  # since when the turn is waited for
        self.cause = supply.MAY_CLOSE
        self.left_s = 0  # until a timed cause ends, 0 if that is not known

    async def step(self, powered: bool) -> None:
        """Decide, and let the contact follow. `powered` is the power-fail pin.

        To be called every 200 ms.
        """
        state, now_ms = self._store.state, time.ticks_ms()
        self._watch.load_rules(state)
        self._look_at_clock(now_ms)
        metering, chip, closed = self._metering, self._metering.chip, self._relay.closed
        reading = None
        if metering.heard and not metering.silent:
            reading = (chip.voltage_mv or 0, chip.current_ma or 0, chip.power_mw)
        if self._watch.look(state, now_ms, reading, closed, self._day):
            self._store.keep()
        self._decide(state, now_ms, powered, reading, closed)
        wanted = self.cause == supply.MAY_CLOSE
        await self._relay.follow(wanted, _can_drive(powered, reading, wanted))

    def release(self, acts: int) -> bool:
        """Release what these acts release, and commit. Return whether the cause was one of them."""
        released = bool(supply.CAUSES[self.cause][2] & acts)
        if released:
            self._spread_ms = None
            supply.release(self._store.state, acts)
            self._store.keep()
        return released

    def list_texts(self) -> list:
        """Return what the display says of the supply: nothing while it is simply on."""
        words = supply.CAUSES[self.cause][1]
        if self.cause == supply.MAY_CLOSE:
            return ["FrEndLy"] if self._is_spared() else []
        if words[-1] == "#":
            words = words[:-1]
            left = str(self.left_s) if self.left_s else ""
            words += " " * (_DIGITS - len(words) - len(left)) + left
        return ["oFF-%02d" % self.cause, words]

    def list_friendly_pages(self) -> list:
        """Return the friendly time as texts of eight digits, for people to read."""
        if self._friendly_pages[0] is not self._watch.rules:
            self._friendly_pages = (self._watch.rules, self._compose_friendly_pages())
        return self._friendly_pages[1]

    def _compose_friendly_pages(self) -> list:
        rules, pages = self._watch.rules, []
        if not rules:
            return pages
        if rules["friendly_from_h"] != rules["friendly_to_h"]:
            pages.append("FH %02d-%02d" % (rules["friendly_from_h"], rules["friendly_to_h"]))
        if rules["friendly_days"]:
            days = [str(day + 1) for day in range(7) if rules["friendly_days"] >> day & 1]
            pages.append("F" + " " * (_DIGITS - 1 - len(days)) + "".join(days))
        if rules["friendly_from_month"]:
            months = (rules["friendly_from_month"], rules["friendly_to_month"])
            pages.append("Fn %02d-%02d" % months)
        return pages + ["Fd %02d-%02d" % divmod(d, 100) for d in supply_rules.list_dates(rules)]

    # ****** Steps ******

    def _decide(self, state, now_ms: int, powered: bool, reading, closed: bool) -> None:
        now, watch, metering = self._now, self._watch, self._metering
        now.forced = self._relay.forced
        now.over, now.under = watch.over, watch.under
        limit_s = state.silence_limit_s or supply.SILENCE_LIMIT_S
        # A silent chip does not tell whether the mains can drive the coil either.
        now.unmetered = metering.silence_s >= limit_s or (metering.silent and not closed)
        now.mains_low = not closed and reading is not None and not _can_drive(True, reading, True)
        if now.over or now.under or now.mains_low:
            self._spread_ms = now_ms  # what the whole street has: the wait begins when it ends
        spread_s = self._count_down_spread(state, now_ms, closed)
        now.waits = spread_s > 0
        self.cause = cause = supply.find_cause(state, now)
        self.left_s = spread_s if cause == supply.SPREAD else watch.left_s
        if cause != self._told:
            self._told = cause
            self._log("supply: " + supply.CAUSES[cause][0])

    def _count_down_spread(self, state, now_ms: int, closed: bool) -> int:
        """Return the seconds until this meter's turn, 0 if it has come."""
        if self._spread_ms is None:
            return 0
        in_use = state.has(INITIALISED) and state.has(OPENED) and not state.has(TEST_CREDIT)
        wait_ms = state.meter_no % _SPREAD_S * 1000 if in_use else 0
        left_ms = wait_ms - time.ticks_diff(now_ms, self._spread_ms)
        if closed or left_ms <= 0 or self._store.held:
            self._spread_ms = None  # before ticks come round
            return 0
        return -(-left_ms // 1000)

    def _look_at_clock(self, now_ms: int) -> None:
        rules = self._watch.rules
        if not rules:
            self._now.friendly, self._clock_ms = False, None
            return
        if self._clock_ms is None or time.ticks_diff(now_ms, self._clock_ms) >= _CLOCK_MS:
            self._clock_ms = now_ms
            minute = self._clock.read_sure_minute()
            self._day = minute // 10_000
            self._now.friendly = supply_rules.is_friendly(rules, minute)

    def _is_spared(self) -> bool:
        """Return whether friendly time alone keeps the supply on."""
        return self._now.friendly and bool(supply.find_unpaid_cause(self._store.state))


def _can_drive(powered: bool, reading, wanted: bool) -> bool:
    """Return whether the mains can drive a coil.

    While the chip is silent the power-fail pin decides, and only opening is allowed. It also
    decides with a chip that measures no voltage.
    """
    if not powered:
        return False
    if reading is None:
        return not wanted
    return not reading[0] or reading[0] >= _MIN_RELAY_MV
