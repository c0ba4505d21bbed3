"""The cards of a counter, found by what they are: jobs for the card process.

Each job connects, does its session and lets go: nothing is held while people think.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dianka.card_port import CardError, serial_of
from dianka.cardos import kinds
from dianka.desk.in_reader import must_be_control
from dianka.desk.pin import BLOCKED, WithPin, WrongPin
from dianka.desk.quota import read_quota
from dianka.desk.reading import read_kind
from dianka.desk.sell import OnCard, Receipt, raise_as_sale_error, read_user_card, sell
from dianka.readers.base import Held
from dianka.readers.choose import is_here, open_named, see_here
from dianka.readers.pcsc import Seen, look_around
from dianka.readers.roles import Place, Roles, choose_control, choose_resident, find_candidates


class PinWantedError(CardError):
    """The control card has a PIN, and none was given."""


def find_places(roles: Roles) -> list[Place]:
    """Return all readers; those that may have a role are told by their cards.

    Raise CardError if there is none, if a bound one is missing or a card can't be held.
    """
    seen = see_readers(roles)
    if not seen:
        raise CardError("there is no card reader: plug one in")
    resident, control = find_candidates([reader.name for reader in seen], roles)
    return [
        Place(reader.name, reader.present, _has_control_card(reader))
        if reader.name in (*resident, *control)
        else Place(reader.name)
        for reader in seen
    ]


def see_readers(roles: Roles) -> list[Seen]:
    """Return the folders and files that have a role, and the readers on PC/SC if one may."""
    words = roles.resident, roles.control
    here = [see_here(word) for word in dict.fromkeys(words) if is_here(word)]
    elsewhere = [] if all(is_here(word) for word in words) else look_around()
    return [seen for seen in here if seen] + elsewhere


def _has_control_card(seen: Seen) -> bool:
    try:
        serial_of(seen.atr)
    except CardError:
        return False  # foreign, mute, or none
    with open_named(seen.name).connect() as held:
        return read_kind(held.port)[0] == kinds.CONTROL


@contextmanager
def hold_cards(roles: Roles, pin: str = "") -> Iterator[tuple[Held, Held]]:
    """Hold the control card, which gets its PIN at each power-on, and the resident's card.

    Raise PinWantedError if it has a PIN and none is given, WrongPin if it is another one.
    """
    places = find_places(roles)
    names = choose_resident(places, roles), choose_control(places, roles)
    with ExitStack() as stack:
        resident, control = (stack.enter_context(open_named(name).connect()) for name in names)
        must_be_control(control)
        yield unlock(control, pin), resident


def unlock(control: Held, pin: str) -> Held:
    """Return a control card so that it gets its PIN at each power-on, if it has one."""
    quota = read_quota(control.port)
    if quota is None or not quota.pin_set:
        return control
    if not quota.pin_tries:
        raise WrongPin(BLOCKED)
    if not pin:
        raise PinWantedError(f"the control card in {control.name} has a PIN: type it")
    port = WithPin(control.port, pin)
    port.power_on()
    return Held(control.name, port, control.close)


@contextmanager
def hold_control(roles: Roles) -> Iterator[Held]:
    """Hold the control card alone, without its PIN."""
    name = choose_control(find_places(roles), roles)
    with open_named(name).connect() as control:
        must_be_control(control)
        yield control


@contextmanager
def hold_resident(roles: Roles) -> Iterator[Held]:
    """Hold the card in the resident's reader alone, whatever card it is."""
    name = choose_resident(find_places(roles), roles)
    with open_named(name).connect() as held:
        yield held


def check_pin(roles: Roles, pin: str) -> None:
    """Give the PIN to the control card; raise WrongPin if that does not take it."""
    with hold_control(roles) as control:
        unlock(control, pin)


def read_resident_card(roles: Roles) -> OnCard:
    """Return what is on the resident's card."""
    with hold_resident(roles) as held:
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
