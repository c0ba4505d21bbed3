"""Checks of a card in a reader before anything is written to it.

The card may be any card: this process did not make it and does not hold its state.
"""

from collections.abc import Callable

from dianka.card_port import OK, CardError, CardPort, CardRefused, make_command, select_card
from dianka.cardos import keys, kinds
from dianka.cardos.core import NO_KEY, NOT_ALLOWED, UNKNOWN_INS
from dianka.cardos.files import card_files
from dianka.desk.reading import is_free_to_read, read_beyond, read_blocks, read_kind, read_whole
from dianka.readers.base import Held

_NAMES = {
    kinds.INIT: "initialisation",
    kinds.KEYS: "master-key change",
    kinds.RESTORE: "key restore",
}
# Kinds with the same files are told apart by a command that one has and the other refuses: the
# command, a status word, and whether this kind answers with that status word.
_PRIVATE_UNDER_PUBLIC = make_command("80FA0600", bytes((keys.PRIVATE_SET,)) + bytes(29))
_SEALED_READ = make_command("04B08100", bytes(17))
_TELLTALE = {
    kinds.KEYS: (_PRIVATE_UNDER_PUBLIC, NO_KEY, False),
    kinds.RESTORE: (_PRIVATE_UNDER_PUBLIC, NO_KEY, True),
    kinds.TEST_CREDIT: (_SEALED_READ, UNKNOWN_INS, False),
    kinds.TEST: (_SEALED_READ, UNKNOWN_INS, True),
}


def must_be_control(held: Held) -> None:
    """Raise CardError unless this is a system control card with a system on it.

    Only a control card derives a key of the public set for anybody who asks.
    """
    held.port.power_on()
    _, sw = held.port.process(
        make_command(f"80FA00{keys.PUBLIC | keys.IDENTITY:02X}", keys.NO_FACTOR)
    )
    if sw != OK:
        raise CardError(f"{held.name} is no system control card: choose another with --control")
    if not has_system(held.port):
        raise CardError(
            f"{held.name} is a blank control card: choose another with --control; only who has no "
            "system yet founds one on it, with `dianka keys init`"
        )


def must_be_blank_control(held: Held) -> None:
    """Raise CardError unless a system can be founded on this card or restored to it."""
    kind, _ = read_kind(held.port)
    if kind != kinds.CONTROL:
        raise CardError(f"the card in {held.name} is no blank control card: take one")
    if has_system(held.port):
        raise CardError(f"the control card in {held.name} holds a system already: take a blank one")


def has_system(control: CardPort) -> bool:
    """Return whether the card has private keys, usable at once or after its PIN."""
    _, sw = control.process(make_command(f"80FA00{keys.IDENTITY:02X}", keys.NO_FACTOR))
    return sw in (OK, NOT_ALLOWED)


def make_in_reader(card: CardPort, kind: str, make: Callable[[CardPort], None]) -> bytes:
    """Make the blank card in a reader a card of this kind by calling `make`. Return its serial.

    Raise CardError if the card is of another kind or is issued already.
    """
    serial = select_card(card)
    if not _is_chip_of(card, kind):
        raise CardError(f"this is no blank {_NAMES.get(kind, kind)} card: take one")
    if _is_issued(card, kind):
        raise CardError("this card is issued already: take a blank one")
    make(card)
    return serial


def is_blank(card: CardPort, kind: str) -> bool:
    """Return whether this is a card of this kind that was not issued yet, or was cleared."""
    try:
        select_card(card)
    except CardRefused:  # no such directory: a control card, an ESAM
        return False
    return _is_chip_of(card, kind) and not _is_issued(card, kind)


def _is_issued(card: CardPort, kind: str) -> bool:
    return any(read_whole(card, card_files.CARD_INFO, kinds.ALL[kind].files[card_files.CARD_INFO]))


def _is_chip_of(card: CardPort, kind: str) -> bool:
    """Return whether the chip has the files of this kind, with their sizes.

    Keys can't be removed from a chip once they are loaded, so this is checked first.
    """
    for sfi, spec in kinds.ALL[kind].files.items():
        # Compare the lengths: after 6Cxx a reader repeats the command with the shorter length by
        # itself, and the status word is 9000 then.
        size = spec.record_bytes or spec.size
        readable = not is_free_to_read(spec) or all(
            sw == OK and len(data) == size for data, sw in read_blocks(card, sfi, spec)
        )
        if not readable or read_beyond(card, sfi, spec) == OK:
            return False
    if kind not in _TELLTALE:
        return True
    apdu, status, expected = _TELLTALE[kind]
    return (card.process(apdu)[1] == status) is expected
