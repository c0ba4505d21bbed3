"""The card's side of PPS (ISO 7816-3, section 9), and the ATR that offers a higher rate.

After an ATR with TA1 the reader may send, before anything else, PPSS FF, PPS0, those of PPS1 to
PPS3 that PPS0 announces, and PCK. A card agrees by sending the same bytes back, or keeps the first
rate by leaving PPS1 out. `Asked` does either, or one of the wrong things that real cards have been
seen to do.
"""

PPSS = 0xFF
FIRST = (372, 1)
ECHO = "echo"
DECLINE = "decline"  # answers without PPS1: stays at the first rate
WRONG = "wrong"  # agrees to another rate than was asked for
BAD_PCK = "bad-pck"
SILENT = "silent"
CUT = "cut"  # half an answer
NOT_KEPT = "not-kept"  # agrees and stays at the first rate
_WAYS = (ECHO, DECLINE, WRONG, BAD_PCK, SILENT, CUT, NOT_KEPT)
_F = (372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0)
_D = (0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0)


def decode_rate(coded: int) -> tuple[int, int]:
    """Return (F, D) of a TA1 or PPS1; 0 where the code is reserved."""
    return _F[coded >> 4], _D[coded & 15]


def offer_rate(atr: bytes, ta1: int, ta2: int | None = None) -> bytes:
    """Return an ATR 3B 69 00 00 41 .. with TA1 added, and with TA2 for specific mode.

    TA2 follows TD1 = 10 (T=0). Raise ValueError for any other ATR.
    """
    if atr[:2] != b"\x3b\x69":
        raise ValueError("only the ATR of this system's chips can be made to offer a rate")
    if ta2 is None:
        return bytes((0x3B, 0x79, ta1)) + atr[2:]
    return bytes((0x3B, 0xF9, ta1)) + atr[2:4] + bytes((0x10, ta2)) + atr[4:]


class Asked:
    """A PPS request, taken character by character.

    Once `done`, the card is at `rate` after its answer, or the request is `rejected` and the card
    mute.
    """

    def __init__(self, ta1: int, way: str = ECHO) -> None:
        if way not in _WAYS:
            raise ValueError(f"a card answers PPS in one of these ways: {', '.join(_WAYS)}")
        self.done = False
        self.rejected = False
        self.rate = FIRST
        self._offer = decode_rate(ta1)
        self._way = way
        self._heard = bytearray()

    def receive(self, value: int) -> bytes:
        """Take one character of the request; return the answer after its last."""
        self._heard.append(value)
        if len(self._heard) < 2 or len(self._heard) < 3 + (self._heard[1] >> 4 & 7).bit_count():
            return b""
        self.done = True
        return self._make_answer()

    def _make_answer(self) -> bytes:
        check = 0
        for value in self._heard:
            check ^= value
        if check or self._heard[1] & 15 or self._way == SILENT:
            self.rejected = True
            return b""
        wanted = decode_rate(self._heard[2]) if self._heard[1] & 0x10 else FIRST
        if self._way == DECLINE or not self._may_take(wanted):
            return bytes((PPSS, 0, PPSS))
        answer = bytes((PPSS, 0x10, self._heard[2]))
        if self._way == WRONG:
            answer = bytes((PPSS, 0x10, self._heard[2] ^ 1))
        check = answer[0] ^ answer[1] ^ answer[2]
        if self._way not in (WRONG, NOT_KEPT):
            self.rate = wanted
        if self._way == BAD_PCK:
            check ^= 0x55
        return answer[:2] if self._way == CUT else answer + bytes((check,))

    def _may_take(self, wanted: tuple[int, int]) -> bool:
        """Return whether F is from 372 to the offered Fi and D from 1 to the offered Di."""
        f, d = wanted
        return (
            self._heard[1] & 0x70 == 0x10
            and 372 <= f <= self._offer[0]
            and 1 <= d <= self._offer[1]
        )
