"""A counter for tests of the office: sales as they are posted, and clerks with their shifts.

Nothing here touches a card; refunds have a stand of their own (refund_stand.py).
"""

import uuid
from typing import TYPE_CHECKING, Any

from estate_kit import make_actor

if TYPE_CHECKING:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending.models import Sale


def begin_sale(
    actor: "Actor", contract: "Contract", amount_fen: int, method: str = "notes", **more: Any
) -> "Sale":
    """Store the intent of the contract's next purchase, as a sale does."""
    from django.db.models.functions import Now

    from dianka.desk.office.vending.desks import lock_desk, take_sale_number
    from dianka.desk.office.vending.models import Sale

    live = Sale.objects.filter(contract=contract, state__in=("pending", "written", "loaded"))
    last = live.order_by("count").last()
    desk = lock_desk(actor.desk)
    return Sale.objects.create(
        desk=desk,
        number=take_sale_number(desk),
        key=uuid.uuid4(),
        key_hash=bytes(32),
        contract=contract,
        count=(last.count if last else 0) + 1,
        amount_fen=amount_fen,
        method=method,
        price=contract.price,
        operator=actor.operator,
        begun_at=Now(),
        **{"card_serial": "00" * 8, **more},
    )


def post_sale(sale: "Sale") -> "Sale":
    """Post a sale that the card has."""
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.vending.desks import lock_desk, take_receipt_number

    desk = lock_desk(sale.desk.name)
    sale.receipt = take_receipt_number(desk)
    meter = posting.of_meter(posting.TRANSIT, sale.contract.meter.number)
    move = posting.Move(posting.cash(desk.name, sale.method), meter, sale.amount_fen)
    act = posting.append(desk.name, sale.operator, "sale", meter.owner, [move], str(sale.number))
    sale.act, sale.written_at, sale.state = act, act.time, "written"
    sale.save(update_fields=["receipt", "act", "written_at", "state"])
    return sale


def sell(actor: "Actor", contract: "Contract", amount_fen: int, method: str = "notes") -> "Sale":
    """Make a whole sale in the books; as every sale it needs the actor's shift."""
    from dianka.desk.office.vending.shifts import require_shift

    require_shift(actor)
    return post_sale(begin_sale(actor, contract, amount_fen, method))


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


__all__ = ["make_actor"]
