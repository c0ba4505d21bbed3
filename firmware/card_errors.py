"""What can be wrong with a card session: codes 1 to 22, their display groups, and which of them
count as an illegal card.

The codes and groups are those that public meters agree on (cards reference 1.6). Which codes count
as illegal they do not agree on; the table below is this project's choice: failed authentication, an
unissued card and a wrong MAC, but neither a piece of metal nor a card put in the wrong way round.
Code 22 and its group Err-37 are this project's own: the system control card, which holds the root
keys and belongs to the desk alone. It counts as illegal, so that the utility hears of it.
"""

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
_GROUPS = (
    (3, "Err-31"),
    (10, "Err-32"),
    (13, "Err-33"),
    (18, "Err-34"),
    (20, "Err-35"),
    (21, "Err-36"),
    (22, "Err-37"),
)
_ILLEGAL = (5, 6, 7, 10, 22)


class CardError(Exception):
    """A session failed: `code` 1 to 22, the text is for the log."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def display(self) -> str:
        """What the resident sees."""
        for last, text in _GROUPS:
            if self.code <= last:
                return text
        return "Err-32"

    @property
    def illegal(self) -> bool:
        """Whether the illegal-card counter counts it."""
        return self.code in _ILLEGAL


def fault(name: str, text: str) -> CardError:
    """The error of this name."""
    return CardError(_CODES[name], text)


def mac_or(name: str, sw: int) -> CardError:
    """A refusal by status word: 6988 is a wrong MAC, anything else the error of this name."""
    return fault("MAC" if sw == 0x6988 else name, "status %04X" % sw)
