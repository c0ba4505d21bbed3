"""Refunds at the counter: the books and the card in one session, in an order that a cut can't harm.

Intent in the books, one write to the card, entry in the books. Cut before the write the purchase is
whole; cut after it the refund is unfinished, nothing is paid, and the next look at the card tells.
"""

from collections.abc import Callable

from django.db import Error

from dianka.card_port import CardError, CardPort
from dianka.cardos.chip import CardTorn
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending import refunds
from dianka.desk.office.vending.counter import open_card, take_in
from dianka.desk.office.vending.models import Refund, Sale
from dianka.desk.office.vending.patience import raise_if_database_fails, shorten
from dianka.desk.take_off import (
    check_purchase,
    make_take_off,
    raise_if_not_whole,
    send_take_off,
)


class RefundBroken(CardError):
    """The purchase may be off the card. Nothing is paid before another look at the card."""

    exit_code = 3


@needs("refund")
def refund(
    actor: Actor,
    control: CardPort,
    card: CardPort,
    sale: Sale,
    order: refunds.Order,
    tell: Callable[[str], None] = lambda line: None,
) -> Refund:
    """Take a sale's purchase off its card, and pay it back; return the refund as posted.

    Again after a break it completes the same refund; one that is paid is given again. CardError if
    the purchase is as it was, RefundBroken if that is not known: then nothing is paid yet.
    """
    found, desk = open_card(control, card)
    with raise_if_database_fails():
        take_in(actor, found, desk, tell)
        paid = Refund.objects.filter(sale=sale, state=Refund.State.PAID).first()
        if paid:
            return paid
        check_purchase(found, sale.count, sale.amount_fen)
        raise_if_not_whole(found, desk)
        command = make_take_off(desk, sale.count)
        begun = refunds.begin(actor, sale, found.serial.hex(), order)
    try:
        send_take_off(card, desk, command, sale.count)
        return refunds.post(actor, begun.pk)
    except (CardError, CardTorn, Error) as error:
        reason = shorten(error)
        raise RefundBroken(
            f"refund {begun.number} is not finished ({reason}): pay nothing, give the same again "
            "with the card"
        ) from error
