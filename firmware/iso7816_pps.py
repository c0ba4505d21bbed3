"""Run PPS, by which a chip agrees to a higher rate, as a pure engine (ISO 7816-3, 9).

The request is PPSS FF, PPS0, PPS1, PCK; the answer is its echo. The rate asked for has the etu of
372 clocks divided by 2 or 4. Any F from 372 to the ATR's Fi and any D from 1 to its Di may be asked
for, and 372 is the one that all lines have. A chip that leaves PPS1 out of its answer stays at the
first rate, and so does this side. Any other answer, or none, is an error, and only a reset helps.
"""

from micropython import const

_PPSS = const(0xFF)
_RATE = const(0x10)  # in PPS0: PPS1 follows; the low half is the protocol, T=0
_IMPLICIT = const(0x10)  # in TA2: the rate is not that of TA1
_D_CODES = {2: 2, 4: 3, 8: 4}  # D to its code in TA1 and PPS1


class Pps:
    """One negotiation for 372/`factor`.

    Used like an `Exchange`; at the end `factor` is the agreed one.
    """

    def __init__(self, factor: int) -> None:
        self.error = ""
        self.done = False
        self.want = 2
        pps1 = 0x10 | _D_CODES[factor]
        self.request = bytes((_PPSS, _RATE, pps1, _PPSS ^ _RATE ^ pps1))
        self.factor = factor
        self._out = self.request
        self._heard = bytearray()

    def take(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def receive(self, chunk: bytes) -> None:
        for byte in chunk:
            if self.done:
                return
            self._heard.append(byte)
            self.want -= 1
            if not self.want:
                self._advance()

    def expire(self) -> None:
        """End the negotiation: the waiting time has run out."""
        self._fail("no answer to PPS")

    def _advance(self) -> None:
        heard = self._heard
        if heard == b"\xff\x00":
            self.want = 1  # PCK alone: without PPS1
        elif heard == self.request[:2]:
            self.want = 2
        elif heard == self.request:
            self._end()
        elif heard == b"\xff\x00\xff":
            self.factor = 1
            self._end()
        else:
            self._fail("PPS answered wrongly")

    def _end(self) -> None:
        self.done, self.want = True, 0

    def _fail(self, why: str) -> None:
        if not self.done:
            self.error, self.factor = why, 1
            self._end()


def find_offered_factor(atr, fastest: int) -> int:
    """Return the highest factor, up to `fastest`, that may be asked for after this ATR.

    `atr` is an iso7816.AtrReader. 1 if the chip offers none.
    """
    if atr.specific >= 0 or atr.fi < 372:
        return 1
    factor = 1
    while factor * 2 <= min(fastest, atr.di):
        factor *= 2
    return factor


def find_imposed_factor(atr, fastest: int) -> int:
    """Return the factor that a chip in specific mode (TA2) uses from here on.

    0 if the line does not have it, 1 in negotiable mode. `atr` as in `find_offered_factor`.
    """
    if atr.specific < 0:
        return 1
    if atr.specific & 15 or atr.specific & _IMPLICIT or atr.fi != 372:
        return 0
    return atr.di if atr.di in (1, 2, 4, 8) and atr.di <= fastest else 0
