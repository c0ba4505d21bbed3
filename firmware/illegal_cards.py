"""Log the newest illegal cards that were in the slot, in a ring of their own in the FRAM.

Owns the last KiB of the memory, which the journal does not use. A record is number (4), local time
YYMMDDhhmm (5 BCD), card serial (8), error code (1), header of the last command (5), its status word
(2), purchase count (4) and a CRC-32 (4). Public descriptions of meters want these fields kept of an
abnormal card, and balance and energy as well (docs/hardware.md, "The FRAM, byte by byte"). A power
cut during a write costs that record and, if the ring is full, the oldest one. The ring is read when
it is first needed, not at the start.
"""

import binascii

from micropython import const

import fram_map
from card_files import BCD, BIN, RAW
from fram import Fram

RECORDS = const(20)
_SLOT = const(33)

FIELDS = (
    ("number", 4, BIN),
    ("time", 5, BCD),
    ("serial", 8, RAW),
    ("code", 1, BIN),
    ("header", 5, RAW),
    ("sw", 2, BIN),
    ("count", 4, BIN),
)


class IllegalCards:
    """The log in the journal's memory. A memory that fails loses the record and nothing else."""

    def __init__(self, memory: "Fram") -> None:
        self._memory = memory
        self._base = fram_map.ILLEGAL_AT
        self._number = -1  # of the newest record; below zero: the ring has not been read yet

    def add(self, packed: bytes) -> None:
        """Keep this record, packed by FIELDS without its number; it replaces the oldest.

        OSError if the memory fails.
        """
        self._find_newest()
        number = self._number + 1
        body = number.to_bytes(4, "big") + packed
        self._memory.write(self._address_of(number), body + binascii.crc32(body).to_bytes(4, "big"))
        self._number = number

    def read_newest(self, most: int) -> list:
        """Return up to `most` packed records, oldest first; OSError if the memory fails."""
        self._find_newest()
        found = []
        for number in range(max(1, self._number - min(most, RECORDS) + 1), self._number + 1):
            body = self._read(self._address_of(number))
            if body is not None and int.from_bytes(body[:4], "big") == number:
                found.append(body)
        return found

    def _find_newest(self) -> None:
        if self._number >= 0:
            return
        numbers = [0]
        for slot in range(RECORDS):
            body = self._read(self._base + slot * _SLOT)
            if body is not None:
                numbers.append(int.from_bytes(body[:4], "big"))
        self._number = max(numbers)

    def _address_of(self, number: int) -> int:
        return self._base + number % RECORDS * _SLOT

    def _read(self, address: int) -> "bytes | None":
        record = self._memory.read(address, _SLOT)
        body = bytes(record[:-4])
        return body if binascii.crc32(body) == int.from_bytes(record[-4:], "big") else None
