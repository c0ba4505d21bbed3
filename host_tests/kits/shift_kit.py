"""Shifts for tests of the office: sales in the books without a card, counts, people, consents."""

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending.models import Sale


def begin_sale(
    actor: "Actor", contract: "Contract", amount_fen: int, method: str = "notes"
) -> "Sale":
    """Store the intent of the contract's next purchase."""
    from dianka.desk.office.vending import sales

    form = sales.Form(uuid.uuid4(), "00" * 8, amount_fen, method)
    count = sales.find_last_count(contract) + 1
    return sales.begin(actor, form, contract, count, contract.price)[0]


def sell(actor: "Actor", contract: "Contract", amount_fen: int, method: str = "notes") -> "Sale":
    """Make a whole sale in the books; as every sale it needs the actor's shift."""
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.shifts import require_shift

    require_shift(actor)
    return sales.post(actor, begin_sale(actor, contract, amount_fen, method).pk)


def count_notes(fen: int) -> Any:
    """Return a count of notes and coins of this sum, the fewest pieces."""
    from dianka.desk.office.vending.counting import PIECES_FEN, Count

    pieces = {}
    for piece_fen in PIECES_FEN:
        pieces[piece_fen], fen = divmod(fen, piece_fen)
    return Count(pieces)


def add_operator(name: str, *roles: str) -> None:
    """Make an operator with the tests' password, quickly: no second person is asked."""
    from dianka.desk.office.people.models import Operator
    from dianka.desk.office.people.roles import give_role
    from office_kit import PASSWORD

    operator = Operator(username=name)
    operator.set_password(PASSWORD)
    operator.save()
    for role in roles:
        give_role(operator, role)


def give_consent(
    actor: "Actor", kind: str, subject: str, amount_fen: int = 0, name: str = "boss"
) -> int:
    """Let a supervisor consent, without the password that giving it takes."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.people.models import Consent

    return Consent.objects.create(
        kind=kind,
        subject=subject,
        amount_fen=amount_fen,
        asked_by=actor.operator,
        given_by=name,
        given_at=chain.read_time(),
    ).pk
