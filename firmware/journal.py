"""Store one record so that it survives power cuts: two rings in two halves of a FRAM.

A record is: sequence number (6 bytes), length of the payload (2), payload, CRC-32 of all. Each
commit writes the next slot of the first ring and then the same slot of the second; the newest valid
record of both wins. So a cut at any byte leaves the old record or the new one, and either half can
be destroyed whole without losing the newest commit (docs/journal.md).

Commits are read back, because a write-protected or worn memory acknowledges and keeps nothing.
The first half is always read back; the second half only where the first has not kept the record or
both are to be proved. On the chip each of these reads takes a quarter of a commit's time. After a
failed commit the next one goes to another slot, but never to that of the newest good record.

Slots have room for a payload that grows. Former versions had slots as large as their payload, their
rings at the start of each half, and no length in a record. These former rings are read where the
present one is empty. They lie beside it, so a former record stays whole while the first record of
the present ring is written.
"""

import binascii

from micropython import const

import fram_map

_SEQUENCE = const(6)
_LENGTH = const(2)
_CRC = const(4)
OWN = const(0)  # the present ring; 1 and up are the former ones
_TRIES = const(3)  # of a read that is not answered


class JournalError(Exception):
    """The memory did not take the record.

    It does not answer, or neither half keeps what is written.
    """


class Journal:
    """One record in `memory`, which has size, read(address, count) -> bytes, write(address, data).

    Both calls raise OSError when the memory fails. `former` are the payload sizes of the former
    rings, the newest format first; `sizes` those of former formats that the present ring may have.
    """

    def __init__(
        self,
        memory,
        payload_size: int,
        slots: int = fram_map.JOURNAL_SLOTS,
        former: tuple = (),
        sizes: tuple = (),
    ) -> None:
        self._memory = memory
        # Of each ring: its offset in a half, sizes of a slot, of the head before the payload, and
        # of the payload.
        self._rings = (
            (fram_map.JOURNAL_AT, fram_map.JOURNAL_SLOT_BYTES, _SEQUENCE + _LENGTH, payload_size),
        ) + tuple(
            (fram_map.FORMER_JOURNAL_AT, _SEQUENCE + size + _CRC, _SEQUENCE, size)
            for size in former
        )
        self._slots = slots
        self._sizes = (payload_size,) + sizes
        self._halves = fram_map.HALVES
        self._nothing = (OWN, 0, slots - 1, None)  # what a half without a record holds
        self.written = 0  # halves that took the newest commit, as far as they were read back
        self.choose(((False,) + self._nothing,) * 2)

    def load(self) -> "bytes | None":
        """Return the newest payload, or None without a valid record or without an answer.

        The memory counts as answering if every slot of at least one half answers. A half that woke
        up or became unresponsive while it was read may hold newer records.
        """
        return self.choose((self.scan(0), self.scan(1)))

    def scan(self, half: int) -> tuple:
        """Scan one half: half of the work of `load`.

        Return (True if each slot answered, ring, highest sequence number, its slot, its payload or
        None). Nothing may be written between the scans of the two halves. A former ring counts only
        where the newer ones hold nothing.
        """
        for ring in range(len(self._rings)):
            found = self._scan_ring(half, ring)
            if found is None:
                return (False,) + self._nothing
            if found:
                return (True, ring) + found
        return (True,) + self._nothing

    def _scan_ring(self, half: int, ring: int) -> "tuple | None":
        """Return the number, slot and payload of the newest record, () without one.

        None if the memory does not answer. It reads the head of each slot, then the records from
        the highest number down to a good one. So a start reads two records and not all 16, which
        took it 60 ms.
        """
        heads = []
        for slot in range(self._slots):
            head = self._ask(self._address_of(half, ring, slot), self._rings[ring][2])
            if head is None:
                return None
            heads.append((int.from_bytes(head[:_SEQUENCE], "big"), -slot, head))
        heads.sort(reverse=True)  # of equal numbers the first slot counts
        for sequence, slot, head in heads:
            record = self._read(half, ring, -slot, head)
            if record is None:
                return None
            if record:
                return sequence, -slot, record[len(head) : -_CRC]
        return ()

    def choose(self, halves: tuple) -> "bytes | None":
        """Return the newest payload of two scanned halves, or None, as `load` does.

        `ring` is that of this record then. `answers` is True if the memory did: nothing is written
        before. `damaged` are the halves that lack the record.
        """
        first, second = halves
        best = first
        if second[4] is not None and (
            first[4] is None or (second[1], -second[2]) < (first[1], -first[2])
        ):
            best = second
        _, self.ring, self._sequence, self._newest, payload = best
        self._last = (self.ring, self._newest)  # ring and slot last written to
        self.damaged = sum(
            1 for half in halves if half[1] != self.ring or half[2] + 1 < self._sequence
        )
        self.answers = first[0] or second[0]
        return payload if self.answers else None

    def commit(self, payload: bytes, prove: bool = False, ring: int = OWN) -> None:
        """Store `payload` as the newest record; JournalError if no half of the memory took it.

        `prove` reads back both halves. ValueError if the payload has the wrong length. Nothing is
        written to a memory that has not been read: its record may be the only copy of the meter's
        state.
        """
        base, slot_size, _, size = self._rings[ring]
        if len(payload) not in (self._sizes if ring == OWN else (size,)):
            raise ValueError("payload has the wrong length")
        if not self.answers:
            raise JournalError("memory has not been read yet")
        self._sequence += 1
        length = len(payload).to_bytes(_LENGTH, "big") if ring == OWN else b""
        body = self._sequence.to_bytes(_SEQUENCE, "big") + length + payload
        record = body + binascii.crc32(body).to_bytes(_CRC, "big")
        slot = self._pick_slot(ring)
        at = base + slot * slot_size
        taken = [self._write(half + at, record) for half in self._halves]
        for half in (0, 1):
            if taken[half] and (prove or half == 0 or not taken[0]):
                taken[half] = self._check_written(self._halves[half] + at, record)
        self.written = sum(taken)
        if not self.written:
            raise JournalError("memory does not keep what is written")
        self.ring, self._newest = ring, slot

    def _pick_slot(self, ring: int) -> int:
        """Return the slot after the last one, but not that of the newest good record."""
        slot = self._last[1] if self._last[0] == ring else self._slots - 1
        slot = (slot + 1) % self._slots
        if ring == self.ring and slot == self._newest:
            slot = (slot + 1) % self._slots
        self._last = (ring, slot)
        return slot

    def _write(self, address: int, record: bytes) -> bool:
        """Write the record. Return whether the memory has acknowledged it."""
        try:
            self._memory.write(address, record)
        except OSError:
            return False
        return True

    def _check_written(self, address: int, record: bytes) -> bool:
        """Read the record back. Return whether the memory holds it."""
        try:
            return self._memory.read(address, len(record)) == record
        except OSError:
            return False

    def _read(self, half: int, ring: int, slot: int, head: bytes) -> "bytes | None":
        """Return this slot's record, b"" if it is invalid, None if the memory does not answer."""
        _, slot_size, _, size = self._rings[ring]
        if ring == OWN:
            size = int.from_bytes(head[_SEQUENCE:], "big")
            if not size or size > slot_size - len(head) - _CRC:
                return b""
        record = self._ask(self._address_of(half, ring, slot), len(head) + size + _CRC)
        if not record:
            return None
        good = binascii.crc32(record[:-_CRC]) == int.from_bytes(record[-_CRC:], "big")
        return record if good and record[: len(head)] == head else b""

    def _address_of(self, half: int, ring: int, slot: int) -> int:
        base, slot_size, _, _ = self._rings[ring]
        return self._halves[half] + base + slot * slot_size

    def _ask(self, address: int, count: int) -> "bytes | None":
        for _ in range(_TRIES):
            try:
                return self._memory.read(address, count)
            except OSError:
                continue
        return None
