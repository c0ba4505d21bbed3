"""The inspection card's session: what the meter holds goes to the card and to the display, and nothing changes.

It works in either key state. The ESAM seals wallet, key info, parameters, limits and run info for the card, so that the desk
can trust them; the run info is made anew for it and is the one thing that the session writes, into the ESAM's file for it.
Totals and illegal cards are the controller's own word, written after both sides have proved themselves. The totals' file is
blanked first and written last: a card that was pulled in between says that it is not complete.
"""

from micropython import const

import card_files
import esam as esam_module
import events
import versions
from card_user import authenticate, run_info

_BESIDE = const(0x10)  # where the card keeps its keys for meters with public keys
_PAGE_MS = const(2_000)
# What to copy with, ESAM file, offset or record there, the card's command for it.
_SEALED = (
    (card_files.COPY_WALLET, card_files.ESAM_WALLET, esam_module.RECORD_MONEY, b"\x04\xd6\x82\x00\x08"),
    (card_files.COPY_WALLET, card_files.ESAM_WALLET, esam_module.RECORD_COUNT, b"\x04\xd6\x82\x04\x08"),
    (card_files.COPY_PARAMS, card_files.ESAM_PARAMS, 0, b"\x04\xd6\x83\x00\x2b"),
    (card_files.COPY_PARAMS, card_files.ESAM_KEY_INFO, 0, b"\x04\xd6\x86\x00\x0e"),
    (card_files.COPY_PARAMS, card_files.ESAM_LIMITS, 0, b"\x04\xd6\x87\x00\x10"),
    (card_files.COPY_TOTALS, card_files.ESAM_RUN_INFO, 0, b"\x04\xd6\x88\x00\x35"),
)


async def run(card, command: int, data: bytes, parts) -> tuple:
    """Copy what the card asks for; shows all pages, one after the other."""
    copies = card_files.unpack(card_files.INSPECTION_ORDER, data)["copies"] & card_files.COPY_ALL
    esam = parts.esam
    await authenticate(card, esam, 0 if await esam.key_state() == card_files.KEYS_PRIVATE else _BESIDE)
    await _write(card, card_files.INSPECTION_TOTALS, b"\x00")
    if copies & card_files.COPY_TOTALS:
        await _set_run_info(parts)
    for bit, file, at, target in _SEALED:
        if copies & bit:
            challenge = await card.ask(0x00, 0x84, 0x00, 0x00, le=4)
            sealed = await esam.seal(file, at, target, challenge, card.serial)
            await card.ask(target[0], target[1], target[2], target[3], sealed)
    events = await _copy_events(card, parts) if copies & card_files.COPY_EVENTS else 0
    totals = card_files.pack(card_files.TOTALS, _totals(parts, copies, events))
    await _write(card, card_files.INSPECTION_TOTALS, card_files.frame(card_files.CMD_READ_BACK, totals))
    parts.log("inspected")
    return tuple([(text, _PAGE_MS) for text in parts.face.texts()])


async def _write(card, file: int, data: bytes) -> None:
    await card.ask(0x00, 0xD6, 0x80 | file, 0x00, data)


async def _set_run_info(parts) -> None:
    """Balance, count, debt and illegal cards of this moment: the ESAM's wallet may be 15 minutes behind."""
    params = await parts.esam.read(card_files.ESAM_PARAMS, 0, card_files.size_of(card_files.PARAMS))
    data = card_files.pack(card_files.WRITE_BACK, run_info(parts, card_files.unpack(card_files.PARAMS, params)))
    await parts.esam.set_run_info(card_files.frame(card_files.CMD_READ_BACK, data))


async def _copy_events(card, parts) -> int:
    """The newest illegal cards, the oldest of them first, as the log puts the newest in front; how many there ever were."""
    parts.slot_lives()
    card.bound()  # anew: with a full log and a slow card, one limit for all of the session would be too short
    try:
        found = parts.cards.newest(card_files.EVENTS)
    except OSError:
        return 0  # the memory's fault stands in `faults`
    for packed in found:
        record = card_files.unpack(events.FIELDS, packed)
        record["code"] += card_files.ILLEGAL_CARD
        record["command"] = record["header"][1:4]
        event = card_files.pack(card_files.CARD_EVENT, record)
        await card.ask(0x00, 0xE2, 0x00, card_files.INSPECTION_EVENTS << 3 | 4, event)
    return int.from_bytes(found[-1][:4], "big") if found else 0


def _totals(parts, copies: int, events: int) -> dict:
    state = parts.store.state
    record = {name: getattr(state, name) for name in ("meter_no", "energy_pj", "remainder", "bought_fen", "price_e4")}
    record["faults"] = parts.face.fault_bits()
    record["selfcheck"] = fixed(parts.self_check.code)
    record["version"] = fixed(versions.version())
    record["events"] = events
    record["copied"] = copies
    record["time"] = parts.clock.local_minute()
    return record


def fixed(text: str) -> bytes:
    """Eight bytes of this text, filled with blanks."""
    return (text + " " * 8)[:8].encode()
