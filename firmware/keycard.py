"""The master-key change card's session: the utility's private keys into the ESAM, sealed under the public master key.

The ESAM keeps each new key aside and changes to all of them at once with the last one, the master: a cut anywhere leaves the
old set working, and the card can be put in again.
"""

from micropython import const

import cardfiles
import esam as esam_module
from cardfault import fault

_ROOT_KEYS = (1, 2, 6)  # as they are, the ESAM diversifies them by card
_METER_KEYS = (4, 5, 0)  # diversified with the meter number; the master, 0, is last
_SHOW_MS = const(5_000)


async def run(card, command: int, data: bytes, parts) -> tuple:
    """Load the keys; shows that it is done."""
    esam = parts.esam
    state = parts.store.state
    if not state.meter_no:
        raise fault("KEY_STATE", "keys before the meter number")
    if await esam.key_state() != cardfiles.KEYS_PUBLIC:
        raise fault("KEY_STATE", "the meter has private keys already")
    challenge = await esam.challenge(8)
    expected = await esam.encipher(esam_module.IDENTITY, card.serial, challenge)
    if await card.ask(0x00, 0x88, 0x00, esam_module.IDENTITY, challenge) != expected:
        raise fault("IDENTITY", "card does not know the key")
    factor = b"\x00\x00" + cardfiles.to_bcd(state.meter_no, 6)
    for key in _ROOT_KEYS:
        await _load(card, esam, key, b"\x00" + bytes(8))
    for key in _METER_KEYS:
        await _load(card, esam, key, b"\x01" + factor)
    parts.log("private keys loaded")
    return (("donE", _SHOW_MS),)


async def _load(card, esam, key: int, source: bytes) -> None:
    """One key: sealed by the card under the ESAM's public master key (by meter number zero) for the ESAM's challenge."""
    challenge = await esam.challenge(4)
    order = b"\x01\x01" + bytes(8) + source + challenge + bytes(7)
    await esam.install_key(key, await card.ask(0x80, 0xFA, 0x06, key, order))
