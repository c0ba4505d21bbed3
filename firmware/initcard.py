"""The initialisation card's session: number, thresholds, limits, tariffs, an empty wallet; public key state only.

A cut in the middle leaves the meter not initialised; the card, put in again, does all of it again.
"""

from micropython import const

import cardfiles
import parameters
import state as records
import supply
from cardfault import fault
from display import labelled
from usercard import authenticate

_FACTOR = bytes(8)  # in the public state the ESAM's meter keys are diversified with meter number zero
_SHOW_MS = const(5_000)


async def run(card, command: int, data: bytes, parts) -> tuple:
    """Set the meter up; shows the end of its number."""
    info = cardfiles.unpack(cardfiles.INIT_PARAMS, data)
    if not info["meter_no"]:
        raise fault("FORMAT", "meter number zero")
    if await parts.esam.key_state() != cardfiles.KEYS_PUBLIC:
        raise fault("KEY_STATE", "initialisation card, but the meter has private keys")
    await authenticate(card, parts.esam)
    fresh = records.State()
    fresh.register = parts.store.state.register
    fresh.meter_no = info["meter_no"]
    parameters.apply_params(fresh, info)
    await _transfer(card, parts, fresh)
    fresh.set(records.INITIALISED)
    supply.update(fresh)
    fresh.register = parts.store.state.register
    parts.store.state = fresh
    parts.store.commit()
    parts.log("initialised as meter %012d" % fresh.meter_no)
    return ((labelled("no", "%06d" % (fresh.meter_no % 1000000)), _SHOW_MS),)


async def _transfer(card, parts, fresh) -> None:
    """Every file to the ESAM, sealed for it; `fresh` gets what the meter itself keeps."""
    state = parts.store.state
    state.set(records.INITIALISED, False)
    parts.store.commit()
    esam = parts.esam
    await esam.update(cardfiles.ESAM_PARAMS, await _sealed(card, esam, cardfiles.CARD_INFO, 4, b"\x04\xd6\x82\x00\x24"))
    limits = await _sealed(card, esam, cardfiles.CARD_LIMITS, 4, b"\x04\xd6\x89\x00\x10")
    await esam.update(cardfiles.ESAM_LIMITS, limits)
    tariff = await _sealed(card, esam, cardfiles.CARD_TARIFF_1, 0, b"\x04\xd6\x83\x00\xcb")
    await esam.update(cardfiles.ESAM_TARIFF_1, tariff)
    parameters.apply_limits(fresh, cardfiles.unpack(cardfiles.LIMITS, limits[:-4]))
    parameters.apply_tariff(fresh, tariff[:-4])
    await esam.init_money(await _sealed(card, esam, cardfiles.CARD_WALLET, 0, b"\x04\xdc\x01\x0c\x08"))
    await esam.init_count(await _sealed(card, esam, cardfiles.CARD_WALLET, 4, b"\x04\xdc\x03\x0c\x08"))


async def _sealed(card, esam, file: int, offset: int, target: bytes) -> bytes:
    """Data ‖ MAC of a card file, made for the ESAM's next command `target`."""
    challenge = await esam.challenge(4)
    return await card.ask(0x04, 0xB0, 0x80 | file, offset, challenge + target + _FACTOR)
