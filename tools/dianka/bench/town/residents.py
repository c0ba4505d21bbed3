"""A resident: a house with its meter, and what is known of his money outside of any books."""

import uuid
from dataclasses import dataclass, field
from typing import Protocol

from dianka.bench.town.house import House


class Till(Protocol):
    """A desk, as what it owes and is owed is told of it (desks.py)."""

    name: str

    def give_back(self, resident: "Resident", amount_fen: int) -> None: ...


@dataclass(frozen=True)
class Kept:
    """Money that lies at a desk for a sale that broke off, and the form of that sale."""

    desk: Till
    key: uuid.UUID
    amount_fen: int


@dataclass
class Resident:
    """Who lives in a house, which has one meter at a time."""

    house: House
    customer_no: int
    premise: int
    kept: Kept | None = None
    sale: tuple[str, int] | None = None  # the last one: its desk and its number there
    refunding_fen: int = 0  # of a refund that may be unfinished
    refunds_at: Till | None = None  # where that refund was begun: it is given again there
    paid_fen: int = 0  # to desks in all, less what they gave back
    waits: bool = False  # a purchase is on the card, and the card has not been in the meter
    tried: bool = False  # that card has been in a slot since
    copied: bool = False  # a thief has a copy of it with that purchase
    replaced: bool = False  # the card is a new one that has not been in the meter
    cards: int = 1  # that were made for him at this meter
    gone: bool = False  # the account is closed
    former: list[House] = field(default_factory=list)  # with meters that were exchanged

    def take_kept(self) -> Kept | None:
        """Return the kept money, and forget it: its sale is decided."""
        kept, self.kept = self.kept, None
        return kept
