"""The desk's interface to a card: a reset, and commands with their answers.

The card is a chip in this process, or in a reader on PC/SC.
"""

from typing import Protocol

OK = 0x9000  # the status word of success (ISO 7816-4, 5.6)


class CardError(Exception):
    """A failure with a card. The message is one line: the cause and the remedy."""

    exit_code = 1  # of the command; docs/operations.md lists them all


class CardPort(Protocol):
    """A card that answers commands; `Chip` is one.

    A reader's port handles 61xx and 6Cxx itself, and returns the data and the last status word.
    """

    def power_on(self) -> bytes: ...
    def process(self, apdu: bytes) -> tuple[bytes, int]: ...


class CardRefused(CardError):
    """The card answered with another status word than 9000; `sw` is that word."""

    def __init__(self, doing: str, sw: int) -> None:
        advice = _ADVICE.get(sw, "try again, then try another card")
        super().__init__(f"the card refused to {doing} (status {sw:04X}): {advice}")
        self.doing = doing
        self.sw = sw

    def __reduce__(self) -> tuple[type["CardRefused"], tuple[str, int]]:
        return CardRefused, (self.doing, self.sw)  # between processes


_ADVICE = {
    0x6700: "it may be of another cipher profile than the system, take a card of the system's",
    0x6581: "its memory is worn out, replace the card",
    0x6982: "this card does not allow that, check that it is the right card",
    0x6983: "its key is locked, replace the card",
    0x6985: "it has no use left or the order is wrong, check the card",
    0x6988: "card and control card do not belong together, use the control card that issued it",
    0x6A82: "the file is missing, check that it is the right card",
    0x6A88: "the key is missing, check that it is the right card",
}


def send(port: CardPort, apdu: bytes, doing: str) -> bytes:
    """Send a command and return the answer's data.

    Raise CardRefused unless the status word is 9000. `doing` completes "the card refused to".
    """
    data, sw = port.process(apdu)
    if sw != OK:
        raise CardRefused(doing, sw)
    return data


def make_command(header: str, data: bytes = b"") -> bytes:
    """Return the APDU of a header in hex (CLA INS P1 P2) and its data."""
    return bytes.fromhex(header) + bytes((len(data),)) + data


def serial_of(atr: bytes) -> bytes:
    """Return the card's serial number from its ATR; raise CardError for a foreign card.

    It is the last 8 bytes of 3B 69 00 00 .. or, with a higher rate on offer, of 3B 79 TA1 00 00 ..
    (docs/cards/protocol.md, "Chips and directories").
    """
    at = 3 if atr[1:2] == b"\x79" else 2
    if (
        len(atr) != 11 + at
        or atr[0] != 0x3B
        or atr[1] & 0xEF != 0x69
        or atr[at : at + 2] != bytes(2)
    ):
        raise CardError("this is no card of an electricity meter: take the right card")
    return atr[-8:]


def select_card(port: CardPort) -> bytes:
    """Reset the card and select its directory DF01; return the serial number."""
    serial = serial_of(port.power_on())
    send(port, make_command("00A40000", b"\xdf\x01"), "open its directory")
    return serial


def read_file(port: CardPort, sfi: int, size: int) -> bytes:
    """Return the first `size` bytes of a file, given by its short id."""
    return send(port, bytes((0x00, 0xB0, 0x80 | sfi, 0, size)), f"read file {sfi:02X}")
