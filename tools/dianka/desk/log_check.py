"""Proof of a log of events: each chain whole, and an older copy of it contained in a newer one.

A chain has no key (docs/journal.md, "Events"). By itself it shows each entry that was changed, left
out, doubled or put elsewhere by whoever did not compute all later hashes anew. Who did, and who
took entries off the end, shows against a copy that was taken earlier.
"""

from dianka.cardos.files import card_files
from dianka.desk.event_log import ENTRY_BYTES, MeterLog, Ring, event_chain, name_entry


def find_break(log: MeterLog) -> str:
    """Return the first broken link in words, "" if each chain is whole and all of it is there."""
    before = b""
    for at, (ring, number) in enumerate(log.list_places()):
        if number == ring.first:
            before = ring.before
            if (ring.first == 1) != (before == event_chain.START):
                return f"{name_entry(ring.kind, number)}: {_explain_start(ring)}"
        wrong = _judge(log, at, ring, number, before)
        if wrong:
            return f"{name_entry(ring.kind, number)}: {wrong}"
        entry = log.entries[at]
        assert entry is not None
        before = entry[-event_chain.HASH :]
    surplus = len(log.entries) - log.promised
    return f"behind the last entry: {surplus} too many" if surplus > 0 else ""


def _explain_start(ring: Ring) -> str:
    if ring.first == 1:
        return "it is the first of all, and the head says that another one was before it"
    return "the meter's memory has lost the entry before it, or the head was changed"


def _judge(log: MeterLog, at: int, ring: Ring, number: int, before: bytes) -> str:
    """Return what is wrong with the entry at this place, "" if it follows the hash `before`."""
    if at >= len(log.entries):
        return f"missing, and all behind it: {at} of {log.promised} entries are there"
    entry = log.entries[at]
    if entry is None:
        return "the meter's memory has lost it"
    found = _read_name(entry)
    if found != (ring.kind, number):
        return f"{name_entry(*found)} stands in its place"
    if entry[-event_chain.HASH :] != event_chain.compute_hash(before, entry[: -event_chain.HASH]):
        return "changed, or not the one that followed the entry before it"
    return ""


def _read_name(entry: bytes) -> tuple[int, int]:
    """Return kind and number of an entry, whatever else is in it."""
    return entry[9], int.from_bytes(entry[:4], "big")


def find_difference(newer: MeterLog, older: MeterLog) -> str:
    """Return where the newer log contradicts the older one in words, "" if it goes on from there.

    Both must be whole.
    """
    if newer.meter_no != older.meter_no:
        return f"the files are of two meters, {newer.meter_no:012d} and {older.meter_no:012d}"
    if newer.time and newer.time < older.time:
        return "the first file was taken before the second: name the newer one first"
    rings = {ring.kind: ring for ring in newer.rings}
    hashes, known = _list_hashes(newer), _list_hashes(older)
    for ring in older.rings:
        name = name_entry(ring.kind, ring.newest)
        if ring.kind not in rings:
            return f"{name}: the newer file has nothing of its kind"
        if rings[ring.kind].newest < ring.newest:
            last = rings[ring.kind].newest
            return f"{name}: the newer file ends at {last}: entries were taken off, or all anew"
    for place, own in known.items():
        if hashes.get(place, own) != own:
            return f"{name_entry(*place)}: another entry than in the older file: another chain"
    return ""


def list_gaps(newer: MeterLog, older: MeterLog) -> list[str]:
    """Return the names of the kinds that have gone on so far that nothing is in both logs.

    Of these nothing can be said but that each is whole.
    """
    hashes = _list_hashes(newer)
    return [
        name_entry(ring.kind, ring.newest)
        for ring in older.rings
        if ring.newest and (ring.kind, ring.newest) not in hashes
    ]


def _list_hashes(log: MeterLog) -> dict[tuple[int, int], bytes]:
    """Return the hash of each entry by kind and number, the one before the first included."""
    found = {(ring.kind, ring.first - 1): ring.before for ring in log.rings if ring.first > 1}
    for (ring, number), entry in zip(log.list_places(), log.entries, strict=False):
        if entry is not None:
            found[ring.kind, number] = entry[-event_chain.HASH :]
    return found


def unpack_entry(entry: bytes) -> dict:
    """Return the fields of an entry; ValueError if they hold something that can't be."""
    assert len(entry) == ENTRY_BYTES
    return card_files.unpack(card_files.LOG_ENTRY, entry)
