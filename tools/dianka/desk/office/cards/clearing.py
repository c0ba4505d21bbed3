"""Clear a replaced card that has turned up."""

from dianka.card_port import CardPort
from dianka.desk import replace
from dianka.desk.office.cards import register
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.reading import read_kind


@needs("replace a card")
def clear_replaced(actor: Actor, control: CardPort, port: CardPort) -> bytes:
    """Clear this card and enter that. Return its serial.

    RegisterError unless another card stands in its place. What is broken off before the entry is
    resolved by the next look at the chip, which is blank then.
    """
    replace.must_be_ours(control, port)
    _, serial = read_kind(port)
    card = register.find_card(serial)
    if card is None or card.state != card.State.REPLACED:
        known = card.state if card else "not in the register"
        raise register.RegisterError(
            f"card {serial.hex()} is {known}, and only a replaced one is cleared: read it first"
        )
    replace.clear_card(control, port)
    register.note_cleared(actor, serial)
    return serial
