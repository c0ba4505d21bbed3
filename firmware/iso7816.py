"""Run ISO 7816-3 as pure engines: characters in, characters out, no clock, no wire.

`AtrReader` knows when an answer to reset is complete, and decodes it (ISO 7816-3, 8). `Exchange`
takes one command through T=0 (ISO 7816-3, 10) with every procedure byte, GET RESPONSE and 6Cxx.
Their driver (line.py) asks `want`, the number of characters still missing, keeps the waiting time
and passes in what came. Nothing here waits or raises for bad bytes: `error` says what was wrong.
"""

from micropython import const

_ATR_MAX = const(33)
_NULL = const(0x60)
# In a row. Each may take a waiting time of 1 s, but the session's deadline comes before.
_MAX_NULLS = const(100)
_MAX_ROUNDS = const(8)  # GET RESPONSE and 6Cxx in one command
_FI = const((372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0))
_DI = const((0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0))


class AtrReader:
    """Collects an ATR character by character.

    When `want` is 0, it is complete or `error` says why it never will be.
    """

    def __init__(self) -> None:
        self.raw = bytearray()
        self.error = ""
        self.want = 2  # TS, T0
        self.historical = b""
        self.fi, self.di = 372, 1
        self.extra_guard_etu = 0  # TC1
        self.waiting_integer = 10  # TC2
        self.specific = -1  # TA2, or -1: the chip can be asked for another rate (iso7816_pps.py)
        self.protocols = []
        self._next = 1  # index of the T0 or TDi whose interface bytes follow
        self._level = 1
        self._tck = False

    def receive(self, data: bytes) -> None:
        for byte in data:
            if self.want:
                self.raw.append(byte)
                self.want -= 1
                if not self.want:
                    self._advance()

    def _advance(self) -> None:
        raw = self.raw
        if raw[0] != 0x3B:
            self._fail("inverse convention" if raw[0] in (0x3F, 0x03) else "no ATR")
        elif self._next and self._next < len(raw):
            self._follow(raw[self._next])
        else:
            self._finish()

    def _follow(self, indicator: int) -> None:
        """Ask for the interface bytes that T0 or a TDi announces.

        Then process them: ask for those of the next TDi, or for the rest of the ATR.
        """
        present = bin(indicator >> 4).count("1")
        at = self._next + 1
        if len(self.raw) < at + present:
            self._ask(at + present)
            return
        if indicator & 0x10:
            self._take_ta(self.raw[at])
            at += 1
        if indicator & 0x20:
            at += 1
        if indicator & 0x40:
            self._take_tc(self.raw[at])
            at += 1
        if indicator & 0x80:
            self._take_td(at)
            return
        if not self.protocols:
            self.protocols.append(0)
        self._next = 0
        self._ask(at + (self.raw[1] & 15) + self._tck)

    def _take_ta(self, value: int) -> None:
        if self._level == 1:
            self.fi, self.di = _FI[value >> 4], _DI[value & 15]
        elif self._level == 2:
            self.specific = value

    def _take_tc(self, value: int) -> None:
        if self._level == 1:
            self.extra_guard_etu = 0 if value == 255 else value
        elif self._level == 2:
            self.waiting_integer = value

    def _take_td(self, at: int) -> None:
        protocol = self.raw[at] & 15
        if protocol not in self.protocols:
            self.protocols.append(protocol)
        self._tck = self._tck or protocol != 0
        self._level += 1
        self._next = at
        if self._level > 8:
            self._fail("ATR too long")
        else:
            self._follow(self.raw[at])

    def _ask(self, length: int) -> None:
        if length > _ATR_MAX:
            self._fail("ATR too long")
        elif length > len(self.raw):
            self.want = length - len(self.raw)
        else:
            self._advance()

    def _finish(self) -> None:
        raw = self.raw
        if self._tck:
            check = 0
            for byte in raw[1:]:
                check ^= byte
            if check:
                self._fail("ATR with a wrong TCK")
                return
        if not self.fi or not self.di or not self.waiting_integer:
            self._fail("ATR with reserved values")
            return
        end = len(raw) - self._tck
        self.historical = bytes(raw[end - (raw[1] & 15) : end])

    def _fail(self, why: str) -> None:
        self.error = why
        self.want = 0

    def find_serial(self) -> bytes:
        """Return the last 8 bytes of an ATR of this system's chips; empty for any other ATR.

        Theirs begin with 3B 69 00 00 or 3B 79 TA1 00 00 (docs/cards/protocol.md).
        """
        raw = self.raw
        at = 3 if raw[1] & 0x10 else 2
        own = raw[1] & 0xEF == 0x69 and raw[at : at + 2] == b"\x00\x00"
        return bytes(raw[-8:]) if own else b""


class Exchange:
    """One command through T=0.

    `take()` returns the characters to be sent now. While `want` is not 0, at least so many more
    will come if all goes well: pass them to `receive`. Call `expire` when the waiting time runs
    out. At the end (`done`) there are `data` and `sw`, or `error`.
    """

    def __init__(
        self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0
    ) -> None:
        if len(data) > 255 or not 0 <= le <= 256 or (data and le):
            raise ValueError("T=0 moves 255 bytes to the card or 256 from it, one way at a time")
        self.done = False
        self.error = ""
        self.want = 1 if data else 2
        self.sw = 0
        self.data = bytearray()
        self._rounds = 0
        self.header = bytes((cla, ins, p1, p2, len(data) or le & 0xFF))
        self._send_first(self.header, data, le)

    def take(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def receive(self, chunk: bytes) -> None:
        at = 0
        while at < len(chunk) and not self.done:
            if self._reading:  # all at once: this side may have only 4 etu to react
                data = chunk[at : at + self._reading]
                at += len(data)
                self.data += data
                self._to_read -= len(data)
                self._reading -= len(data)
                continue
            if self._sw1:
                self._take_status(self._sw1 << 8 | chunk[at])
            else:
                self._take_procedure(chunk[at])
            at += 1
        self.want = self._count_least()

    def _count_least(self) -> int:
        """Return how many characters the card must still send before it is this side's turn.

        A status word ends the exchange, whatever else is missing.
        """
        if self.done:
            return 0
        if self._sw1 or self._to_send:
            return 1
        return self._reading + 2

    def expire(self) -> None:
        """End the exchange: the waiting time has run out."""
        self._fail("no answer")

    def _send_first(self, header: bytes, data: bytes, le: int) -> None:
        self._header = header
        self._to_send = data
        self._to_read = le
        self._nulls = 0
        self._expect_procedure(header)

    def _expect_procedure(self, out: bytes) -> None:
        self._out = out
        self._reading = 0
        self._sw1 = 0

    def _take_procedure(self, byte: int) -> None:
        ins = self._header[1]
        if byte == _NULL:
            self._nulls += 1
            if self._nulls > _MAX_NULLS:
                self._fail("NULL for ever")
        elif byte == ins or byte == ins ^ 0xFF:
            self._transfer(1 if byte != ins else 256)
        elif byte & 0xF0 in (0x60, 0x90):
            self._sw1 = byte
        else:
            self._fail("no procedure byte")

    def _transfer(self, count: int) -> None:
        """Transfer `count` characters, or all that are left, in the direction of this command."""
        self._nulls = 0
        if self._to_send:
            chunk, self._to_send = self._to_send[:count], self._to_send[count:]
            self._expect_procedure(chunk)
        elif self._to_read:
            self._reading = min(count, self._to_read)
        else:
            self._fail("procedure byte with nothing to transfer")

    def _take_status(self, sw: int) -> None:
        sw1, count = sw >> 8, sw & 0xFF
        self._sw1 = 0
        if sw1 not in (0x61, 0x6C):
            self.sw, self.done = sw, True
            return
        self._rounds += 1
        if self._rounds > _MAX_ROUNDS or (sw1 == 0x6C and self._to_send):
            self._fail("status that never ends")
        elif sw1 == 0x61:
            self._send_first(b"\x00\xc0\x00\x00" + bytes((count,)), b"", count or 256)
        else:
            self._send_first(self._header[:4] + bytes((count,)), b"", count or 256)

    def _fail(self, why: str) -> None:
        if not self.done:
            self.error, self.done, self.want = why, True, 0
