"""Keep the ESAM's wallet and the journal in step through any power cut.

The journal's balance is debited with every pulse. The ESAM's wallet follows it: every 30 minutes,
before each credit, and when the mains fails. Each step in the ESAM is committed first as an intent,
and its result is read from the ESAM's own wallet afterwards, so a step can be repeated exactly
after a cut. `lock` guards the ESAM against two users at once.

A journal that is whole and this meter's own is never set back to the ESAM's wallet. The amount that
the wallet lacks is kept in `difference_fen` and shown, until the balance has been used down to the
wallet (docs/journal.md, "When the ESAM has less").

A meter that is not initialised, on an ESAM that has private keys already, has lost its memory. An
initialisation card works with public keys alone, so only the ESAM can give parameters and balance
back, and energy and debt from its mirror (mirror.py), which each settling writes. This is retried
without limit.
"""

import asyncio

import account
import card_files
import parameters
import supply
from esam import Esam, EsamError
from journal import JournalError
from mirror import Mirror, take_back
from state import CLOSE, CLOSED, CREDIT, INITIALISED, LOCKED, NOTHING, SETTLE, TEST_CREDIT
from state_store import StateStore


class Settlement:
    """The link between ESAM and journal.

    `note_purchase` logs one that was taken over: amount, count, balance, and whether a cut may have
    come behind an earlier note of it. `note_restored` logs that a state was taken back: balance,
    energy in pJ. `failures` counts consecutive failures of the work with the ESAM. `taken_pj` and
    `taken_cards` are energy and illegal cards that the mirror has brought to the present state.
    """

    def __init__(
        self, esam: "Esam", store: "StateStore", note_purchase, note_restored, log
    ) -> None:
        self.lock = asyncio.Lock()
        self.failures = 0
        self._esam = esam
        self._store = store
        self._note_purchase = note_purchase
        self._note_restored = note_restored
        self._log = log
        self._agreed = False  # since the ESAM was last started
        self._mirror = Mirror(esam, log)
        self._tried: tuple = ()  # what the mirror was last to get between two settlings
        self._untold = False  # a state was taken back and is not in the log of events yet
        self.taken_pj = self.taken_cards = 0

    @property
    def ready(self) -> bool:
        """Return whether the ESAM answers and agrees with the journal."""
        return self._agreed and self._esam.alive

    def compare_again(self) -> None:
        """Require a new comparison with the ESAM: the state has been replaced by another one."""
        self._agreed = self._untold = False
        self.taken_pj = self.taken_cards = 0

    async def keep_in_step(self, settle: bool) -> None:
        """Start the ESAM if necessary, and settle if `settle`.

        Errors are counted and logged, not raised.
        """
        try:
            async with self.lock:
                await self.start()
                if settle:
                    try:
                        await self.settle()
                    except JournalError as error:
                        # A memory that fails now is the one that will be exchanged.
                        self._log("journal: " + str(error))
                    await self._write_mirror()
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
        self._tried = ()
        record = await self._mirror.find(lost)
        await self._reconcile(lost, record)
        self.tell()

    async def _reconcile(self, lost: bool, record: "dict | None") -> None:
        """Finish or drop the pending intent, and resolve any difference between wallet and journal.

        Makes one commit, if any. `record` is the mirror's, for a meter that has lost its memory.
        """
        money_fen, count = await self._esam.read_wallet()
        state = self._store.state
        changed, restored = state.intent != NOTHING, False
        if state.intent == CLOSE:
            import closing

            await closing.complete(self._esam, state, count)
        if state.intent == CREDIT and count == state.intent_count != state.count:
            self._log("credit of %d fen completed after a cut" % state.intent_fen)
            self._add(state.intent_fen, count, True)
        elif lost or count != state.count or not await self._is_journal_right(money_fen):
            self._restore(money_fen, count, 0 if lost else await self._find_debt())
            restored = True
            changed = True
        if lost:
            await self._restore_parameters()
            if record:
                self._take_back(record, money_fen, count)
        if restored:
            await self._restore_closed(lost, money_fen, count)
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
            await self._mirror.secure(state)
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
            if money_fen > target_fen and await self._may_debit():
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

    @property
    def behind(self) -> bool:
        """Return whether the mirror should be written now and not at the next settling.

        Once for each change, whatever comes of it: the next settling tries again.
        """
        store = self._store
        if not self.ready or self.lock.locked() or store.unread:
            return False
        return (
            store.state.has(INITIALISED)
            and self._mirror.is_behind(store.state)
            and self._mirror.find_lasting(store.state) != self._tried
        )

    async def catch_up(self) -> None:
        """Write the mirror. Errors are logged; the next settling tries again."""
        try:
            async with self.lock:
                if self.ready:
                    await self._write_mirror()
        except EsamError as error:
            self._log("ESAM: " + str(error))

    def tell(self) -> None:
        """Log a state that was taken back, once it is in the memory."""
        if self._untold and not self._store.unread:
            self._untold = False
            self._note_restored(self._store.state.balance_fen, self.taken_pj)

    async def _write_mirror(self) -> None:
        if not self._store.unread:
            self._tried = self._mirror.find_lasting(self._store.state)
            await self._mirror.write(self._store.state)

    async def _may_debit(self) -> bool:
        """Return whether the mirror allows a DEBIT.

        One that the ESAM refuses to write stops no purchase: the wallet keeps more for a while.
        """
        try:
            await self._mirror.secure(self._store.state)
        except EsamError:
            if not self._esam.alive:
                raise
            return False
        return True

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
        return await self._is_own_esam()

    async def _is_own_esam(self) -> bool:
        params = await self._esam.read_record(card_files.ESAM_PARAMS, card_files.PARAMS)
        return params["meter_no"] == self._store.state.meter_no

    async def _find_debt(self) -> int:
        """Return the debt that stays although balance and count become this ESAM's.

        Another meter's ESAM pays off no debt of this one.
        """
        state = self._store.state
        if not state.has(INITIALISED) or not state.overdraft_fen or await self._is_own_esam():
            return 0
        return state.overdraft_fen

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

    def _restore(self, money_fen: int, count: int, debt_fen: int) -> None:
        """Take balance, less a debt, and count from the ESAM.

        For a journal that is not this ESAM's: its memory is blank or was exchanged.
        """
        state = self._store.state
        self._log("balance %d fen, count %d restored from the ESAM" % (money_fen, count))
        balance_fen = money_fen - debt_fen
        state.bought_fen = max(0, state.bought_fen + balance_fen - state.balance_fen)
        state.balance_fen, state.count = balance_fen, count
        supply.update(state)

    def _take_back(self, record: dict, money_fen: int, count: int) -> None:
        """Complete a state that the ESAM has just given back by its mirror's record."""
        state = self._store.state
        energy_pj, cards = state.energy_pj, state.illegal_cards
        if not take_back(state, record, money_fen, count):
            self._log("the ESAM's mirror is another meter's and was left out")
            return
        self.taken_pj, self.taken_cards = state.energy_pj - energy_pj, state.illegal_cards - cards
        self._untold = True
        self._log(
            "memory lost: %d Wh and a balance of %d fen taken back from the ESAM"
            % (state.energy_pj * 1000 // account.PJ_PER_KWH, state.balance_fen)
        )

    async def _restore_closed(self, lost: bool, money_fen: int, count: int) -> None:
        """Close the account if the ESAM holds its statement.

        A meter that has `lost` its memory owes nothing more: what was owed is in the statement.
        """
        import closing

        if await closing.is_closed(self._esam, money_fen, count):
            state = self._store.state
            state.set(CLOSED)
            if lost:
                state.bought_fen -= state.balance_fen  # a debt: the wallet is empty
                state.balance_fen = 0
            supply.update(state)

    async def _restore_parameters(self) -> None:
        try:
            await parameters.restore(self._esam, self._store.state)
        except ValueError as error:
            raise EsamError("parameters unreadable: " + str(error)) from None
