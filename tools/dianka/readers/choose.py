"""The names of cards on the command line: a file, or `reader:NUMBER` or `reader:NAME`."""

from pathlib import Path

from dianka.card_port import CardError
from dianka.readers.base import Reader
from dianka.readers.inprocess import FileReader
from dianka.readers.pcsc import PcscReader

PREFIX = "reader:"


def find_reader(word: str) -> Reader:
    """Return the reader that this word names.

    For a file whose own name begins with `reader:` write ./reader:...
    """
    if word.startswith(PREFIX):
        return PcscReader.find(word.removeprefix(PREFIX))
    return FileReader(Path(word))


def pick_place(card: str | None, reader: str | None) -> str:
    """Return one word from CARD and --reader; raise CardError unless exactly one is given."""
    if (card is None) == (reader is None):
        raise CardError("give the card's file or --reader, one of the two")
    return card or f"{PREFIX}{reader}"
