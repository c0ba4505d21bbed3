"""A blank chip made a card of the register: entered before its keys are loaded, and when complete.

The same chip, whose making was broken off, is gone on with.
"""

from collections.abc import Callable

from dianka.card_port import CardError, CardPort, serial_of
from dianka.desk.in_reader import make_in_reader
from dianka.desk.office.cards import recognising, register
from dianka.desk.office.cards.register import Making
from dianka.desk.office.people.rights import Actor
from dianka.desk.reading import read_kind

Begin = Callable[[bytes], None]  # enter the chip with this serial


def make_entered(
    actor: Actor,
    control: CardPort,
    chip: CardPort,
    making: Making,
    begin: Begin,
    make: Callable[[CardPort], None],
) -> bytes:
    """Make a blank chip this card, and return its serial. CardError if it may not become it."""
    made = _find_made(actor, control, chip, making)
    if made:
        return made

    def enter_and_make(card: CardPort) -> None:
        begin(serial_of(card.power_on()))
        make(card)

    serial = make_in_reader(chip, making.kind, enter_and_make)
    try:
        register.finish_making(actor, serial)
    except CardError as error:
        raise CardError(
            f"card {serial.hex()} is made, but the register does not have it as in use ({error}): "
            "put it into the reader and read it"
        ) from None
    return serial


def _find_made(actor: Actor, control: CardPort, chip: CardPort, making: Making) -> bytes | None:
    """Return the serial of a card that a broken try has made, and enter it as in use."""
    kind, serial = read_kind(chip)
    if kind != making.kind or not register.is_begun(serial, making):
        return None
    recognising.recognise(actor, control, chip)
    return serial
