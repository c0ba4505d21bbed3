"""Adopt the FRAM's state when the memory was unresponsive at the start and answers later.

Until then the meter works on a provisional state, with the ESAM's balance and price, and commits
nothing of it. Each card session breaks off at its first commit, before any money has moved, as at a
power cut. So when the memory's state is read at last, only energy and illegal cards are added to
it, and the ESAM is compared with it as after a start. The energy is charged at the flat price in
force at the start, by the price of now where there are several.

A memory that never answers changes nothing. If it answers and holds no state, the provisional state
becomes the true one.
"""

import asyncio

import account
import supply
import versions
from ds3231 import Ds3231
from metering import Metering
from selfcheck import SelfCheck
from settlement import Settlement
from state import MOST_ILLEGAL, State
from state_store import StateStore

_PJ_PER_MWH = account.PJ_PER_KWH // 1_000_000


class StateRecovery:
    """Late adoption of the memory's state, once for each start."""

    def __init__(
        self,
        store: "StateStore",
        metering: "Metering",
        clock: "Ds3231",
        settlement: "Settlement",
        self_check: "SelfCheck",
        charge,
        calibrate,
        log,
    ) -> None:
        self._store = store
        self._metering = metering
        self._settlement = settlement
        self._self_check = self_check
        self._charge = charge  # of tariff.py
        self._calibrate = calibrate  # the chip, by a state
        self._log = log
        self._since = clock.read_sure_minute() if store.unread else 0

    async def adopt_if_ready(self) -> bool:
        """Adopt the FRAM's state if it is readable and no session is active.

        Return True if adopted.
        """
        if not self._may_adopt():
            return False
        first = self._store.scan(0)
        # Both halves at once would keep every task waiting for more than 50 ms.
        await asyncio.sleep_ms(0)
        return self._may_adopt() and self._adopt((first, self._store.scan(1)))

    def adopt_now(self) -> bool:
        """Adopt the FRAM's state even in the middle of a session. Return True if adopted.

        A version on trial leaves it to the one that is kept, which can read it.
        """
        store = self._store
        return (
            store.unread and not versions.on_trial and self._adopt((store.scan(0), store.scan(1)))
        )

    def _may_adopt(self) -> bool:
        store = self._store
        return store.unread and not (
            versions.on_trial or store.held or self._settlement.lock.locked()
        )

    def _adopt(self, halves: tuple) -> bool:
        store = self._store
        if not store.take(halves, self._add_to):
            return False
        for note in store.notes:
            self._log(note)
        if not store.anew:
            self._settlement.compare_again()
        store.keep()
        self._settlement.tell()
        return not store.anew

    def _add_to(self, state: "State") -> None:
        """Add energy and illegal cards counted since the start to the state from the memory."""
        meanwhile = self._store.state
        self._calibrate(state)  # before the chip's pulses are compared with those of the state
        self._self_check.note_totals(state)
        # What the ESAM's mirror has brought is in the memory already, and newer there.
        energy_pj = meanwhile.energy_pj - self._settlement.taken_pj
        energy_pj += self._metering.correct_pj(state.register, state.pulse_pj)
        cards = meanwhile.illegal_cards - self._settlement.taken_cards
        state.illegal_cards = min(state.illegal_cards + cards, MOST_ILLEGAL)
        account.switch_price(state, self._since)
        self._charge(state, energy_pj)
        state.register = self._metering.register
        state.pulse_pj = self._metering.chip.pulse_pj or state.pulse_pj
        supply.update(state)
        self._log(
            "journal: memory answers at last; %d mWh were counted meanwhile"
            % (energy_pj // _PJ_PER_MWH)
        )
