"""Copy the log of events to an inspection card, after all else that it takes along.

The card's file 0B is a log of blocks (docs/cards/files.md, "LOG_BLOCK"), the newest in front. The
first block is the head: whose log this is, the CRC-32 of the totals that the same session wrote,
and of each ring the first number, how many entries follow, and the hash before them. Then come the
entries, the last kind first and purchases last, as the desk knows those itself when a card is
pulled. An entry that the memory has lost is zeros. Each block has its number and says how many
there are: so what a pulled card has is known to be a part.

All rings full are 33 blocks: 9.3 s at 9600 baud, 2.4 s at four times that. The ESAM is free
meanwhile. A block has 3 s, all of them 45 s.
"""

import asyncio
import binascii
import time

from micropython import const

import event_chain
import service_files
import versions
from card_errors import make_refusal
from events import Events
from iccard import Card

_LIMIT_MS = const(45_000)
_NO_FILE = const(0x6A82)
_ENTRY = const(32)
_IN_BLOCK = const(7)
_CONTENT = const(224)
_VERSION = const(13)
# Of TOTALS: the meter's number comes first, the time last.
_NUMBER_END = const(6)
_TIME_AT = const(62)


async def carry(card: "Card", events: "Events", totals: bytes, report_alive, log) -> None:
    """Copy the log, if the card has a file for it. CardError if it does not take all of it.

    `totals` are the TOTALS of this session. If the memory does not answer, a part is copied.
    """
    start_ms = time.ticks_ms()
    try:
        rings = await _list_rings(events)
        entries = sum([count for _, _, count in rings])
        blocks = 1 + (entries + _IN_BLOCK - 1) // _IN_BLOCK
        content = _pack_head(events, rings, totals)
        for block in range(blocks):
            if block:
                content = _read_entries(events, rings, (block - 1) * _IN_BLOCK)
            report_alive()
            # A limit for each block, which keeps the watchdog fed, within one for all of them.
            card.start_deadline(_LIMIT_MS - time.ticks_diff(time.ticks_ms(), start_ms))
            if not await _append(card, block + 1, blocks, content):
                return
    except OSError:
        log("log not copied whole: the memory does not answer")
        return
    log("log copied, %d entries" % entries)


async def _list_rings(events: "Events") -> list:
    """Return (kind, first number, how many) of each ring, the last kind first."""
    rings = []
    for kind in range(event_chain.KINDS, 0, -1):
        first = events.oldest_number(kind)
        rings.append((kind, first, events.newest_number(kind) - first + 1))
        await asyncio.sleep_ms(0)  # to find a ring for the first time takes 20 ms
    return rings


def _pack_head(events: "Events", rings: list, totals: bytes) -> bytes:
    head = totals[:_NUMBER_END] + totals[_TIME_AT:] + _compute_check(totals)
    head += (versions.version().encode() + bytes(_VERSION))[:_VERSION] + bytes((len(rings),))
    for kind, first, count in rings:
        before = events.read(kind, first - 1) if first > 1 else None
        head += first.to_bytes(4, "big") + bytes((count,))
        head += before[-event_chain.HASH :] if before else event_chain.START
    return head


def _read_entries(events: "Events", rings: list, start: int) -> bytes:
    """Return up to 7 entries of all rings' row, from the one at `start` on."""
    content = b""
    for kind, first, count in rings:
        while 0 <= start < count and len(content) < _CONTENT:
            content += events.read(kind, first + start) or bytes(_ENTRY)
            start += 1
        start = max(0, start - count)
        if len(content) == _CONTENT:
            break
    return content


async def _append(card: "Card", block: int, blocks: int, content: bytes) -> bool:
    """Append a block. Return False if the card is of an earlier make, without this file."""
    body = bytes((block, blocks)) + content + bytes(_CONTENT - len(content))
    body += _compute_check(body)
    _, sw = await card.command(0x00, 0xE2, 0x00, service_files.INSPECTION_LOG << 3 | 4, body)
    if sw == _NO_FILE and block == 1:
        return False
    if sw != 0x9000:
        raise make_refusal("COMMUNICATION", sw)
    return True


def _compute_check(data: bytes) -> bytes:
    return binascii.crc32(data).to_bytes(4, "big")
