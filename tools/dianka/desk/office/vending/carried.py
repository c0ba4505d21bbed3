"""A purchase that another card may carry as well: it is not paid back, as that card may be used.

A replacement that was begun with the purchase may be whole, whatever became of its making, and then
its meter credits it. So nobody pays the purchase back and no sale of it becomes void before that
card is known to be blank. The meter credits a count once: used with either card, it is right.
"""

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk.office.cards.models import Card
from dianka.desk.office.vending.models import Sale

_BLANK = (Card.State.STOCK, Card.State.CLEARED)  # proved by a look, or by who has cleared it


class CarriedError(CardError):
    """Another card may bring the purchase to its meter. Nothing is paid back."""


def raise_if_carried(sale: Sale) -> None:
    """Raise CarriedError if another card than that of the sale was begun with its count.

    With the count alone as well: the meter that takes that card credits no sale of this count. The
    caller has locked the contract, as who begins a card does. A scrapped card was not proved to be.
    """
    begun = Card.objects.filter(contract=sale.contract, kind=kinds.USER, count=sale.count)
    others = begun.exclude(state__in=_BLANK).exclude(serial=sale.card_serial)
    other = others.order_by("pk").last()
    if other is None:
        return
    if other.state == Card.State.MAKING:
        raise CarriedError(
            f"card {other.serial} was begun with purchase {sale.count} and may bring it to the "
            f"meter too: read card {other.serial}; if it is lost, use the purchase with this card"
        )
    raise CarriedError(
        f"card {other.serial} ({other.state}) was made with purchase {sale.count} and may bring it "
        "to the meter too: use the purchase"
    )
