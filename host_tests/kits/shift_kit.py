"""Shifts for tests of the office: sales in the books without a card, counts, people, consents."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from estate_kit import make_actor

CHAIN = "kit"  # of acts that no desk has done

if TYPE_CHECKING:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending.models import Sale


def find_seller(desk: str = "desk1") -> "Actor":
    """Return whoever has the open shift at a desk; a clerk opens one if there is none."""
    from dianka.desk.office.vending.models import Shift
    from dianka.desk.office.vending.shifts import open_shift

    now = Shift.objects.filter(desk__name=desk, closing=None).first()
    seller = make_actor("clerk", desk, now.operator if now else "")
    if now is None:
        open_shift(seller, count_notes(0))
    return seller


def begin_sale(
    actor: "Actor",
    contract: "Contract",
    amount_fen: int,
    method: str = "notes",
    card_serial: str = "00" * 8,
    tendered_fen: int | None = None,
) -> "Sale":
    """Store the intent of the contract's next purchase."""
    from dianka.desk.office.vending import sales

    form = sales.Form(uuid.uuid4(), card_serial, amount_fen, method, tendered_fen)
    count = sales.find_last_count(contract) + 1
    return sales.begin(actor, form, contract, count, contract.price)[0]


def sell(actor: "Actor", contract: "Contract", amount_fen: int, method: str = "notes") -> "Sale":
    """Make a whole sale in the books; as every sale it needs the actor's shift."""
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.shifts import require_shift

    require_shift(actor)
    return sales.post(actor, begin_sale(actor, contract, amount_fen, method))


def read_meter(
    contract: "Contract", used_fen: int = 0, inspected: bool = False
) -> "Reading | None":
    """Take the receipt in that the meter writes when all is loaded, and this much more is used.

    Each receipt is written a minute after the one before.
    """
    from dianka.desk.office.audit import chain
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.ledger.models import Account
    from dianka.desk.office.vending import readings, sales
    from dianka.desk.prices import UTC_OFFSET, card_minute

    number = f"{contract.meter.number:012d}"
    owed = Account.objects.filter(kind__in=(posting.TRANSIT, posting.METER), owner=number)
    holds_fen = -sum(account.balance_fen for account in owed) - used_fen
    before = Reading.objects.filter(meter=contract.meter).count()
    now = chain.read_time() + UTC_OFFSET - timedelta(minutes=60 - before)
    receipt = {
        "count": sales.find_last_count(contract),
        "balance_fen": max(holds_fen, 0),
        "overdraft_fen": max(-holds_fen, 0),
        "illegal_cards": 0,
        "time": card_minute(now),
    }
    more = readings.Inspected(0, contract.price.price_e4) if inspected else None
    return readings.take_receipt(find_seller(), contract, receipt, True, more)


def count_notes(fen: int) -> Any:
    """Return a count of notes and coins of this sum, the fewest pieces."""
    from dianka.desk.office.vending.counting import PIECES_FEN, Count

    pieces = {}
    for piece_fen in PIECES_FEN:
        pieces[piece_fen], fen = divmod(fen, piece_fen)
    return Count(pieces)


def add_operator(name: str, *roles: str) -> None:
    """Make an operator with the tests' password, quickly: no second person is asked."""
    from django.db import transaction

    from dianka.desk.office.audit import chain
    from dianka.desk.office.people.models import Operator
    from dianka.desk.office.people.roles import give_role
    from dianka.desk.office.state.told import tell, tell_role
    from office_kit import PASSWORD

    operator = Operator(username=name)
    operator.set_password(PASSWORD)
    with transaction.atomic():
        operator.save()
        for role in roles:
            give_role(operator, role)
        rows = [*tell(operator), *tell_role(name, *roles)]
        chain.append(CHAIN, "kit", "people", name, rows=rows)


def give_consent(
    actor: "Actor", kind: str, subject: str, amount_fen: int = 0, name: str = "boss"
) -> int:
    """Let a supervisor consent, without the password that giving it takes."""
    from django.db import transaction

    from dianka.desk.office.audit import chain
    from dianka.desk.office.people.models import Consent
    from dianka.desk.office.state.told import tell

    with transaction.atomic():
        row = Consent.objects.create(
            kind=kind,
            subject=subject,
            amount_fen=amount_fen,
            asked_by=actor.operator,
            given_by=name,
            given_at=chain.read_time(),
        )
        chain.append(CHAIN, name, "consent", subject[:80], rows=tell(row))
    return row.pk
