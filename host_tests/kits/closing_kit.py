"""A meter's money as sales and receipts move it, for tests of how accounts end."""

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending.models import Sale


def open_shift(actor: "Actor") -> None:
    """Open a shift of the actor at his desk."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.vending.models import Desk, Shift

    desk, _ = Desk.objects.get_or_create(name=actor.desk)
    act = chain.append(actor.desk, actor.operator, "shift opened", actor.desk)
    Shift.objects.create(desk=desk, number=1, operator=actor.operator, opening=act, float_fen=0)


def sell(contract: "Contract", amount_fen: int, state: str = "written") -> "Sale":
    """Post a sale of this amount on top of what the contract brought, not loaded yet."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.vending.models import Desk, Sale

    desk, _ = Desk.objects.get_or_create(name="desk1")
    last = Sale.objects.filter(contract=contract).order_by("-count").first()
    meter = posting.of_meter("transit", contract.meter.number)
    move = posting.Move(posting.cash("desk1"), meter, amount_fen)
    posted = state != "pending"
    desk.sales += 1
    desk.receipts += posted
    desk.save()
    act = posting.post("desk1", "lin", "sale", str(contract.meter), [move]) if posted else None
    return Sale.objects.create(
        desk=desk,
        number=desk.sales,
        key=uuid.uuid4(),
        key_hash=b"",
        contract=contract,
        card_serial="0" * 16,
        count=(last.count if last else contract.former_count) + 1,
        amount_fen=amount_fen,
        method="notes",
        price=contract.price,
        operator="lin",
        state=state,
        begun_at=chain.read_time(),
        written_at=chain.read_time() if posted else None,
        receipt=desk.receipts if posted else None,
        act=act,
    )


def read_meter(
    contract: "Contract", loaded_fen: int, used_fen: int, source: str = "receipt", **other: object
) -> "Reading":
    """Record what the meter says after this much more was loaded and used."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.customers.statements import find_balance_fen
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.vending.models import Sale
    from dianka.desk.prices import get_local_minute

    places = {
        kind: posting.of_meter(kind, contract.meter.number) for kind in ("transit", "meter", "used")
    }
    moves = []
    if loaded_fen:
        moves.append(posting.Move(places["transit"], places["meter"], loaded_fen))
    if used_fen:
        moves.append(posting.Move(places["meter"], places["used"], used_fen))
    posting.post("desk1", "lin", "receipt", str(contract.meter), moves)
    sales = Sale.objects.filter(contract=contract, state__in=("written", "loaded"))
    if loaded_fen:
        sales.filter(state="written").update(state="loaded")
    last = sales.order_by("-count").first()
    fields = {
        "meter": contract.meter,
        "source": source,
        "seen_at": chain.read_time(),
        "meter_minute": get_local_minute(),
        "count": last.count if last else contract.former_count,
        "balance_fen": find_balance_fen("meter", contract.meter),
        "loaded_fen": loaded_fen,
        "used_fen": used_fen,
    }
    return Reading.objects.create(**fields | other)


def consent(actor: "Actor", kind: str, meter: object, amount_fen: int) -> int:
    """Record the consent of another person."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.people.models import Consent

    row = Consent.objects.create(
        kind=kind,
        subject=str(meter),
        amount_fen=amount_fen,
        asked_by=actor.operator,
        given_by="wu",
        given_at=chain.read_time(),
    )
    return row.pk
