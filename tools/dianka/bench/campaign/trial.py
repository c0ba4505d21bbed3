"""A meter on rung 1 with its cards and its utility's desk, for sessions that are broken off.

Owns what the campaign does to a meter and what it reads from it: the firmware's own state, the chips' memories, the FRAM.
"""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from dianka.bench.stage.rig import Rig
from dianka.card_port import select_card
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile, dump
from dianka.desk import issue
from dianka.desk.sell import read_user_card, sell
from dianka.desk.session import Desk
from dianka.firmware import shared

MS = 1_000
S = 1_000_000
FEN = shared("account").FEN
CONTROL, USER = Path("control.card"), Path("user.card")
_STEP_US = 25 * MS
_SETTLED_US = 500 * MS  # after a card is pulled, until the meter looks for the next
_BEGIN_US = 5 * S
_SESSION_US = 30 * S  # a production test shows every segment, which takes its time
_PLAIN = (int, bool, str, bytes, bytearray, type(None))


class Trial:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        issue.issue_control(folder / CONTROL)
        self.control = CardFile.open(folder / CONTROL)
        self.rig = Rig(folder, "host")
        self.rig.on_log = self.lines.append
        self.rig.set_clock()
        self._esam: Chip = self.rig.bench.esam.engine._tpdu.chip  # type: ignore[union-attr]

    def close(self) -> None:
        self.rig.close()
        self.control.close()

    # ****** Desk ******

    def make(self, card: Path, kind: str, make: Callable[[Chip], None]) -> None:
        with CardFile.create(self.folder / card, kind) as file:
            make(file.chip)

    def sell(self, amount_fen: int, card: Path = USER) -> int:
        with CardFile.open(self.folder / card) as file:
            return sell(self.control.chip, file.chip, amount_fen).count

    def make_replacement(self, card: Path, data: issue.UserData, amount_fen: int, count: int) -> None:
        """A card for somebody who has lost the former one, with a purchase on it."""
        self.make(card, kinds.USER, lambda chip: issue.make_user(self.control.chip, chip, data))
        with CardFile.open(self.folder / card) as file:
            params = read_user_card(file.chip).params | {"card_type": card_files.REPLACEMENT}
            desk = Desk(self.control.chip, file.chip, select_card(file.chip))
            desk.authenticate()
            wallet = card_files.pack(card_files.WALLET, {"money_fen": amount_fen, "count": count})
            desk.update(card_files.CARD_WALLET, wallet)
            desk.update(card_files.CARD_INFO, card_files.frame(card_files.CMD_USER, card_files.pack(card_files.PARAMS, params)))

    # ****** Time and people ******

    def wait(self, us: int) -> None:
        self.rig.wait(us)

    def session(self, card: Path) -> int:
        """Put a card in, wait until the session is over, pull it: the error code, 0 if it went well."""
        code = self.put_in(card)
        self.take_out()
        return code

    def put_in(self, card: Path) -> int:
        since = len(self.lines)
        self.rig.insert(card)
        return self.until_over(since)

    def until_over(self, since: int) -> int:
        """Wait for a session to begin and to end; AssertionError if the meter never does."""
        begun = self._until(lambda: self.meter.card_slot.busy or self._code(since) or not self.rig.view().powered, _BEGIN_US)
        if not begun:
            raise AssertionError("the meter does not take notice of the card")
        if not self._until(lambda: not self.rig.view().powered or not self.meter.card_slot.busy, _SESSION_US):
            raise AssertionError(f"the session never ends: {self.lines[-3:]}")
        return self._code(since)

    def take_out(self) -> None:
        if self.rig.view().slot != "empty":
            self.rig.pull()
        self.wait(_SETTLED_US)

    def mains_on(self) -> None:
        self.rig.mains_on()
        self.wait(3 * S)

    def _until(self, over: Callable[[], Any], limit_us: int) -> bool:
        for _ in range(limit_us // _STEP_US):
            if over():
                return True
            self.wait(_STEP_US)
        return bool(over())

    def _code(self, since: int) -> int:
        for line in self.lines[since:]:
            if ", code " in line:
                return int(line.split(", code ")[1].split(":")[0])
        return 0

    # ****** A copy of one's own ******

    def detach(self) -> None:
        """From here on this process keeps what the chips store to itself; the files belong to another."""
        for file in self._held():
            file.chip.on_commit = None

    def move(self, folder: Path) -> None:
        """Go on in another folder, with the cards as they are at this instant; the former folder stays as it is."""
        for path in self.folder.glob("*.card"):
            (folder / path.name).write_bytes(path.read_bytes())
        for file in self._held():
            file.path = folder / file.path.name
            file.path.write_bytes(dump(file.chip.state))
            file.chip.on_commit = file._save
        self.folder = self.rig.folder = folder

    def _held(self) -> list[CardFile]:
        return [file for file in (self.control, self.rig._esam_file, self.card) if file]

    # ****** Inside ******

    @property
    def meter(self) -> Any:
        """The firmware's Meter object of this start."""
        return self.rig.runner.meter  # type: ignore[attr-defined]

    @property
    def card(self) -> CardFile | None:
        """The one in the slot, or pulled in the middle of things."""
        return self.rig._card

    @property
    def esam(self) -> Chip:
        return self._esam

    def used_fen(self) -> Fraction:
        """What the meter says it has taken, to the last fraction of a fen."""
        state = self.meter.store.state
        return state.bought_fen - state.balance_fen + Fraction(state.remainder, FEN)

    @property
    def log_records(self) -> int:
        """How many illegal cards the log has room for."""
        return self.rig.runner.modules["events"].RECORDS  # type: ignore[attr-defined]

    def illegal_log(self) -> tuple[tuple[Any, ...], ...]:
        """The illegal cards that the memory holds, the oldest of them first and without times, as the next start finds them."""
        cardlog = self.rig.runner.modules["events"]  # type: ignore[attr-defined]
        found = cardlog.EventLog(_Image(self.rig.bench.fram.content)).newest(cardlog.RECORDS)
        fields = [name for name, _, _ in cardlog.FIELDS if name != "time"]
        return tuple(tuple(card_files.unpack(cardlog.FIELDS, packed)[name] for name in fields) for packed in found)

    def card_state(self, card: Path) -> Any:
        """What is in the card's memory, wherever it is."""
        with CardFile.open(self.folder / card) as file:
            return file.chip.state

    def left(self, fram: bytes) -> str:
        """A digest of what a power cut leaves: all that the next start finds, if `fram` is what the memory holds then.

        The firmware's own store says what it makes of the memory; beside that, a start knows the chips and the relay.
        """
        store = self.rig.runner.modules["state_store"].StateStore(_Image(fram), lambda text: None)  # type: ignore[attr-defined]
        known = _known(store, "store", 4, set())
        return hashlib.sha256((repr(known) + self._chips() + _beside(store, fram)).encode()).hexdigest()

    def _chips(self) -> str:
        card = self.card.chip.state if self.card else None
        return f"{self._esam.state} {card} {self.rig.bench.relay.closed} {self._esam.state.keys} {card and card.keys}"

    def alive(self) -> str:
        """The chips' memories, and all that the running firmware knows of cards, ESAM, money and journal.

        Of the FRAM what is not the journal's: that is read at a start alone, so that it counts by what the firmware has of it.
        """
        meter = self.meter
        passing = (meter.chip, meter.metering, meter.clock, meter.relay, meter.display, meter.pages, meter.self_check)
        seen = {id(part) for part in passing}
        known = [_known(part, name, 4, seen) for name, part in (
            ("store", meter.store), ("esam", meter.esam), ("settlement", meter.settlement),
            ("events", meter.events), ("tariff", meter.tariff), ("card_slot", meter.card_slot),
        )]  # fmt: skip
        beside = _beside(meter.store, self.rig.bench.fram.content)
        return hashlib.sha256((repr(known) + self._chips() + beside).encode()).hexdigest()


def _beside(store: Any, fram: bytes) -> str:
    """What the memory holds beside the journal."""
    journal, content = store._journal, bytearray(fram)
    size = max(base + journal._slots * slot_size for base, slot_size, _, _ in journal._rings)
    for base in journal._halves:
        content[base : base + size] = bytes(size)
    return hashlib.sha256(content).hexdigest()


class _Image:
    """What a memory holds, for the journal to read."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content

    def read(self, address: int, count: int) -> bytes:
        return self._content[address : address + count]

    def write(self, address: int, data: bytes) -> None:
        raise OSError("an image is not written to")


def _known(thing: Any, name: str, depth: int, seen: set[int]) -> list[tuple[str, Any]]:
    """Plain attributes of a firmware object and of its parts; no times, which differ without making a difference."""
    found: list[tuple[str, Any]] = []
    for key, value in sorted(vars(thing).items()):
        if key.endswith(("_us", "_ms", "_s")) or key == "characters":
            continue
        if isinstance(value, _PLAIN):
            found.append((f"{name}.{key}", value))
        elif isinstance(value, (list, tuple, dict)):
            found.append((f"{name}.{key}", [repr(item) for item in value if isinstance(item, _PLAIN)]))
        elif depth and hasattr(value, "__dict__") and not callable(value) and id(value) not in seen:
            seen.add(id(value))
            found += _known(value, f"{name}.{key}", depth - 1, seen)
    return found
