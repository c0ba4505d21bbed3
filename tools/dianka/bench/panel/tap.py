"""Listens at a meter's contacts and cuts the characters into exchanges: reset, rate, command.

An exchange is what an engineer reads at an oscilloscope: the answer to a reset, the agreement on a
rate (PPS), or a command of T=0 with its procedure bytes, data and status word (ISO 7816-3, 10.3).
It holds each character with its time, so that the line can be drawn bit by bit. The tap changes
nothing on the line.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from dianka.bench.models.contacts import T0Socket
from dianka.bench.stage.traffic import SENT_ETU
from dianka.cardos.pps import PPSS
from dianka.cardos.t0 import NULL

RESET, RATE, COMMAND = "reset", "rate", "command"
_HEADER = 5
_MOST_CHARACTERS = 700  # of an exchange: 5, 256 of data, as many procedure bytes, and some NULLs
_PPS1 = 0x10  # of PPS0: a third character follows


@dataclass
class Exchange:
    """One exchange. `sw` is 0 if it broke off before its status word was whole.

    `characters` are (microseconds since `began_us`, whether the card sent it, value).
    """

    kind: str
    began_us: int
    etu_ns: int
    characters: list[tuple[int, bool, int]] = field(default_factory=list)
    header: bytearray = field(default_factory=bytearray)
    sent: bytearray = field(default_factory=bytearray)
    answer: bytearray = field(default_factory=bytearray)
    sw: int = 0


class Tap:
    """The listener at one socket. `on_exchange` is called with each exchange that is over."""

    def __init__(self, socket: T0Socket, on_exchange: Callable[[Exchange], None]) -> None:
        self._socket = socket
        self._on_exchange = on_exchange
        self._now: Exchange | None = None
        self._fresh = False  # nothing but the ATR has passed: a PPS may come
        self._data = False  # the procedure byte said that data comes
        self._one = False  # of it one byte alone
        self._sw1 = 0
        socket.tamper = self._hear

    def flush(self) -> None:
        """End what is under way: the card was pulled, or has no supply any more."""
        self._end()

    def _hear(self, direction: str, index: int, value: int) -> int:
        from_card = direction == "out"
        if index == 0 and from_card:
            self._end()
            self._begin(RESET, from_card)
            self._fresh = True
        elif self._now is None or (self._now.kind == RESET and not from_card):
            self._end()
            self._begin(RATE if self._fresh and value == PPSS else COMMAND, from_card)
            self._fresh = False
        self._take(from_card, value)
        return value

    def _begin(self, kind: str, from_card: bool) -> None:
        etu_ns = self._socket.character_etu_ns
        self._now = Exchange(kind, self._find_edge_us(from_card), etu_ns)
        self._data = self._one = False
        self._sw1 = 0

    def _find_edge_us(self, from_card: bool) -> int:
        """Return when the character that has just passed began."""
        socket = self._socket
        after_etu = socket.port.heard_etu if from_card else SENT_ETU
        return int(socket.clock.now_us - after_etu * socket.character_etu_ns // 1000)

    def _end(self) -> None:
        over, self._now = self._now, None
        if over:
            self._on_exchange(over)

    def _take(self, from_card: bool, value: int) -> None:
        now = self._now
        assert now
        now.characters.append((self._find_edge_us(from_card) - now.began_us, from_card, value))
        if len(now.characters) >= _MOST_CHARACTERS:
            self._end()
        elif now.kind == RESET:
            now.answer.append(value)
        elif now.kind == RATE:
            self._take_rate(now, from_card, value)
        elif from_card:
            self._take_from_card(now, value)
        else:
            self._take_from_meter(now, value)

    def _take_rate(self, now: Exchange, from_card: bool, value: int) -> None:
        (now.answer if from_card else now.sent).append(value)
        answer = now.answer
        if len(answer) >= 2 and len(answer) == (4 if answer[1] & _PPS1 else 3):
            self._end()

    def _take_from_meter(self, now: Exchange, value: int) -> None:
        if len(now.header) < _HEADER:
            now.header.append(value)
        elif self._data:
            now.sent.append(value)
            self._data = not (self._one or len(now.sent) >= now.header[4])
        else:  # the meter has given this one up and begins another
            self._end()
            self._begin(COMMAND, False)
            self._take(False, value)

    def _take_from_card(self, now: Exchange, value: int) -> None:
        if len(now.header) < _HEADER:
            return
        if self._sw1:
            now.sw = self._sw1 << 8 | value
            self._end()
        elif self._data:
            now.answer.append(value)
            self._data = not (self._one or len(now.answer) >= (now.header[4] or 256))
        elif value in (now.header[1], now.header[1] ^ 0xFF):
            self._data, self._one = True, value != now.header[1]
        elif value != NULL and value >> 4 in (6, 9):
            self._sw1 = value
