"""Where each card is: in the tray, in a meter's slot, in a reader of the counter, thrown away.

A card is a file, and each place is a folder: moving a card is renaming its file, so that it is at
exactly one place at any moment. From slots and readers a card is pulled whenever one wants, in the
middle of a command too: the counter's readers take that for what it is (readers/folder.py). In the
tray a card that somebody copies or sells to is locked, and stays until that is done.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dianka.bench.panel.founding import BIN, SET_UP, SLOT, TRAY, name_meter
from dianka.bench.panel.refusals import Refusal
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile, CardFileError, load, lock_file
from dianka.cardos.state import SERIAL_BYTES, State
from dianka.desk.reading import read_whole

SUFFIX = ".card"
MOST_CARDS = 60  # in all places together
_LARGEST = 64 * 1024
_PULLS, _PULL_S = 20, 0.005


@dataclass(frozen=True)
class Card:
    """A card as people see it: a name, what is printed on it, and where it is."""

    name: str
    kind: str
    serial: str
    meter_no: int
    place: str


class Places:
    """All places of one panel. `readers` are the counter's, by name."""

    def __init__(self, root: Path, meters: int, readers: Mapping[str, Path] | None = None) -> None:
        self.folders = {TRAY: root / TRAY, BIN: root / BIN}
        self.slots = {name_meter(n): root / name_meter(n) / SLOT for n in range(1, meters + 1)}
        self.readers = dict(readers or {})
        self.folders |= self.slots | self.readers
        self._faces: dict[Path, tuple[int, Card]] = {}

    def list_cards(self) -> list[Card]:
        """Return all cards, place by place."""
        return [
            self._look_at(path, place)
            for place, folder in self.folders.items()
            for path in sorted(folder.glob(f"*{SUFFIX}"))
        ]

    def find(self, name: str) -> Card:
        """Return the card of this name. Refusal if there is none."""
        for card in self.list_cards():
            if card.name == name:
                return card
        raise Refusal("refuse.no-card")

    def get_path(self, card: Card) -> Path:
        return self.folders[card.place] / card.name

    def must_be_free(self, place: str) -> None:
        """Raise Refusal if there is no such place, or if it has its card."""
        if place not in self.folders:
            raise Refusal("refuse.no-place")
        if place in self.slots or place in self.readers:
            if any(self.folders[place].glob(f"*{SUFFIX}")):
                raise Refusal("refuse.full")

    def move(self, card: Card, place: str) -> Card:
        """Lay the card at another place. Refusal if that is full, or the card is in use."""
        if card.place == place:
            return card
        self.must_be_free(place)
        path, target = self.get_path(card), self.folders[place] / card.name
        if target.exists():
            raise Refusal("refuse.same-name")
        try:
            if card.place in self.readers:
                _pull(path, target)
            else:
                with lock_file(path):
                    path.rename(target)
        except CardFileError:
            raise Refusal("refuse.in-use") from None
        except OSError:
            raise Refusal("refuse.no-card") from None
        return self._look_at(target, place)

    def copy(self, card: Card) -> Card:
        """Lay a thief's copy of a card into the tray: all that its chip gives away, and no more.

        Serial number and files are the original's. The keys no chip gives away: those of the copy
        are the thief's own.
        """
        if len(self.list_cards()) >= MOST_CARDS:
            raise Refusal("refuse.too-many")
        try:
            with CardFile.open(self.get_path(card)) as original:
                copied = copy_chip(original.chip)
            path = self._find_name(card)
            CardFile.store(path, lambda: copied).close()
        except CardFileError:
            raise Refusal("refuse.in-use") from None
        except CardError:
            raise Refusal("refuse.no-copy") from None
        return self._look_at(path, TRAY)

    def _find_name(self, card: Card) -> Path:
        names = {each.name for each in self.list_cards()}
        stem = card.name.removesuffix(SUFFIX)
        for number in range(1, MOST_CARDS + 1):
            name = f"{stem}-copy{number}{SUFFIX}"
            if name not in names:
                return self.folders[TRAY] / name
        raise Refusal("refuse.too-many")

    def _look_at(self, path: Path, place: str) -> Card:
        """Return what is printed on a card; a file that is none has an unknown kind."""
        try:
            changed_ns = path.stat().st_mtime_ns
            if path in self._faces and self._faces[path][0] == changed_ns:
                return self._faces[path][1]
            with path.open("rb") as file:
                state = load(file.read(_LARGEST), path.name)
            card = Card(path.name, state.kind, state.serial.hex(), _find_meter(state), place)
        except (OSError, CardFileError):
            return Card(path.name, "unknown", "", 0, place)
        self._faces[path] = changed_ns, card
        return card


def _pull(path: Path, target: Path) -> None:
    """Take a card out of a reader, which may be storing it under another name for a moment."""
    for _ in range(_PULLS):
        try:
            path.rename(target)
            return
        except FileNotFoundError:
            time.sleep(_PULL_S)
    path.rename(target)


def read_number(meter: Path) -> int:
    """Return the number of a meter by the card that it was set up with, 0 without one."""
    try:
        return _find_meter(load((meter / SET_UP / "init.card").read_bytes()))
    except (OSError, CardFileError):
        return 0


def copy_chip(original: Chip) -> State:
    """Return what a thief can make of a chip that he has in his reader.

    He reads all files that are free to read and takes the serial number from the ATR.
    """
    serial = original.power_on()[-SERIAL_BYTES:]
    kind = kinds.find_make(original.kind, original.state.files)
    original.process(bytes.fromhex("00A4000002") + kind.directory.to_bytes(2, "big"))
    read = {sfi: read_whole(original, sfi, spec) for sfi, spec in kind.files.items()}
    files = {
        sfi: read[sfi] if len(read[sfi]) == spec.size else spec.blank
        for sfi, spec in kind.files.items()
    }
    key_bytes = PROFILES[original.state.profile].key_bytes
    own = {kid: os.urandom(key_bytes) for kid in kind.kids}
    copied = State(original.kind, serial, original.state.profile, files, own)
    copied.check()
    return copied


def _find_meter(state: State) -> int:
    """Return the meter's number that is printed on a card, 0 if none is."""
    if state.kind not in (kinds.USER, kinds.INIT):
        return 0
    try:
        _, data = card_files.unframe(state.files[card_files.CARD_INFO])
        return card_files.unpack(card_files.PARAMS, data)["meter_no"]
    except ValueError:
        return 0
