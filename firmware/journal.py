"""Power-cut-safe memory of one record: two rings in two halves of a byte memory (FRAM).

A record is: sequence number (6 bytes), payload (fixed size), CRC-32 of both. Each commit writes the next slot of the first
ring and then the same slot of the second; the newest valid record of both wins. So a cut at any byte leaves the old record
or the new one, and either half can be destroyed whole without losing the newest commit (docs/journal.md). What was written
is read back, since a write-protected or worn memory acknowledges and keeps nothing: the first half, and the second where the
first has not kept it or both are to be proved. On the chip each of these reads is a quarter of a commit. A commit that failed
goes to another slot the next time, but never to that of the newest good record.
"""

import binascii

from micropython import const

_SEQUENCE = const(6)
_CRC = const(4)
SLOTS = const(8)
_TRIES = const(3)  # of a read that is not answered


class JournalError(Exception):
    """The memory did not take the record: it does not answer, or neither half keeps what is written."""


class Journal:
    """`memory` has size, read(address, count) -> bytes and write(address, data); both raise OSError when it fails."""

    def __init__(self, memory, payload_size: int, slots: int = SLOTS) -> None:
        self._memory = memory
        self._size = payload_size
        self._slot_size = _SEQUENCE + payload_size + _CRC
        self._slots = slots
        self._halves = (0, memory.size // 2)
        self._sequence = 0
        self._newest = self._last = slots - 1  # slot of the newest good record, slot last written to
        self.answers = False  # whether the memory did when last loaded; nothing is written before
        self.damaged = 0  # halves that lacked the newest record when last loaded
        self.written = 0  # halves that took the newest commit, as far as they were asked

    def load(self) -> "bytes | None":
        """The newest payload, or None if there is no valid record at all, or the memory does not answer.

        It answers if it does for every slot of a half: what woke up, or fell silent, while it was read may hold newer ones.
        """
        return self.choose((self.scan(0), self.scan(1)))

    def scan(self, half: int) -> tuple:
        """(whether each slot answered, highest sequence number, its slot, its payload or None): half of the work of `load`.

        Nothing may be written between the two halves.
        """
        sequence, newest, payload = 0, self._slots - 1, None
        for slot in range(self._slots):
            record = self._read(self._halves[half] + slot * self._slot_size)
            if record is None:
                return False, sequence, newest, payload
            if not record:
                continue
            number = int.from_bytes(record[:_SEQUENCE], "big")
            if number > sequence or payload is None:
                sequence, newest, payload = number, slot, record[_SEQUENCE : _SEQUENCE + self._size]
        return True, sequence, newest, payload

    def choose(self, halves: tuple) -> "bytes | None":
        """What `load` returns, of both halves as `scan` has found them."""
        first, second = halves
        best = second if first[3] is None or (second[3] is not None and second[1] > first[1]) else first
        self._sequence, self._newest = best[1], best[2]
        self._last = self._newest
        self.damaged = sum(1 for half in halves if half[1] + 1 < self._sequence)
        self.answers = first[0] or second[0]
        return best[3] if self.answers else None

    def commit(self, payload, prove: bool = False) -> None:
        """Store `payload` as the newest record; JournalError if no half of the memory took it. `prove` asks both halves.

        Nothing goes to a memory that has not been read: what it holds may be what must never be forgotten.
        """
        if len(payload) != self._size:
            raise ValueError("payload has the wrong length")
        if not self.answers:
            raise JournalError("memory has not been read yet")
        self._sequence += 1
        body = self._sequence.to_bytes(_SEQUENCE, "big") + payload
        record = body + binascii.crc32(body).to_bytes(_CRC, "big")
        self._last = (self._last + 1) % self._slots
        if self._last == self._newest:
            self._last = (self._last + 1) % self._slots
        at = self._last * self._slot_size
        taken = [self._write(base + at, record) for base in self._halves]
        for half in (0, 1):
            if taken[half] and (prove or half == 0 or not taken[0]):
                taken[half] = self._keeps(self._halves[half] + at, record)
        self.written = sum(taken)
        if not self.written:
            raise JournalError("memory does not keep what is written")
        self._newest = self._last

    def _write(self, address: int, record: bytes) -> bool:
        """Whether the memory has acknowledged the record."""
        try:
            self._memory.write(address, record)
        except OSError:
            return False
        return True

    def _keeps(self, address: int, record: bytes) -> bool:
        """Whether the memory has taken the record, as far as reading it back can tell."""
        try:
            return self._memory.read(address, self._slot_size) == record
        except OSError:
            return False

    def _read(self, address: int) -> "bytes | None":
        """The record in this slot, empty if it is not valid; None if the memory does not answer."""
        for _ in range(_TRIES):
            try:
                record = self._memory.read(address, self._slot_size)
            except OSError:
                continue
            crc = int.from_bytes(record[-_CRC:], "big")
            return record if binascii.crc32(record[:-_CRC]) == crc else b""
        return None
