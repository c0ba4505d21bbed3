"""A meter's money as sales and receipts move it, for tests of how accounts end."""

from typing import TYPE_CHECKING, Any

import shift_kit

if TYPE_CHECKING:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending.models import Sale


def open_shift(actor: "Actor") -> None:
    """Open a shift of the actor at his desk."""
    from dianka.desk.office.vending import shifts

    shifts.open_shift(actor, shift_kit.count_notes(0))


def sell(contract: "Contract", amount_fen: int) -> "Sale":
    """Sell this amount, not loaded yet."""
    return shift_kit.sell(shift_kit.find_seller(), contract, amount_fen)


def read_meter(contract: "Contract", used_fen: int = 0, **other: object) -> Any:
    """Take in what the meter says when all is loaded and this much more is used.

    With `other` fields it is a copy of its last reading that says otherwise: what no honest meter
    or clock tells, written by hand.
    """
    from dianka.desk.office.vending import readings

    if not other:
        return shift_kit.read_meter(contract, used_fen)
    row = readings.find_last(contract)
    assert row is not None
    row.pk, row.loaded_fen, row.used_fen = None, 0, 0
    for name, value in other.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def consent(actor: "Actor", kind: str, meter: object, amount_fen: int) -> int:
    """Record the consent of another person."""
    return shift_kit.give_consent(actor, kind, str(meter), amount_fen)
