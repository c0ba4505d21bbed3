"""The log of events that an inspection card carries: blocks on the card, rings and entries here.

What is on the card says itself whether it is all (docs/cards/sessions.md, "Inspection card"). The
newest block is in front; behind the blocks of this copy may be those of former ones, which nobody
reads. log_check.py proves the chains, log_file.py keeps them in a file.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from dianka.card_port import OK, CardPort
from dianka.cardos import desk_files, kinds
from dianka.cardos.files import card_files, service_files
from dianka.desk.reading import read_blocks, read_whole
from dianka.firmware import load_shared

event_chain = load_shared("event_chain")
ENTRY_BYTES = card_files.size_of(card_files.LOG_ENTRY)
IN_BLOCK = desk_files.LOG_CONTENT // ENTRY_BYTES
MOST_ENTRIES = (desk_files.LOG_BLOCKS - 1) * IN_BLOCK
HEAD_BYTES = card_files.size_of(desk_files.LOG_HEAD)
RING_BYTES = card_files.size_of(desk_files.LOG_RING)
KINDS = (
    "purchase", "supply", "power", "refused card", "parameters", "clock", "overload", "fault",
    "update", "case",
)  # fmt: skip


@dataclass(frozen=True)
class Ring:
    """What the head says of one kind: `count` entries from `first` on follow the hash `before`."""

    kind: int
    first: int
    count: int
    before: bytes

    @property
    def newest(self) -> int:
        """Return the number of the newest entry, 0 without one."""
        return self.first + self.count - 1


@dataclass(frozen=True)
class MeterLog:
    """A meter's log as it was carried away: the head, and the entries that have come.

    `entries` are in the rings' order, 32 bytes each; one that the meter's memory has lost is None.
    `totals` is the CRC-32 of the totals that the meter wrote in the same session.
    """

    head: bytes
    meter_no: int
    time: int
    totals: int
    version: str
    rings: tuple[Ring, ...]
    entries: tuple[bytes | None, ...]

    @property
    def promised(self) -> int:
        """Return how many entries the head says that there are."""
        return sum(ring.count for ring in self.rings)

    @property
    def is_partial(self) -> bool:
        """Return whether the card was pulled before all entries were on it."""
        return len(self.entries) < self.promised

    def list_places(self) -> Iterator[tuple[Ring, int]]:
        """Yield ring and number of each entry that the head promises, in its order."""
        for ring in self.rings:
            for number in range(ring.first, ring.first + ring.count):
                yield ring, number


def name_entry(kind: int, number: int) -> str:
    """Return what an entry is called: its kind and its number in the ring of that kind."""
    name = KINDS[kind - 1] if 0 < kind <= len(KINDS) else f"kind {kind}"
    return f"{name} {number}"


def make_log(head: bytes, entries: tuple[bytes | None, ...]) -> MeterLog:
    """Return the log of this head; ValueError if the head is not one."""
    if len(head) < HEAD_BYTES:
        raise ValueError("the head is too short")
    found = card_files.unpack(desk_files.LOG_HEAD, head[:HEAD_BYTES])
    end = HEAD_BYTES + RING_BYTES * found["kinds"]
    if len(head) < end or any(head[end:]):
        raise ValueError(f"the head does not fit {found['kinds']} kinds")
    rings = []
    for at in range(found["kinds"]):
        start = HEAD_BYTES + at * RING_BYTES
        ring = card_files.unpack(desk_files.LOG_RING, head[start : start + RING_BYTES])
        rings.append(Ring(found["kinds"] - at, **ring))
    version = found["version"].rstrip(b"\0").decode("ascii", "replace")
    log = MeterLog(
        bytes(head[:end]), found["meter_no"], found["time"], found["totals"],
        version if version.isprintable() else found["version"].hex(), tuple(rings), entries,
    )  # fmt: skip
    if log.promised > MOST_ENTRIES:
        raise ValueError(f"the head promises {log.promised} entries, {MOST_ENTRIES} at most")
    return log


def read_log(card: CardPort) -> MeterLog | None:
    """Return the log on an inspection card, whose directory is selected; None if it has none.

    A card of an earlier make has no file for it. ValueError if what is there is damaged.
    """
    content, numbers = b"", (0, 0)
    spec = kinds.ALL[kinds.INSPECTION].files[service_files.INSPECTION_LOG]
    for data, sw in read_blocks(card, service_files.INSPECTION_LOG, spec):
        if sw != OK or not any(data):
            if not numbers[0]:
                return None
            break
        block = _unpack_block(data)
        if numbers[0] and (block["block"], block["blocks"]) != numbers:
            raise ValueError(f"block {numbers[0]} of the log is missing")
        content = block["content"] + content
        numbers = (block["block"] - 1, block["blocks"])
        if not numbers[0]:
            return _join(content)
    raise ValueError("the head of the log is missing")


def read_totals(card: CardPort) -> bytes:
    """Return the framed totals of an inspection card, whose directory is selected."""
    sfi = service_files.INSPECTION_TOTALS
    return read_whole(card, sfi, kinds.ALL[kinds.INSPECTION].files[sfi])


def belongs_to(log: MeterLog, totals: bytes) -> bool:
    """Return whether the meter has written log and framed totals in the same session."""
    try:
        return zlib.crc32(card_files.unframe(totals)[1]) == log.totals
    except ValueError:
        return False


def _unpack_block(data: bytes) -> dict:
    block = card_files.unpack(desk_files.LOG_BLOCK, data)
    if zlib.crc32(data[:-4]) != block["check"]:
        raise ValueError(f"block {block['block']} of the log is damaged")
    if not 0 < block["block"] <= block["blocks"] <= desk_files.LOG_BLOCKS:
        raise ValueError(f"block {block['block']} of {block['blocks']}")
    return block


def _join(content: bytes) -> MeterLog:
    head, rest = content[: desk_files.LOG_CONTENT], content[desk_files.LOG_CONTENT :]
    promised = make_log(head, ()).promised
    there = [rest[at : at + ENTRY_BYTES] for at in range(0, len(rest), ENTRY_BYTES)]
    return make_log(head, tuple(each if any(each) else None for each in there[:promised]))
