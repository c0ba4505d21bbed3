"""Lost cards: from the report on, the lost card is worth nothing at a desk."""

from django.db import transaction

from dianka.desk.office.cards import register
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.records import CustomerError
from dianka.desk.office.people.rights import Actor, needs


@needs("replace a card")
def report_lost(actor: Actor, serial: str, reason: str) -> None:
    """Mark a customer's card as replaced, before another one is made in its place.

    What it carries stays in transit: the replacement carries the same purchase.
    """
    if not reason.strip():
        raise CustomerError("how was the card lost? Give a reason")
    with transaction.atomic():
        card = Card.objects.select_for_update().filter(serial=serial.lower()).first()
        if card is None or card.kind != "user":
            raise CustomerError(f"{serial} is no customer's card: look for its customer by name")
        if card.state != Card.State.USED:
            raise CustomerError(f"card {card.serial} is {card.state}: only one in use gets lost")
        register.set_state(actor, card, Card.State.REPLACED, "card lost", reason.strip())
