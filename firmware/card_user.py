"""Run the user card's session: judge the purchase, take it over, write the receipt.

The steps are in docs/cards/sessions.md ("User card (01)"). Their order makes a card that is pulled
at any byte harmless. The credit is one ESAM command behind a committed intent. Parameters and
receipt come after it; if they are missing, the next insertion makes up for them, because the count
is then equal and the write-back file still blank.

File 01 is read in plain, so anybody on the wire may forge it. A session that is to give the meter a
new card or customer first has the ESAM check the data by which it was judged.
"""

import asyncio

from micropython import const

import account
import card_files
import parameters
import state as records
import supply
from card_errors import make_error
from display import decimal
from ds3231 import Ds3231
from esam import EXTERNAL, IDENTITY, Esam
from event_chain import BY_USER_CARD, PARAMETERS
from events import Events
from iccard import Card
from settlement import Settlement
from state import State
from state_store import StateStore
from tariff import FRAMED_BYTES, Tariff, check, is_in_force, plan_price, set_price

# Judgements.
CREDIT = const(1)  # take the purchase over, then parameters and receipt
_TAKE_OVER = const(2)  # credited already: parameters and receipt are still to be written
_REFRESH = const(3)  # receipt only
# The next count, but the former receipt is still on the card: receipt, then error 18.
_REFUSE = const(4)

_OLD_MS = const(2_000)
_NEW_MS = const(5_000)
# What a card may change. An opening card: all. Later ones: only what is not yet in force, that is
# tariff set 2, its time and step table.
_FLAGS_LATER = const(0x0A)
_TARGET_PARAMS = const(b"\x04\xd6\x82\x00\x2b")
_OWNER_AT = const(26)  # meter number, customer number and card type end the record
_TARGET_OWNER = const(b"\x04\xd6\x82\x1a\x11")
_TARGET_SWITCH = const(b"\x04\xd6\x82\x01\x0e")  # update flag, version, switch time
_TARGET_TARIFF = const((b"\x04\xd6\x83\x00\xcb", b"\x04\xd6\x84\x00\xcb"))
_TARGET_CREDIT = const(b"\x84\x32\x01\x0c\x0c")


class UserSession:
    """Serves user cards, with the parts that a purchase needs."""

    def __init__(
        self,
        esam: "Esam",
        settlement: "Settlement",
        store: "StateStore",
        clock: "Ds3231",
        tariff: "Tariff",
        events: "Events",
        log,
    ) -> None:
        self._esam = esam
        self._settlement = settlement
        self._store = store
        self._clock = clock
        self._tariff = tariff
        self._events = events
        self._log = log

    async def run(self, card: "Card", command: int, data: bytes) -> tuple:
        """Serve a user card. Return messages that show the balance before and after."""
        state = self._store.state
        info = card_files.unpack(card_files.PARAMS, data)
        if await self._esam.read_key_state() != card_files.KEYS_PRIVATE:
            raise make_error("KEY_STATE", "user card, but the meter has public keys")
        await authenticate(card, self._esam)
        old_fen = state.balance_fen
        block = await _read_sealed_purchase(card, self._esam)
        purchase = card_files.unpack(card_files.WALLET, block[:8])
        blank = card_files.is_blank(await card.read(card_files.CARD_WRITE_BACK, 0, 1))
        serial = int.from_bytes(card.serial, "big")
        verdict = judge(state, info, serial, purchase["money_fen"], purchase["count"], blank)
        if verdict in (CREDIT, _TAKE_OVER) and is_binding(state, info, serial):
            await _prove_owner(card, self._esam, info["card_type"], data)
            if verdict == CREDIT:
                block = await _read_sealed_purchase(card, self._esam, block[:8])
        await self._carry_out(card, info, verdict, block, purchase)
        supply.release(state)
        self._store.commit()
        return (decimal(old_fen, 2), _OLD_MS), (decimal(state.balance_fen, 2), _NEW_MS)

    async def _carry_out(
        self, card: "Card", info: dict, verdict: int, block: bytes, purchase: dict
    ) -> None:
        if verdict != CREDIT:
            await self._settlement.settle()
        else:
            await self._settlement.credit(block, purchase["money_fen"], purchase["count"])
        refused = ""
        try:
            if verdict in (CREDIT, _TAKE_OVER):
                refused = await self._take_over(card, info)
            taken = pick_flags(info) if verdict in (CREDIT, _TAKE_OVER) else 0
            await self._write_receipt(card, info, taken)
        finally:
            # Logged last: a line of the log would keep the card waiting.
            if verdict == CREDIT:
                self._log("credited %d fen, count %d" % (purchase["money_fen"], purchase["count"]))
        if verdict == _REFUSE:
            raise make_error("NOT_BLANK", "write-back of a new purchase is not blank")
        if refused:
            raise make_error("FORMAT", "tariff refused: " + refused)

    async def _take_over(self, card: "Card", info: dict) -> str:
        """Take over the parameters that the card brings, each through the ESAM.

        Then bind the meter to this customer and card. Return why a tariff was refused; the old one
        stays as it is then, and the purchase is good all the same.
        """
        state, flags, refused = self._store.state, pick_flags(info), ""
        if flags & card_files.UPDATE_OTHER:
            # Only an opening card has this flag, and the ESAM has checked its file 01.
            parameters.apply_params(state, info)
        try:
            await self._take_sets(card, info, flags)
        except ValueError as error:
            refused = str(error)
        state.customer_no = info["customer_no"]
        state.card_serial = int.from_bytes(card.serial, "big")
        state.set(records.OPENED)
        return refused

    async def _take_sets(self, card: "Card", info: dict, flags: int) -> None:
        """Take over the tariff sets and the switch time; ValueError if one is no tariff."""
        state, switch_time, now, later = self._store.state, 0, b"", b""
        if flags & card_files.UPDATE_TARIFF_2 and info["user_type"] == card_files.SEVERAL_RATES:
            # Before anything goes to the ESAM: there the time comes before the set.
            check(await card.read(card_files.CARD_TARIFF_2, 0, FRAMED_BYTES))
        if flags & card_files.UPDATE_OTHER:
            switch_time = info["switch_time"]
        elif flags & card_files.UPDATE_TARIFF_2:
            self._tariff.follow_clock()  # a former plan that is due comes before this one
            if info["update_flag"] & card_files.UPDATE_TARIFF_1:
                await self._keep_price(card)
            # Time before price: a plan cut in half never brings a price before its time.
            sealed = await _move(
                card, self._esam, card_files.CARD_INFO, 5, _TARGET_SWITCH, card_files.ESAM_PARAMS, 1
            )
            switch_time = card_files.from_bcd(sealed[5:])
        if flags & card_files.UPDATE_TARIFF_1:
            now = await self._move_set(card, card_files.CARD_TARIFF_1, card_files.ESAM_TARIFF_1)
        if flags & card_files.UPDATE_TARIFF_2:
            later = await self._move_set(card, card_files.CARD_TARIFF_2, card_files.ESAM_TARIFF_2)
        # Both at once: nothing may be charged by set 1 of a card whose set 2 has begun.
        if now:
            self._tariff.keep(now)
        if later:
            self._tariff.keep(later, now)
        if now:
            set_price(state, now)
        if later:
            plan_price(state, switch_time, later)

    async def _move_set(self, card: "Card", source: int, to: int) -> bytes:
        """Copy a tariff set to the ESAM, if it is one. Return the file; ValueError if it is not."""
        target = _TARGET_TARIFF[to - card_files.ESAM_TARIFF_1]
        block = await _read_sealed(card, self._esam, source, 0, target)
        check(block[:-4])
        await self._esam.update(to, block)
        return block[:-4]

    async def _keep_price(self, card: "Card") -> None:
        """Give the ESAM the price in force as its set 1, as set 2 is about to get another.

        A set 1 of any other price is left out.
        """
        block = await _read_sealed(card, self._esam, card_files.CARD_TARIFF_1, 0, _TARGET_TARIFF[0])
        if is_in_force(self._store.state, block[:-4]):
            await self._esam.update(card_files.ESAM_TARIFF_1, block)
        else:
            self._log("tariff set 1 of the card is not in force and was left out")

    async def _write_receipt(self, card: "Card", info: dict, taken: int) -> None:
        """Store the run info in the ESAM and write it, sealed there, to the card as the receipt.

        It reports what has been taken over, so that is committed before the card gets the receipt.
        The desk reads it at the next sale.
        """
        state = self._store.state
        await asyncio.sleep_ms(0)  # whoever is due goes before the commit, which takes long
        receipt = card_files.pack(card_files.WRITE_BACK, compose_run_info(state, self._clock, info))
        self._store.commit()
        if taken:
            self._events.log(PARAMETERS, BY_USER_CARD, card.serial + bytes((taken,)))
        challenge = await card.ask(0x00, 0x84, 0x00, 0x00, le=4)
        framed = card_files.frame(card_files.CMD_WRITE_BACK, receipt)
        sealed = await self._esam.seal_receipt(framed, challenge, card.serial)
        await card.ask(0x04, 0xD6, 0x80 | card_files.CARD_WRITE_BACK, 0x00, sealed)


def judge(state: "State", info: dict, serial: int, amount_fen: int, count: int, blank: bool) -> int:
    """Return the verdict on this card, or raise CardError. Pure: it changes nothing.

    The order of the checks is that of the table in docs/cards/sessions.md.
    """
    card_type = info["card_type"]
    if card_type not in (card_files.OPEN, card_files.PURCHASE, card_files.REPLACEMENT):
        raise make_error("TYPE", "card type %d" % card_type)
    if info["meter_no"] != state.meter_no:
        raise make_error("METER_NO", "card of meter %012d" % info["meter_no"])
    if state.has(records.CLOSED):
        raise make_error("PURCHASE_UNOPENED", "the account is closed")
    if state.has(records.OPENED):
        _judge_opened(state, info, serial, count, blank)
    elif card_type != card_files.OPEN:
        raise make_error(
            "PURCHASE_UNOPENED" if card_type == card_files.PURCHASE else "REPLACEMENT_UNOPENED",
            "meter not opened",
        )
    if card_type == card_files.OPEN and count > 1:
        raise make_error("COUNT", "open-account card with count %d" % count)
    if count < state.count:
        return _REFRESH
    if count == state.count:
        return _TAKE_OVER if blank else _REFRESH
    if count > state.count + 1:
        raise make_error("COUNT", "card %d, meter %d" % (count, state.count))
    if not blank:
        return _REFUSE
    if not account.may_credit(state, amount_fen):
        raise make_error("HOARD", "balance would be too high")
    return CREDIT


def _judge_opened(state: "State", info: dict, serial: int, count: int, blank: bool) -> None:
    if info["customer_no"] != state.customer_no:
        raise make_error("CUSTOMER_NO", "card of customer %012d" % info["customer_no"])
    # A blank replacement with a lower count is older than the card that the meter knows: it was
    # lost itself.
    replaces = info["card_type"] == card_files.REPLACEMENT and blank and count >= state.count
    if state.card_serial and serial != state.card_serial and not replaces:
        raise make_error("SERIAL", "not the card that this meter knows")


def is_binding(state: "State", info: dict, serial: int) -> bool:
    """Return whether this session gives the meter a card or customer.

    A purchase with the card that the meter knows does not.
    """
    return info["card_type"] != card_files.PURCHASE or serial != state.card_serial


async def identify(card: "Card", esam: "Esam", beside: int = 0) -> None:
    """Have the card prove itself to the ESAM; CardError if it does not know the key.

    `beside` is the offset of the other keys on a card for both key states.
    """
    challenge = await esam.get_challenge(8)
    expected = await esam.encipher(IDENTITY, card.serial, challenge)
    answer, _ = await card.command(0x00, 0x88, 0x00, beside + IDENTITY, challenge)
    if answer != expected:
        raise make_error("IDENTITY", "card does not know the key")


async def authenticate(card: "Card", esam: "Esam", beside: int = 0) -> None:
    """Have the card prove itself to the ESAM, then the ESAM to the card.

    The latter opens the card's files for writing.
    """
    await identify(card, esam, beside)
    challenge = await card.ask(0x00, 0x84, 0x00, 0x00, le=8)
    proof = await esam.encipher(EXTERNAL, card.serial, challenge)
    _, sw = await card.command(0x00, 0x82, 0x00, beside + EXTERNAL, proof)
    if sw != 0x9000:
        raise make_error("EXTERNAL", "card refuses the meter: %04X" % sw)


async def _read_sealed_purchase(card: "Card", esam: "Esam", judged: "bytes | None" = None) -> bytes:
    """Return money, count and MAC for the ESAM's newest challenge."""
    return await _read_sealed(card, esam, card_files.CARD_WALLET, 0, _TARGET_CREDIT, judged)


async def _prove_owner(card: "Card", esam: "Esam", card_type: int, data: bytes) -> None:
    """Have the ESAM check and keep the meter and customer numbers of `data`, file 01.

    It gets the whole record of an opening card. Of other cards it gets the end alone: its flags and
    switch time are those of the plan in force and not this card's.
    """
    at, target = (0, _TARGET_PARAMS) if card_type == card_files.OPEN else (_OWNER_AT, _TARGET_OWNER)
    await _move(
        card, esam, card_files.CARD_INFO, 4 + at, target, card_files.ESAM_PARAMS, at, data[at:]
    )


def pick_flags(info: dict) -> int:
    """Return the update flags of this card that the meter may obey."""
    return (
        info["update_flag"]
        if info["card_type"] == card_files.OPEN
        else info["update_flag"] & _FLAGS_LATER
    )


async def _move(
    card: "Card",
    esam: "Esam",
    source: int,
    offset: int,
    target: bytes,
    to: int,
    at: int,
    judged: "bytes | None" = None,
) -> bytes:
    """Copy a card file to an ESAM file, sealed by the card for the ESAM's challenge.

    Return the data without its MAC.
    """
    block = await _read_sealed(card, esam, source, offset, target, judged)
    await esam.update(to, block, at)
    return block[:-4]


async def _read_sealed(
    card: "Card",
    esam: "Esam",
    source: int,
    offset: int,
    target: bytes,
    judged: "bytes | None" = None,
) -> bytes:
    """Return data and MAC, sealed by the card for the ESAM's `target`.

    CardError if `judged` is given and the data differ from it: they never reach the ESAM.
    """
    challenge = await esam.get_challenge(4)
    block = await card.ask(0x04, 0xB0, 0x80 | source, offset, challenge + target)
    if judged is not None and block[:-4] != judged:
        raise make_error("MAC", "sealed is not what was read")
    return block


def compose_run_info(state: "State", clock: "Ds3231", info: dict) -> dict:
    """Return the record that reports the meter to the desk; `info` has user type and ratios."""
    return {
        "user_type": info["user_type"],
        "ct_ratio": info["ct_ratio"],
        "pt_ratio": info["pt_ratio"],
        "meter_no": state.meter_no,
        "customer_no": state.customer_no,
        "balance_fen": state.wallet_fen,
        "count": state.count,
        "overdraft_fen": state.overdraft_fen,
        "illegal_cards": state.illegal_cards,
        "time": clock.read_local_minute(),
    }
