"""Compute the receipt that a resident reads out over the phone (docs/cards/protocol.md).

Ten digits that a chip of this system alone can compute, for this meter and this purchase. Imported
when somebody turns the pages.
"""

from card_files import to_bcd
from esam import IDENTITY, Esam, EsamError

_MARK = b"RC"  # begins no serial of a card and no meter's factor


async def compute_code(esam: "Esam", lock, meter_no: int, count: int) -> str:
    """Return the ten digits of purchase `count`; empty if the ESAM does not compute them."""
    try:
        async with lock:
            found = await esam.encipher(
                IDENTITY, _MARK + to_bcd(meter_no, 6), count.to_bytes(4, "big") + bytes(4)
            )
    except EsamError:
        return ""
    return "%010d" % (int.from_bytes(found, "big") % 10**10)
