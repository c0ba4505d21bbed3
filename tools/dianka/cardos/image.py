"""A chip kept in a file: a card on the desk or in a meter's slot where there is no real card.

The file is JSON: format, version, the state in hex, and a SHA-256 checksum over all of it. Each
commit of the chip writes it anew beside the old one and renames it over the old one, so that a cut
leaves the old card or the new one. A lock on a sidecar file ensures that a card is in one place at
a time. So one file has one name: links are followed before anything is locked, and a file with a
second name (a hard link) is refused, since renaming a new file over one name would leave the former
card under the other. The file holds the chip's keys unprotected: whoever can read the file has all
that is in the chip.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import SM4
from dianka.cardos.state import SERIAL_BYTES, State, make_state

FORMAT = "dianka-card"
VERSION = 2
_LARGEST = 64 * 1024  # bytes: a chip has a few hundred; do not read a huge file into memory
# Bytes: NAME_MAX of common file systems, less what the sidecar's name has in addition.
_LONGEST_NAME = 255 - len("..lock")
_SHOWN_NAME = 40  # characters of a name that is too long
# Advice for a damaged file: a part of a backup and a control card can't be issued anew.
_DAMAGED = {
    kinds.PART: "take another part of the same backup",
    kinds.CONTROL: (
        "take a copy that is whole, or make it anew from its backup with `dianka keys restore`"
    ),
}


class CardFileError(CardError):
    """A card file that cannot be used. The message is one line: the cause and the remedy."""


class DamagedFileError(CardFileError):
    """The file was a card's and is damaged."""


class CardFile:
    """A chip and its file, held until `close`.

    It is a CardPort as its chip is, but reports in words why the disk refused a change.
    """

    def __init__(
        self, path: Path, lock: BinaryIO, state: State, rng: Callable[[int], bytes]
    ) -> None:
        self.path = path
        self.chip = Chip(state, rng, self._save)
        self._lock = lock
        self._trouble: OSError | None = None

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        """Answer a command; raise CardFileError if the disk did not take the change."""
        self._trouble = None
        answer = self.chip.process(apdu)
        if self.trouble:
            raise CardFileError(self.trouble)
        return answer

    @property
    def trouble(self) -> str:
        """Return why the disk did not take the last command's change, in one line, or nothing.

        A reader gets 6581 meanwhile, as from a memory that is worn out (docs/cards/protocol.md,
        "Status words").
        """
        if self._trouble is None:
            return ""
        return (
            f"{self.path.name} can't be written ({self._trouble.strerror}): "
            "the card is whole and as it was; "
            f"make room in {self.path.parent} or allow writing there, and do it again"
        )

    @classmethod
    def create(
        cls,
        path: Path | str,
        kind: str,
        serial: bytes | None = None,
        rng: Callable[[int], bytes] = os.urandom,
        private_roots: bool = True,
        profile: str = SM4.name,
    ) -> "CardFile":
        """Create a new chip of this kind in a new file."""

        def make_new() -> State:
            return make_state(
                kind, rng(SERIAL_BYTES) if serial is None else serial, rng, private_roots, profile
            )

        return cls.store(path, make_new, rng)

    @classmethod
    def store(
        cls, path: Path | str, make: Callable[[], State], rng: Callable[[int], bytes] = os.urandom
    ) -> "CardFile":
        """Create a chip in a new file, with the state that `make` returns.

        `make` is called when the file's name is reserved for this process.
        """
        given, path = Path(path), resolve_path(path)
        _must_be_new(given)
        lock = lock_file(path)
        try:
            _must_be_new(given)  # again, now that nobody else can create it
            card = cls(path, lock, make(), rng)
        except BaseException:
            lock.close()
            raise
        try:
            card._save(card.chip.state)
        except OSError as error:
            card.discard()
            raise _make_write_error(path, error) from None
        except BaseException:
            card.discard()
            raise
        return card

    @classmethod
    def open(cls, path: Path | str, rng: Callable[[int], bytes] = os.urandom) -> "CardFile":
        """Open a card file and lock it; raise CardFileError if it cannot be used."""
        given, path = Path(path), resolve_path(path)
        if not path.is_file():
            raise CardFileError(
                f"{name_of(given)} is no file: check the name, "
                "or make the card with `dianka card issue`"
            )
        lock = lock_file(path)
        try:
            with path.open("rb") as file:
                _must_have_one_name(given, os.fstat(file.fileno()).st_nlink)
                return cls(path, lock, load(file.read(_LARGEST), path.name), rng)
        except OSError as error:
            lock.close()
            raise CardFileError(
                f"{path.name} can't be read ({error.strerror}): check its permissions"
            ) from None
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Release the file. The chip has no power from now on."""
        self.chip.power_off()
        self.chip.on_commit = _refuse_closed
        self._lock.close()

    def detach(self) -> None:
        """Keep what the chip stores from now on in this process only.

        This is for a forked process, whose parent has the file.
        """
        self.chip.on_commit = None

    def move(self, path: Path) -> None:
        """Continue in another file, with the chip's present state.

        The former file stays as it is.
        """
        self.path = path
        self._save(self.chip.state)
        self.chip.on_commit = self._save

    def discard(self) -> None:
        """Delete the card, as making it has failed."""
        self.path.unlink(missing_ok=True)
        self.close()

    def __enter__(self) -> "CardFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _save(self, state: State) -> None:
        try:
            self._write(state)
        except OSError as error:
            self._trouble = error
            raise

    def _write(self, state: State) -> None:
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(dump(state))
                file.flush()
                os.fsync(file.fileno())
            self._put_in_place(beside)
        except BaseException:
            beside.unlink(missing_ok=True)  # it contains keys
            raise
        self.chip.state = state  # the file is the card now, even if the next call is interrupted
        sync_folder(self.path.parent)

    def _put_in_place(self, beside: Path) -> None:
        """Let the new file be the card; OSError if it can't be."""
        beside.replace(self.path)


def dump(state: State) -> bytes:
    """Return the content of the file.

    One state has one form, so that not even a space can be changed unnoticed.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "kind": state.kind,
        "profile": state.profile,
        "serial": state.serial.hex(),
        "files": _encode_blocks(state.files),
        "keys": _encode_blocks(state.keys),
        "pending": _encode_blocks(state.pending),
        "tries": _encode_tries(state.tries),
        "mac_tries": _encode_tries(state.mac_tries),
    }
    content["checksum"] = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return json.dumps(content, indent=1).encode() + b"\n"


def load(data: bytes, name: str = "the card file") -> State:
    """Return the state that `dump` wrote; raise CardFileError for any other data."""
    try:
        content = json.loads(data)
        known = isinstance(content, dict) and content.get("format") == FORMAT
    except (ValueError, RecursionError):
        known = FORMAT.encode() in data
        content = {}
    if not known:
        raise CardFileError(f"{name} is no card file: choose a file made by `dianka card issue`")
    if content.get("version", VERSION) != VERSION:
        raise CardFileError(f"{name} was made by another version of dianka: open it with that one")
    damaged = DamagedFileError(f"{name} is damaged: {_pick_advice(data)}")
    try:
        state = State(
            kind=content["kind"],
            profile=content["profile"],
            serial=bytes.fromhex(content["serial"]),
            files=_decode_blocks(content["files"]),
            keys=_decode_blocks(content["keys"]),
            pending=_decode_blocks(content["pending"]),
            tries={int(kid, 16): int(left) for kid, left in content["tries"].items()},
            mac_tries={int(kid, 16): int(left) for kid, left in content["mac_tries"].items()},
        )
        state.check()
        intact = dump(state) == data
    except (KeyError, TypeError, ValueError, AttributeError):
        raise damaged from None
    if not intact:
        raise damaged
    return state


def _pick_advice(data: bytes) -> str:
    """Return what to do about a damaged file, by the kind that it still names."""
    named = (advice for kind, advice in _DAMAGED.items() if f'"kind": "{kind}"'.encode() in data)
    return next(named, "take a copy that is whole, or issue a replacement card")


def sync_folder(folder: Path) -> None:
    """Write the folder's entries to the disk, where the system has a way to do so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def resolve_path(path: Path | str) -> Path:
    """Return where the file is, links followed; raise CardFileError if no file can be there."""
    path = Path(path)
    try:
        real = path.resolve()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            real.lstat()  # raises ENAMETOOLONG or EACCES, as Path.exists would
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        why = error.strerror if isinstance(error, OSError) else "its links lead nowhere"
        raise CardFileError(
            f"{_shorten_name(path)} can't be reached ({why}): give another name, or check the "
            "folder"
        ) from None
    if len(os.fsencode(real.name)) > _LONGEST_NAME:
        raise CardFileError(
            f"{_shorten_name(real)} is too long a name: give one of at most {_LONGEST_NAME} bytes"
        )
    return real


def name_of(path: Path) -> str:
    """Return the name to show for a file.

    A folder such as . has no name but the one that was given.
    """
    return path.name or str(path)


def _shorten_name(path: Path) -> str:
    name = name_of(path)
    return name if len(name) <= _SHOWN_NAME else f"{name[:_SHOWN_NAME]}..."


def _must_have_one_name(path: Path, names: int) -> None:
    if names > 1:
        raise CardFileError(
            f"{name_of(path)} has {names} names on the disk (hard links), under each of which it "
            "would go on as a card of its own: remove the others (`find . -samefile FILE`)"
        )


def _encode_blocks(blocks: dict[int, bytes]) -> dict[str, str]:
    return {f"{number:02x}": data.hex() for number, data in sorted(blocks.items())}


def _encode_tries(tries: dict[int, int]) -> dict[str, int]:
    return {f"{kid:02x}": left for kid, left in sorted(tries.items())}


def _decode_blocks(blocks: dict[str, str]) -> dict[int, bytes]:
    return {int(number, 16): bytes.fromhex(data) for number, data in blocks.items()}


def _must_be_new(path: Path) -> None:
    if path.exists():
        raise CardFileError(f"{name_of(path)} exists already: choose another name")


def _refuse_closed(state: State) -> None:
    raise OSError("the card file is closed")


def _make_write_error(path: Path, error: OSError) -> CardFileError:
    return CardFileError(
        f"{path.name} can't be written ({error.strerror}): check the folder {path.parent}"
    )


def lock_file(path: Path) -> BinaryIO:
    """Return the sidecar file, open and locked; raise CardFileError if the card is in use.

    It stays on the disk: removing it would let two openers lock two different files.
    """
    try:
        # As the card: beside it lies what others may not read.
        descriptor = os.open(
            path.with_name(f".{path.name}.lock"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        lock = os.fdopen(descriptor, "ab")
    except OSError as error:
        raise _make_write_error(path, error) from None
    try:
        _lock_now(lock)
    except OSError:
        lock.close()
        raise CardFileError(
            f"{path.name} is in use (in a meter's slot or at another desk): pull it there first"
        ) from None
    return lock


try:
    import fcntl

    def _lock_now(lock: BinaryIO) -> None:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # Windows
    import msvcrt

    def _lock_now(lock: BinaryIO) -> None:
        lock.seek(0)
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
