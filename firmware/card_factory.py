"""Run the sessions of the production test cards: test credit, or tests of the meter's parts.

The tests are of relay, segments, pulses, memory, clock and ESAM. Public keys only. Both kinds count
down a use on the card and write a result back to it. Tests take up to a minute, so the ESAM is
released first; the card stays powered, because the right to write the result ends with its power.
Only people can see whether segments and lamps are lit: they press the key, which passes that test
and tests the key. A meter of a customer is not tested, whatever its keys.
"""

import asyncio
import time

from micropython import const

import account
import card_files
import service_files
import state as records
import versions
from card_errors import make_error
from card_inspect import pad_text
from card_user import authenticate
from display import Display, add_label, decimal
from ds3231 import Ds3231
from esam import Esam
from iccard import Card
from relay import Relay
from selfcheck import SelfCheck
from settlement import Settlement
from state_store import StateStore

_MOST_FEN = const(10_000)  # public keys are public: anybody can make such a card
_PRICE_E4 = const(10_000)  # for a meter that has no price yet, so that the credit ends
_MONEY = b"\x04\xdc\x01\x0c\x08"
_COUNT = b"\x04\xdc\x03\x0c\x08"
_USES = const(0x14)  # P2 of the counter
_RESULTS = const(0x2C)
_LOOK_MS = const(100)
_RELAY_MS = const(12_000)  # 5 s of rest, 3 s until the contact is trusted, and one more try
_MOST_S = const(60)
_EDGE_MS = const(300)  # at most: a report of the chip and the time until it is polled
_SEGMENTS = "8.8.8.8.8.8.8.8."
_SHOW_MS = const(5_000)


class FactorySession:
    """Serves production test cards of both kinds.

    `is_key_down` returns whether the meter's key is pressed; `report_alive` reports to the
    watchdog's guard that a test goes on.
    """

    def __init__(
        self,
        esam: "Esam",
        settlement: "Settlement",
        store: "StateStore",
        clock: "Ds3231",
        chip,
        relay: "Relay",
        display: "Display",
        self_check: "SelfCheck",
        is_key_down,
        report_alive,
        log,
    ) -> None:
        self._esam = esam
        self._settlement = settlement
        self._self_check = self_check
        self.store = store
        self.clock = clock
        self.chip = chip
        self.relay = relay
        self.display = display
        self.is_key_down = is_key_down
        self.report_alive = report_alive
        self.log = log

    async def credit(self, card: "Card", command: int, data: bytes) -> tuple:
        """Fill the wallet up to the card's amount. Return a message that shows the balance."""
        await self._begin(card)
        order = card_files.unpack(card_files.WALLET, data)
        amount_fen, state = order["money_fen"], self.store.state
        if order["count"]:
            raise make_error("COUNT", "test credit with a purchase count")
        if not state.balance_fen < amount_fen <= _MOST_FEN or not account.may_credit(
            state, amount_fen - state.balance_fen
        ):
            raise make_error(
                "HOARD",
                "test credit of %d fen on a balance of %d" % (amount_fen, state.balance_fen),
            )
        # A memory that takes nothing ends the session here, before a use is gone and money set.
        self.store.commit()
        await _count_down(card)
        money = await _read_sealed(card, self._esam, 4, _MONEY)
        if int.from_bytes(money[:4], "big") != amount_fen:
            raise make_error("FORMAT", "sealed amount differs from the one that was judged")
        await self._esam.init_money(money)
        count = await _read_sealed(card, self._esam, 8, _COUNT)
        if any(count[:-4]):
            raise make_error("FORMAT", "sealed count differs from the one that was judged")
        await self._settlement.grant(amount_fen, _PRICE_E4, count)
        self.log("test credit, balance %d fen" % state.balance_fen)
        await self.write_result(card, {"money_fen": amount_fen})
        return ((decimal(state.balance_fen, 2), _SHOW_MS),)

    async def run(self, card: "Card", command: int, data: bytes):
        """Start the tests. Return the coroutine function that continues them without the ESAM."""
        await self._begin(card)
        order = card_files.unpack(service_files.TEST_ORDER, data)
        if not 1 <= order["seconds"] <= _MOST_S:
            raise make_error("FORMAT", "tests of %d s" % order["seconds"])
        await self._esam.read_wallet()  # checked by its inverse: this is the test of the ESAM
        await _count_down(card)
        return _Tests(self, card, order).run

    async def _begin(self, card: "Card") -> None:
        if await self._esam.read_key_state() != card_files.KEYS_PUBLIC:
            raise make_error("KEY_STATE", "production test card, but the meter has private keys")
        if self.store.state.has(records.OPENED) or self.store.state.count:
            raise make_error(
                "KEY_STATE", "production test card, but the meter belongs to a customer"
            )
        await authenticate(card, self._esam)

    async def write_result(self, card: "Card", record: dict) -> None:
        """Complete the result with the meter's data, and append it to the card's log."""
        record["meter_no"] = self.store.state.meter_no
        record["esam"] = self._esam.serial
        record["selfcheck"] = pad_text(self._self_check.code)
        record["version"] = pad_text(versions.version())
        record["time"] = self.clock.read_local_minute()
        await card.ask(
            0x00, 0xE2, 0x00, _RESULTS, card_files.pack(service_files.TEST_RESULT, record)
        )


async def _count_down(card: "Card") -> None:
    await _read_uses_left(card)
    await card.ask(0x80, 0x30, 0x00, _USES, card_files.with_inverse(b"\x00\x00\x00\x01"))


async def _read_uses_left(card: "Card") -> int:
    """Return how many meters this card may still test; CardError if none."""
    left = await card.ask(0x00, 0xB2, 0x01, _USES, le=4)
    if len(left) != 4:
        raise make_error("COMMUNICATION", "counter of %d bytes" % len(left))
    if not any(left):
        raise make_error("COUNT", "no uses left on the card")
    return int.from_bytes(left, "big")


async def _read_sealed(card: "Card", esam: "Esam", offset: int, target: bytes) -> bytes:
    challenge = await esam.get_challenge(4)
    return await card.ask(
        0x04, 0xB0, 0x80 | card_files.CARD_INFO, offset, challenge + target + bytes(8)
    )


class _Tests:
    """One run of the tests that a card orders, with the parts of its session."""

    def __init__(self, session: "FactorySession", card: "Card", order: dict) -> None:
        self._session = session
        self._card = card
        self._tests = order["tests"]
        self._expected = order["pulses"]
        self._window_ms = order["seconds"] * 1000
        self._passed = service_files.TEST_ESAM if self._tests & service_files.TEST_ESAM else 0
        self._pulses = 0

    async def run(self) -> tuple:
        """Run all tests. Return a message with the bits of the failed ones, or donE."""
        session, tests = self._session, self._tests
        session.display.show_messages()
        closed = False
        try:
            if tests & (service_files.TEST_RELAY | service_files.TEST_PULSES):
                closed = await self._test_relay(True)
            await self._test_window()
            if tests & service_files.TEST_RELAY and await self._test_relay(False) and closed:
                self._passed |= service_files.TEST_RELAY
        finally:
            session.relay.force(None)
            session.display.test_lamps(False)
        if tests & service_files.TEST_MEMORY and not session.store.check():
            self._passed |= service_files.TEST_MEMORY
        self._card.start_deadline()
        await session.write_result(
            self._card, {"done": tests, "passed": self._passed, "pulses": min(self._pulses, 0xFFFF)}
        )
        failed = tests & ~self._passed
        session.log("tests %02X, failed %02X" % (tests, failed))
        return ((add_label("bAd", str(failed)) if failed else "donE", _SHOW_MS),)

    async def _test_relay(self, closed: bool) -> bool:
        """Force the contact and return whether it follows."""
        relay = self._session.relay
        relay.force(closed)
        start_ms = time.ticks_ms()
        while relay.closed != closed or relay.commanded != closed:
            if time.ticks_diff(time.ticks_ms(), start_ms) > _RELAY_MS:
                return False
            await self._step()
        return True

    async def _test_window(self) -> None:
        """Test pulses, segments and clock, all in the same seconds."""
        session, tests = self._session, self._tests
        before_pj, before_s, start_ms = (
            session.store.state.energy_pj,
            session.clock.read_seconds(),
            time.ticks_ms(),
        )
        looked_at = not tests & service_files.TEST_SEGMENTS
        if not looked_at:
            session.display.test_lamps(True)
            session.display.show_messages((_SEGMENTS, self._window_ms))
        while time.ticks_diff(time.ticks_ms(), start_ms) < self._window_ms:
            if not looked_at and session.is_key_down():
                looked_at = True
                self._passed |= service_files.TEST_SEGMENTS
                session.display.test_lamps(False)
                session.display.show_messages()
            await self._step()
        session.display.test_lamps(False)
        after_s = session.clock.read_seconds()
        if tests & service_files.TEST_CLOCK and before_s is not None and after_s is not None:
            if abs((after_s - before_s) * 1000 - self._window_ms) <= 1000 + _EDGE_MS:
                self._passed |= service_files.TEST_CLOCK
        if tests & service_files.TEST_PULSES and session.chip.pulse_pj:
            self._pulses = (session.store.state.energy_pj - before_pj) // session.chip.pulse_pj
            if self._is_count_right():
                self._passed |= service_files.TEST_PULSES

    def _is_count_right(self) -> bool:
        """Return whether the pulses are those that the test bench's load must give.

        The tolerance is 2 % and the two edges of the window. Any pulse will do if none are
        expected.
        """
        expected = self._expected
        if not expected:
            return self._pulses > 0
        slack = expected * 2 // 100 + expected * _EDGE_MS // self._window_ms + 1
        return abs(self._pulses - expected) <= slack

    async def _step(self) -> None:
        self._card.raise_if_pulled()
        self._session.report_alive()
        await asyncio.sleep_ms(_LOOK_MS)


def make_session(parts, command: int):
    """Return the coroutine function that serves these cards, made from the CardSessions `parts`."""
    session = FactorySession(
        parts.esam, parts.settlement, parts.store, parts.clock, parts.metering.chip, parts.relay,
        parts.display, parts.self_check, parts.is_key_down, parts.report_alive, parts.log,
    )  # fmt: skip
    return session.credit if command == card_files.CMD_TEST_CREDIT else session.run
