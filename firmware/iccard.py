"""The slot: what kind of card is in it, and one session for each kind.

Owns the way into a card (reset, file 01) and the choice of the session; the sessions are in usercard.py, initcard.py,
keycard.py, inspectcard.py and testcard.py, their error codes in cardfault.py. A session either ends with the messages to be
shown or raises CardError. Before each command the presence switch is asked, so that a pulled card is told from a silent one.
"""

import gc
import time

from micropython import const

import cardfiles
import esam as esam_module
import initcard
import inspectcard
import keycard
import servicefiles
import testcard
import usercard
from cardfault import CardError, early, fault, mac_or
from line import LineError

_SESSION_MS = const(3_000)
_USER_INFO = cardfiles.size_of(cardfiles.PARAMS) + cardfiles.FRAME_OVERHEAD


class Card:
    """The card in the slot, once it has answered."""

    def __init__(self, channel, present) -> None:
        self._channel = channel
        self._present = present
        self.serial = b""

    async def connect(self) -> None:
        """Reset, check that it is one of ours, select its application."""
        self.serial = b""
        self._channel.last, self._channel.sw = b"", 0
        try:
            atr = await self._channel.reset()
        except LineError as error:
            raise early(self._present) or fault("CARD_RESET", str(error)) from None
        self.serial = atr.serial()
        if not self.serial:
            raise fault("CARD_RESET", "foreign ATR")
        _, sw = await self.command(0x00, 0xA4, 0x00, 0x00, b"\xdf\x01")
        if sw != 0x9000:
            await self._control()
            raise fault("UNISSUED", "no DF01")

    async def _control(self) -> None:
        """A system control card has its file 01 in its main file, which it is in after its reset."""
        head, sw = await self.command(0x00, 0xB0, 0x80 | cardfiles.CARD_INFO, 0x00, le=4)
        if sw == 0x9000 and head[:2] == bytes((cardfiles.HEAD, servicefiles.CMD_CONTROL)):
            raise fault("CONTROL_CARD", "the system control card: it belongs to the desk")

    async def command(self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0) -> tuple:
        """(answer, status word), whatever the status."""
        self.must_be_there()
        try:
            return await self._channel.command(cla, ins, p1, p2, data, le)
        except LineError as error:
            raise early(self._present) or fault("COMMUNICATION", str(error)) from None

    async def ask(self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0) -> bytes:
        """The answer of a command that must succeed."""
        answer, sw = await self.command(cla, ins, p1, p2, data, le)
        if sw != 0x9000:
            raise mac_or("COMMUNICATION", sw)
        return answer

    async def read(self, file: int, offset: int, size: int) -> bytes:
        return _whole(await self.ask(0x00, 0xB0, 0x80 | file, offset, le=size), size)

    async def info(self) -> tuple:
        """(command, data) of file 01, which says what kind of card this is.

        Asked for as the user card has it; a card with less names its length (6Cxx), of one with more the rest is read.
        """
        block, sw = await self.command(0x00, 0xB0, 0x80 | cardfiles.CARD_INFO, 0x00, le=_USER_INFO)
        if sw == 0x6B00 or sw == 0x6A82:
            raise fault("UNISSUED", "no file 01")
        if sw != 0x9000:
            raise mac_or("COMMUNICATION", sw)
        if len(block) < 4:
            raise fault("COMMUNICATION", "file 01 of %d bytes" % len(block))
        if block[0] != cardfiles.HEAD:
            raise fault("FORMAT", "file 01 is blank")
        more = min((block[2] << 8 | block[3]) + cardfiles.FRAME_OVERHEAD, 255) - len(block)
        if more > 0:
            block += await self.read(cardfiles.CARD_INFO, len(block), more)
        return cardfiles.unframe(block)

    @property
    def last(self) -> tuple:
        """(header, status word) of the newest command, for the log."""
        return self._channel.last, self._channel.sw

    def must_be_there(self) -> None:
        gone = early(self._present)
        if gone:
            raise gone

    def off(self) -> None:
        self._channel.off()

    def bound(self) -> None:
        """Reading and writing end within the session's limit from now on."""
        self._channel.deadline_ms = time.ticks_add(time.ticks_ms(), _SESSION_MS)


class Slot:
    """Runs sessions. `present` is called to ask the switch, `supply_good` whether the mains is high enough."""

    def __init__(self, channel, present, supply_good, parts) -> None:
        self._card = Card(channel, present)
        self._supply_good = supply_good
        self._parts = parts  # esam, wallet, store, clock, log of the meter

    @property
    def card(self) -> Card:
        """The card that is or was in the slot last."""
        return self._card

    async def session(self) -> tuple:
        """Serve the card that has just been put in: messages to show as (text, ms). CardError tells what went wrong.

        A session that goes on for long without the ESAM returns how, and does so after the ESAM has been let go.
        """
        card = self._card
        if not self._supply_good():
            raise fault("SUPPLY", "mains too low")
        gc.collect()  # now, or it would be in the middle of the session
        card.bound()
        try:
            async with self._parts.wallet.lock:
                shown = await self._serve(card)
            return await shown() if callable(shown) else shown
        except CardError as error:
            if error.illegal:
                card.must_be_there()  # pulled in the middle of a character, it has said what it never meant
            raise
        finally:
            card.off()

    async def _serve(self, card) -> tuple:
        parts = self._parts
        try:
            await card.connect()
            await parts.wallet.start()
            command, data = await card.info()
            run = _SESSIONS.get(command)
            if run is None:
                raise fault("TYPE", "command %02X" % command)
            return await run(card, command, data, parts)
        except ValueError as error:
            raise fault("FORMAT", str(error)) from None
        except esam_module.EsamError as error:
            code = "ESAM" if parts.esam.serial else "ESAM_RESET"
            raise (mac_or(code, error.sw) if error.sw else fault(code, str(error))) from None


def _whole(answer: bytes, size: int) -> bytes:
    """The answer, if it has its size: a card may say 9000 and send less than it was asked for."""
    if len(answer) != size:
        raise fault("COMMUNICATION", "answer of %d bytes instead of %d" % (len(answer), size))
    return answer


_SESSIONS = {
    cardfiles.CMD_USER: usercard.run,
    cardfiles.CMD_INIT: initcard.run,
    cardfiles.CMD_KEYS: keycard.run,
    cardfiles.CMD_KEYS_RESTORE: keycard.run,
    cardfiles.CMD_INSPECTION: inspectcard.run,
    cardfiles.CMD_TEST_CREDIT: testcard.credit,
    cardfiles.CMD_TEST_RELAY: testcard.run,
}

__all__ = ("Card", "CardError", "Slot")
