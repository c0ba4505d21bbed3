"""The ESAM's wallet and the journal, kept in step through any cut.

The journal's balance is debited with every pulse, the ESAM's wallet follows it: every 15 minutes, before each credit and when
the mains fails. What is about to happen in the ESAM is committed first as an intent, and what did happen is read from the
ESAM's own wallet afterwards, so that repeating a step after a cut is exact. `lock` guards the ESAM against two users at once.
"""

import asyncio

import account
import supply
from esam import EsamError
from state import CREDIT, NOTHING, SETTLE


class Wallet:
    def __init__(self, esam, store, log) -> None:
        self.lock = asyncio.Lock()
        self._esam = esam
        self._store = store
        self._log = log

    async def start(self) -> None:
        """Bring the ESAM up if it is not, and both sides into agreement. EsamError if the ESAM does not play."""
        if not self._esam.alive:
            await self._esam.start()
            await self.reconcile()

    async def reconcile(self) -> None:
        """Finish or forget what was under way, and judge any difference between the two sides."""
        state = self._store.state
        money_fen, count = await self._esam.wallet()
        if state.intent == CREDIT and count == state.intent_count != state.count:
            self._log("credit of %d fen completed after a cut" % state.intent_fen)
            self._credited(state.intent_fen, count)
        elif count != state.count:
            self._restore(money_fen, count)
        elif state.intent == NOTHING and money_fen < state.wallet_fen:
            self._restore(money_fen, count)
        if state.intent != NOTHING:
            state.intent = NOTHING
            self._store.commit()

    async def settle(self) -> None:
        """Debit the ESAM down to the journal's balance."""
        state = self._store.state
        money_fen, _ = await self._esam.wallet()
        target_fen = state.wallet_fen
        if money_fen <= target_fen:
            return
        self._intend(SETTLE, target_fen, state.count)
        await self._esam.debit(money_fen - target_fen)
        state.intent = NOTHING
        self._store.commit()

    async def credit(self, block: bytes, amount_fen: int, count: int) -> None:
        """Take a purchase over into the ESAM and the journal; `block` is what the card sealed for the ESAM."""
        state = self._store.state
        self._intend(CREDIT, amount_fen, count)
        try:
            await self._esam.credit(block)
        except EsamError:
            if self._esam.alive:
                _, now = await self._esam.wallet()
                if now == count:
                    self._credited(amount_fen, count)
                    return
                state.intent = NOTHING
                self._store.commit()
            raise
        self._credited(amount_fen, count)

    def _intend(self, intent: int, fen: int, count: int) -> None:
        state = self._store.state
        state.intent, state.intent_fen, state.intent_count = intent, fen, count
        self._store.commit()

    def _credited(self, amount_fen: int, count: int) -> None:
        state = self._store.state
        account.credit(state, amount_fen)
        supply.update(state)
        state.count = count
        state.intent = NOTHING
        self._store.commit()

    def _restore(self, money_fen: int, count: int) -> None:
        """The journal is behind the ESAM (blank or exchanged memory): the ESAM's word counts."""
        state = self._store.state
        self._log("balance %d fen, count %d restored from the ESAM" % (money_fen, count))
        state.bought_fen += money_fen - state.balance_fen
        state.balance_fen, state.count, state.intent = money_fen, count, NOTHING
        if state.bought_fen < 0:
            state.bought_fen = 0
        supply.update(state)
        self._store.commit()
