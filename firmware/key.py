"""Watch the meter's one key: a press turns the page, holding it does one thing more.

    pressed            the next page, at once; or the end of a passing message
    held for 3 s       while the supply is off for something that the key releases: its release
    held for 1 s       else: the statement (statement.py), or back from it

So the statement never opens where a release is waited for, and what a hold has begun is done once,
however long the key stays down. A key that is down from the start on is stuck: it does nothing
until it has been up.
"""

import time

from micropython import const

import supply
from display import Display
from pages import Pages
from supply_switch import SupplySwitch

# A press is seen up to 0.2 s after it began, and people count to three.
_RELEASE_MS = const(2_900)
_STATEMENT_MS = const(900)


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
