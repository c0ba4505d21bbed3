"""The terminal's part of T=0: GET RESPONSE at 61xx, the command again at 6Cxx, no Le after data.

ISO 7816-3, section 10: a T=0 command moves data in one direction. A reader passes 61xx and 6Cxx on
to its program. So this module handles them between `send` (a reader's raw exchange, data ending in
the status word) and a `CardPort`.
"""

from collections.abc import Callable

from dianka.card_port import CardError

# Enough for an answer of 256 bytes in pieces of 16; a card that goes on for longer has no end.
_MAX_ROUNDS = 16


def exchange(send: Callable[[bytes], bytes], apdu: bytes) -> tuple[bytes, int]:
    """Execute one whole command; return its data and its last status word.

    Raise CardError if an answer has no status word, or never ends.
    """
    command, data = _make_tpdu(apdu), b""
    for _ in range(_MAX_ROUNDS):
        answer = send(command)
        if len(answer) < 2:
            raise CardError("the card's answer has no status word: take it out and put it in again")
        data += answer[:-2]
        sw1, sw2 = answer[-2:]
        if sw1 == 0x61:
            command = bytes((0x00, 0xC0, 0x00, 0x00, sw2))
        elif sw1 == 0x6C and len(command) == 5 and not answer[:-2]:
            command = command[:4] + bytes((sw2,))
        else:
            return data, sw1 << 8 | sw2
    raise CardError("the card's answer never ends: take another card")


def _make_tpdu(apdu: bytes) -> bytes:
    """Return five header bytes, then the data.

    A bare header gets a length of 00; a length expected (Le) after the data is dropped.
    """
    if len(apdu) < 5:
        return apdu.ljust(5, b"\0")
    length = 5 + apdu[4]
    return apdu[:length] if len(apdu) == length + 1 and apdu[4] else apdu
