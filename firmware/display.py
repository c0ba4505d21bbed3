"""Choose what people read: pages turned by the key, a list, passing messages, standing notices.

Owns the order and the time of what is shown, and the conversion of numbers to text. The numbers are
the meter's business (`pages`), the lighting of digits the driver's. Page 0 is the balance; it is
shown again 30 s after the last key press. Notices are faults, and why the supply is off. A list
takes the place of the pages until the key has turned its last line, or for 30 s after the last key
press; no notice interrupts it, a card does.
"""

import time

from micropython import const

from tm1638 import Tm1638

# Lamps, as bits for the driver.
ALARM = const(0x01)  # buy electricity
TRIP = const(0x02)  # supply is off
OVERDRAFT = const(0x04)
FAULT = const(0x08)
CARD = const(0x10)  # a card is being read
PULSE = const(0x20)  # changes with each watt-hour
_ALL_LAMPS = const(0xFF)

_DIGITS = const(8)
_HOME_MS = const(30_000)
_NOTICE_EVERY_MS = const(6_000)
_NOTICE_MS = const(2_000)
_REFRESH_MS = const(60_000)
_PART_MS = const(2_000)  # each text of a line
_MESSAGES = const(48)  # an inspection card shows all pages


class Display:
    """The content of `driver` (tm1638.py), and how long each text stays."""

    def __init__(self, driver: "Tm1638") -> None:
        self._driver = driver
        self._reading = False  # a card session is under way
        self._testing = False  # all lamps are lit, for a person to check
        self._page = 0  # of the pages, or line of the list
        self._list = ()  # functions that return the texts of a line
        self._key_ms = 0
        self._messages = []  # queue of (text, ms); the first one is on show
        self._shown_ms = time.ticks_ms()
        self._refreshed_ms = time.ticks_ms()

    @property
    def turned(self) -> bool:
        """Return whether the key has turned the page away from the first one."""
        return self._page > 0 and not self._list

    def show_messages(self, *messages: tuple) -> None:
        """Show these (text, ms) one after the other, instead of any that still wait."""
        if self._list:
            self._list, self._page = (), 0
        self._messages = list(messages[:_MESSAGES])
        self._shown_ms = time.ticks_ms()

    def append_message(self, message: tuple) -> None:
        """Show this (text, ms) after all that still wait."""
        if not self._messages:
            self._shown_ms = time.ticks_ms()
        self._messages = (self._messages + [message])[:_MESSAGES]

    def press_key(self) -> None:
        """End the messages, or turn the page."""
        if self._messages:
            self._messages = []
        else:
            self._page += 1
        self._key_ms = time.ticks_ms()

    def show_list(self, lines: tuple) -> None:
        """Show these lines instead of the pages; none: the first page.

        Not while a card is served.
        """
        if not (self._reading or self._testing):
            self._messages, self._list, self._page = [], lines, 0
            self._key_ms = time.ticks_ms()

    @property
    def has_list(self) -> bool:
        """Return whether a list is on show."""
        return bool(self._list)

    def show_reading(self, on: bool) -> None:
        """Light the card lamp as long as a card is being read."""
        self._reading = on

    def test_lamps(self, on: bool) -> None:
        """Light all lamps, whatever `update` is given, until this is called with False."""
        self._testing = on

    def update(self, pages: tuple, lamps: int, notices: list) -> None:
        """Show the text that is due.

        `pages` are functions that return a text each, `notices` are texts like Err-02.
        """
        now_ms = time.ticks_ms()
        since_ms = time.ticks_diff(now_ms, self._key_ms)
        if self._page >= len(self._list or pages) or since_ms > _HOME_MS:
            self._page, self._list = 0, ()
        text = self._pick_message(now_ms)
        if not text and self._list:
            texts = self._list[self._page]()
            text = texts[since_ms // _PART_MS % len(texts)]
        text = text or self._pick_notice(now_ms, notices) or pages[self._page]()
        if self._reading:
            lamps |= CARD
        self._driver.show(text, _ALL_LAMPS if self._testing else lamps)
        if time.ticks_diff(now_ms, self._refreshed_ms) > _REFRESH_MS:
            self._refreshed_ms = now_ms
            self._driver.refresh()

    def _pick_message(self, now_ms) -> str:
        while self._messages:
            text, ms = self._messages[0]
            if time.ticks_diff(now_ms, self._shown_ms) < ms:
                return text
            self._messages.pop(0)
            self._shown_ms = time.ticks_add(self._shown_ms, ms)
        return ""

    def _pick_notice(self, now_ms, notices: list) -> str:
        if not notices or now_ms % _NOTICE_EVERY_MS < _NOTICE_EVERY_MS - _NOTICE_MS:
            return ""
        return notices[now_ms // _NOTICE_EVERY_MS % len(notices)]


def decimal(value: int, places: int) -> str:
    """Return an integer with its decimal point: decimal(-37, 2) is "-0.37"."""
    whole, part = divmod(abs(value), 10**places)
    return (
        ("-" if value < 0 else "") + str(whole) + "." + "0" * (places - len(str(part))) + str(part)
    )


def add_label(label: str, text: str) -> str:
    """Return `label` at the left end, `text` at the right end of the digits.

    A dot takes no digit of its own.
    """
    width = _DIGITS - len(label) + text.count(".")
    return label + " " * (width - len(text)) + text
