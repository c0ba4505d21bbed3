"""Tell who holds a refused card its code and what to do, in words that eight digits can carry.

Imported for the first refusal. S, I and W are written 5, 1 and U; docs/operations.md has a picture
of each.
"""

from micropython import const

_GROUP_MS = const(3_000)
_CODE_MS = const(2_000)
_WORDS_MS = const(5_000)
_OFFICE = "oFF1CE"
_CALL = "CALL"
_HERE = "not HErE"
_OPEN = "oPEn 15t"
# By the codes of card_errors.py, from 1 on.
_WORDS = (
    "LAtEr", _CALL, _CALL, "tUrn 1t", _OFFICE, _OFFICE, _OFFICE, _OFFICE, _OFFICE, _OFFICE,
    _HERE, _HERE, "U5E nEU", _OFFICE, _OPEN, _OPEN, _OFFICE, _OFFICE, "rEtry", "LEAUE 1n",
    "U5E 15t", _OFFICE,
)  # fmt: skip


def compose_messages(group: str, code: int) -> tuple:
    """Return the messages (text, ms) of a refusal: its group, its code, what to do.

    Code 0: the meter's own memory has failed, not the card.
    """
    if not code:
        return (group, _GROUP_MS), (_CALL, _WORDS_MS)
    return (
        (group, _GROUP_MS),
        ("CodE" + " " * (4 - len(str(code))) + str(code), _CODE_MS),
        (_WORDS[code - 1], _WORDS_MS),
    )
