"""The names of cards on the command line: a file, or a reader.

A reader is `reader:NUMBER` or `reader:NAME` on PC/SC, or `folder:PATH`, a folder with a card's file
in it. Where a reader is asked for, its number, its name or `folder:PATH` is enough.
"""

from pathlib import Path

from dianka.card_port import CardError
from dianka.readers.base import Reader
from dianka.readers.folder import PREFIX as FOLDER
from dianka.readers.folder import FolderReader
from dianka.readers.inprocess import FileReader, see_file
from dianka.readers.pcsc import PcscReader, Seen

PREFIX = "reader:"
_CARD = ".card"  # how the name of a card's file ends, where a reader may be named as well


def find_reader(word: str) -> Reader:
    """Return the reader that this word names.

    For a file whose own name begins with `reader:` or `folder:` write ./reader:...
    """
    name = strip_prefix(word)
    if name.startswith(FOLDER):
        return FolderReader(Path(name.removeprefix(FOLDER)))
    if word.startswith(PREFIX):
        return PcscReader.find(name)
    return FileReader(Path(word))


def is_reader(word: str) -> bool:
    """Return whether this word names a reader, not a card's file itself."""
    return word.startswith((PREFIX, FOLDER))


def strip_prefix(word: str) -> str:
    """Return the name of the reader that this word names."""
    return word.removeprefix(PREFIX)


def pick_place(card: str | None, reader: str | None) -> str:
    """Return one word from CARD and --reader; raise CardError unless exactly one is given."""
    if (card is None) == (reader is None):
        raise CardError("give the card's file or --reader, one of the two")
    return card or f"{PREFIX}{reader}"


def is_here(word: str) -> bool:
    """Return whether this names a folder or a card's file, and no reader on PC/SC."""
    return word.startswith(FOLDER) or word.endswith(_CARD)


def see_here(word: str) -> Seen | None:
    """Return what is in a folder or a card's file, by the word that `is_here`; None if gone."""
    if word.startswith(FOLDER):
        return FolderReader(Path(word.removeprefix(FOLDER))).see()
    return see_file(word, Path(word))


def open_named(name: str) -> Reader:
    """Return the reader with exactly this name: one on PC/SC, a folder or a card's file."""
    return find_reader(name) if is_here(name) else PcscReader(name)
