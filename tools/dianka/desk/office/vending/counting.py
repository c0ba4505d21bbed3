"""Methods of payment, and what is counted of each: notes by the piece, the others by a total."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dianka.card_port import CardError
from dianka.money import HIGHEST_FEN, signed_yuan, yuan

NOTES = "notes"
METHODS = (NOTES, "card", "mobile", "transfer")
# Notes and coins of the renminbi, in fen.
PIECES_FEN = (10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1)
_MOST_PIECES = 100_000


class CountError(CardError):
    """That is no count of a drawer. Nothing is done."""


@dataclass(frozen=True)
class Count:
    """What was counted: pieces by their value in fen, and totals of the other methods in fen.

    A total may be below zero: more was paid back than taken.
    """

    pieces: Mapping[int, int] = field(default_factory=dict)
    others_fen: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for piece_fen, number in self.pieces.items():
            if piece_fen not in PIECES_FEN:
                raise CountError(f"there is no note or coin of {yuan(piece_fen)} yuan: count again")
            if not 0 <= number <= _MOST_PIECES:
                raise CountError(f"{number} pieces of {yuan(piece_fen)} yuan: count again")
        for method, fen in self.others_fen.items():
            if method not in METHODS or method == NOTES:
                raise CountError(f"{method!r} is no method of payment with a total: {_OTHERS}")
            if abs(fen) > 100 * HIGHEST_FEN:
                raise CountError(f"{signed_yuan(fen)} yuan by {method}: count again")

    @property
    def notes_fen(self) -> int:
        """Return the sum of the notes and coins."""
        return sum(piece_fen * number for piece_fen, number in self.pieces.items())

    def get_fen(self, method: str) -> int:
        """Return what was counted of a method."""
        return self.notes_fen if method == NOTES else self.others_fen.get(method, 0)

    def format_pieces(self) -> str:
        """Return the notes in one form, the highest first: "100.00x3 0.50x1"."""
        found = sorted(self.pieces.items(), reverse=True)
        return " ".join(f"{yuan(piece_fen)}x{number}" for piece_fen, number in found if number)


_OTHERS = "take " + ", ".join(METHODS[1:])


def check_method(method: str) -> None:
    """Raise CountError unless this is a method of payment."""
    if method not in METHODS:
        raise CountError(f"{method!r} is no method of payment: take {', '.join(METHODS)}")


def parse_pieces(words: Iterable[str]) -> dict[int, int]:
    """Convert words such as "100x3" and "0.5x12" to pieces by their value in fen."""
    pieces: dict[int, int] = {}
    for word in words:
        match = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?x([0-9]{1,6})", word)
        if not match:
            raise CountError(f"{word!r} is no count of a note: write it as 100x3 or 0.5x12")
        piece_fen = int(match[1] + (match[2] or "").ljust(2, "0"))
        if piece_fen in pieces:
            raise CountError(f"{yuan(piece_fen)} yuan is counted twice: give each note once")
        pieces[piece_fen] = int(match[3])
    return pieces
