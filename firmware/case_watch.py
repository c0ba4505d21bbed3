"""Log openings of the case, told by a contact that is closed while the case is.

The pin reads 1 while the case is open, and when the contact's wire is cut. A level counts once it
has stood for four looks, 0.3 s: a contact that chatters faster is neither open nor closed. There is
at most one entry a minute. The first opening is logged at once; one that begins and ends within a
minute of another entry is logged when that minute is over, so none is hidden by the limit.

At the start the level is compared with the newest entry: a case that was opened, or closed, while
the power was off is logged then. A case that is closed and was never opened has no entry. Nothing
is cut off: what an opening means is for people to decide.
"""

import time

from micropython import const

import event_chain
from events import Events
from state_store import StateStore

_LOOKS = const(3)  # after the first one
_PAUSE_MS = const(60_000)


class CaseWatch:
    """The watch of one start. `contact`: the pin, 1 while the case is open."""

    def __init__(self, contact, events: "Events", store: "StateStore", log) -> None:
        self._contact = contact
        self._events = events
        self._store = store
        self._log = log
        self._level = 0
        self._stood = -1  # looks since the level has changed
        self._opened = False  # at some time since the newest entry
        self._told = None  # `what` of the newest entry; None: not compared in this start
        self._since_ms = None  # the newest entry of this start, until a minute has passed

    def look(self) -> None:
        """Log what has changed. To be called every 100 ms."""
        level = self._contact.value()
        if level != self._level:
            self._level, self._stood = level, 0
        elif self._stood < _LOOKS:
            self._stood += 1
        if self._stood < _LOOKS or self._store.unread:
            return
        self._opened = self._opened or bool(level)
        if self._since_ms is not None:
            if time.ticks_diff(time.ticks_ms(), self._since_ms) < _PAUSE_MS:
                return
            self._since_ms = None  # before ticks come round
        what = event_chain.CASE_OPENED if self._opened else event_chain.CASE_CLOSED
        if what != self._told:
            self._tell(what)
        if what == self._told:
            self._opened = bool(level)

    def _tell(self, what: int) -> None:
        """Log this. A memory that does not answer is tried again in a minute."""
        found = self._told is None
        self._since_ms = time.ticks_ms()
        try:
            newest = self._events.newest_what(event_chain.CASE)
            if newest != what and (newest is not None or what):
                self._events.log(event_chain.CASE, what, bytes((found,)))
                if self._events.newest_what(event_chain.CASE) != what:
                    return
                words = ", found at the start" if found else ""
                self._log("case " + ("opened" if what else "closed") + words)
            elif found:
                self._since_ms = None  # nothing was logged
            self._told = what
        except OSError:
            pass
