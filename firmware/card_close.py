"""Run the session of a user card with a closing order: the account ends in a sealed statement.

The steps are in docs/cards/sessions.md, "Closing order". One command of the ESAM, the REFUND of
nothing, decides: it takes each order once. Cut or pulled before it, the balance is in the meter;
behind it the balance is in the statement, which each further insertion writes to the card again.
"""

from micropython import const

import card_files
import closing
import state as records
from card_errors import make_error
from card_user import authenticate
from display import decimal
from ds3231 import Ds3231
from esam import Esam, EsamError
from events import Events
from iccard import Card
from journal import JournalError
from settlement import Settlement
from state import State
from state_store import StateStore

_TARGET_REFUND = b"\x84\x30\x02\x0c\x0c"
_TARGET_STATEMENT = b"\x04\xd6\x85\x00\x35"
_BALANCE_MS = const(2_000)
_DONE_MS = const(5_000)


class CloseSession:
    """Serves user cards with a closing order."""

    def __init__(
        self,
        esam: "Esam",
        settlement: "Settlement",
        store: "StateStore",
        clock: "Ds3231",
        events: "Events",
        log,
    ) -> None:
        self._esam = esam
        self._settlement = settlement
        self._store = store
        self._clock = clock
        self._events = events
        self._log = log

    async def run(self, card: "Card", command: int, data: bytes) -> tuple:
        """Close the account, or write its statement again. Return messages that show its amount."""
        esam, state = self._esam, self._store.state
        info = card_files.unpack(card_files.PARAMS, data)
        if await esam.read_key_state() != card_files.KEYS_PRIVATE:
            raise make_error("KEY_STATE", "closing order, but the meter has public keys")
        await authenticate(card, esam)
        challenge = await esam.get_challenge(4)
        block = await card.ask(
            0x04, 0xB0, 0x80 | card_files.CARD_ORDER, 0x00, challenge + _TARGET_REFUND
        )
        order = card_files.unpack(card_files.WALLET, block[:8])
        if judge(state, info, int.from_bytes(card.serial, "big"), order):
            await self._close(block, order["count"])
        await self._settlement.settle()
        record = await self._write_statement(card)
        amount_fen = record["balance_fen"] - record["debt_fen"]
        # Here, so that the card's next time writes what a cut between the two has cost.
        self._events.log_closing(order["count"], amount_fen)
        return (decimal(amount_fen, 2), _BALANCE_MS), ("EndEd", _DONE_MS)

    async def _close(self, block: bytes, count: int) -> None:
        """Have the ESAM take the order; CardError or EsamError if the account is not closed."""
        state, store = self._store.state, self._store
        await self._settlement.settle()
        statement = closing.compose(state, self._clock, count)
        state.intent, state.intent_fen, state.intent_count = records.CLOSE, 0, count
        try:
            store.commit()
        except JournalError:
            state.intent = records.NOTHING
            raise
        try:
            await self._carry_out(block, statement, count)
        except EsamError:
            # Until all is done the intent stays: the next start of the ESAM finds out by it.
            self._settlement.compare_again()
            raise
        self._log("account closed, count %d" % count)

    async def _carry_out(self, block: bytes, statement: bytes, count: int) -> None:
        """Give the ESAM statement and order, and do what it says. The intent is committed."""
        esam, state, refused = self._esam, self._store.state, None
        try:
            await closing.keep(esam, statement)
            await esam.refund(block)
        except EsamError as error:
            if not esam.alive:
                raise
            refused = error
        _, now = await esam.read_wallet()
        await closing.complete(esam, state, now)
        self._store.commit()
        if not state.has(records.CLOSED):
            raise refused or EsamError("order taken, but no statement is there")

    async def _write_statement(self, card: "Card") -> dict:
        """Write the ESAM's statement to the card, sealed by the ESAM. Return its fields."""
        statement, record = await closing.read(self._esam)
        if record is None:
            raise EsamError("account closed, but its statement is gone")
        challenge = await card.ask(0x00, 0x84, 0x00, 0x00, le=4)
        sealed = await self._esam.seal_run_info(
            statement, _TARGET_STATEMENT, challenge, card.serial
        )
        await card.ask(0x04, 0xD6, 0x80 | card_files.CARD_WRITE_BACK, 0x00, sealed)
        return record


def judge(state: "State", info: dict, serial: int, order: dict) -> bool:
    """Return whether the account is to be closed now, False if it is closed by this very order.

    CardError if neither is so. Pure: it changes nothing. The order of the checks is that of the
    table in docs/cards/sessions.md.
    """
    closed, count = state.has(records.CLOSED), order["count"]
    if info["meter_no"] != state.meter_no:
        raise make_error("METER_NO", "order for meter %012d" % info["meter_no"])
    if not state.has(records.OPENED):
        raise make_error("PURCHASE_UNOPENED", "closing order, but no account is open")
    if info["customer_no"] != state.customer_no:
        raise make_error("CUSTOMER_NO", "order for customer %012d" % info["customer_no"])
    # File 01 is read in plain: the serial, which the card proves, says whose account it is.
    if serial != state.card_serial and (state.card_serial or not closed):
        raise make_error("SERIAL", "not the card that this meter knows")
    if order["money_fen"] or not count:
        raise make_error("FORMAT", "no closing order on the card")
    if closed and count == state.count:
        return False
    if closed or count != state.count + 1:
        raise make_error("COUNT", "order %d, meter %d" % (count, state.count))
    return True


def make_session(parts, command: int):
    """Return the coroutine function that serves these cards, made from the CardSessions `parts`."""
    return CloseSession(
        parts.esam, parts.settlement, parts.store, parts.clock, parts.events, parts.log
    ).run
