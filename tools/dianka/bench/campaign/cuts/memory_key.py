"""Tell which contents of the FRAM have the same future, by the rules of docs/journal.md.

A record whose CRC is wrong is none: whatever is in its place, the next start passes over it, and
the next write there replaces it whole. So all torn records of one slot are the same. Everything
else counts byte by byte. The campaign plays some of the points that it takes for the same all the
same, and compares (`audited` in its table).

Owns a digest of the whole content that follows each byte written in constant time.
"""

import binascii
from functools import lru_cache
from hashlib import blake2b

from dianka.firmware import load_shared

_map, _sizes = load_shared("fram_map"), load_shared("card_files")
_CRC = 4
_HISTORY_BYTES = 178
_ILLEGAL_BYTES, _ILLEGALS = 33, 20
_HEAD = 8  # of a slot of the journal: number (6), length (2)
_CHUNK = 64  # bytes of what is compared as it is
_TORN, _BLANK = b"torn", b"blank"
# Kinds of cells.
_RAW, _JOURNAL, _NAMED, _ENTRY = range(4)


def _make_cells() -> list[tuple[int, int, int]]:
    """Return (first address, bytes, kind) of every cell, in the order of their addresses."""
    taken: list[tuple[int, int, int]] = []
    for half in _map.HALVES:
        at = half + _map.JOURNAL_AT
        for slot in range(_map.JOURNAL_SLOTS):
            size = _map.JOURNAL_SLOT_BYTES
            taken.append((at + slot * size, size, _JOURNAL))
        for base, size, slots, data in (
            (_map.TARIFF_AT, _map.TARIFF_SLOT_BYTES, _map.TARIFF_SLOTS, _sizes.TARIFF_SIZE),
            (_map.RULES_AT, _map.RULES_BYTES, 1, _sizes.SUPPLY_SIZE),
        ):
            taken += [(half + base + n * size, data + _CRC, _NAMED) for n in range(slots)]
        taken.append((half + _map.HISTORY_AT, _HISTORY_BYTES, _ENTRY))
        at = half + _map.EVENTS_AT
        for slot in range(sum(_map.EVENT_SLOTS)):
            size = _map.EVENT_SLOT_BYTES
            taken.append((at + slot * size, size, _ENTRY))
    taken += [
        (_map.ILLEGAL_AT + n * _ILLEGAL_BYTES, _ILLEGAL_BYTES, _ENTRY) for n in range(_ILLEGALS)
    ]
    return _fill_gaps(sorted(taken))


def _fill_gaps(taken: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    cells, at = [], 0
    for first, size, kind in [*taken, (_map.SIZE, 0, _RAW)]:
        while at < first:
            rest = min(_CHUNK, first - at)
            cells.append((at, rest, _RAW))
            at += rest
        if size:
            cells.append((first, size, kind))
        at = first + size
    return cells


_CELLS = _make_cells()
_CELL_OF = [0] * _map.SIZE
for _number, (_first, _size, _kind) in enumerate(_CELLS):
    _CELL_OF[_first : _first + _size] = [_number] * _size


def _read_cell(kind: int, content: bytes) -> bytes:
    """Return what counts of a cell's content."""
    if kind == _RAW:
        return content
    if kind == _JOURNAL:
        size = int.from_bytes(content[6:_HEAD], "big") + _HEAD
        content = content[: size + _CRC]
        return content if _is_whole(content, size) else _TORN
    if _is_whole(content, len(content) - _CRC):
        return content
    if kind == _NAMED:  # its CRC names what the slot is for, even if the data are not there
        return _TORN + content[-_CRC:]
    return _TORN if any(content) else _BLANK


def _is_whole(content: bytes, size: int) -> bool:
    return (
        0 < size == len(content) - _CRC
        and binascii.crc32(content[:size]) == int.from_bytes(content[size:], "big")
    )  # fmt: skip


@lru_cache(maxsize=1 << 14)
def _digest(number: int, content: bytes) -> int:
    made = blake2b(_read_cell(_CELLS[number][2], content), digest_size=16, salt=b"%d" % number)
    return int.from_bytes(made.digest(), "big")


def _mix(at: int, value: int) -> int:
    """Return a number for this byte at this address; the content's is the XOR of all."""
    return hash((at, value, 0x5DEECE66D, at ^ value << 20))


class MemoryKey:
    """The digests of one memory's content, in step with it.

    `key` is the same for contents with the same future, `raw` for equal contents alone.
    """

    def __init__(self, memory: bytearray) -> None:
        self._memory = memory
        self._cells = [
            _digest(number, bytes(memory[at : at + size]))
            for number, (at, size, _) in enumerate(_CELLS)
        ]
        self.key = self.raw = 0
        for digest in self._cells:
            self.key ^= digest

    def foresee(self, at: int, value: int) -> tuple[int, int]:
        """Return (key, raw) with this byte written; nothing is changed."""
        number = _CELL_OF[at]
        first, size, _ = _CELLS[number]
        content = bytearray(self._memory[first : first + size])
        old = content[at - first]
        content[at - first] = value
        key = self.key ^ self._cells[number] ^ _digest(number, bytes(content))
        return key, self.raw ^ _mix(at, old) ^ _mix(at, value)

    def follow(self, at: int, value: int, foreseen: tuple[int, int]) -> None:
        """Take note that this byte is written now, which `foresee` has judged."""
        number = _CELL_OF[at]
        self._cells[number] ^= self.key ^ foreseen[0]
        self.key, self.raw = foreseen

    def tell_apart(self, at: int, value: int) -> object:
        """Return what is the same for bytes with the same future if this one is changed.

        Of cells that nothing has written yet all bits are alike.
        """
        number = _CELL_OF[at]
        first, size, kind = _CELLS[number]
        blank = not any(self._memory[first : first + size])
        return number if blank and kind in (_RAW, _ENTRY) else self.foresee(at, value)[0]
