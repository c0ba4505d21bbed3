"""The one interface to every reader: a name, and `connect` to hold the card that is in it.

What is held has a `CardPort` (port.py). A card that goes away while it is held makes the port raise
CardTorn; a card that can't be had in the first place makes `connect` raise CardError. Both carry
one line.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from dianka.card_port import CardPort


class Held:
    """A card in hand, nobody else's until `close`.

    `name` is the place's, as a person would say it.
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
    @property
    def name(self) -> str: ...
    def connect(self) -> Held: ...
