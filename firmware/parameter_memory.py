"""Keep parameters that are too long for the state in the FRAM, for a start without the ESAM.

Tariff sets of several prices, and the rules of the supply. The ESAM holds them; this is a copy, so
that it can always be made again. Of the calibration (calibration.py) there is no other copy. A slot
is the data and their CRC-32. The state (state.py) names what is in force and planned by these CRCs.
There are tariff slots for these two sets and for two new ones, so a new set is written beside the
old ones, and the commit of the state is what brings it in: a cut at any byte leaves old or new.
Both halves of the memory have all of it, each half in an order of its own.
"""

import binascii

from micropython import const

import fram_map
from card_files import SUPPLY_SIZE, TARIFF_SIZE
from fram import Fram
from journal import JournalError

_CRC = const(4)
# Where a half has its slots: (first byte, bytes of a slot, slots, bytes of the data).
TARIFFS = (fram_map.TARIFF_AT, fram_map.TARIFF_SLOT_BYTES, fram_map.TARIFF_SLOTS, TARIFF_SIZE)
RULES = (fram_map.RULES_AT, fram_map.RULES_BYTES, 1, SUPPLY_SIZE)


def compute_crc(data: bytes) -> int:
    """Return the number by which the state names these data; never 0, which names none."""
    return binascii.crc32(data) or 1


def find(memory: "Fram", area: tuple, crc: int) -> "bytes | None":
    """Return these data, or None if no half of the memory has them."""
    for half in fram_map.HALVES:
        for slot in range(area[2]):
            data = _read(memory, area, half, slot, crc)
            if data is not None:
                return data
    return None


def read_all(memory: "Fram", area: tuple) -> dict:
    """Return all data that some half of the memory has whole, by their CRCs."""
    found = {}
    for half in fram_map.HALVES:
        for slot in range(area[2]):
            crc = _read_crc(memory, area, half, slot)
            data = None if crc in found else _read(memory, area, half, slot, crc)
            if data is not None:
                found[crc] = data
    return found


def keep(memory: "Fram", area: tuple, data: bytes, held: tuple) -> None:
    """Write these data to the halves that lack them, to a slot that has none of those in `held`.

    JournalError if no half keeps them.
    """
    crc, kept = compute_crc(data), 0
    for half in fram_map.HALVES:
        crcs = [_read_crc(memory, area, half, slot) for slot in range(area[2])]
        if 0 in crcs:
            continue  # a slot that does not answer now may be one of those in `held`
        slot = _pick_slot(crcs, crc, held)
        if _read(memory, area, half, slot, crc) is None:
            _write(memory, area, half, slot, data)
        kept += _read(memory, area, half, slot, crc) is not None
    if not kept:
        raise JournalError("memory does not keep the parameters")


def _pick_slot(crcs: list, crc: int, held: tuple) -> int:
    """Return the slot of these data, else one whose data nothing names."""
    if crc in crcs:
        return crcs.index(crc)
    return next(slot for slot in range(len(crcs)) if crcs[slot] not in held)


def _address_of(area: tuple, half: int, slot: int) -> int:
    return half + area[0] + slot * area[1]


def _write(memory: "Fram", area: tuple, half: int, slot: int, data: bytes) -> None:
    try:
        crc = binascii.crc32(data).to_bytes(_CRC, "big")
        memory.write(_address_of(area, half, slot), bytes(data) + crc)
    except OSError:
        pass  # `keep` reads it back


def _read_crc(memory: "Fram", area: tuple, half: int, slot: int) -> int:
    """Return the number of the data that this slot is for, 0 if the memory does not answer."""
    try:
        at = _address_of(area, half, slot) + area[3]
        return int.from_bytes(memory.read(at, _CRC), "big") or 1
    except OSError:
        return 0


def _read(memory: "Fram", area: tuple, half: int, slot: int, crc: int) -> "bytes | None":
    """Return these data from this slot; None if they are not there whole."""
    if _read_crc(memory, area, half, slot) != crc:
        return None
    try:
        data = bytes(memory.read(_address_of(area, half, slot), area[3]))
    except OSError:
        return None
    return data if compute_crc(data) == crc else None
