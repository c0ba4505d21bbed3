"""A stand for sessions that are broken off in forked processes.

Owns the needs of forking, beside the bench's stand: the place of the cards' files in a child, the
log of illegal cards as the next start finds it, and digests that distinguish one future from
another.
"""

import hashlib
from pathlib import Path
from typing import Any

from dianka.bench.stage.kept import Image
from dianka.bench.stage.session import Session
from dianka.bench.stage.stand import CONTROL, MS, SESSION_US, USER, S, Stand
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.firmware import load_shared

__all__ = ["CONTROL", "MS", "USER", "S", "Trial"]

# Parts of the running meter (firmware/meter.py) with transient state: readings and the display.
# The state of every other part decides about the future, also that of a part added later.
_PASSING = ("chip", "metering", "clock", "relay", "display", "pages", "self_check")
_DEPTH = 4  # of parts within parts
fram_map = load_shared("fram_map")
_PLAIN = (int, bool, str, bytes, bytearray, type(None))


class Trial(Stand):
    """A stand that a forked child can go on with."""

    def watch(self, session: Session | None = None, limit_us: int = SESSION_US) -> Session:
        """Wait for a session to begin and to end; AssertionError if the meter never does.

        A card that was pulled before the meter looked has had none.
        """
        session = super().watch(session, limit_us)
        noticed = session.begun or session.cut or self.rig.card is None
        assert noticed, "the meter does not take notice of the card"
        assert session.ended, f"the session never ends: {self.lines[-3:]}"
        return session

    # ****** A copy of one's own ******

    def detach(self) -> None:
        """Keep the chips' writes in this process from here on: their files are the parent's."""
        for file in self._list_card_files():
            file.detach()

    def move(self, folder: Path) -> None:
        """Go on in another folder with the cards as they are now; the former folder stays."""
        for path in self.folder.glob("*.card"):
            (folder / path.name).write_bytes(path.read_bytes())
        for file in self._list_card_files():
            file.move(folder / file.path.name)
        self.rig.folder = folder

    def _list_card_files(self) -> list[CardFile]:
        """Return the files of the chips in use: the desk's, the meter's, the one in the slot."""
        return [file for file in (self.control, self.rig.esam_file, self.rig.card) if file]

    # ****** What the next start finds ******

    @property
    def log_records(self) -> int:
        """Return how many illegal cards the log has room for."""
        return self.modules["illegal_cards"].RECORDS

    def read_illegal_log(self) -> tuple[tuple[Any, ...], ...]:
        """Return the illegal cards in the memory, the oldest first, without their times."""
        illegal = self.modules["illegal_cards"]
        log = illegal.IllegalCards(Image(self.rig.bench.fram.content))
        fields = [name for name, _, _ in illegal.FIELDS if name != "time"]
        found = log.read_newest(illegal.RECORDS)
        records = [card_files.unpack(illegal.FIELDS, packed) for packed in found]
        return tuple(tuple(record[name] for name in fields) for record in records)

    def digest_cut(self, fram: bytes) -> str:
        """Return a digest of all that the next start finds after a power cut.

        `fram` is the content of the memory then; the firmware's own store interprets it. Beside the
        memory, a start knows the chips and the relay.
        """
        store = self.modules["state_store"].StateStore(Image(fram), lambda text: None)
        return self._make_digest(_collect_known(store, "store", _DEPTH, set()), fram)

    def digest_running(self) -> str:
        """Return a digest of the chips' memories and of all that the running firmware knows.

        The journal's part of the FRAM is left out: it is read at a start alone, and counts by what
        the firmware has of it.
        """
        parts = {name: part for name, part in vars(self.meter).items() if not name.startswith("_")}
        seen = {id(parts.pop(name)) for name in _PASSING}
        known = [_collect_known(part, name, _DEPTH, seen) for name, part in parts.items()]
        return self._make_digest(known, self.rig.bench.fram.content)

    def _make_digest(self, known: object, fram: bytes) -> str:
        text = repr(known) + self._describe_chips() + _digest_beside_journal(fram)
        return hashlib.sha256(text.encode()).hexdigest()

    def _describe_chips(self) -> str:
        esam, card = self.esam.state, self.rig.card.chip.state if self.rig.card else None
        return f"{esam} {card} {self.relay_closed} {esam.keys} {card and card.keys}"


def _digest_beside_journal(fram: bytes) -> str:
    """Return a digest of the memory without the journal's rings, present and former."""
    content = bytearray(fram)
    for half in fram_map.HALVES:
        for at, size in (
            (fram_map.FORMER_JOURNAL_AT, fram_map.FORMER_JOURNAL_BYTES),
            (fram_map.JOURNAL_AT, fram_map.JOURNAL_SLOTS * fram_map.JOURNAL_SLOT_BYTES),
        ):
            content[half + at : half + at + size] = bytes(size)
    return hashlib.sha256(content).hexdigest()


def _collect_known(thing: Any, name: str, depth: int, seen: set[int]) -> list[tuple[str, Any]]:
    """Return the plain attributes of a firmware object and of its parts.

    Times are left out: they differ without making a difference.
    """
    found: list[tuple[str, Any]] = []
    for key, value in sorted(vars(thing).items()):
        if key.endswith(("_us", "_ms", "_s")) or key == "characters":
            continue
        if isinstance(value, _PLAIN):
            found.append((f"{name}.{key}", value))
        elif isinstance(value, (list, tuple, dict)):
            found.append(
                (f"{name}.{key}", [repr(item) for item in value if isinstance(item, _PLAIN)])
            )
        elif depth and hasattr(value, "__dict__") and not callable(value) and id(value) not in seen:
            seen.add(id(value))
            found += _collect_known(value, f"{name}.{key}", depth - 1, seen)
    return found
