"""The reader without hardware: a card file, with its chip in this process."""

from functools import lru_cache
from pathlib import Path

from dianka.cardos.chip import Chip
from dianka.cardos.image import CardFile, load
from dianka.readers.base import Held
from dianka.readers.pcsc import Seen

_LARGEST = 64 * 1024  # bytes of a card's file
_KEPT = 16  # files


class FileReader:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    def connect(self) -> Held:
        file = CardFile.open(self.path)
        return Held(self.name, file, file.close)


def see_file(name: str, file: Path) -> Seen:
    """Return a reader of this name with the card in this file; empty if there is no such file."""
    try:
        return Seen(name, True, read_atr(file), 0)
    except FileNotFoundError:
        return Seen(name, False, b"", 0)


def read_atr(file: Path) -> bytes:
    """Return the ATR of the card in a file, which somebody else may hold; CardError if it is none.

    FileNotFoundError if there is no such file.
    """
    stat = file.stat()
    return _read_atr(file, stat.st_ino, stat.st_mtime_ns)


@lru_cache(maxsize=_KEPT)
def _read_atr(file: Path, inode: int, changed_ns: int) -> bytes:
    """Return the ATR of a file as it was written then: it is looked at many times a second."""
    with file.open("rb") as opened:
        return Chip(load(opened.read(_LARGEST), file.name)).power_on()
