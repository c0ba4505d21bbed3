"""Watch the meter's one key, and sound its buzzer.

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

from display import Display
from ds3231 import Ds3231
from pages import Pages
from supply_switch import SupplySwitch

# A press is seen up to 0.2 s after it began, and people count to three.
_RELEASE_MS = const(2_900)
_STATEMENT_MS = const(900)
# Sounds, a bit for each tick of 100 ms, the lowest first.
_DONE = const(0x7F)
_REFUSED = const(0x15)
_BEAT = const(0x01)
_BEAT_MS = const(60_000)
_NIGHT = (22, 6)


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
            self._supply_switch.release_by_key()
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
