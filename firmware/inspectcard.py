"""The inspection card's session: what the meter holds goes to the card and to the display, and nothing changes.

It works in either key state. The ESAM seals wallet, key info, parameters, limits and run info for the card, so that the desk
can trust them; the run info is made anew for it and is the one thing that the session writes, into the ESAM's file for it.
Totals and illegal cards are the controller's own word, written after both sides have proved themselves. The totals' file is
blanked first and written last: a card that was pulled in between says that it is not complete.
"""

from micropython import const

import cardfiles
import cardlog
import esam as esam_module
import servicefiles
import slots
from usercard import authenticate, run_info

_BESIDE = const(0x10)  # where the card keeps its keys for meters with public keys
_PAGE_MS = const(2_000)
# What to copy with, ESAM file, offset or record there, the card's command for it.
_SEALED = (
    (servicefiles.COPY_WALLET, cardfiles.ESAM_WALLET, esam_module.RECORD_MONEY, b"\x04\xd6\x82\x00\x08"),
    (servicefiles.COPY_WALLET, cardfiles.ESAM_WALLET, esam_module.RECORD_COUNT, b"\x04\xd6\x82\x04\x08"),
    (servicefiles.COPY_PARAMS, cardfiles.ESAM_PARAMS, 0, b"\x04\xd6\x83\x00\x2b"),
    (servicefiles.COPY_PARAMS, cardfiles.ESAM_KEY_INFO, 0, b"\x04\xd6\x86\x00\x0e"),
    (servicefiles.COPY_PARAMS, cardfiles.ESAM_LIMITS, 0, b"\x04\xd6\x87\x00\x10"),
    (servicefiles.COPY_TOTALS, cardfiles.ESAM_RUN_INFO, 0, b"\x04\xd6\x88\x00\x35"),
)


async def run(card, command: int, data: bytes, parts) -> tuple:
    """Copy what the card asks for; shows all pages, one after the other."""
    copies = cardfiles.unpack(servicefiles.INSPECTION_ORDER, data)["copies"] & servicefiles.COPY_ALL
    esam = parts.esam
    await authenticate(card, esam, 0 if await esam.key_state() == cardfiles.KEYS_PRIVATE else _BESIDE)
    await _write(card, servicefiles.INSPECTION_TOTALS, b"\x00")
    framed = await _set_run_info(parts) if copies & servicefiles.COPY_TOTALS else b""
    for bit, file, at, target in _SEALED:
        if copies & bit:
            challenge = await card.ask(0x00, 0x84, 0x00, 0x00, le=4)
            if file == cardfiles.ESAM_RUN_INFO:
                sealed = await esam.seal_run_info(framed, target, challenge, card.serial)
            else:
                sealed = await esam.seal(file, at, target, challenge, card.serial)
            await card.ask(target[0], target[1], target[2], target[3], sealed)
    events = await _copy_events(card, parts) if copies & servicefiles.COPY_EVENTS else 0
    totals = cardfiles.pack(servicefiles.TOTALS, _totals(parts, copies, events))
    await _write(card, servicefiles.INSPECTION_TOTALS, cardfiles.frame(servicefiles.CMD_READ_BACK, totals))
    parts.log("inspected")
    return tuple([(text, _PAGE_MS) for text in parts.face.texts()])


async def _write(card, file: int, data: bytes) -> None:
    await card.ask(0x00, 0xD6, 0x80 | file, 0x00, data)


async def _set_run_info(parts) -> bytes:
    """Balance, count, debt and illegal cards of this moment: the ESAM's wallet may be 15 minutes behind."""
    params = await parts.esam.read(cardfiles.ESAM_PARAMS, 0, cardfiles.size_of(cardfiles.PARAMS))
    data = cardfiles.pack(cardfiles.WRITE_BACK, run_info(parts, cardfiles.unpack(cardfiles.PARAMS, params)))
    framed = cardfiles.frame(servicefiles.CMD_READ_BACK, data)
    await parts.esam.set_run_info(framed)
    return framed


async def _copy_events(card, parts) -> int:
    """The newest illegal cards, the oldest of them first, as the log puts the newest in front; how many there ever were."""
    parts.slot_lives()
    card.bound()  # anew: with a full log and a slow card, one limit for all of the session would be too short
    try:
        found = parts.cards.newest(servicefiles.EVENTS)
    except OSError:
        return 0  # the memory's fault stands in `faults`
    for packed in found:
        record = cardfiles.unpack(cardlog.FIELDS, packed)
        record["code"] += servicefiles.ILLEGAL_CARD
        record["command"] = record["header"][1:4]
        event = cardfiles.pack(servicefiles.CARD_EVENT, record)
        await card.ask(0x00, 0xE2, 0x00, servicefiles.INSPECTION_EVENTS << 3 | 4, event)
    return int.from_bytes(found[-1][:4], "big") if found else 0


def _totals(parts, copies: int, events: int) -> dict:
    state = parts.store.state
    record = {name: getattr(state, name) for name in ("meter_no", "energy_pj", "remainder", "bought_fen", "price_e4")}
    record["faults"] = parts.face.fault_bits()
    record["selfcheck"] = fixed(parts.self_check.code)
    record["version"] = fixed(slots.version())
    record["events"] = events
    record["copied"] = copies
    record["time"] = parts.clock.local_minute()
    return record


def fixed(text: str) -> bytes:
    """Eight bytes of this text, filled with blanks."""
    return (text + " " * 8)[:8].encode()
