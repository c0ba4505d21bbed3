"""Power-cut-safe memory of one record: two rings in two halves of a byte memory (FRAM).

A record is: sequence number (6 bytes), payload (fixed size), CRC-32 of both. Each commit writes the next slot of the first
ring and then the same slot of the second; the newest valid record of both wins. So a cut at any byte leaves the old record
or the new one, and either half can be destroyed whole without losing the newest commit (docs/journal.md).
"""

import binascii

from micropython import const

_SEQUENCE = const(6)
_CRC = const(4)
SLOTS = const(8)


class JournalError(Exception):
    """Neither half of the memory took the record."""


class Journal:
    """`memory` has size, read(address, count) -> bytes and write(address, data); both raise OSError when it fails."""

    def __init__(self, memory, payload_size: int, slots: int = SLOTS) -> None:
        self._memory = memory
        self._size = payload_size
        self._slot_size = _SEQUENCE + payload_size + _CRC
        self._slots = slots
        self._halves = (0, memory.size // 2)
        self._sequence = 0
        self.damaged = 0  # halves that lacked the newest record when last loaded

    def load(self) -> "bytes | None":
        """The newest payload, or None if there is no valid record at all."""
        newest = None
        found = []
        for base in self._halves:
            sequence = 0
            for slot in range(self._slots):
                record = self._read(base + slot * self._slot_size)
                if record is None:
                    continue
                number = int.from_bytes(record[:_SEQUENCE], "big")
                sequence = max(sequence, number)
                if number > self._sequence or newest is None:
                    self._sequence = number
                    newest = record[_SEQUENCE : _SEQUENCE + self._size]
            found.append(sequence)
        self.damaged = sum(1 for number in found if number + 1 < self._sequence)
        return newest

    def commit(self, payload) -> None:
        """Store `payload` as the newest record; JournalError if no half of the memory took it."""
        if len(payload) != self._size:
            raise ValueError("payload has the wrong length")
        body = (self._sequence + 1).to_bytes(_SEQUENCE, "big") + payload
        record = body + binascii.crc32(body).to_bytes(_CRC, "big")
        self._sequence += 1
        offset = self._sequence % self._slots * self._slot_size
        written = 0
        for base in self._halves:
            try:
                self._memory.write(base + offset, record)
                written += 1
            except OSError:
                pass
        if not written:
            raise JournalError("memory does not answer")

    def _read(self, address: int) -> "bytes | None":
        try:
            record = self._memory.read(address, self._slot_size)
        except OSError:
            return None
        crc = int.from_bytes(record[-_CRC:], "big")
        return record if binascii.crc32(record[:-_CRC]) == crc else None
