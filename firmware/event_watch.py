"""Log what nobody else tells the log of: power, standing faults, updates, energy backwards.

A fault that stands at two looks in a row, a second apart, is logged with its code, and again with
GONE when it has ended: so one that comes and goes faster costs no entries. One that stands at a
start is logged in each start. Power down is logged once in each start: a power-fail signal that
chatters costs one entry.
"""

from micropython import const

import event_chain
import versions
from events import Events, pack_signed
from fram import Fram
from metering import Metering
from pages import Pages
from state_store import StateStore

_CODES = const(32)


class EventWatch:
    """The watch of one start. `warm`: the controller alone has started again."""

    def __init__(
        self,
        events: "Events",
        store: "StateStore",
        pages: "Pages",
        memory: "Fram",
        metering: "Metering",
        log,
        warm: bool,
    ) -> None:
        self._events = events
        self._store = store
        self._pages = pages
        self._memory = memory
        self._metering = metering
        self._log = log
        self._reverse = None  # until energy flows backwards
        self._up = event_chain.POWER_RESET if warm else event_chain.POWER_UP
        self._started = self._prepared = False
        self._seen = 0  # fault bits of the look before
        self._told = 0  # fault bits that the log knows of

    def look(self) -> None:
        """Log the start, and faults that have come or gone. To be called every second."""
        if not self._started and not self._store.unread:
            self._started = True
            self._events.log(event_chain.POWER, self._up, self._pack_balance())
            self._note_failed_trial()
        elif self._started and not self._prepared:
            self._prepared = True
            self._events.prepare()
        if self._started and self._metering.chip.reverse:
            self._count_reverse()
        bits = self._pages.compute_fault_bits()
        if bits == self._seen and bits != self._told:
            for code in range(_CODES):
                if (bits ^ self._told) >> code & 1:
                    gone = 0 if bits >> code & 1 else event_chain.GONE
                    self._events.log(event_chain.FAULT, code | gone)
            self._told = bits
        self._seen = bits

    def note_power_down(self) -> None:
        """Log that the mains fails, the first time in this start."""
        self._events.log_change(event_chain.POWER, event_chain.POWER_DOWN, self._pack_balance())
        if self._reverse:
            self._reverse.note_power_down()

    def note_update(self, refused: bool) -> None:
        """Log that this version is kept from now on, or gives way to the former one."""
        version = versions.version().encode()
        self._events.log(event_chain.UPDATE, int(refused), version)

    def _count_reverse(self) -> None:
        if not self._reverse:
            from reverse_energy import ReverseEnergy

            self._reverse = ReverseEnergy(self._memory, self._metering, self._events, self._log)
        self._reverse.look()

    def _note_failed_trial(self) -> None:
        """Log a version that hung or crashed in its trial, unless it has logged its refusal."""
        refused, update = versions.refused_version().encode(), event_chain.UPDATE
        if not refused:
            return
        events, refused = self._events, refused[: event_chain.DETAIL]
        newest = events.read_newest_detail(update).rstrip(b"\0")
        if newest != refused or events.newest_what(update) != event_chain.REFUSED:
            events.log(update, event_chain.REFUSED, refused)

    def _pack_balance(self) -> bytes:
        return pack_signed(self._store.state.balance_fen)
