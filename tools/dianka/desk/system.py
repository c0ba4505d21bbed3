"""Founding of a system with a backup of its keys, and restoring of the keys from the part cards.

The keys are split and put together inside control cards (backup.py). What passes here is sealed.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from dianka.card_port import (
    CardError,
    CardPort,
    CardRefused,
    make_command,
    select_card,
    send,
    serial_of,
)
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.backup import MOST_PARTS
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.crypto import PROFILES, SM4
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.cardos.state import SERIAL_BYTES, make_state
from dianka.desk.control import load_keys, plan_part_card, read_profile
from dianka.desk.issue import write_files
from dianka.desk.parts import PartInfo, read_part
from dianka.desk.session import Desk, diversify

Rng = Callable[[int], bytes]
_TAKE_IN = bytes.fromhex("80 FA 08 00")


def name_part_file(control: Path, part: int) -> Path:
    """Return the file of a part card: backup-1.card beside control.card.

    `found_system` makes the part cards there; they are to be taken elsewhere.
    """
    return control.with_name(f"backup-{part}{control.suffix}")


def found_system(
    path: Path, needed: int, parts: int, profile: str = SM4.name, rng: Rng = os.urandom
) -> list[Path]:
    """Make a new control card and its part cards. Return the part cards' files.

    If anything fails, none of the files is left. All cards are made in this process' memory. The
    control card, whose only backup is used up by then, is stored last: a kill at any moment leaves
    parts of no system or the whole system.
    """
    check_numbers(needed, parts)
    _must_be_free(path)
    control = make_blank_control(profile, rng)
    chips = [Chip.new(kinds.PART, rng=rng, profile=profile) for _ in range(parts)]
    _hand_out_parts(control, begin_system(control, profile), chips, needed)
    keep_keys(control, profile)
    files = [name_part_file(path, part) for part in range(1, parts + 1)]
    stored: list[CardFile] = []
    try:
        for file, chip in zip(files, chips, strict=True):
            stored.append(_store(file, chip))
        whole = _store(path, control)
    except BaseException as error:
        # If the control card's file is there after an interrupt, the system is complete: keep it.
        if isinstance(error, CardError) or not path.exists():
            for card in stored:
                card.discard()
        raise
    for card in (whole, *stored):
        card.close()
    return files


def found_on_chip(
    control: CardPort, beside: Path, needed: int, parts: int, profile: str, rng: Rng = os.urandom
) -> list[Path]:
    """Found a system on a blank control card. Return the files of its part cards.

    They are named as beside `beside`. The control card stores its keys last, when the parts are on
    the disk: until then it is blank.
    """
    check_numbers(needed, parts)
    _must_have_no_parts(beside)
    chips = [Chip.new(kinds.PART, rng=rng, profile=profile) for _ in range(parts)]
    files = [name_part_file(beside, part) for part in range(1, parts + 1)]
    stored: list[CardFile] = []
    try:
        _hand_out_parts(control, begin_system(control, profile), chips, needed)
        for file, chip in zip(files, chips, strict=True):
            stored.append(_store(file, chip))
    except BaseException:
        for card in stored:
            card.discard()
        raise
    for card in stored:
        card.close()
    try:
        keep_keys(control, profile)
    except (CardError, CardTorn) as error:
        raise CardError(
            f"{error}; `dianka card show` says whether it has its system: if so, the parts are its "
            "backup; if it is blank still, remove them and found it again"
        ) from None
    return files


def make_blank_control(profile: str, rng: Rng) -> Chip:
    """Return a control card in memory as its maker delivers it: the public set, no system yet."""
    chip = Chip(
        make_state(kinds.CONTROL, rng(SERIAL_BYTES), rng, private_roots=False, profile=profile), rng
    )
    chip.power_on()
    return chip


def begin_system(control: CardPort, profile: str) -> bytes:
    """Let a blank control card make its keys. Return its serial.

    The keys are lost with the power until `keep_keys`. Raise CardError if the card has another
    cipher.
    """
    serial = serial_of(control.power_on())
    of_card = read_profile(control).name
    if of_card != profile:
        raise CardError(
            f"this card's cipher is {of_card}, not {profile}: give --profile {of_card}, or take "
            "another card"
        )
    send(control, make_command("80FA0900", bytes((PROFILES[profile].code,))), "found a system")
    return serial


def keep_keys(control: CardPort, profile: str) -> None:
    """Let the control card store the keys that it has made."""
    send(control, make_command("80FA0901", bytes((PROFILES[profile].code,))), "store its keys")


def check_numbers(needed: int, parts: int) -> None:
    """Raise CardError unless a backup can have `parts` parts of which `needed` are needed."""
    if not 2 <= needed <= parts <= MOST_PARTS:
        raise CardError(
            f"a backup has 2 to {MOST_PARTS} parts, of which 2 or more are needed: give other "
            "numbers"
        )


def _must_be_free(path: Path) -> None:
    if path.exists():
        raise CardError(f"{path.name} exists already: choose another name")
    _must_have_no_parts(path)


def _must_have_no_parts(path: Path) -> None:
    """Raise CardError if any part card is beside it: two backups would be mixed up."""
    parts = [name_part_file(path, part) for part in range(1, MOST_PARTS + 1)]
    there = [part.name for part in parts if part.exists()]
    if there:
        raise CardError(
            f"{', '.join(there)} exist{'s' * (len(there) == 1)} already: lock up the parts of "
            "another backup elsewhere; what a founding has left that was broken off before it had "
            "a control card, remove"
        )


def _store(path: Path, chip: Chip) -> CardFile:
    return CardFile.store(path, lambda: chip.state, chip.rng)


def back_up(control: CardPort, cards: Sequence[CardPort], needed: int) -> None:
    """Split the control card's keys over new part cards."""
    _hand_out_parts(control, serial_of(control.power_on()), cards, needed)


def _hand_out_parts(
    control: CardPort, serial: bytes, cards: Sequence[CardPort], needed: int
) -> None:
    parts = len(cards)
    send(control, make_command("80FA0700", bytes((needed, parts))), "split its keys")
    for part, card in enumerate(cards, 1):
        info = {
            "profile": read_profile(control).code,
            "part": part,
            "needed": needed,
            "parts": parts,
            "control": serial,
        }
        own = select_card(card)
        load_keys(control, card, plan_part_card(own))
        desk = Desk(control, card, own)
        desk.authenticate()
        r4 = send(card, bytes.fromhex("0084000004"), "give a challenge")
        block = send(control, make_command(f"80FA07{part:02X}", r4 + own), "hand out a part")
        send(card, make_command(f"04D6{0x80 | keys.PART_FILE:02X}00", block), "take its part")
        framed = card_files.frame(desk_files.CMD_PART, card_files.pack(desk_files.PART_INFO, info))
        write_files(desk, {card_files.CARD_INFO: framed})


def restore(path: Path, cards: Sequence[CardPort], rng: Rng = os.urandom) -> bytes:
    """Put the keys from these part cards into a new control card. Return its serial.

    If anything fails, there is no new card.
    """
    infos = [read_part(card) for card in cards]
    _check_parts(infos)
    if path.exists():
        raise CardError(f"{path.name} exists already: choose another name")
    # The card is in this process' memory until it is complete: a bad part leaves no file.
    control = make_blank_control(infos[0].profile, rng)
    _carry_all(control, cards, infos)
    CardFile.store(path, lambda: control.state, rng).close()
    return control.state.serial


def restore_on_chip(control: CardPort, cards: Sequence[CardPort]) -> bytes:
    """Put the keys from these part cards into a blank control card. Return its serial.

    The card stores them when the last part has come.
    """
    infos = [read_part(card) for card in cards]
    _check_parts(infos)
    serial = serial_of(control.power_on())
    of_chip = read_profile(control).name
    if of_chip != infos[0].profile:
        raise CardError(
            f"this control card's cipher is {of_chip}, the backup's is {infos[0].profile}: take "
            "another blank card"
        )
    _carry_all(control, cards, infos)
    return serial


def _carry_all(control: CardPort, cards: Sequence[CardPort], infos: list[PartInfo]) -> None:
    missing = infos[0].needed
    for card, info in zip(cards, infos, strict=True):
        missing = _carry(control, card, info)
        if not missing:
            return
    raise CardError(f"{missing} more parts are needed: put other people's part cards beside these")


def _check_parts(infos: list[PartInfo]) -> None:
    if not infos:
        raise CardError("no part card: give as many as the backup needs")
    first = infos[0]
    if any(
        (info.control, info.profile, info.needed) != (first.control, first.profile, first.needed)
        for info in infos
    ):
        raise CardError("these part cards are of different systems: take those of one backup")
    different = len({info.part for info in infos})
    if different < first.needed:
        raise CardError(
            f"{different} of {first.needed} parts are here: put other people's part cards beside "
            "these"
        )


def _carry(control: CardPort, card: CardPort, info: PartInfo) -> int:
    """Bring one part, sealed by its card, to the control card. Return the number still missing."""
    diversify(control, keys.PUBLIC | keys.DESK, info.serial)
    size = card_files.size_of(desk_files.PART)
    target = _TAKE_IN + bytes((read_profile(control).count_sealed_bytes(size) + 4,))
    r4 = send(control, bytes.fromhex("0084000004"), "give a challenge")
    block = send(
        card, make_command(f"04B0{0x80 | keys.PART_FILE:02X}00", r4 + target), "give its part"
    )
    try:
        return send(control, target + block, "take a part")[0]
    except CardRefused as refused:
        raise CardError(
            f"part {info.part} is damaged or of another backup ({refused.sw:04X}): take another "
            "part"
        ) from None
