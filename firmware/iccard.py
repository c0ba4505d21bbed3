"""The slot: what kind of card is in it, and one session for each kind.

Owns the error codes and what people see of them (cards reference 1.6), the way into a card (reset, file 01, authentication)
and the choice of the session; the sessions are in usercard.py, initcard.py and keycard.py. A session either ends with the
messages to be shown or raises CardError. Before each command the presence switch is asked, so that a pulled card is told
from a silent one.
"""

import time

from micropython import const

import cardfiles
import esam as esam_module
import initcard
import keycard
import usercard
from cardfault import CardError, early, fault, mac_or
from line import LineError

_SESSION_MS = const(3_000)


class Card:
    """The card in the slot, once it has answered."""

    def __init__(self, channel, present) -> None:
        self._channel = channel
        self._present = present
        self.serial = b""

    async def connect(self) -> None:
        """Reset, check that it is one of ours, select its application."""
        try:
            atr = await self._channel.reset()
        except LineError as error:
            raise early(self._present) or fault("CARD_RESET", str(error)) from None
        if len(atr.raw) != 13 or atr.raw[1] & 0xF0 != 0x60 or atr.raw[2:4] != b"\x00\x00":
            raise fault("CARD_RESET", "foreign ATR")
        self.serial = bytes(atr.raw[-8:])
        _, sw = await self.command(0x00, 0xA4, 0x00, 0x00, b"\xdf\x01")
        if sw != 0x9000:
            raise fault("UNISSUED", "no DF01")

    async def command(self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0) -> tuple:
        """(answer, status word), whatever the status."""
        gone = early(self._present)
        if gone:
            raise gone
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
        """(command, data) of file 01, which says what kind of card this is."""
        head, sw = await self.command(0x00, 0xB0, 0x80 | cardfiles.CARD_INFO, 0x00, le=4)
        if sw == 0x6B00 or sw == 0x6A82:
            raise fault("UNISSUED", "no file 01")
        if sw != 0x9000:
            raise mac_or("COMMUNICATION", sw)
        if _whole(head, 4)[0] != cardfiles.HEAD:
            raise fault("FORMAT", "file 01 is blank")
        size = min((head[2] << 8 | head[3]) + 2, 250)
        return cardfiles.unframe(head + await self.read(cardfiles.CARD_INFO, 4, size))

    def off(self) -> None:
        self._channel.off()

    @property
    def deadline_ms(self):
        return self._channel.deadline_ms

    @deadline_ms.setter
    def deadline_ms(self, value) -> None:
        self._channel.deadline_ms = value


class Slot:
    """Runs sessions. `present` is called to ask the switch, `supply_good` whether the mains is high enough."""

    def __init__(self, channel, present, supply_good, parts) -> None:
        self._card = Card(channel, present)
        self._supply_good = supply_good
        self._parts = parts  # esam, wallet, store, clock, log of the meter

    async def session(self) -> tuple:
        """Serve the card that has just been put in: messages to show as (text, ms). CardError tells what went wrong."""
        card = self._card
        if not self._supply_good():
            raise fault("SUPPLY", "mains too low")
        card.deadline_ms = time.ticks_add(time.ticks_ms(), _SESSION_MS)
        try:
            async with self._parts.wallet.lock:
                return await self._serve(card)
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
}

__all__ = ("Card", "CardError", "Slot")
