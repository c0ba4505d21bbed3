"""The card's side of T=0 (ISO 7816-3, section 10): characters in, characters out, no clock.

`Tpdu` adds to a chip what T=0 adds to a command: 61xx with GET RESPONSE, and a length byte of 00
for 256. `T0Card` adds the characters: header of 5, procedure bytes, NULLs. Parity errors are
signalled and repeated by the layer below, so a character with a parity error is ignored here.
"""

from dataclasses import dataclass

from dianka.cardos import pps
from dianka.cardos.chip import CardTorn, Chip

NULL = 0x60
GET_RESPONSE = 0xC0
_HEADER = 5


class Tpdu:
    """A chip behind T=0: header and data in, data and status word out.

    Data never goes in both directions in one command.
    """

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self._pending = b""

    def reset(self) -> bytes:
        self._pending = b""
        return self.chip.power_on()

    def find_refusal(self, header: bytes) -> int:
        """Return the status word that ends this command at its header, or 0."""
        if _is_invalid_ins(header[1]):
            return 0x6D00
        if header[:2] == bytes((0, GET_RESPONSE)):
            return 0
        sw = self.chip.find_refusal(header[0], header[1])
        if sw:
            self._pending = b""
        return sw

    def takes_data(self, header: bytes) -> bool:
        return self.chip.takes_data(header[0], header[1])

    def exchange(self, tpdu: bytes) -> tuple[bytes, int]:
        """Execute a whole command: 5 header bytes, and the data if it takes any.

        Four bytes are a command without data and without a length (case 1).
        """
        if len(tpdu) < _HEADER:
            tpdu = tpdu.ljust(_HEADER, b"\0")
        if tpdu[:2] == bytes((0, GET_RESPONSE)):
            return self._get_response(tpdu)
        self._pending = b""
        if not _is_invalid_ins(tpdu[1]) and self.takes_data(tpdu):
            data, sw = self.chip.process(tpdu[:4] if len(tpdu) == _HEADER and not tpdu[4] else tpdu)
            if data:
                self._pending = data
                return b"", 0x6100 | len(data) & 0xFF
            return b"", sw
        return self.chip.process(tpdu)

    def _get_response(self, tpdu: bytes) -> tuple[bytes, int]:
        if tpdu[2] or tpdu[3]:
            self._pending = b""
            return b"", 0x6A86
        if not self._pending:
            return b"", 0x6985
        wanted = tpdu[4] or 256
        if wanted > len(self._pending):
            return b"", 0x6C00 | len(self._pending) & 0xFF
        data, self._pending = self._pending[:wanted], self._pending[wanted:]
        return data, 0x6100 | len(self._pending) & 0xFF if self._pending else 0x9000


@dataclass
class Behaviour:
    """How a card communicates, well or badly. The default is the simplest good card."""

    mute: bool = False
    atr: bytes | None = None  # another ATR than the chip's
    nulls: int = 0  # NULLs before each procedure byte and each SW1
    null_forever: bool = False  # after a header nothing but NULLs, one for each `get_more`
    one_by_one: bool = False  # INS xor FF before each data byte
    wrong_procedure: int | None = None  # instead of INS
    stops_after: int | None = None  # characters after the reset, ATR included; then mute
    lying_sw: int | None = None  # instead of the status word
    surplus: int = 0  # data characters more than the reader asked for
    babble: bytes = b""  # behind each status word
    # Offer this Fi and Di: the chip's ATR becomes 3B 79 TA1 00 00 41 and the serial number.
    ta1: int | None = None
    # Specific mode: TA1's rate begins right after the ATR, and there is no PPS.
    ta2: int | None = None
    pps: str = pps.ECHO  # how PPS is answered


class T0Card:
    """A card on the wire.

    `torn` reports that the chip lost its power by itself (Faults); the card is then mute until the
    next reset. `rate` is (F, D): an etu has F / D clocks. The answer to the character that changes
    the rate still goes at the old rate.
    """

    def __init__(self, chip: Chip, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.torn = False
        self.rate = pps.FIRST
        self._tpdu = Tpdu(chip)
        self._asked: pps.Asked | None = None
        self._fresh = False  # nothing received since the ATR: a PPS may come
        self._heard = bytearray()
        self._sent = 0
        self._dead = True
        self._endless = False

    @property
    def chip(self) -> Chip:
        return self._tpdu.chip

    def reset(self) -> bytes:
        """Return the characters of the ATR, as RST goes high."""
        self._heard.clear()
        self._sent = 0
        self.torn = self._dead = self._endless = False
        self.rate, self._asked, self._fresh = pps.FIRST, None, True
        atr, behaviour = self._tpdu.reset(), self.behaviour
        if behaviour.atr is not None:
            atr = behaviour.atr
        elif behaviour.ta1 is not None:
            atr = pps.offer_rate(atr, behaviour.ta1, behaviour.ta2)
        return self._limit_output(atr)

    def end_atr(self) -> None:
        """Begin TA1's rate in specific mode, as the ATR's last character has gone."""
        if self.behaviour.ta1 is not None and self.behaviour.ta2 is not None:
            self.rate = pps.decode_rate(self.behaviour.ta1)

    def power_off(self) -> None:
        self._tpdu.chip.power_off()
        self._dead = True
        self._endless = False

    def receive(self, value: int, parity_ok: bool = True) -> bytes:
        """Take one character; return the card's answer, empty while it wants more."""
        if self._dead or self._endless or not parity_ok:
            return b""
        fresh, self._fresh = self._fresh, False
        if (
            fresh
            and value == pps.PPSS
            and self.behaviour.ta1 is not None
            and self.behaviour.ta2 is None
        ):
            self._asked = pps.Asked(self.behaviour.ta1, self.behaviour.pps)
        if self._asked:
            return self._answer_pps(self._asked, value)
        self._heard.append(value)
        if len(self._heard) < _HEADER:
            return b""
        try:
            return self._limit_output(self._step())
        except CardTorn:
            self.torn = self._dead = True
            return b""

    def _answer_pps(self, asked: pps.Asked, value: int) -> bytes:
        answer = asked.receive(value)
        if asked.done:
            self.rate = asked.rate
            self._dead = asked.rejected
            self._asked = None
        return self._limit_output(answer)

    def get_more(self) -> bytes:
        """Return what the card sends unasked after its last character has gone.

        These are NULLs without end, if the behaviour is `null_forever`.
        """
        return self._limit_output(bytes((NULL,))) if self._endless else b""

    def _step(self) -> bytes:
        header = bytes(self._heard[:_HEADER])
        got, wanted = len(self._heard) - _HEADER, header[4]
        if not got:
            if self.behaviour.null_forever:
                self._endless = True
                return bytes((NULL,))
            sw = self._tpdu.find_refusal(header)
            if sw:
                return self._end(b"", sw)
            if not self._tpdu.takes_data(header):
                return self._end(*self._tpdu.exchange(header))
            if wanted:
                return self._make_procedure(header)
        if got < wanted:
            return self._make_procedure(header) if self.behaviour.one_by_one else b""
        return self._end(*self._tpdu.exchange(bytes(self._heard)))

    def _make_procedure(self, header: bytes) -> bytes:
        byte = header[1] ^ 0xFF if self.behaviour.one_by_one else header[1]
        if self.behaviour.wrong_procedure is not None:
            byte = self.behaviour.wrong_procedure
        return bytes((NULL,)) * self.behaviour.nulls + bytes((byte,))

    def _end(self, data: bytes, sw: int) -> bytes:
        """Return data, if any, and the status word; the next character begins a header."""
        header = bytes(self._heard[:_HEADER])
        self._heard.clear()
        out = b""
        if data and self.behaviour.one_by_one:
            out = b"".join(self._make_procedure(header) + bytes((value,)) for value in data)
        elif data:
            out = self._make_procedure(header) + data + bytes(self.behaviour.surplus)
        if self.behaviour.lying_sw is not None:
            sw = self.behaviour.lying_sw
        return (
            out
            + bytes((NULL,)) * self.behaviour.nulls
            + sw.to_bytes(2, "big")
            + self.behaviour.babble
        )

    def _limit_output(self, characters: bytes) -> bytes:
        if self.behaviour.mute:
            return b""
        if self.behaviour.stops_after is not None:
            characters = characters[: max(0, self.behaviour.stops_after - self._sent)]
        self._sent += len(characters)
        return characters


def _is_invalid_ins(ins: int) -> bool:
    # 6x and 9x would be taken for status words when the card sends INS back.
    return ins >> 4 in (6, 9)
