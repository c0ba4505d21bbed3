"""A card in a virtual reader: the card's side of vsmartcard's vpcd.

Through it any PC/SC program can use a card file. vpcd's pages describe the link: the card connects
to TCP port 35963 (first slot) or 35964 (second); either way go a big-endian length of two bytes and
a body. A body of one byte is control - 0 power off, 1 power on, 2 reset, 4 give the ATR - and only
4 is answered; any other body is a command. vpcd sends length and body separately and waits in
between for an acknowledgement, which the system delays by 40 ms unless TCP_QUICKACK is set anew
before each recv: 20 commands a second without it, thousands with it. It asks for the ATR at most
0.4 s after the connection; with another card in the slot it never asks, and the connection hangs.
"""

import contextlib
import socket
import struct

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.cardos.t0 import Tpdu

FIRST_PORT = 35963
GREETING_S = 3
_POWER_OFF, _POWER_ON, _RESET, _GIVE_ATR = 0, 1, 2, 4
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # only Linux has it, and the delay


class SlotError(CardError):
    """The slot does not take the card. The message is one line."""


class VirtualSlot:
    """One card in one slot.

    Call `insert`, then `serve`, which lasts until `pull`, from another thread, or until the reader
    is gone.
    """

    def __init__(self, engine: Tpdu, port: int = FIRST_PORT, host: str = "127.0.0.1") -> None:
        self._engine = engine
        self._port = port
        self._host = host
        self._link: socket.socket | None = None
        self._atr = engine.reset()
        engine.chip.power_off()
        self.commands = 0

    def insert(self) -> None:
        """Insert the card; raise SlotError if nothing listens, or another card is in the slot."""
        try:
            link = socket.create_connection((self._host, self._port), GREETING_S)
        except TimeoutError:
            raise self._make_busy_error() from None
        except OSError:
            raise SlotError(
                f"no virtual reader listens on port {self._port}: "
                "install vsmartcard-vpcd and start pcscd"
            ) from None
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link = link
        try:
            first = self._receive(link)
        except TimeoutError:
            self.pull()
            raise self._make_busy_error() from None
        except OSError:
            self.pull()
            raise SlotError(
                f"what listens on port {self._port} is no virtual reader: give another slot or port"
            ) from None
        link.settimeout(None)
        self._answer(link, first)

    def serve(self) -> None:
        """Answer the reader until the card is pulled, loses its power or the reader goes away."""
        link = self._link
        try:
            while link:
                self._answer(link, self._receive(link))
        except (OSError, CardTorn):
            pass
        finally:
            self.pull()

    def pull(self) -> None:
        """Pull the card, whatever is in progress."""
        link, self._link = self._link, None
        self._engine.chip.power_off()
        if link:
            with contextlib.suppress(OSError):  # the reader may have closed it first
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _answer(self, link: socket.socket, body: bytes) -> None:
        if len(body) != 1:
            self.commands += 1
            data, sw = self._engine.exchange(body)
            _send(link, data + sw.to_bytes(2, "big"))
        elif body[0] == _GIVE_ATR:
            _send(link, self._atr)
        elif body[0] == _POWER_OFF:
            self._engine.chip.power_off()
        elif body[0] in (_POWER_ON, _RESET):
            self._atr = self._engine.reset()

    def _receive(self, link: socket.socket) -> bytes:
        (length,) = struct.unpack(">H", _receive_exactly(link, 2))
        return _receive_exactly(link, length)

    def _make_busy_error(self) -> SlotError:
        return SlotError(
            f"the virtual reader on port {self._port} does not take the card: "
            "pull the other one out first"
        )


def _send(link: socket.socket, body: bytes) -> None:
    link.sendall(struct.pack(">H", len(body)) + body)


def _receive_exactly(link: socket.socket, count: int) -> bytes:
    """Receive so many bytes; raise ConnectionResetError if the reader goes away."""
    data = b""
    while len(data) < count:
        if _QUICKACK is not None:
            link.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        piece = link.recv(count - len(data))
        if not piece:
            raise ConnectionResetError("the reader is gone")
        data += piece
    return data
