"""Part cards of a system's backup: what each says of itself, readable without keys."""

from dataclasses import dataclass

from dianka.card_port import CardError, CardPort, CardRefused, read_file, select_card
from dianka.cardos import desk_files
from dianka.cardos.crypto import find_profile
from dianka.cardos.files import card_files

_INFO_BYTES = card_files.size_of(desk_files.PART_INFO) + card_files.FRAME_OVERHEAD


@dataclass(frozen=True)
class PartInfo:
    """The content of a part card that is readable without keys."""

    serial: bytes
    profile: str
    part: int
    needed: int
    parts: int
    control: bytes


def read_part(card: CardPort) -> PartInfo:
    """Return the content of a part card; raise CardError if it is no part card or is damaged."""
    serial = select_card(card)
    try:
        kind, data = card_files.unframe(read_file(card, card_files.CARD_INFO, _INFO_BYTES))
        if kind != desk_files.CMD_PART:
            raise CardError(f"card {serial.hex()} is no part of a backup: take a part card")
        info = card_files.unpack(desk_files.PART_INFO, data)
        profile = find_profile(info["profile"]).name
    except (ValueError, CardRefused):
        raise CardError(
            f"card {serial.hex()} is no part of a backup, or not a whole one: take a part card"
        ) from None
    return PartInfo(serial, profile, info["part"], info["needed"], info["parts"], info["control"])
