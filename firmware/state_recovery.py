"""A memory that was silent at the start and answers now: its state is the true one, and what was counted meanwhile is added.

Until then the meter works on a state made up from nothing, with the ESAM's balance and price, and nothing of it is committed:
each card session breaks off at its first commit, before any money has moved, as at a cut. So when the memory's state comes
at last, only energy and illegal cards are taken over into it, and the ESAM is compared with it as after a start. The energy is
charged by the price in force at the start; a plan whose time came later comes into force right after.

A memory that is silent for ever leaves everything as it is; one that holds no state makes this one the true one.
"""

import asyncio

import account
import parameters
import supply
import versions
from state import MOST_ILLEGAL

_PJ_PER_MWH = account.PJ_PER_KWH // 1_000_000


class LateMemory:
    """One start's wait for the memory of a `Meter`."""

    def __init__(self, meter) -> None:
        self._meter = meter
        self._since = meter.clock.sure_minute() if meter.store.unread else 0

    async def look(self) -> bool:
        """Whether the memory's state has come into force just now; never while somebody works with the former one."""
        if not self._may():
            return False
        first = self._meter.store.scan(0)
        await asyncio.sleep_ms(0)  # both halves at once would keep every task waiting for more than 50 ms
        return self._may() and self._take((first, self._meter.store.scan(1)))

    def recover(self) -> bool:
        """The same at once, whoever works. A version on trial leaves it to the one that is kept, which can read it."""
        store = self._meter.store
        return store.unread and not versions.on_trial and self._take((store.scan(0), store.scan(1)))

    def _may(self) -> bool:
        meter = self._meter
        return meter.store.unread and not (versions.on_trial or meter.reading or meter.wallet.lock.locked())

    def _take(self, halves: tuple) -> bool:
        meter, store = self._meter, self._meter.store
        if not store.take(halves, self._add):
            return False
        for note in store.notes:
            meter.log(note)
        if not store.anew:
            meter.wallet.compare_again()
        meter.commit()
        return not store.anew

    def _add(self, state) -> None:
        """What was counted meanwhile, into the state that was in the memory."""
        meter, meanwhile = self._meter, self._meter.store.state
        meter.self_check.find(state)
        energy_pj = meanwhile.energy_pj + meter.metering.correct_pj(state.register)
        state.illegal_cards = min(state.illegal_cards + meanwhile.illegal_cards, MOST_ILLEGAL)
        parameters.switch(state, self._since)
        account.debit(state, energy_pj)
        state.register = meter.metering.register
        supply.update(state)
        meter.log("journal: memory answers at last; %d mWh were counted meanwhile" % (energy_pj // _PJ_PER_MWH))
