"""Provide what people see, press and hear: the first page, the lamps, the key, the buzzer.

The other pages (page_texts.py) are imported when the first of them is shown. `Pages` only reads and
decides nothing.

**Key.** A press turns the page, holding it does one thing more:

    pressed            the next page, at once; or the end of a passing message
    held for 3 s       while the supply is off for something that the key releases: its release
    held for 1 s       else: the statement (statement.py), or back from it

So the statement never opens where a release is waited for, and what a hold has begun is done once,
however long the key stays down. A key that is down from the start on is stuck: it does nothing
until it has been up.

**Buzzer.** Once long for a card that is done, three times short for a refused one; in alarm, as
long as the lamp says to buy electricity, a beat once a minute. At night it is silent: in the
friendly hours of the supply's rules, or from 22 to 6 o'clock where they name none. While the clock
does not tell the time it does not beat. `step` drives it and never waits.
"""

import time

from micropython import const

import account
import supply
from display import ALARM, FAULT, OVERDRAFT, PULSE, TRIP, Display, decimal
from ds3231 import Ds3231
from events import Events
from metering import Metering
from relay import Relay
from selfcheck import SelfCheck
from settlement import Settlement
from state_store import StateStore
from supply_switch import SupplySwitch
from tariff import Tariff

_PULSE_PJ = account.PJ_PER_KWH // 1000
_CODES = const(32)
# A press is seen up to 0.2 s after it began, and people count to three.
_RELEASE_MS = const(2_900)
_STATEMENT_MS = const(900)
# Sounds, a bit for each tick of 100 ms, the lowest first.
_DONE = const(0x7F)
_REFUSED = const(0x15)
_BEAT = const(0x01)
_BEAT_MS = const(60_000)
_NIGHT = (22, 6)


class Pages:
    """The texts and lamps of one meter, which `update` passes to the display.

    `find_history` returns the history of the use (use_history.py).
    """

    def __init__(
        self,
        display: "Display",
        store: "StateStore",
        metering: "Metering",
        relay: "Relay",
        clock: "Ds3231",
        settlement: "Settlement",
        self_check: "SelfCheck",
        supply_switch: "SupplySwitch",
        tariff: "Tariff",
        events: "Events",
        find_history,
    ) -> None:
        self._display = display
        self._store = store
        self._metering = metering
        self._relay = relay
        self._clock = clock
        self._settlement = settlement
        self._self_check = self_check
        self._supply_switch = supply_switch
        self._tariff = tariff
        self._events = events
        self._find_history = find_history
        self._receipt = (0, "")  # of purchase number, the ten digits
        self._first = (self._format_balance,)
        self._others = None

    def update(self) -> None:
        """Bring the display up to date."""
        faults = self.list_faults()
        lamps = self._pick_lamps(faults)
        pages = self._list_pages() if self._display.turned else self._first
        self._display.update(pages, lamps, faults + self._supply_switch.list_texts())

    def turn_statement(self) -> None:
        """Show the statement, or the first page again if it is on show."""
        lines = ()
        if not self._display.has_list:
            from statement import list_lines

            lines = list_lines(self._events, self._find_history())
        self._display.show_list(lines)

    async def compute_receipt(self, esam) -> None:
        """Compute the receipt of the last purchase if somebody turns the pages and it is not known.

        To be called every second.
        """
        state = self._store.state
        if not (self._display.turned and self._settlement.ready and state.count):
            return
        if not self._receipt[1] or self._receipt[0] != state.count:
            from page_texts import compute_code

            code = await compute_code(esam, self._settlement.lock, state.meter_no, state.count)
            self._receipt = state.count, code

    def compose_texts(self) -> list:
        """Return the text of each page as it is now."""
        return [page() for page in self._list_pages()]

    def _list_pages(self) -> tuple:
        """Return all pages; those about friendly time last, as many as there is to say."""
        if self._others is None:
            from page_texts import PageTexts

            self._others = PageTexts(
                self._store, self._metering, self._self_check, self._tariff, self._events,
                self._find_history(), self.compute_fault_bits, lambda: self._receipt,
            )  # fmt: skip
        texts = self._supply_switch.friendly_pages
        return self._first + self._others.pages + tuple([lambda text=text: text for text in texts])

    def list_faults(self) -> list:
        """Return the codes of the meter's standing faults, such as Err-02 (docs/operations.md)."""
        bits = self.compute_fault_bits()
        return ["Err-%02d" % code for code in range(1, _CODES) if bits >> code & 1]

    def compute_fault_bits(self) -> int:
        """Return the standing faults as one number: bit n is code n."""
        bits = 0
        for code, stands in (
            (1, self._relay.fault),
            (2, self._settlement.failures >= 2),
            (3, self._store.state.difference_fen),
            (4, self._clock.fault),
            (5, self._metering.silent),
            (6, self._store.fault),
        ):
            bits |= bool(stands) << code
        return bits

    def _pick_lamps(self, faults: list) -> int:
        state = self._store.state
        lamps = PULSE if state.energy_pj // _PULSE_PJ & 1 else 0
        if supply.is_alarm_on(state):
            lamps |= ALARM
        if not self._relay.closed:
            lamps |= TRIP
        if state.balance_fen < 0:
            lamps |= OVERDRAFT
        return lamps | FAULT if faults else lamps

    def _format_balance(self) -> str:
        return decimal(self._store.state.balance_fen, 2)


class Key:
    """The key on `pin`, which reads 0 while it is pressed."""

    def __init__(
        self, pin, display: "Display", pages: "Pages", supply_switch: "SupplySwitch"
    ) -> None:
        self._pin = pin
        self._display = display
        self._pages = pages
        self._supply_switch = supply_switch
        self._pressed = self._before = True
        self._down_ms = None  # since when it is held for something

    def is_down(self) -> bool:
        """Return True while the key is pressed."""
        return not self._pin.value()

    def look(self) -> None:
        """Do what the key asks for. To be called every 100 ms; two looks alike are believed."""
        now = self.is_down()
        if now and self._before and not self._pressed:
            self._display.press_key()
            self._down_ms = time.ticks_ms()
        self._pressed, self._before = now and self._before, now
        if not self._pressed:
            self._down_ms = None
        elif self._down_ms is not None:
            self._follow_hold(time.ticks_diff(time.ticks_ms(), self._down_ms))

    def _follow_hold(self, held_ms) -> None:
        waits = self._supply_switch.waits_for_key
        if held_ms < (_RELEASE_MS if waits else _STATEMENT_MS):
            return
        self._down_ms = None
        if waits:
            self._supply_switch.release(supply.BY_KEY)
        else:
            self._pages.turn_statement()


class Buzzer:
    """The buzzer at `pin`, which sounds while it is 1; None: this board has none."""

    def __init__(self, pin, clock: "Ds3231", supply_switch: "SupplySwitch") -> None:
        self._pin = pin
        self._clock = clock
        self._supply_switch = supply_switch
        self._left = 0  # of the sound
        self._beat_ms = time.ticks_ms()

    def sound(self, good: bool) -> None:
        """Tell that a card is done, or that it was refused."""
        minute = self._read_minute()
        if not (minute and self._is_night(minute)):
            self._left = _DONE if good else _REFUSED

    def step(self, alarm: bool) -> None:
        """Sound what is due. To be called every 100 ms."""
        if self._pin is None:
            return
        now_ms = time.ticks_ms()
        if time.ticks_diff(now_ms, self._beat_ms) >= _BEAT_MS:
            self._beat_ms = now_ms
            if alarm and not self._left:
                minute = self._read_minute()
                if minute and not self._is_night(minute):
                    self._left = _BEAT
        self._pin.value(self._left & 1)
        self._left >>= 1

    def silence(self) -> None:
        """End every sound at once."""
        self._left = 0
        if self._pin is not None:
            self._pin.value(0)

    def _read_minute(self) -> int:
        """Return the local minute, YYMMDDhhmm; 0 while it is unknown, or without a buzzer."""
        return 0 if self._pin is None else self._clock.read_local_minute()

    def _is_night(self, minute: int) -> bool:
        hour = minute // 100 % 100
        first, last = self._supply_switch.friendly_hours or _NIGHT
        if first < last:
            return first <= hour < last
        return hour >= first or hour < last
