"""Keep the ESAM's wallet and the journal in step through any power cut.

The journal's balance is debited with every pulse. The ESAM's wallet follows it: every 15 minutes,
before each credit, and when the mains fails. Each step in the ESAM is committed first as an intent,
and its result is read from the ESAM's own wallet afterwards, so a step can be repeated exactly
after a cut. `lock` guards the ESAM against two users at once.

A journal that is whole and this meter's own is never set back to the ESAM's wallet. The amount that
the wallet lacks is kept in `difference_fen` and shown, until the balance has been used down to the
wallet (docs/journal.md, "When the ESAM has less").

A meter that is not initialised, on an ESAM that has private keys already, has lost its memory. An
initialisation card works with public keys alone, so only the ESAM can give parameters and balance
back. This is retried without limit.
"""

import asyncio

import account
import card_files
import parameters
import supply
from esam import Esam, EsamError
from journal import JournalError
from state import CLOSE, CLOSED, CREDIT, INITIALISED, LOCKED, NOTHING, SETTLE, TEST_CREDIT
from state_store import StateStore


class Settlement:
    """The link between ESAM and journal.

    `note_purchase` logs one that was taken over: amount, count, balance, and whether a cut may have
    come behind an earlier note of it. `failures` counts consecutive failures of the work with the
    ESAM.
    """

    def __init__(self, esam: "Esam", store: "StateStore", note_purchase, log) -> None:
        self.lock = asyncio.Lock()
        self.failures = 0
        self._esam = esam
        self._store = store
        self._note_purchase = note_purchase
        self._log = log
        self._agreed = False  # since the ESAM was last started

    @property
    def ready(self) -> bool:
        """Return whether the ESAM answers and agrees with the journal."""
        return self._agreed and self._esam.alive

    def compare_again(self) -> None:
        """Require a new comparison with the ESAM: the state has been replaced by another one."""
        self._agreed = False

    async def keep_in_step(self, settle: bool) -> None:
        """Start the ESAM if necessary, and settle if `settle`.

        Errors are counted and logged, not raised.
        """
        try:
            async with self.lock:
                await self.start()
                if settle:
                    await self.settle()
            self.failures = 0
        except EsamError as error:
            self.failures += 1
            self._log("ESAM: " + str(error))
        except JournalError as error:
            self._log("journal: " + str(error))

    async def start(self) -> None:
        """Start the ESAM unless it is ready, and bring wallet and journal into agreement.

        EsamError if the ESAM does not answer or refuses.
        """
        if self.ready:
            return
        self._agreed = False
        await self._esam.start()
        lost = (
            not self._store.state.has(INITIALISED)
            and await self._esam.read_key_state() == card_files.KEYS_PRIVATE
        )
        await self._reconcile(lost)

    async def _reconcile(self, lost: bool) -> None:
        """Finish or drop the pending intent, and resolve any difference between wallet and journal.

        Makes one commit, if any.
        """
        money_fen, count = await self._esam.read_wallet()
        state = self._store.state
        changed = state.intent != NOTHING
        if state.intent == CLOSE:
            import closing

            await closing.complete(self._esam, state, count)
        if state.intent == CREDIT and count == state.intent_count != state.count:
            self._log("credit of %d fen completed after a cut" % state.intent_fen)
            self._add(state.intent_fen, count, True)
        elif lost or count != state.count or not await self._is_journal_right(money_fen):
            self._restore(money_fen, count)
            await self._restore_closed(money_fen, count)
            changed = True
        if lost:
            await self._restore_parameters()
        changed = self._keep_difference(money_fen) or changed
        state.intent = NOTHING
        self._agreed = True
        if changed:
            self._store.commit()

    async def settle(self) -> None:
        """Debit the ESAM down to the journal's balance."""
        state = self._store.state
        money_fen, _ = await self._esam.read_wallet()
        target_fen = state.wallet_fen
        if money_fen > target_fen:
            self._intend(SETTLE, target_fen, state.count)
            self._store.commit()
            money_fen = await self._debit(money_fen, target_fen)
            # Left to the next commit: the intent asks only for the balance committed with it.
            state.intent = NOTHING
        if self._keep_difference(money_fen):
            self._store.commit()

    async def credit(self, block: bytes, amount_fen: int, count: int) -> None:
        """Settle, and take a purchase over into the ESAM.

        `block` is the purchase that the card sealed for the ESAM. One commit keeps the intent and
        the balance to settle to. The result is in the state, and the caller commits it. Until then
        a start finds the intent, and the ESAM's count tells whether the credit happened.
        """
        state = self._store.state
        self._intend(CREDIT, amount_fen, count)
        target_fen = state.wallet_fen
        try:
            self._store.commit()
            money_fen, _ = await self._esam.read_wallet()
            if money_fen > target_fen:
                money_fen = await self._debit(money_fen, target_fen)
        except (EsamError, JournalError):
            state.intent = NOTHING
            raise
        self._keep_difference(money_fen)
        try:
            await self._esam.credit(block)
        except EsamError:
            if self._esam.alive:
                _, now = await self._esam.read_wallet()
                if now == count:
                    self._add(amount_fen, count)
                    return
                state.intent = NOTHING
                self._store.commit()
            raise
        self._add(amount_fen, count)

    async def grant(self, amount_fen: int, price_e4: int, count: bytes) -> None:
        """Grant test credit: take over the amount that the ESAM's wallet was just set to.

        `count` is the sealed purchase count; it resets the ESAM's count, as on initialisation, and
        the journal follows. The relay closes however small the amount is: neither the closing
        amount nor alarm 2 may keep the factory from seeing it close.
        """
        state = self._store.state
        await self._esam.init_count(count)
        state.price_e4 = state.price_e4 or price_e4
        account.credit(state, amount_fen - state.balance_fen)
        state.difference_fen = 0
        state.set(TEST_CREDIT)
        state.set(LOCKED, False)
        supply.release(state)
        supply.update(state)
        self._store.commit()

    async def _debit(self, money_fen: int, target_fen: int) -> int:
        """Debit the wallet from `money_fen` to `target_fen`; return its money afterwards.

        No MAC protects a DEBIT or its answer, so the wallet is read back. EsamError if it holds
        more than `target_fen`.
        """
        await self._esam.debit(money_fen - target_fen)
        left_fen, _ = await self._esam.read_wallet()
        if left_fen > target_fen:
            raise EsamError("wallet of %d fen after a debit to %d" % (left_fen, target_fen))
        return left_fen

    async def _is_journal_right(self, money_fen: int) -> bool:
        """Return whether the journal's balance is right beside a wallet of `money_fen`.

        It is if the wallet holds enough. It also is if the journal is that of this very meter,
        initialised: before that there is nothing but test credit, and the initialisation card may
        just have emptied the wallet.
        """
        state = self._store.state
        if money_fen >= state.wallet_fen:
            return True
        if not state.has(INITIALISED):
            return False
        params = await self._esam.read_record(card_files.ESAM_PARAMS, card_files.PARAMS)
        return params["meter_no"] == state.meter_no

    def _keep_difference(self, money_fen: int) -> bool:
        """Keep the amount that a wallet of `money_fen` lacks.

        Return True if it has appeared, grown or gone.
        """
        state = self._store.state
        before_fen, difference_fen = state.difference_fen, min(0, money_fen - state.wallet_fen)
        state.difference_fen = difference_fen
        if difference_fen < before_fen:
            self._log("ESAM's wallet lacks %d fen; the journal's balance stands" % -difference_fen)
        elif before_fen and not difference_fen:
            self._log("ESAM's wallet and journal agree again")
        else:
            return False
        return True

    def _intend(self, intent: int, fen: int, count: int) -> None:
        state = self._store.state
        state.intent, state.intent_fen, state.intent_count = intent, fen, count

    def _add(self, amount_fen: int, count: int, again: bool = False) -> None:
        state = self._store.state
        account.credit(state, amount_fen)
        state.count, state.intent = count, NOTHING
        supply.update(state)
        # Here, not in the session: the card may be pulled, or the power go, before its end.
        supply.release(state, supply.BY_PURCHASE)
        self._note_purchase(amount_fen, count, state.balance_fen, again)

    def _restore(self, money_fen: int, count: int) -> None:
        """Take balance and count from the ESAM.

        For a journal that is not this ESAM's: its memory is blank or was exchanged.
        """
        state = self._store.state
        self._log("balance %d fen, count %d restored from the ESAM" % (money_fen, count))
        state.bought_fen = max(0, state.bought_fen + money_fen - state.balance_fen)
        state.balance_fen, state.count = money_fen, count
        supply.update(state)

    async def _restore_closed(self, money_fen: int, count: int) -> None:
        import closing

        if await closing.is_closed(self._esam, money_fen, count):
            self._store.state.set(CLOSED)

    async def _restore_parameters(self) -> None:
        try:
            await parameters.restore(self._esam, self._store.state)
        except ValueError as error:
            raise EsamError("parameters unreadable: " + str(error)) from None
