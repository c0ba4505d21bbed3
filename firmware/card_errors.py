"""Define the errors of a card session: codes 1 to 22, their display groups, and the illegal cards.

Public descriptions of meters agree on the codes 1 to 21 and their groups. They do not agree on
which codes count as an illegal card; the choice here is this project's own: failed authentication,
an unissued card and a wrong MAC, but neither a piece of metal nor a card put in the wrong way
round. Code 22 and its group Err-37 are this project's own: the system control card, which holds the
root keys and belongs to the desk alone. It counts as illegal, so that the utility hears of it. The
table is in docs/cards/protocol.md, "The meter's codes".
"""

from micropython import const

_CODES = {
    "SUPPLY": 1,
    "ESAM": 2,
    "ESAM_RESET": 3,
    "CARD_RESET": 4,
    "IDENTITY": 5,
    "EXTERNAL": 6,
    "UNISSUED": 7,
    "TYPE": 8,
    "KEY_STATE": 9,
    "MAC": 10,
    "METER_NO": 11,
    "CUSTOMER_NO": 12,
    "SERIAL": 13,
    "FORMAT": 14,
    "PURCHASE_UNOPENED": 15,
    "REPLACEMENT_UNOPENED": 16,
    "COUNT": 17,
    "NOT_BLANK": 18,
    "COMMUNICATION": 19,
    "PULLED": 20,
    "HOARD": 21,
    "CONTROL_CARD": 22,
}
_GROUPS = const(
    (
        (3, "Err-31"),
        (10, "Err-32"),
        (13, "Err-33"),
        (18, "Err-34"),
        (20, "Err-35"),
        (21, "Err-36"),
        (22, "Err-37"),
    )
)
_ILLEGAL = const((5, 6, 7, 10, 22))


class CardError(Exception):
    """A failed session: `code` is 1 to 22, the text is for the log."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def display(self) -> str:
        """Return the text of the display for the resident."""
        for last, text in _GROUPS:
            if self.code <= last:
                return text
        return "Err-32"

    @property
    def illegal(self) -> bool:
        """Return whether the card counts as illegal."""
        return self.code in _ILLEGAL


def make_error(name: str, text: str) -> CardError:
    """Return the error of this name."""
    return CardError(_CODES[name], text)


def make_refusal(name: str, sw: int) -> CardError:
    """Return the error for a refusal by status word: MAC for 6988, else the one of this name."""
    return make_error("MAC" if sw == 0x6988 else name, "status %04X" % sw)
