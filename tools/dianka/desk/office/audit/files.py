"""Acts in a file: written for whoever keeps them elsewhere, checked alone or beside the database.

The file is JSON, one line each, in UTF-8: what it is, then the acts by chain and number with all
that their hashes cover, then how many there were and the SHA-256 of all bytes before that line. It
shows a damaged copy; whoever makes a file anew makes that line anew as well. docs/office.md has an
example. A night's file holds the act of that night, which tells the heads of all chains, and the
acts of all desks since the night before: the files of all nights are all acts, once.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from dianka.card_port import CardError
from dianka.desk.office.audit.chain import START
from dianka.desk.office.audit.links import Head, list_acts
from dianka.desk.office.audit.models import Act, Chain
from dianka.desk.office.audit.nights import OFFICE, Night, read

HEADING = {"dianka": "acts", "form": 1}
_LONGEST = 16_000_000  # bytes of a line; 5000 new premises of long names may have 2,000,000
_NIGHT = re.compile(r"night-([0-9]{6,12})\.jsonl")
_TEXTS = ("operator", "kind", "subject", "detail", "moves")


class FileError(CardError):
    """A file of acts that can't be written or read."""


def write_nights(number: int, folder: Path) -> list[Path]:
    """Write a night into a new file of this folder; return it, and those that were made up for.

    A night whose file could not be written is made up for by the next one: whatever came after the
    last file of the folder gets one.
    """
    there = [int(found[1]) for each in folder.iterdir() if (found := _NIGHT.fullmatch(each.name))]
    last = max(there, default=number - 1)
    if last >= number:
        raise FileError(f"{folder} has a night {last}, this is {number}: name an office's own")
    return [_write_night(each, folder) for each in range(last + 1, number + 1)]


def list_all_rows() -> Iterator[dict[str, Any]]:
    """Yield all acts as they are in a file. The nights come first: they tell of the others."""
    chains = sorted(Chain.objects.all(), key=lambda chain: (chain.desk != OFFICE, chain.desk))
    for chain in chains:
        yield from _list_rows(chain, list_acts(chain, 0), START)


def write_rows(file: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write a new file of acts; return how many. Broken off, it leaves nothing under its name."""
    if file.exists():
        raise FileError(f"{file} is there already: name a new file")
    draft = file.with_name(file.name + ".part")
    try:
        with open(draft, "wb", opener=_open_private) as opened:
            written = _write(opened, rows)
            opened.flush()
            os.fsync(opened.fileno())
        draft.rename(file)
    except OSError as error:
        raise FileError(f"{file} can't be written ({error.strerror}): nothing is there") from None
    finally:
        draft.unlink(missing_ok=True)
    return written


def read_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the acts of a file. FileError if it is none, damaged, or ends early.

    An act is yielded before the end of the file is seen: believe none until all are read.
    """
    try:
        with file.open("rb") as opened:
            yield from _read(file, opened)
    except OSError as error:
        raise FileError(f"{file} can't be read ({error.strerror}): name another file") from None


def make_act(row: dict[str, Any]) -> Act:
    """Return the act that a line of a file tells, for its hash."""
    chain = Chain(desk=row["desk"])
    texts = {name: row[name] for name in _TEXTS}
    return Act(chain=chain, number=row["number"], time=row["time"], **texts)


def _write_night(number: int, folder: Path) -> Path:
    file = folder / f"night-{number:06d}.jsonl"
    write_rows(file, _list_night(read(number), read(number - 1) if number > 1 else None))
    return file


def _list_night(night: Night, former: Night | None) -> Iterator[dict[str, Any]]:
    """Yield a night's act, then the acts since the night before."""
    starts = {head.desk: head for head in former.heads} if former else {}
    ends = {head.desk: head for head in night.heads}
    starts[OFFICE] = ends.pop(OFFICE, Head(OFFICE, 0, START))
    ends = {OFFICE: Head(OFFICE, night.number, b"")} | ends
    chains = {chain.desk: chain for chain in Chain.objects.filter(desk__in=ends)}
    for desk, end in ends.items():
        start = starts.get(desk, Head(desk, 0, START))
        acts = list_acts(chains[desk], start.length, end.length)
        yield from _list_rows(chains[desk], acts, start.hash)


def _list_rows(chain: Chain, acts: Iterable[Act], before: bytes) -> Iterator[dict[str, Any]]:
    for act in acts:
        texts = {name: getattr(act, name) for name in _TEXTS}
        time = act.time.astimezone(UTC).isoformat(timespec="microseconds")
        row = {"desk": chain.desk, "number": act.number, "time": time, **texts}
        yield {**row, "former": before.hex(), "hash": bytes(act.hash).hex()}
        before = bytes(act.hash)


def _write(opened: BinaryIO, rows: Iterable[dict[str, Any]]) -> int:
    hashed, written = hashlib.sha256(), 0

    def write(row: dict[str, Any]) -> None:
        line = _make_line(row)
        hashed.update(line)
        opened.write(line)

    write(HEADING)
    for row in rows:
        write(row)
        written += 1
    write({"acts": written, "sha256": hashed.hexdigest()})
    return written


def _make_line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _read(file: Path, opened: BinaryIO) -> Iterator[dict[str, Any]]:
    line = opened.readline(_LONGEST)
    if _parse(line) != HEADING:
        raise FileError(f"{file} is no file of acts: name one of dianka office export or prove")
    hashed, found = hashlib.sha256(line), 0
    while (line := opened.readline(_LONGEST)).endswith(b"\n"):
        row = _parse(line)
        if row.keys() == {"acts", "sha256"}:
            right = _make_line({"acts": found, "sha256": hashed.hexdigest()})
            if line != right or opened.read(1):
                raise FileError(f"{file} is damaged: copy it again from where it was written")
            return
        hashed.update(line)
        found += 1
        if not _convert(row):
            raise FileError(f"{file}, line {found + 1}: no act: copy the file again")
        yield row
    raise FileError(
        f"{file} ends early, after {found} acts: copy it again from where it was written"
    )


def _parse(line: bytes) -> dict[str, Any]:
    """Return a line's object, an empty one if there is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _convert(row: dict[str, Any]) -> bool:
    """Convert an act's time and hashes; return whether it is one."""
    if row.keys() != {"desk", "number", "time", *_TEXTS, "former", "hash"}:
        return False
    number, words = row["number"], [row[name] for name in row if name != "number"]
    if type(number) is not int or not 0 < number < 1 << 63:
        return False
    if not all(isinstance(word, str) for word in words):
        return False
    try:
        row["time"] = datetime.fromisoformat(row["time"])
        row["former"], row["hash"] = (bytes.fromhex(row[name]) for name in ("former", "hash"))
        "".join(words).encode()
    except ValueError:  # UnicodeEncodeError too
        return False
    return row["time"].tzinfo is not None and len(row["former"]) == len(row["hash"]) == len(START)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # acts tell who did what
