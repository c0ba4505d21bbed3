"""The row of a desk: its counters of sales, receipts and reports, and the lock that guards them.

Who takes a number locks the row first and gives it back by the end of his transaction, so that no
series has a gap. Locks are taken in one order: contract, desk, the desk's chain, accounts.
"""

from django.db import connection

from dianka.card_port import CardError
from dianka.desk.office.vending.models import Desk


def lock_desk(name: str) -> Desk:
    """Return the desk's row, locked until the transaction ends; it is made if it is new.

    CardError if the desk is closed.
    """
    assert connection.in_atomic_block, "a lock belongs to a transaction"
    desk = Desk.objects.select_for_update().filter(name=name).first()
    if desk is None:
        Desk.objects.get_or_create(name=name)
        desk = Desk.objects.select_for_update().get(name=name)
    if desk.closed:
        raise CardError(f"desk {name} is closed: sign in at another one")
    return desk


def take_sale_number(desk: Desk) -> int:
    """Return the next sale's number of a locked desk."""
    desk.sales += 1
    desk.save(update_fields=["sales"])
    return desk.sales


def take_receipt_number(desk: Desk) -> int:
    """Return the next receipt's number of a locked desk."""
    desk.receipts += 1
    desk.save(update_fields=["receipts"])
    return desk.receipts
