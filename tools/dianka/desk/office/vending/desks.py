"""The row of a desk: its counters of sales, receipts and reports, and the lock that guards them.

Who takes a number changes the row, which stays locked until his transaction ends: no series has a
gap. Locks are taken in one order: contract, sale, desk, the desk's chain, accounts.
"""

from typing import Literal

from django.db import connection

from dianka.card_port import CardError
from dianka.desk.office.vending.models import Desk

_TAKE = {
    series: f"UPDATE vending_desk SET {series} = {series} + 1 WHERE name = %s "
    f"RETURNING id, {series}, closed"
    for series in ("sales", "receipts", "shifts")
}


def take_number(desk: str, series: Literal["sales", "receipts", "shifts"]) -> tuple[Desk, int]:
    """Return the desk, locked until the transaction ends, and its next number of this series.

    A desk that is new is made. CardError if it is closed.
    """
    assert connection.in_atomic_block, "a number belongs to the transaction of what has it"
    row = None
    while row is None:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE[series], [desk])
            row = cursor.fetchone()
        if row is None:
            Desk.objects.get_or_create(name=desk)
    pk, number, closed = row
    if closed:
        raise CardError(f"desk {desk} is closed: sign in at another one")
    return Desk(id=pk, name=desk), number
