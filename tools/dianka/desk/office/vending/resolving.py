"""What became of a sale that was broken off: the card in the reader decides.

it has the purchase, whole               post it
it has the wallet, the rest is missing   the same amount completes it
it proves that it has not got it         void it
anything else                            it stays, and the counter says the one thing to do
"""

from dianka.desk.office.people.rights import Actor, RightError
from dianka.desk.office.vending import sales
from dianka.desk.office.vending.carried import CarriedError
from dianka.desk.office.vending.models import Sale
from dianka.desk.office.vending.shifts import ShiftError
from dianka.desk.sell import OnCard, prove_wallet
from dianka.desk.session import Desk, NotProved
from dianka.money import yuan


def resolve(actor: Actor, sale: Sale, found: OnCard, desk: Desk) -> tuple[str, bool]:
    """Find out from the card what has become of an unfinished sale.

    Return a line about it, and whether it is resolved. It stays unfinished for who may look, but
    not sell or give money back, and while another card may have its purchase.
    """
    try:
        told = _settle_by_card(actor, sale, found, desk)
    except (RightError, ShiftError, CarriedError) as error:
        return f"{sales.describe_unfinished(sale)} ({error})", False
    return told or sales.describe_unfinished(sale), bool(told)


def _settle_by_card(actor: Actor, sale: Sale, found: OnCard, desk: Desk) -> str:
    """Post or void a sale if the card decides it; return what happened, or nothing."""
    named, back = f"sale {sale.number} of {yuan(sale.amount_fen)} yuan", found.write_back
    there = (found.count, found.money_fen) == (sale.count, sale.amount_fen)
    if there and (back is None or back["count"] >= sale.count):
        sales.post(actor, sale)
        return f"{named} is on the card, and posted now"
    in_meter = back is not None and back["count"] >= sale.count
    if found.count == sale.count - 1 and not in_meter and _prove_former(found, desk):
        sales.void(actor, sale.pk, "the card proves that it has not got it")
        at = sale.desk.name
        if at != actor.desk and not sales.is_counted(sale):
            return f"{named} never reached the card, and is void: {at} gives its money back"
        return f"{named} never reached the card, and is void: give its money back"
    return ""


def _prove_former(found: OnCard, desk: Desk) -> bool:
    """Return whether the card proves the wallet that was read: a plain read can be forged."""
    try:
        return prove_wallet(desk) == (found.money_fen, found.count)
    except NotProved:
        return False
