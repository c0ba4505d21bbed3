"""Work with any card in the reader: jobs for the card process, as jobs.py has them for the counter.

A card is read in words, checked, cleared, made for an account; a purchase is taken off it; what a
meter has copied to it is taken in.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dianka.card_port import CardError, select_card
from dianka.cardos import kinds
from dianka.desk import counter as cards
from dianka.desk.reading import read_kind
from dianka.desk.show import show
from dianka.desk.web.jobs import SaleTold, Work, require_card, tell_sale, working

if TYPE_CHECKING:
    from dianka.card_port import CardPort
    from dianka.desk.office.cards.recognising import Recognised


@dataclass(frozen=True)
class CardRead:
    """A card in words: what it says of itself, and what the register says.

    `trouble` is why it must not go on being used. `state` is the register's, empty if it has not
    got the card; `kind` is empty for a chip that was not issued.
    """

    serial: str
    kind: str
    lines: tuple[tuple[str, str], ...]
    known: tuple[tuple[str, str], ...] = ()
    trouble: str = ""
    state: str = ""
    customer_no: int = 0
    meter_no: int = 0
    waits: SaleTold | None = None  # a purchase that has not been in its meter yet
    told: tuple[str, ...] = ()  # what the books have learned from it
    is_outside: bool = False  # it has purchases that the books do not know


@dataclass(frozen=True)
class Checked:
    """What was checked of a card: each finding, and whether it is good."""

    serial: str
    findings: tuple[tuple[bool, str], ...]


@dataclass(frozen=True)
class Refund:
    """A refund as the form asks for it; `consent` is the number of the second person's."""

    desk: str
    number: int
    reason: str
    method: str
    consent: int | None


@dataclass(frozen=True)
class Refunded:
    """A refund that is entered as paid: its receipt at a desk, and what else was found out.

    `is_new`: it was entered by this job, and not by one before, whose money may have been given.
    """

    desk: str
    receipt: int
    is_new: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Inspected:
    """What an inspection card brought, as lines."""

    meter_no: int
    balance_fen: int | None  # None: the books have this reading, or a later one
    used_fen: int = 0
    unexplained_fen: int = 0
    log: str = ""


def read_card(work: Work) -> CardRead:
    """Read the card that is in, recognise it, and bring the books into step with its receipt."""
    with working(work) as told, cards.hold_cards(work.roles, work.pin) as (control, held):
        from dianka.desk.office.cards.recognising import recognise

        lines = tuple(show(held.port))
        kind, serial = read_kind(held.port)
        try:
            seen = recognise(work.actor, control.port, held.port)
        except CardError as error:
            return _refuse(serial, kind, lines, str(error))
        read = _tell(seen, lines)
        if kind == kinds.USER and read.meter_no:
            return _look(work, control.port, held.port, read, told)
        return read


def check_card(work: Work) -> Checked:
    """Check the card that is in, and that register and sales agree with it; nothing is changed."""
    with working(work), cards.hold_cards(work.roles, work.pin) as (control, held):
        from dianka.desk.office.cards.verifying import verify_in_office

        serial = select_card(held.port).hex()
        found = verify_in_office(work.actor, held.port, control.port)
        return Checked(serial, tuple((each.good, each.text) for each in found))


def clear_card(work: Work, serial: str) -> None:
    """Clear the card that is in, which another one has replaced."""
    with working(work), cards.hold_cards(work.roles, work.pin) as (control, held):
        from dianka.desk.office.cards.clearing import clear_replaced

        require_card(held, serial)
        clear_replaced(work.actor, control.port, held.port)


def make_card(work: Work, meter_no: int, waived: bool, consent: int | None) -> str:
    """Make the blank card that is in the next card of the account at this meter."""
    with working(work), cards.hold_cards(work.roles, work.pin) as (control, held):
        from dianka.desk.office.cards.replacing import make_planned, plan_card

        plan = plan_card(work.actor, meter_no, waived)
        return make_planned(work.actor, control.port, held.port, plan, consent).hex()


def refund(work: Work, wish: Refund) -> Refunded:
    """Take a sale's purchase off the card that is in, and pay it back."""
    with working(work) as lines:
        from dianka.desk.office.vending import refunds
        from dianka.desk.office.vending.refund_counter import refund as pay_back

        sale = refunds.find_sale(work.actor, wish.number, wish.desk)
        is_new = sale.state != sale.State.REFUNDED
        order = refunds.Order(wish.reason, wish.method, wish.consent)
        with cards.hold_cards(work.roles, work.pin) as (control, held):
            paid = pay_back(work.actor, control.port, held.port, sale, order, tell=lines.append)
        assert paid.paid_desk and paid.receipt
        return Refunded(paid.paid_desk.name, paid.receipt, is_new, tuple(lines))


def take_inspection(work: Work) -> Inspected:
    """Take in what a meter has copied to the inspection card that is in."""
    with working(work), cards.hold_cards(work.roles, work.pin) as (control, held):
        from dianka.desk.office.vending import inspection_cards, inspection_logs

        contract, reading = inspection_cards.take_inspection(work.actor, control.port, held.port)
        log = inspection_logs.keep_log(work.folder, held.port)
        number = contract.meter.number
        if reading is None:
            return Inspected(number, None, log=log)
        sums = reading.balance_fen, reading.used_fen, reading.unexplained_fen
        return Inspected(number, *sums, log)


def name_outside(work: Work) -> tuple[str, int]:
    """Return what is consented to before the card that is in is taken in, and how many fen."""
    with working(work), cards.hold_cards(work.roles, work.pin) as (control, held):
        from dianka.desk.office.vending import outside

        return outside.name_outside(work.actor, control.port, held.port)


def take_in(work: Work, consent: int | None) -> int:
    """Take the card that is in in, with its purchases; return its customer's number."""
    with working(work), cards.hold_cards(work.roles, work.pin) as (control, held):
        from dianka.desk.office.vending import outside

        seen = outside.take_in_purchases(work.actor, control.port, held.port, consent)
        return seen.contract.customer.number


def _tell(seen: "Recognised", lines: tuple[tuple[str, str], ...]) -> CardRead:
    card = seen.card
    contract = card.contract if card else None
    return CardRead(
        seen.serial.hex(),
        seen.kind,
        lines,
        tuple(seen.describe()),
        state=card.state if card else "",
        is_outside=bool(seen.told),
        customer_no=contract.customer.number if contract else 0,
        meter_no=contract.meter.number if contract else 0,
    )


def _refuse(serial: bytes, kind: str, lines: tuple[tuple[str, str], ...], trouble: str) -> CardRead:
    """Return a card that must not go on being used, with what the register knows of it."""
    from dianka.desk.office.cards import register
    from dianka.desk.office.cards.words import describe_card

    card = register.find_card(serial)
    known = tuple(describe_card(card)) if card else ()
    state = card.state if card else ""
    return CardRead(serial.hex(), kind, lines, known, trouble, state)


def _look(
    work: Work, control: "CardPort", port: "CardPort", read: CardRead, told: list[str]
) -> CardRead:
    """Bring the books into step with a resident's card, as the counter does."""
    from dianka.desk.office.vending import counter

    waits = None
    try:
        seen = counter.look(work.actor, control, port, tell=told.append)
        waits = counter.find_what_waits(seen.contract, seen.found)
    except CardError as error:
        told.append(str(error))
    return replace(read, told=tuple(told), waits=tell_sale(waits) if waits else None)
