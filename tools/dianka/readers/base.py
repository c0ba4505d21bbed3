"""The one interface to every reader: a name, and `connect` to hold the card that is in it.

A held card has a `CardPort` (card_port.py). If the card is removed while it is held, the port
raises CardTorn. If no card can be held in the first place, `connect` raises CardError. Both carry a
message of one line.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from dianka.card_port import CardPort


class Held:
    """A card held exclusively until `close`.

    `name` is the name of its place, as a person would say it.
    """

    def __init__(self, name: str, port: CardPort, let_go: Callable[[], None]) -> None:
        self.name = name
        self.port = port
        self._let_go: Callable[[], None] | None = let_go

    def close(self) -> None:
        let_go, self._let_go = self._let_go, None
        if let_go:
            let_go()

    def __enter__(self) -> "Held":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Reader(Protocol):
    """A place for a card. `connect` raises CardError if no card can be held there."""

    @property
    def name(self) -> str: ...
    def connect(self) -> Held: ...
