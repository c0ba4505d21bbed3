"""The register of the meter numbers that initialisation cards were made for.

Two meters of one number hold the same purchase key, so one purchase can be credited in each of them
(docs/cards/protocol.md, "What an attacker gets"). The register keeps the desk from making a second
such meter. It is a text file beside the control card, with one line for each card: number, time in
UTC, the card's serial. Lines are only added, and a number is on the disk before its card is made.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dianka.card_port import CardError
from dianka.cardos.image import lock_file, sync_folder

NAME = "meters.txt"
_HEAD = (
    "# Numbers given out by initialisation cards: number, time (UTC), card. Lines are only added.\n"
)


def enter_number(folder: Path, meter_no: int, card: bytes, again: bool = False) -> None:
    """Enter the meter number that this card will bring.

    Raise CardError if the number was given to another card, unless `again`, or if the register
    can't be written. The same card may be entered once more: its making was broken off.
    """
    path, number = folder / NAME, f"{meter_no:012d}"
    with lock_file(path), _raise_if_unwritable(path):
        before = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
        entries = [
            words for line in before.splitlines() if (words := line.split()) and words[0] == number
        ]
        if any(card.hex() in words for words in entries):
            return  # this very card, whose making was broken off
        if entries and not again:
            when = (
                entries[-1][1] if len(entries[-1]) > 1 else "a day that the register does not say"
            )
            raise CardError(
                f"meter number {number} was given out on {when} ({path}): two meters of one number "
                "credit one purchase each; take another number, or --again if it is for that very "
                "meter"
            )
        line = f"{number} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {card.hex()}\n"
        # A power cut can leave the last line without its end.
        torn = "\n" if before and not before.endswith("\n") else ""
        _append(path, ("" if before else _HEAD) + torn + line)


def _append(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


@contextlib.contextmanager
def _raise_if_unwritable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CardError(
            f"{path} can't be kept ({error.strerror}), and without it no number is given out: "
            f"make room in {path.parent} or allow writing there"
        ) from None
