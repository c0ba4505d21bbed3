"""The user card's session: judge the purchase, take it over, write the receipt (cards reference 1.4 and 1.5).

The order makes a card pulled at any byte harmless: the credit is one ESAM command behind a committed intent; parameters and
receipt come after it and are made up for the next time the card is put in, because the count is then equal and the
write-back file still blank.

File 01 is read in plain, so whoever sits on the wire may write it. A session that is to give the meter a new card or customer
first has the ESAM check what it was judged by.
"""

from micropython import const

import account
import card_files
import esam as esam_module
import parameters
import state as records
import supply
from card_errors import fault
from display import decimal
from linetime import beside

# Judgements.
CREDIT = const(1)  # take the purchase over, then parameters and receipt
TAKE_OVER = const(2)  # credited already: parameters and receipt are still to be written
REFRESH = const(3)  # receipt only
REFUSE = const(4)  # the next count, but the receipt of the former one is still on it: receipt, then error 18

_OLD_MS = const(2_000)
_NEW_MS = const(5_000)
_UNPACK_US = const(4_500)
_RECEIPT_US = const(5_500)
# What a card may change: the opening all, later ones only what is not yet in force - tariff set 2, its time and step table.
_FLAGS_LATER = const(0x0A)
_TARGET_PARAMS = b"\x04\xd6\x82\x00\x2b"
_OWNER_AT = const(26)  # meter number, customer number and card type are the end of the record
_TARGET_OWNER = b"\x04\xd6\x82\x1a\x11"
_TARGET_SWITCH = b"\x04\xd6\x82\x01\x0e"  # update flag, version, switch time
_TARGET_TARIFF = (b"\x04\xd6\x83\x00\xcb", b"\x04\xd6\x84\x00\xcb")
_TARGET_CREDIT = b"\x84\x32\x01\x0c\x0c"


async def run(card, command: int, data: bytes, parts) -> tuple:
    """Serve a user card; shows the balance before and after."""
    state = parts.store.state
    keys, info = await beside(parts.esam.key_state(), lambda: card_files.unpack(card_files.PARAMS, data), _UNPACK_US)
    if keys != card_files.KEYS_PRIVATE:
        raise fault("KEY_STATE", "user card, but the meter has public keys")
    await authenticate(card, parts.esam)
    old_fen = state.balance_fen
    block = await _sealed_purchase(card, parts.esam)
    purchase = card_files.unpack(card_files.WALLET, block[:8])
    blank = card_files.is_blank(await card.read(card_files.CARD_WRITE_BACK, 0, 1))
    serial = int.from_bytes(card.serial, "big")
    verdict = judge(state, info, serial, purchase["money_fen"], purchase["count"], blank)
    if verdict in (CREDIT, TAKE_OVER) and binds(state, info, serial):
        await _prove_owner(card, parts.esam, info["card_type"], data)
        if verdict == CREDIT:
            block = await _sealed_purchase(card, parts.esam, block[:8])
    await _carry_out(card, parts, info, verdict, block, purchase)
    supply.release(state)
    parts.store.commit()
    return (decimal(old_fen, 2), _OLD_MS), (decimal(state.balance_fen, 2), _NEW_MS)


def judge(state, info: dict, serial: int, amount_fen: int, count: int, blank: bool) -> int:
    """What is to be done with this card, or CardError. Pure: it decides and changes nothing."""
    card_type = info["card_type"]
    if card_type not in (card_files.OPEN, card_files.PURCHASE, card_files.REPLACEMENT):
        raise fault("TYPE", "card type %d" % card_type)
    if info["meter_no"] != state.meter_no:
        raise fault("METER_NO", "card of meter %012d" % info["meter_no"])
    if state.has(records.OPENED):
        _judge_opened(state, info, serial, count, blank)
    elif card_type != card_files.OPEN:
        raise fault("PURCHASE_UNOPENED" if card_type == card_files.PURCHASE else "REPLACEMENT_UNOPENED", "meter not opened")
    if card_type == card_files.OPEN and count > 1:
        raise fault("COUNT", "open-account card with count %d" % count)
    if count < state.count:
        return REFRESH
    if count == state.count:
        return TAKE_OVER if blank else REFRESH
    if count > state.count + 1:
        raise fault("COUNT", "card %d, meter %d" % (count, state.count))
    if not blank:
        return REFUSE
    if not account.fits(state, amount_fen):
        raise fault("HOARD", "balance would be too high")
    return CREDIT


def _judge_opened(state, info: dict, serial: int, count: int, blank: bool) -> None:
    if info["customer_no"] != state.customer_no:
        raise fault("CUSTOMER_NO", "card of customer %012d" % info["customer_no"])
    # A blank replacement whose count lies behind was itself lost before the card that the meter knows.
    replaces = info["card_type"] == card_files.REPLACEMENT and blank and count >= state.count
    if state.card_serial and serial != state.card_serial and not replaces:
        raise fault("SERIAL", "not the card that this meter knows")


def binds(state, info: dict, serial: int) -> bool:
    """Whether the meter gets a card or customer by this: not by a monthly purchase with the card that it knows."""
    return info["card_type"] != card_files.PURCHASE or serial != state.card_serial


async def identify(card, esam, beside: int = 0) -> None:
    """The card proves itself to the ESAM. `beside` is where a card for both key states keeps its other keys."""
    challenge = await esam.challenge(8)
    expected = await esam.encipher(esam_module.IDENTITY, card.serial, challenge)
    answer, sw = await card.command(0x00, 0x88, 0x00, beside + esam_module.IDENTITY, challenge)
    if sw != 0x9000 or answer != expected:
        raise fault("IDENTITY", "card does not know the key")


async def authenticate(card, esam, beside: int = 0) -> None:
    """The card proves itself to the ESAM, then the ESAM to the card; which opens the card's files for writing."""
    await identify(card, esam, beside)
    challenge = await card.ask(0x00, 0x84, 0x00, 0x00, le=8)
    proof = await esam.encipher(esam_module.EXTERNAL, card.serial, challenge)
    _, sw = await card.command(0x00, 0x82, 0x00, beside + esam_module.EXTERNAL, proof)
    if sw != 0x9000:
        raise fault("EXTERNAL", "card refuses the meter: %04X" % sw)


async def _sealed_purchase(card, esam, judged: "bytes | None" = None) -> bytes:
    """Money, count and MAC for the ESAM's newest challenge."""
    return await _sealed(card, esam, card_files.CARD_WALLET, 0, _TARGET_CREDIT, judged)


async def _prove_owner(card, esam, card_type: int, data: bytes) -> None:
    """The ESAM checks and keeps what `data`, file 01, says of meter and customer; an opening card's whole.

    Of others the end alone: the ESAM's flags and switch time are those of the plan in force and not this card's.
    """
    at, target = (0, _TARGET_PARAMS) if card_type == card_files.OPEN else (_OWNER_AT, _TARGET_OWNER)
    await _move(card, esam, card_files.CARD_INFO, 4 + at, target, card_files.ESAM_PARAMS, at, data[at:])


async def _carry_out(card, parts, info: dict, verdict: int, block: bytes, purchase: dict) -> None:
    if verdict != CREDIT:
        await parts.wallet.settle()
    else:
        await parts.wallet.credit(block, purchase["money_fen"], purchase["count"])
    try:
        if verdict in (CREDIT, TAKE_OVER):
            await _take_over(card, parts, info)
        await _write_receipt(card, parts, info)
    finally:
        if verdict == CREDIT:  # not told before, as a line of the log would keep the card waiting
            parts.log("credited %d fen, count %d" % (purchase["money_fen"], purchase["count"]))
    if verdict == REFUSE:
        raise fault("NOT_BLANK", "write-back of a new purchase is not blank")


def flags_of(info: dict) -> int:
    """What this card may change of what it says that it brings."""
    return info["update_flag"] if info["card_type"] == card_files.OPEN else info["update_flag"] & _FLAGS_LATER


async def _take_over(card, parts, info: dict) -> None:
    """Parameters that the card brings, each through the ESAM; then the meter belongs to this customer and card."""
    state, flags = parts.store.state, flags_of(info)
    switch_time = 0
    if flags & card_files.UPDATE_OTHER:  # of an opening card, whose file 01 the ESAM has checked
        parameters.apply_params(state, info)
        switch_time = info["switch_time"]
    elif flags & card_files.UPDATE_TARIFF_2:
        parts.look_at_price()  # a former plan that is due comes before this one
        if info["update_flag"] & card_files.UPDATE_TARIFF_1:
            await _keep_price(card, parts)
        # Time before price: a plan cut in half never brings a price before its time.
        sealed = await _move(card, parts.esam, card_files.CARD_INFO, 5, _TARGET_SWITCH, card_files.ESAM_PARAMS, 1)
        switch_time = card_files.from_bcd(sealed[5:])
    now = later = b""
    if flags & card_files.UPDATE_TARIFF_1:
        now = await _move(card, parts.esam, card_files.CARD_TARIFF_1, 0, _TARGET_TARIFF[0], card_files.ESAM_TARIFF_1)
    if flags & card_files.UPDATE_TARIFF_2:
        later = await _move(card, parts.esam, card_files.CARD_TARIFF_2, 0, _TARGET_TARIFF[1], card_files.ESAM_TARIFF_2)
    # Both at once: nothing may be charged by set 1 of a card whose set 2 has begun.
    if now:
        parameters.apply_tariff(state, now)
    if later:
        parameters.plan(state, switch_time, later)
    state.customer_no = info["customer_no"]
    state.card_serial = int.from_bytes(card.serial, "big")
    state.set(records.OPENED)


async def _keep_price(card, parts) -> None:
    """The ESAM learns the price in force as its set 1, now that set 2 gets another; a set 1 of any other price is left out."""
    block = await _sealed(card, parts.esam, card_files.CARD_TARIFF_1, 0, _TARGET_TARIFF[0])
    if parameters.in_force(parts.store.state, block[:-4]):
        await parts.esam.update(card_files.ESAM_TARIFF_1, block)
    else:
        parts.log("tariff set 1 of the card is not in force and was left out")


async def _move(
    card, esam, source: int, offset: int, target: bytes, to: int, at: int = 0, judged: "bytes | None" = None
) -> bytes:
    """Card file to ESAM file, sealed by the card for the ESAM's challenge; the data without its MAC."""
    block = await _sealed(card, esam, source, offset, target, judged)
    await esam.update(to, block, at)
    return block[:-4]


async def _sealed(card, esam, source: int, offset: int, target: bytes, judged: "bytes | None" = None) -> bytes:
    """Data and MAC for the ESAM's `target`. Data other than what the card was `judged` by never gets there."""
    challenge = await esam.challenge(4)
    block = await card.ask(0x04, 0xB0, 0x80 | source, offset, challenge + target)
    if judged is not None and block[:-4] != judged:
        raise fault("MAC", "sealed is not what was read")
    return block


async def _write_receipt(card, parts, info: dict) -> None:
    """Run info to the ESAM, and from there, sealed, to the card: the receipt that the desk reads.

    It says what has been taken over, which is committed before the card gets it.
    """
    ask = card.ask(0x00, 0x84, 0x00, 0x00, le=4)
    challenge, framed = await beside(ask, lambda: _receipt(parts, info), _RECEIPT_US)
    sealed = await parts.wallet.beside_commit(parts.esam.receipt(framed, challenge, card.serial))
    await card.ask(0x04, 0xD6, 0x80 | card_files.CARD_WRITE_BACK, 0x00, sealed)


def _receipt(parts, info: dict) -> bytes:
    return card_files.frame(card_files.CMD_WRITE_BACK, card_files.pack(card_files.WRITE_BACK, run_info(parts, info)))


def run_info(parts, info: dict) -> dict:
    """What the desk is told of the meter; `info` has user type and ratios."""
    state = parts.store.state
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
        "time": parts.clock.local_minute(),
    }
