"""How people name a card on the command line: a file, or `reader:NUMBER` or `reader:NAME`."""

from pathlib import Path

from dianka.card_port import CardError
from dianka.readers.base import Reader
from dianka.readers.inprocess import FileReader
from dianka.readers.pcsc import PcscReader

PREFIX = "reader:"


def find(word: str) -> Reader:
    """The place that this word names. A file that is called like a reader is ./reader:..."""
    if word.startswith(PREFIX):
        return PcscReader.find(word.removeprefix(PREFIX))
    return FileReader(Path(word))


def chosen(card: str | None, reader: str | None) -> str:
    """One word from CARD and --reader, of which there must be exactly one."""
    if (card is None) == (reader is None):
        raise CardError("give the card's file or --reader, one of the two")
    return card or f"{PREFIX}{reader}"
