"""The reader that is a folder: the card file in it is the card in the reader.

`folder:PATH` names it. A card file (*.card, cardos/image.py) that is moved into the folder is a
card put in; one that is moved away is pulled, at any moment: what a command had not stored by then
is not stored any more. At most one card lies in a folder.

A chip stores its state by renaming a new file over the old one. Done blindly, that would leave a
copy of a card that was moved away just then. So the old file is taken first, under a hidden name,
which fails if it is there no more; whoever finds that name alone (the PC went off in between) gives
it back.
"""

import contextlib
from pathlib import Path

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.cardos.image import CardFile, CardFileError, lock_file
from dianka.readers.base import Held
from dianka.readers.inprocess import read_atr
from dianka.readers.pcsc import EmptyReaderError, Seen

PREFIX = "folder:"
_CARDS = "*.card"
_HELD = ".held"
_MOST = 100  # files of a folder that are looked at


class FolderReader:
    """A folder with a card file in it, or none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.path}"

    def connect(self) -> Held:
        """Hold the card in the folder. CardError if there is none, or more than one."""
        card = _PulledFile.open(self._find_card())
        return Held(self.name, card, card.close)

    def see(self) -> Seen | None:
        """Return what is in the folder now, None if there is no such folder."""
        if not self.path.is_dir():
            return None
        try:
            file = self._find_card()
        except EmptyReaderError:
            return Seen(self.name, False, b"", 0)
        except CardError:
            return Seen(self.name, True, b"", 0, mute=True)
        try:
            atr = read_atr(file)
        except FileNotFoundError:  # moved away, or stored anew just now
            return Seen(self.name, _is_held(file), b"", 0)
        except (CardError, OSError):
            return Seen(self.name, True, b"", 0, mute=True)
        return Seen(self.name, True, atr, 0)

    def _find_card(self) -> Path:
        """Return the card's file; give one back that was taken and never stored."""
        if not self.path.is_dir():
            raise CardError(f"{self.path} is no folder: make it, or name the one with the card")
        found = self._list_cards()
        if len(found) > 1:
            raise CardError(f"{len(found)} cards lie in {self.path}: leave one")
        if found:
            return found[0]
        for held in sorted(self.path.glob(f".{_CARDS}{_HELD}"))[:_MOST]:
            _give_back(held)
        found = self._list_cards()
        if not found:
            raise EmptyReaderError(f"{self.name} is empty: put a card's file into it")
        return found[0]

    def _list_cards(self) -> list[Path]:
        return [
            file for file in sorted(self.path.glob(_CARDS))[:_MOST] if not file.name.startswith(".")
        ]


class _PulledFile(CardFile):
    """A card's file that may be moved away at any moment."""

    _inode = 0

    @classmethod
    def open(cls, *words: object, **more: object) -> "_PulledFile":
        card = super().open(*words, **more)  # type: ignore[arg-type]
        assert isinstance(card, cls)
        try:
            card._inode = card.path.stat().st_ino
        except FileNotFoundError:
            card.close()
            raise CardTorn(_say_pulled(card.path)) from None
        return card

    def power_on(self) -> bytes:
        self._raise_if_pulled()
        return super().power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        self._raise_if_pulled()
        try:
            return super().process(apdu)
        except CardFileError:
            self._raise_if_pulled()
            raise

    def _put_in_place(self, beside: Path) -> None:
        held = _name_held(self.path)
        self.path.rename(held)  # FileNotFoundError if the card was pulled
        if held.stat().st_ino != self._inode:  # another one of the same name lies there
            held.rename(self.path)
            raise FileNotFoundError(2, "the card was pulled")
        self._inode = beside.stat().st_ino
        beside.replace(self.path)
        held.unlink()

    def _raise_if_pulled(self) -> None:
        """Raise CardTorn if the file is not where it was, and take the chip's power away."""
        try:
            here = self.path.stat().st_ino == self._inode
        except OSError:
            here = False
        if not here:
            self.chip.power_off()
            raise CardTorn(_say_pulled(self.path))


def _say_pulled(path: Path) -> str:
    return f"the card in {PREFIX}{path.parent} went away: put it in again"


def _name_held(path: Path) -> Path:
    return path.with_name(f".{path.name}{_HELD}")


def _is_held(file: Path) -> bool:
    """Return whether a card is being stored: its file is there under another name."""
    return file.exists() or _name_held(file).exists()


def _give_back(held: Path) -> None:
    """Give a card its name again whose storing was cut, unless it is being stored right now."""
    file = held.with_name(held.name.removeprefix(".").removesuffix(_HELD))
    with contextlib.suppress(CardError, OSError), lock_file(file):
        if file.exists():
            held.unlink()
        else:
            held.rename(file)
