"""The card file codec of the meter's own firmware, and what the desk alone packs.

Codec: firmware/card_files.py; files of inspection and test cards: firmware/service_files.py.
"""

from collections.abc import Mapping, Sequence

from dianka.firmware import load_shared

card_files = load_shared("card_files")
service_files = load_shared("service_files")

# User type byte: a tariff set has one price; card_files.SEVERAL_RATES if it has several.
ONE_RATE = 1


def pack_tariff(rates_e4: Sequence[int], more: Mapping[str, Sequence[int]] | None = None) -> bytes:
    """Return tariff data (193 bytes) with up to 12 rates in 0.0001 yuan per kWh.

    The last rate fills the rest. `more` has the other fields of TARIFF; without it the price is
    flat.
    """
    numbers = card_files.TARIFF[0][1][0]
    if not 1 <= len(rates_e4) <= numbers:
        raise ValueError("a tariff has 1 to 12 rates")
    record = dict(more or {})
    record["rates_e4"] = list(rates_e4) + [rates_e4[-1]] * (numbers - len(rates_e4))
    out = bytearray()
    for name, (count, size) in card_files.TARIFF:
        given = record.get(name, ())
        if len(given) > count:
            raise ValueError(name + " has too many numbers")
        for at in range(count):
            out += card_files.to_bcd(given[at] if at < len(given) else 0, size)
    return bytes(out)
