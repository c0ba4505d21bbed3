"""Give access to the card in the slot: reset, file 01, and its commands. Twin of esam.py.

Each command polls the presence switch first, to distinguish a pulled card from an unresponsive one.
Errors are those of card_errors.py. The sessions that use the card are in card_user.py,
card_init.py, card_keys.py, card_inspect.py and card_factory.py.
"""

from micropython import const

import card_files
from card_errors import CardError, make_error, make_refusal
from line import Channel, LineError

_SESSION_MS = const(3_000)
_USER_INFO = card_files.size_of(card_files.PARAMS) + card_files.FRAME_OVERHEAD


class Card:
    """The card in the slot. `switch` reads 0 while one is there."""

    def __init__(self, channel: "Channel", switch) -> None:
        self._channel = channel
        self._switch = switch
        self.serial = b""

    async def connect(self) -> None:
        """Reset the card, check that it belongs to this system, select its application.

        CardError if one of these fails.
        """
        self.serial = b""
        self._channel.last, self._channel.sw = b"", 0
        try:
            atr = await self._channel.reset()
        except LineError as error:
            raise self._detect_pull() or make_error("CARD_RESET", str(error)) from None
        self.serial = atr.find_serial()
        if not self.serial:
            raise make_error("CARD_RESET", "foreign ATR")
        _, sw = await self.command(0x00, 0xA4, 0x00, 0x00, b"\xdf\x01")
        if sw != 0x9000:
            await self._raise_if_control()
            raise make_error("UNISSUED", "no DF01")

    async def _raise_if_control(self) -> None:
        """Raise CONTROL_CARD if this is a system control card.

        Its file 01 is in its main file, which is selected after the reset.
        """
        head, sw = await self.command(0x00, 0xB0, 0x80 | card_files.CARD_INFO, 0x00, le=4)
        if sw == 0x9000 and head[:2] == bytes((card_files.HEAD, card_files.CMD_CONTROL)):
            raise make_error("CONTROL_CARD", "the system control card: it belongs to the desk")

    async def command(
        self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0
    ) -> tuple:
        """Return (answer, status word), whatever the status; CardError if no answer comes."""
        self.raise_if_pulled()
        try:
            return await self._channel.command(cla, ins, p1, p2, data, le)
        except LineError as error:
            raise self._detect_pull() or make_error("COMMUNICATION", str(error)) from None

    async def ask(
        self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0
    ) -> bytes:
        """Return the answer of a command that must succeed; CardError for any status but 9000."""
        answer, sw = await self.command(cla, ins, p1, p2, data, le)
        if sw != 0x9000:
            raise make_refusal("COMMUNICATION", sw)
        return answer

    async def read(self, file: int, offset: int, size: int) -> bytes:
        return _check_size(await self.ask(0x00, 0xB0, 0x80 | file, offset, le=size), size)

    async def read_info(self) -> tuple:
        """Return (command, data) of file 01, which says which kind of card this is.

        The command asks for the length of a user card's file. A card with less answers with its
        length (6Cxx); of a card with more the rest is read. CardError or ValueError if the file is
        missing or bad.
        """
        block, sw = await self.command(0x00, 0xB0, 0x80 | card_files.CARD_INFO, 0x00, le=_USER_INFO)
        if sw == 0x6B00 or sw == 0x6A82:
            raise make_error("UNISSUED", "no file 01")
        if sw != 0x9000:
            raise make_refusal("COMMUNICATION", sw)
        if len(block) < 4:
            raise make_error("COMMUNICATION", "file 01 of %d bytes" % len(block))
        if block[0] != card_files.HEAD:
            raise make_error("FORMAT", "file 01 is blank")
        more = min((block[2] << 8 | block[3]) + card_files.FRAME_OVERHEAD, 255) - len(block)
        if more > 0:
            block += await self.read(card_files.CARD_INFO, len(block), more)
        return card_files.unframe(block)

    @property
    def last(self) -> tuple:
        """Return (header, status word) of the newest command, for the log."""
        return self._channel.last, self._channel.sw

    def raise_if_pulled(self) -> None:
        """Raise PULLED if the card is no longer there."""
        gone = self._detect_pull()
        if gone:
            raise gone

    def _detect_pull(self) -> "CardError | None":
        """Return PULLED if the card is no longer there, else None."""
        return make_error("PULLED", "card pulled early") if self._switch.value() else None

    def power_off(self) -> None:
        self._channel.power_off()

    def start_deadline(self, left_ms: int = _SESSION_MS) -> None:
        """Start the session's limit of 3 s, or less, for reading and writing.

        What has which limit: docs/cards/sessions.md.
        """
        self._channel.end_within(min(left_ms, _SESSION_MS))


def _check_size(answer: bytes, size: int) -> bytes:
    """Return the answer; CardError if its size is wrong.

    A card may answer 9000 and send less than it was asked for.
    """
    if len(answer) != size:
        raise make_error("COMMUNICATION", "answer of %d bytes instead of %d" % (len(answer), size))
    return answer
