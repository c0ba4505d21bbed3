"""The production test cards: a little credit, or tests of relay, segments, pulses, memory, clock and ESAM. Public keys only.

Both count down a use on the card and write a result back to it. Tests take up to a minute, so the ESAM is let go first; the
card stays powered, as the right to write the result goes with its power. Whether segments and lamps are lit only people can
tell: they press the key, which passes that test and tests the key. A meter of a customer is not tested, whatever its keys.
"""

import asyncio
import time

from micropython import const

import account
import cardfiles
import servicefiles
import slots
import state as records
from cardfault import fault
from display import decimal, labelled
from inspectcard import fixed
from usercard import authenticate

_MOST_FEN = const(10_000)  # public keys are public: anybody can make such a card
_PRICE_E4 = const(10_000)  # for a meter that has no price yet, so that the credit ends
_MONEY = b"\x04\xdc\x01\x0c\x08"
_COUNT = b"\x04\xdc\x03\x0c\x08"
_USES = const(0x14)  # P2 of the counter
_RESULTS = const(0x2C)
_LOOK_MS = const(100)
_RELAY_MS = const(12_000)  # 5 s of rest, then 3 s until the contact is believed, and one more try
_MOST_S = const(60)
_EDGE_MS = const(300)  # a report of the chip, and when it is looked at
_SEGMENTS = "8.8.8.8.8.8.8.8."
_SHOW_MS = const(5_000)


async def credit(card, command: int, data: bytes, parts) -> tuple:
    """Fill the wallet up to the card's amount; shows the balance."""
    await _begin(card, parts)
    order = cardfiles.unpack(cardfiles.WALLET, data)
    amount_fen, state = order["money_fen"], parts.store.state
    if order["count"]:
        raise fault("COUNT", "test credit with a purchase count")
    if not state.balance_fen < amount_fen <= _MOST_FEN or not account.fits(state, amount_fen - state.balance_fen):
        raise fault("HOARD", "test credit of %d fen on a balance of %d" % (amount_fen, state.balance_fen))
    parts.store.commit()  # a memory that takes nothing ends it here, before a use is gone and money set
    await _count_down(card)
    money = await _sealed(card, parts.esam, 4, _MONEY)
    if int.from_bytes(money[:4], "big") != amount_fen:
        raise fault("FORMAT", "sealed amount differs from the one that was judged")
    await parts.esam.init_money(money)
    count = await _sealed(card, parts.esam, 8, _COUNT)
    if any(count[:-4]):
        raise fault("FORMAT", "sealed count differs from the one that was judged")
    await parts.wallet.grant(amount_fen, _PRICE_E4, count)
    parts.log("test credit, balance %d fen" % state.balance_fen)
    await _write_result(card, parts, {"money_fen": amount_fen})
    return ((decimal(state.balance_fen, 2), _SHOW_MS),)


async def run(card, command: int, data: bytes, parts):
    """Start the tests: returns how they go on without the ESAM."""
    await _begin(card, parts)
    order = cardfiles.unpack(servicefiles.TEST_ORDER, data)
    if not 1 <= order["seconds"] <= _MOST_S:
        raise fault("FORMAT", "tests of %d s" % order["seconds"])
    await parts.esam.wallet()  # with its inverse: that is the test of the ESAM
    await _count_down(card)
    return Tests(card, parts, order).run


async def _begin(card, parts) -> None:
    if await parts.esam.key_state() != cardfiles.KEYS_PUBLIC:
        raise fault("KEY_STATE", "production test card, but the meter has private keys")
    if parts.store.state.has(records.OPENED) or parts.store.state.count:
        raise fault("KEY_STATE", "production test card, but the meter belongs to a customer")
    await authenticate(card, parts.esam)


async def _count_down(card) -> None:
    await _uses_left(card)
    await card.ask(0x80, 0x30, 0x00, _USES, cardfiles.with_inverse(b"\x00\x00\x00\x01"))


async def _uses_left(card) -> int:
    """How many meters this card may still test; a card without any is refused."""
    left = await card.ask(0x00, 0xB2, 0x01, _USES, le=4)
    if len(left) != 4:
        raise fault("COMMUNICATION", "counter of %d bytes" % len(left))
    if not any(left):
        raise fault("COUNT", "no uses left on the card")
    return int.from_bytes(left, "big")


async def _sealed(card, esam, offset: int, target: bytes) -> bytes:
    challenge = await esam.challenge(4)
    return await card.ask(0x04, 0xB0, 0x80 | cardfiles.CARD_INFO, offset, challenge + target + bytes(8))


async def _write_result(card, parts, record: dict) -> None:
    record["meter_no"] = parts.store.state.meter_no
    record["esam"] = parts.esam.serial
    record["selfcheck"] = fixed(parts.self_check.code)
    record["version"] = fixed(slots.version())
    record["time"] = parts.clock.local_minute()
    await card.ask(0x00, 0xE2, 0x00, _RESULTS, cardfiles.pack(servicefiles.TEST_RESULT, record))


class Tests:
    """One run of the tests that a card orders."""

    def __init__(self, card, parts, order: dict) -> None:
        self._card = card
        self._parts = parts
        self._tests = order["tests"]
        self._expected = order["pulses"]
        self._window_ms = order["seconds"] * 1000
        self._passed = servicefiles.TEST_ESAM if self._tests & servicefiles.TEST_ESAM else 0
        self._pulses = 0

    async def run(self) -> tuple:
        """All of them; shows what failed, 0 being nothing."""
        parts, tests = self._parts, self._tests
        parts.display.say()
        closed = False
        try:
            if tests & (servicefiles.TEST_RELAY | servicefiles.TEST_PULSES):
                closed = await self._relay(True)
            await self._window()
            if tests & servicefiles.TEST_RELAY and await self._relay(False) and closed:
                self._passed |= servicefiles.TEST_RELAY
        finally:
            parts.forced = None
            parts.testing = False
        if tests & servicefiles.TEST_MEMORY and not parts.store.check():
            self._passed |= servicefiles.TEST_MEMORY
        self._card.bound()
        await _write_result(self._card, parts, {"done": tests, "passed": self._passed, "pulses": min(self._pulses, 0xFFFF)})
        failed = tests & ~self._passed
        parts.log("tests %02X, failed %02X" % (tests, failed))
        return ((labelled("bAd", str(failed)) if failed else "donE", _SHOW_MS),)

    async def _relay(self, closed: bool) -> bool:
        """Whether the contact follows."""
        self._parts.forced = closed
        start_ms = time.ticks_ms()
        while self._parts.relay.closed != closed or self._parts.relay.commanded != closed:
            if time.ticks_diff(time.ticks_ms(), start_ms) > _RELAY_MS:
                return False
            await self._step()
        return True

    async def _window(self) -> None:
        """Pulses, segments and clock, all in the same seconds."""
        parts, tests = self._parts, self._tests
        before_pj, before_s, start_ms = parts.store.state.energy_pj, parts.clock.seconds(), time.ticks_ms()
        if tests & servicefiles.TEST_SEGMENTS:
            parts.testing = True
            parts.display.say((_SEGMENTS, self._window_ms))
        while time.ticks_diff(time.ticks_ms(), start_ms) < self._window_ms:
            if parts.testing and parts.key_down:
                parts.testing = False
                self._passed |= servicefiles.TEST_SEGMENTS
                parts.display.say()
            await self._step()
        parts.testing = False
        after_s = parts.clock.seconds()
        if tests & servicefiles.TEST_CLOCK and before_s is not None and after_s is not None:
            if abs((after_s - before_s) * 1000 - self._window_ms) <= 1000 + _EDGE_MS:
                self._passed |= servicefiles.TEST_CLOCK
        if tests & servicefiles.TEST_PULSES and parts.chip.pulse_pj:
            self._pulses = (parts.store.state.energy_pj - before_pj) // parts.chip.pulse_pj
            if self._right():
                self._passed |= servicefiles.TEST_PULSES

    def _right(self) -> bool:
        """Whether the pulses are those that the test bench's load must give, within 2 % and the edges; or any at all."""
        expected = self._expected
        if not expected:
            return self._pulses > 0
        slack = expected * 2 // 100 + expected * _EDGE_MS // self._window_ms + 1
        return abs(self._pulses - expected) <= slack

    async def _step(self) -> None:
        self._card.must_be_there()
        self._parts.slot_lives()
        await asyncio.sleep_ms(_LOOK_MS)
