"""Logs of events made without a meter: chains of random entries, as whole or as wrong as wanted."""

import random
import zlib
from dataclasses import replace

from dianka.cardos import desk_files
from dianka.cardos.files import card_files
from dianka.desk.event_log import KINDS, MeterLog, Ring, event_chain, make_log

TIME = 2_601_050_800
PROMISED = {1: 100, 2: 20, 3: 20, 8: 20}  # others 10


def make_chain(
    kind: int, first: int, count: int, rng: random.Random, before: bytes = event_chain.START
) -> list[bytes]:
    """Return `count` entries of a kind from the number `first` on, which follow `before`."""
    made = []
    for number in range(first, first + count):
        record = {
            "number": number, "time": TIME, "kind": kind, "what": rng.randrange(3),
            "detail": rng.randbytes(event_chain.DETAIL),
        }  # fmt: skip
        content = card_files.pack(card_files.LOG_ENTRY, record)[: -event_chain.HASH]
        before = event_chain.compute_hash(before, content)
        made.append(content + before)
    return made


def make_life(lengths: dict[int, int], seed: int = 1) -> dict[int, list[bytes]]:
    """Return all entries of each kind that a meter has ever logged."""
    rng = random.Random(seed)
    return {kind: make_chain(kind, 1, lengths.get(kind, 0), rng) for kind in range(1, 11)}


def carry(life: dict[int, list[bytes]], time: int = TIME, totals: bytes = b"") -> MeterLog:
    """Return what a card takes along: of each kind what is promised, as in firmware/card_log.py."""
    rings, entries = [], []
    for kind in range(len(KINDS), 0, -1):
        kept = life[kind][-PROMISED.get(kind, 10) :]
        first = len(life[kind]) - len(kept) + 1
        before = life[kind][first - 2][-event_chain.HASH :] if first > 1 else event_chain.START
        rings.append(Ring(kind, first, len(kept), before))
        entries += kept
    return make_log(pack_head(tuple(rings), time, totals), tuple(entries))


def pack_head(rings: tuple[Ring, ...], time: int = TIME, totals: bytes = b"") -> bytes:
    head = {
        "meter_no": 12, "time": time, "totals": zlib.crc32(totals), "kinds": len(rings),
        "version": b"1.2".ljust(13, b"\0"),
    }  # fmt: skip
    packed = card_files.pack(desk_files.LOG_HEAD, head)
    for ring in rings:
        fields = {"first": ring.first, "count": ring.count, "before": ring.before}
        packed += card_files.pack(desk_files.LOG_RING, fields)
    return packed


def with_entries(log: MeterLog, entries: list[bytes | None]) -> MeterLog:
    return replace(log, entries=tuple(entries))


def pack_blocks(log: MeterLog) -> list[bytes]:
    """Return the card's blocks, the first one first."""
    size = desk_files.LOG_CONTENT
    rest = b"".join(entry or bytes(32) for entry in log.entries)
    contents = [log.head, *(rest[at : at + size] for at in range(0, len(rest), size))]
    return [
        make_block(number, len(contents), content) for number, content in enumerate(contents, 1)
    ]


def make_block(block: int, blocks: int, content: bytes) -> bytes:
    body = bytes((block, blocks)) + content.ljust(desk_files.LOG_CONTENT, b"\0")
    return body + zlib.crc32(body).to_bytes(4, "big")
