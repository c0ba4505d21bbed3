"""Readers on PC/SC, through pyscard's low-level functions (its monitoring threads are not needed).

Names and status values are those of the PC/SC workgroup's part 5, as in pcsc-lite's winscard.h.
Cards are used with T=0 only, as in the meter. A card is held exclusively: no other program's
command may come between two commands of a sale. It is held for the commands of one session and
never while a person thinks, and without a transaction: Windows resets a card whose transaction
idles for 5 s. pyscard is optional.
"""

import importlib
import sys
import time
from dataclasses import dataclass
from typing import Any

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.readers.base import Held
from dianka.readers.t0port import exchange

PATIENCE_MS = 1000  # pcscd reports a card up to 0.4 s after it was inserted
# The system's own certificate services hold a card for a moment after it was inserted.
_IN_USE_TRIES = 5
_IN_USE_PAUSE_S = 0.2

_NO_READERS = 0x8010002E
_NOTHING_NEW = 0x8010000A
# No service, service stopped, a handle of a former service, and the service ended within the call:
# pcsc-lite 1.9 answers 80100013 to that, and 00000000 to SCardIsValidContext still afterwards.
_NO_SERVICE = (0x8010001D, 0x8010001E, 0x80100003, 0x80100013)
_IN_USE = 0x8010000B
_OTHER_PROTOCOL = 0x8010000F
_MUTE = (0x80100066, 0x80100067)
_RESET = 0x80100068
_UNKNOWN_READER = 0x80100009
_GONE = (0x8010000C, 0x80100069, 0x80100017, _UNKNOWN_READER)
_START_SERVICE = (
    "plug a reader in, Windows starts it then" if sys.platform == "win32" else "start pcscd"
)

_ours: set[str] = set()  # the readers whose cards this process holds


def is_ours(name: str) -> bool:
    """Return whether this process itself holds the card in this reader."""
    return name in _ours


class EmptyReaderError(CardError):
    """The reader is there and no card was put into it in time. The message is one line."""


class UnknownReaderError(CardError):
    """A reader that was there a moment ago is there no more. The message is one line."""


def import_scard() -> Any:
    """Return pyscard's low-level functions; raise CardError if pyscard is not installed."""
    try:
        return importlib.import_module("smartcard.scard")
    except ImportError:
        raise CardError(
            "card readers need pyscard: install gcc, libpcsclite-dev and pcscd, "
            "then in the checkout `.venv/bin/python -m pip install -e '.[pcsc]'`"
        ) from None


def format_status(status: int, name: str) -> str:
    """Return a PC/SC status as one line for people."""
    status &= 0xFFFFFFFF
    if status in _NO_SERVICE:
        return f"the card service does not run: {_START_SERVICE}"
    if status == _NO_READERS:
        return "there is no card reader: plug one in"
    if status == _IN_USE:
        return f"{name} is in use by another program: close that first"
    if status == _OTHER_PROTOCOL:
        return f"the card in {name} does not speak T=0: this is no card of an electricity meter"
    if status in _MUTE:
        return f"the card in {name} does not answer: turn it round, or take another"
    if status == _RESET:
        return f"another program reset the card in {name}: do it again from the start"
    if status in _GONE:
        return f"there is no card or no reader at {name} any more: put the card into it"
    return f"{name} failed (PC/SC {status:08X}): take the card out and put it in again"


@dataclass(frozen=True)
class Seen:
    """A reader and the card in it; `atr` is empty while there is none.

    `moves` counts cards inserted and removed. A `mute` card does not answer to power. A card
    `in_use` is held by a program, this one included. A `broken` reader does not answer the service.
    """

    name: str
    present: bool
    atr: bytes
    moves: int
    mute: bool = False
    in_use: bool = False
    broken: bool = False


class Context:
    """A connection to pcscd. Every call that it refuses raises a CardError of one line."""

    def __init__(self) -> None:
        self.scard = import_scard()
        status, self._handle = self.scard.SCardEstablishContext(self.scard.SCARD_SCOPE_SYSTEM)
        self.raise_if_failed(status, "the card service")

    def close(self) -> None:
        self.scard.SCardReleaseContext(self._handle)

    def list_names(self) -> list[str]:
        """Return the names of all readers."""
        status, names = self.scard.SCardListReaders(self._handle, [])
        if status & 0xFFFFFFFF == _NO_READERS:
            return []
        self.raise_if_failed(status, "the card service")
        return list(names)

    def look(self, names: list[str]) -> list[Seen]:
        """Return what is in these readers now."""
        return [
            self.parse_state(state) for state in self.get_states([(name, 0) for name in names], 0)
        ]

    def wait_for_card(self, name: str, patience_ms: int = PATIENCE_MS) -> None:
        """Wait for a card; raise EmptyReaderError if none comes in `patience_ms`."""
        until_ns = time.monotonic_ns() + patience_ms * 1_000_000
        state = self.get_states([(name, 0)], 0)[0]
        while not self.parse_state(state).present:
            left_ms = (until_ns - time.monotonic_ns()) // 1_000_000
            if left_ms <= 0:
                raise EmptyReaderError(f"{name} is empty: put the card into it")
            state = self.get_states([(name, state[1])], left_ms)[0]

    def connect(self, name: str) -> Any:
        """Connect to the card exclusively, with T=0; raise CardError if that is refused.

        A card that is in use gets a second to become free.
        """
        how = self.scard.SCARD_SHARE_EXCLUSIVE, self.scard.SCARD_PROTOCOL_T0
        status, card, _ = self.scard.SCardConnect(self._handle, name, *how)
        for _ in range(_IN_USE_TRIES):
            if status & 0xFFFFFFFF != _IN_USE:
                break
            time.sleep(_IN_USE_PAUSE_S)
            status, card, _ = self.scard.SCardConnect(self._handle, name, *how)
        self.raise_if_failed(status, name)
        return card

    def raise_if_failed(self, status: int, name: str) -> None:
        """Raise CardError if the status is not success."""
        if status:
            unknown = status & 0xFFFFFFFF == _UNKNOWN_READER
            error = UnknownReaderError if unknown else CardError
            raise error(format_status(status, name))

    def get_states(
        self, wanted: list[tuple[str, int]], timeout_ms: int
    ) -> list[tuple[str, int, list[int]]]:
        """Return the states of these readers as soon as one differs from that which is given.

        Without a change they are returned after `timeout_ms`. `wanted` has pairs of a name and the
        state known so far, 0 for none.
        """
        if not wanted:
            return []
        status, states = self.scard.SCardGetStatusChange(self._handle, timeout_ms, wanted)
        if status & 0xFFFFFFFF != _NOTHING_NEW:
            self.raise_if_failed(status, wanted[0][0])
        return states

    def parse_state(self, state: tuple[str, int, list[int]]) -> Seen:
        """Return what a state of `get_states` says."""
        scard, (name, flags, atr) = self.scard, state
        present = bool(flags & scard.SCARD_STATE_PRESENT)
        return Seen(
            name,
            present,
            bytes(atr) if present else b"",
            flags >> 16 & 0xFFFF,
            mute=present and bool(flags & scard.SCARD_STATE_MUTE),
            in_use=bool(flags & (scard.SCARD_STATE_INUSE | scard.SCARD_STATE_EXCLUSIVE)),
            broken=bool(flags & (scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_UNKNOWN)),
        )


class PcscPort:
    """One card in one reader, for as long as it stays there."""

    def __init__(self, context: Context, name: str, card: Any) -> None:
        self._context = context
        self._name = name
        self._card = card

    def power_on(self) -> bytes:
        scard = self._context.scard
        status, _ = scard.SCardReconnect(
            self._card, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0, scard.SCARD_RESET_CARD
        )
        self._raise_if_gone(status)
        status, _, _, _, atr = scard.SCardStatus(self._card)
        self._raise_if_gone(status)
        return bytes(atr)

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        return exchange(self.transmit, apdu)

    def transmit(self, tpdu: bytes) -> bytes:
        """Do one bare exchange; return the reader's answer, 61xx and 6Cxx included."""
        scard = self._context.scard
        status, answer = scard.SCardTransmit(self._card, scard.SCARD_PCI_T0, list(tpdu))
        self._raise_if_gone(status)
        if len(answer) < 2:  # vpcd reports in this way that the card was removed
            raise CardTorn(f"the card in {self._name} went away: put it in again")
        return bytes(answer)

    def close(self) -> None:
        """Release the card without power: it loses its authentications."""
        self._context.scard.SCardDisconnect(self._card, self._context.scard.SCARD_UNPOWER_CARD)
        self._context.close()
        _ours.discard(self._name)

    def _raise_if_gone(self, status: int) -> None:
        """Raise CardTorn if the call failed, for any reason.

        A command without an answer leaves the card in the state of one that was pulled.
        """
        if status:
            raise CardTorn(format_status(status, self._name))


class PcscReader:
    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @classmethod
    def find(cls, word: str) -> "PcscReader":
        """Return the reader that this word names; raise CardError if none or several match.

        The word is the number in `dianka reader list`, the name, or a part of the name that no
        other reader has.
        """
        names = list_names()
        if not names:
            raise CardError("there is no card reader: plug one in")
        if word.isascii() and word.isdigit() and int(word) < len(names):
            return cls(names[int(word)])
        found = [name for name in names if name == word] or [
            name for name in names if word.lower() in name.lower()
        ]
        if word and len(found) == 1:
            return cls(found[0])
        wrong = "names more than one reader" if word and found else "is no reader"
        raise CardError(f"{word!r} {wrong}: choose from `dianka reader list`, by number or name")

    def connect(self) -> Held:
        context = Context()
        try:
            context.wait_for_card(self._name)
            port = PcscPort(context, self._name, context.connect(self._name))
        except BaseException:
            context.close()
            raise
        _ours.add(self._name)
        return Held(self._name, port, port.close)


def list_names() -> list[str]:
    """Return the names of all readers."""
    context = Context()
    try:
        return context.list_names()
    finally:
        context.close()


def look_around() -> list[Seen]:
    """Return all readers, in the order of their numbers."""
    context = Context()
    try:
        return context.look(context.list_names())
    finally:
        context.close()
