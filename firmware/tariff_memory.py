"""Keep tariff sets of several prices in the FRAM, for a start without the ESAM.

The ESAM holds the sets; this is a copy, so that it can always be made again. A slot is the 193
bytes of a set and their CRC-32. The state (state.py) names the sets that are in force and planned
by these CRCs. There are slots for these two and for two new ones, so a new set is written beside
the old ones, and the commit of the state is what brings it in: a cut at any byte leaves old or new.
Both halves of the memory have every set, each half in an order of its own.
"""

import binascii

from micropython import const

import fram_map
from card_files import TARIFF_SIZE
from fram import Fram
from journal import JournalError

_CRC = const(4)
_SLOTS = range(fram_map.TARIFF_SLOTS)


def compute_crc(data: bytes) -> int:
    """Return the number by which the state names a set; never 0, which names none."""
    return binascii.crc32(data) or 1


def find(memory: "Fram", crc: int) -> "bytes | None":
    """Return the data of this set, or None if no half of the memory has it."""
    for half in fram_map.HALVES:
        for slot in _SLOTS:
            data = _read(memory, half, slot, crc)
            if data is not None:
                return data
    return None


def keep(memory: "Fram", data: bytes, held: tuple) -> None:
    """Write this set to the halves that lack it, to a slot that has none of the sets in `held`.

    JournalError if no half keeps it.
    """
    crc, kept = compute_crc(data), 0
    for half in fram_map.HALVES:
        slot = _pick_slot([_read_crc(memory, half, slot) for slot in _SLOTS], crc, held)
        if _read(memory, half, slot, crc) is None:
            _write(memory, half, slot, data)
        kept += _read(memory, half, slot, crc) is not None
    if not kept:
        raise JournalError("memory does not keep the tariff")


def _pick_slot(crcs: list, crc: int, held: tuple) -> int:
    """Return the slot of this set, else one whose set nothing names."""
    if crc in crcs:
        return crcs.index(crc)
    return next(slot for slot in _SLOTS if crcs[slot] not in held)


def _address_of(half: int, slot: int) -> int:
    return half + fram_map.TARIFF_AT + slot * fram_map.TARIFF_SLOT_BYTES


def _write(memory: "Fram", half: int, slot: int, data: bytes) -> None:
    try:
        crc = binascii.crc32(data).to_bytes(_CRC, "big")
        memory.write(_address_of(half, slot), bytes(data) + crc)
    except OSError:
        pass  # `keep` reads it back


def _read_crc(memory: "Fram", half: int, slot: int) -> int:
    """Return the number of the set that this slot is for, 0 if the memory does not answer."""
    try:
        return int.from_bytes(memory.read(_address_of(half, slot) + TARIFF_SIZE, _CRC), "big") or 1
    except OSError:
        return 0


def _read(memory: "Fram", half: int, slot: int, crc: int) -> "bytes | None":
    """Return this set from this slot; None if it is not there whole."""
    if _read_crc(memory, half, slot) != crc:
        return None
    try:
        data = bytes(memory.read(_address_of(half, slot), TARIFF_SIZE))
    except OSError:
        return None
    return data if compute_crc(data) == crc else None
