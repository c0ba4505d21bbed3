"""Fills the demonstration's office: people, an estate with a month of history, two new customers.

All of it goes the ways that the office has: history as the figures make it (office/figures), the
rest by the functions behind its commands. The books are proved at the end. It is imported by the
process that founds a demonstration alone (founding.py), as a process opens one office.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.cardos.state import SERIAL_BYTES
from dianka.desk import issue
from dianka.desk.office.founding import found_office

if TYPE_CHECKING:
    from dianka.desk.office.vending.counting import Count

DESK = "desk2"  # which has most of the history
MANAGER, SUPERVISOR, CLERK = "manager", "supervisor", "clerk"
METERS, SALES, MONTHS = 36, 160, 1
METER_NO = 101  # of the meter on the wall; the next one is a neighbour's
ALARM1_FEN, ALARM2_FEN = 1500, 1000
_AREA, _BUILDING, _ROOMS = "1 号台区", "9", ("101", "102")
_NAMES = ("面馆 Noodle shop", "裁缝店 Tailor")
_TARIFF = "商业"
Rng = Callable[[int], bytes]


@dataclass(frozen=True)
class Made:
    """What was made: the price of the meter on the wall, and passwords by operator."""

    price_e4: int
    passwords: dict[str, str]


def fill_office(office: Path, control: Path, tray: Path) -> Made:
    """Make an office in a new folder, and lay its new customers' cards into the tray.

    CardError if the books do not prove.
    """
    passwords = {name: _make_password() for name in (MANAGER, SUPERVISOR, CLERK)}
    found_office(office, MANAGER, passwords[MANAGER], DESK)
    from dianka.desk.office.figures.history import make_history

    make_history(METERS, SALES, MONTHS, methods=["notes"])  # all in the drawer that a shift counts
    add_people(passwords)
    price_e4 = add_customers(control, tray)
    prove_books()
    open_shift_by_books()
    return Made(price_e4, passwords)


def _make_password() -> str:
    return "-".join(secrets.token_hex(2) for _ in range(3))


def add_people(passwords: dict[str, str]) -> None:
    """Add a supervisor and a clerk, each with a password of his own."""
    from dianka.desk.office.people import people
    from dianka.desk.office.people.consent import give_consent
    from dianka.desk.office.people.rights import Actor

    manager = Actor(MANAGER, DESK, frozenset({"manager"}))
    for name in (SUPERVISOR, CLERK):
        first, consent = _make_password(), None
        if name != SUPERVISOR:  # who is alone adds the second person alone
            change = people.name_change(people.ADD, name, name)
            given = passwords[SUPERVISOR]
            consent = give_consent(manager, SUPERVISOR, given, people.CONSENT, change)
        people.add_operator(manager, name, first, [name], consent)
        people.change_password(Actor(name, DESK, frozenset({name})), first, passwords[name])


def add_customers(control: Path, tray: Path, rng: Rng = secrets.token_bytes) -> int:
    """Add two customers with installed meters and cards; return their price."""
    from dianka.desk.office.customers.contracts import Terms, open_account
    from dianka.desk.office.customers.records import Details, add_customer
    from dianka.desk.office.estate import meters, places
    from dianka.desk.office.people.rights import Actor

    manager = Actor(MANAGER, DESK, frozenset({"manager"}))
    premises = places.add_premises(manager, _AREA, [(_BUILDING, "", room) for room in _ROOMS])
    meters.add_meters(manager, METER_NO, len(_ROOMS))
    price_e4 = 0
    with CardFile.open(control) as held:
        for number, (name, premise) in enumerate(zip(_NAMES, premises, strict=True), METER_NO):
            meters.install_meter(manager, number, premise.pk)
            customer = add_customer(manager, Details(name))
            terms = Terms(_TARIFF, ALARM1_FEN, ALARM2_FEN)
            contract = open_account(manager, customer.number, number, terms)
            _make_card(held, contract, tray / f"resident-{number}.card", rng)
            price_e4 = contract.price.price_e4
    return price_e4


def _make_card(control: CardFile, contract: object, path: Path, rng: Rng) -> None:
    """Make a contract's first card, entered in the register from begin to end."""
    from dianka.desk.office.cards import register, terms
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor

    assert isinstance(contract, Contract)
    manager = Actor(MANAGER, DESK, frozenset({"manager"}))
    serial = rng(SERIAL_BYTES)
    register.begin_making(manager, serial, register.Making(kinds.USER, contract=contract))
    data = terms.make_user_data(contract, opens=True)
    issue.issue_file(
        path,
        kinds.USER,
        serial,
        rng,
        issue.read_profile_name(control),
        lambda chip: issue.make_user(control, chip, data),
    )
    register.finish_making(manager, serial)


def prove_books() -> None:
    """Prove the books from the first entry on. CardError if a fen is odd."""
    from dianka.desk.office import nightly

    proof = nightly.prove(whole=True)
    faults = [*proof.faults, *proof.odd_sums]
    if faults:
        raise CardError(f"the demonstration's books do not prove ({faults[0]}): report this")


def open_shift_by_books() -> "Count":
    """Open the clerk's shift with the notes that the drawer has by the books; return them."""
    from dianka.desk.office.ledger.models import Account
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending.counting import NOTES, PIECES_FEN, Count
    from dianka.desk.office.vending.shifts import open_shift

    drawer = Account.objects.filter(kind="cash", owner=DESK, method=NOTES).first()
    left_fen, pieces = drawer.balance_fen if drawer else 0, {}
    for piece_fen in PIECES_FEN:
        pieces[piece_fen], left_fen = divmod(left_fen, piece_fen)
    count = Count(pieces)
    open_shift(Actor(CLERK, DESK, frozenset({"clerk"})), count)
    return count
