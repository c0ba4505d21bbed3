"""Switch the supply: gather what the decision depends on, decide, and let the relay follow.

Owns the present cause and what people are told of it. The decision itself is in supply.py. Rules of
the supply, as an initialisation card brings them, are watched by load_watch.py, friendly time is
told by friendly.py; both are imported with the first rules that need them. The state names the
rules by a CRC; the ESAM keeps them, the FRAM has a copy (parameter_memory.py).

After an outage, and when a voltage comes back that was too high or too low, the relays of a street
do not close in the same second: each waits its meter number modulo 61 in seconds. 61 is prime, so
any regular numbering is spread evenly. Whoever puts a card in or holds the key waits no longer.
"""

import time

from micropython import const

import card_files
import parameters
import supply
from ds3231 import Ds3231, count_days
from esam import Esam, EsamError
from event_chain import OVERLOAD, SUPPLY
from events import Events, pack_signed
from fram import Fram
from journal import JournalError
from metering import Metering
from relay import Relay
from state import INITIALISED, State
from state_store import StateStore

# 70 % of 220 V: below it a coil is not driven (docs/hardware.md, "The relay's pulse").
_MIN_RELAY_MV = const(154_000)
_SPREAD_S = const(61)
_PASSING = (supply.SPREAD, supply.LOW_MAINS)  # of every outage: not logged
_CLOCK_MS = const(5_000)  # between two looks at the clock
_UNTOLD_MS = const(5_000)  # from the start, in which ESAM or memory may still tell the state
_DIGITS = const(8)
_FRIENDLY_AT = const(24)  # of the first field of friendly time in SUPPLY


class SupplySwitch:
    """The supply of one meter. `cold`: the mains has just come, not the controller alone."""

    def __init__(
        self,
        store: "StateStore",
        metering: "Metering",
        relay: "Relay",
        clock: "Ds3231",
        memory: "Fram",
        events: "Events",
        cold: bool,
        log,
    ) -> None:
        self._store = store
        self._metering = metering
        self._relay = relay
        self._clock = clock
        self._memory = memory
        self._events = events
        self._log = log
        self._now = supply.Circumstances()
        self._told = None
        self._logged = None  # the cause that the log of events knows of
        self._day = 0  # YYMMDD, 0 while unknown
        self._clock_ms = None  # when the clock was last looked at
        self._begun_ms = time.ticks_ms()
        self._untold = True  # nobody has told the state yet, and somebody still may
        self._spread_ms = self._begun_ms if cold else None  # since when the turn is waited for
        self.cause = supply.MAY_CLOSE
        self.left_s = 0  # until a timed cause ends, 0 if that is not known
        self.friendly_pages = []  # the friendly time as texts of eight digits
        self.lacks = False  # whether the rules are not at hand: `fetch` takes them from the ESAM
        self._crc = 0  # of the rules below
        self._rules = {}
        self._watch = None
        self._follow_rules(store.state)

    async def step(self, powered: bool) -> None:
        """Decide, and let the contact follow. `powered` is the power-fail pin.

        To be called every 200 ms.
        """
        state, now_ms = self._store.state, time.ticks_ms()
        self._untold = self._untold and self._is_untold(state, now_ms)
        if self._untold:
            return  # the contact is where a known state has put it: it stays there
        self._follow_rules(state)
        chip, closed, reading = self._metering.chip, self._relay.closed, None
        if self._metering.heard and not self._metering.silent:
            reading = (chip.voltage_mv, chip.current_ma or 0, chip.power_mw)
        if self._watch:
            self._look_at_clock(now_ms)
            tripped = state.tripped
            if self._watch.look(state, now_ms, reading, closed, self._day):
                self._store.keep()
            if state.tripped & ~tripped:
                power = pack_signed(reading[2] if reading else 0)
                self._events.log(OVERLOAD, state.tripped, power)
        self._decide(state, now_ms, reading, closed)
        wanted = self.cause == supply.MAY_CLOSE
        await self._relay.follow(wanted, powered and self._can_drive(wanted))

    def _is_untold(self, state: "State", now_ms) -> bool:
        """Return whether memory and ESAM have both told nothing yet since the start."""
        unknown = self._store.unread and not state.has(INITIALISED)
        return unknown and time.ticks_diff(now_ms, self._begun_ms) < _UNTOLD_MS

    @property
    def waits_for_key(self) -> bool:
        """Return whether holding the key would bring the supply back."""
        return bool(supply.CAUSES[self.cause][2] & supply.BY_KEY)

    def release_by_key(self) -> None:
        """Release what the key releases, and commit. To be called where `waits_for_key`."""
        self._spread_ms = None
        supply.release(self._store.state, supply.BY_KEY)
        self._store.keep()

    @property
    def friendly_hours(self) -> "tuple | None":
        """Return the hours of the day that the rules call friendly, from and to; None without."""
        hours = self._rules.get("friendly_from_h", 0), self._rules.get("friendly_to_h", 0)
        return hours if hours[0] != hours[1] else None

    def list_texts(self) -> list:
        """Return what the display says of the supply: nothing while it is simply on."""
        words = supply.CAUSES[self.cause][1]
        if self.cause == supply.MAY_CLOSE:
            spared = self._now.friendly and supply.find_unpaid_cause(self._store.state)
            return ["FrEndLy"] if spared else []
        if words[-1] == "#":
            words = words[:-1]
            left = str(self.left_s) if self.left_s else ""
            words += " " * (_DIGITS - len(words) - len(left)) + left
        return ["oFF-%02d" % self.cause, words]

    async def fetch(self, esam: "Esam", lock) -> None:
        """Take rules that the memory lacks from the ESAM; nothing changes if it does not answer.

        Rules that the ESAM does not have either are not looked for again in this start.
        """
        import parameter_memory

        try:
            async with lock:
                data = await parameters.read_supply(esam)
        except EsamError as error:
            self._log("supply: " + str(error))
            return
        self.lacks = False
        if not data or parameter_memory.compute_crc(data) != self._crc:
            self._log("supply: neither memory nor ESAM has the rules")
            return
        try:
            parameter_memory.keep(self._memory, parameter_memory.RULES, data, ())
        except JournalError as error:
            self._log("supply: " + str(error))  # the rules are at hand, but not kept
        self._adopt_rules(data)

    # ****** Rules ******

    def _follow_rules(self, state: "State") -> None:
        """Take over the rules that the state names, if they are others than before."""
        if state.supply_crc == self._crc:
            return
        self._crc = state.supply_crc
        self._rules, self._watch, self.friendly_pages = {}, None, []
        self._clock_ms, self._now.friendly, self.left_s = None, False, 0
        data = None
        if self._crc:
            import parameter_memory

            data = parameter_memory.find(self._memory, parameter_memory.RULES, self._crc)
        if data:
            self._adopt_rules(data)
        self.lacks = bool(self._crc) and not data

    def _adopt_rules(self, data: bytes) -> None:
        from load_watch import LoadWatch

        self._rules = rules = card_files.unpack(card_files.SUPPLY, data)
        self._watch = LoadWatch(rules)
        if any(data[_FRIENDLY_AT:]):
            from friendly import compose_pages

            self.friendly_pages = compose_pages(rules)

    def _look_at_clock(self, now_ms) -> None:
        """Update day and friendly time."""
        if self._clock_ms is not None and time.ticks_diff(now_ms, self._clock_ms) < _CLOCK_MS:
            return
        self._clock_ms = now_ms
        minute = self._clock.read_sure_minute()
        self._day = date = minute // 10_000
        if self.friendly_pages:
            from friendly import is_friendly

            days = count_days(date // 10_000, date // 100 % 100, date % 100) if date else 0
            self._now.friendly = is_friendly(self._rules, minute, days)

    # ****** Decision ******

    def _decide(self, state: "State", now_ms, reading, closed: bool) -> None:
        now, watch, metering = self._now, self._watch, self._metering
        now.forced = self._relay.forced
        now.over, now.under = (watch.over, watch.under) if watch else (False, False)
        limit_s = state.silence_limit_s or supply.SILENCE_LIMIT_S
        # A silent chip does not tell whether the mains can drive the coil either.
        now.unmetered = metering.silence_s >= limit_s or (metering.silent and not closed)
        now.mains_low = not closed and reading is not None and not self._can_drive(True)
        if now.over or now.under or now.mains_low:
            self._spread_ms = now_ms  # what the whole street has: the wait begins when it ends
        spread_s = 0
        if self._spread_ms is not None:
            spread_s = self._count_down_spread(state, now_ms, self._spread_ms, closed)
        now.waits = spread_s > 0
        self.cause = cause = supply.find_cause(state, now)
        self.left_s = spread_s if cause == supply.SPREAD else watch.left_s if watch else 0
        if cause != self._told:
            self._told = cause
            self._log("supply: " + supply.CAUSES[cause][0])
        # Not before the state is the memory's: the log would not take it.
        if cause != self._logged and cause not in _PASSING and not self._store.unread:
            self._logged = cause
            self._events.log_change(SUPPLY, cause, pack_signed(state.balance_fen))

    def _can_drive(self, wanted: bool) -> bool:
        """Return whether the mains, which the power-fail pin says is there, can drive a coil.

        While the chip is silent only opening is allowed. A chip that measures no voltage leaves it
        all to the pin.
        """
        if not self._metering.heard or self._metering.silent:
            return not wanted
        return self._metering.is_mains_at_least(_MIN_RELAY_MV)

    def _count_down_spread(self, state: "State", now_ms, since_ms, closed: bool) -> int:
        """Return the seconds until this meter's turn, 0 if it has come."""
        left_ms = state.meter_no % _SPREAD_S * 1000 - time.ticks_diff(now_ms, since_ms)
        if closed or left_ms <= 0 or self._store.held:
            self._spread_ms = None  # before ticks come round
            return 0
        return -(-left_ms // 1000)
