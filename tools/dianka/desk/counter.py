"""The cards of a counter, found by what they are: jobs for the card process.

Each job connects, does its session and lets go: nothing is held while people think.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dianka.card_port import CardError, serial_of
from dianka.cardos import kinds
from dianka.desk.in_reader import must_be_control
from dianka.desk.reading import read_kind
from dianka.desk.sell import OnCard, Receipt, raise_as_sale_error, read_user_card, sell
from dianka.readers.base import Held
from dianka.readers.pcsc import PcscReader, Seen, look_around
from dianka.readers.roles import Place, Roles, choose_control, choose_resident, find_candidates


def find_places(roles: Roles) -> list[Place]:
    """Return all readers; those that may have a role are told by their cards.

    Raise CardError if there is none, if a bound one is missing or a card can't be held.
    """
    seen = look_around()
    if not seen:
        raise CardError("there is no card reader: plug one in")
    resident, control = find_candidates([reader.name for reader in seen], roles)
    return [
        Place(reader.name, reader.present, _has_control_card(reader))
        if reader.name in (*resident, *control)
        else Place(reader.name)
        for reader in seen
    ]


def _has_control_card(seen: Seen) -> bool:
    try:
        serial_of(seen.atr)
    except CardError:
        return False  # foreign, mute, or none
    with PcscReader(seen.name).connect() as held:
        return read_kind(held.port)[0] == kinds.CONTROL


@contextmanager
def hold_cards(roles: Roles) -> Iterator[tuple[Held, Held]]:
    """Hold the control card and the resident's card."""
    places = find_places(roles)
    names = choose_resident(places, roles), choose_control(places, roles)
    with ExitStack() as stack:
        resident, control = (stack.enter_context(PcscReader(name).connect()) for name in names)
        must_be_control(control)
        yield control, resident


def read_resident_card(roles: Roles) -> OnCard:
    """Return what is on the resident's card."""
    name = choose_resident(find_places(roles), roles)
    with PcscReader(name).connect() as held:
        return read_user_card(held.port)


def sell_to_resident(roles: Roles, amount_fen: int) -> Receipt:
    """Write a purchase to the resident's card; raise SaleError as `sell` does."""
    receipts: list[Receipt] = []
    with (
        raise_as_sale_error(lambda: bool(receipts)),
        hold_cards(roles) as (control, resident),
    ):
        receipts.append(sell(control.port, resident.port, amount_fen))
    return receipts[0]
