"""The row of a desk: its counters of sales, receipts and reports, and the lock that guards them.

Who takes a number changes the row, which stays locked until his transaction ends: no series has a
gap. Locks are taken in one order: contract, sale, desk, the desk's chain, accounts.
"""

from typing import Literal, get_args

from django.db import connection

from dianka.card_port import CardError
from dianka.desk.office import sql
from dianka.desk.office.vending.models import Desk

Series = Literal["sales", "receipts", "shifts", "refunds", "refund_receipts"]
_TAKE = {
    series: f"UPDATE vending_desk SET {series} = {series} + 1 WHERE name = %s "
    f"RETURNING id, {series}, closed"
    for series in get_args(Series)
}


def lock_desk(name: str) -> Desk:
    """Return the desk, locked until the transaction ends. CardError if it is closed."""
    assert connection.in_atomic_block, "a lock belongs to a transaction"
    desk = Desk.objects.select_for_update().filter(name=name).first()
    if desk is None:
        Desk.objects.get_or_create(name=name)
        desk = Desk.objects.select_for_update().get(name=name)
    raise_if_closed(name, desk.closed)
    return desk


def raise_if_closed(desk: str, closed: bool) -> None:
    """Raise CardError for a closed desk."""
    if closed:
        raise CardError(f"desk {desk} is closed: sign in at another one")


def take_number(desk: str, series: Series) -> tuple[Desk, int]:
    """Return the desk, locked until the transaction ends, and its next number of this series.

    A desk that is new is made. CardError if it is closed.
    """
    assert connection.in_atomic_block, "a number belongs to the transaction of what has it"
    row = None
    while row is None:
        row = sql.fetch(_TAKE[series], (desk,))
        if row is None:
            Desk.objects.get_or_create(name=desk)
    pk, number, closed = row
    raise_if_closed(desk, closed)
    return Desk(id=pk, name=desk), number
