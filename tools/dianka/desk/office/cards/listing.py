"""Lists of the register."""

from django.db.models import Count

from dianka.card_port import CardError
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.register import describe
from dianka.desk.office.cards.words import format_day
from dianka.desk.office.people.rights import Actor, needs


@needs("look things up")
def list_cards(
    actor: Actor, state: str = "", kind: str = "", most: int = 100
) -> tuple[list[tuple[Card, str]], dict[str, int]]:
    """Return the newest cards with a line about each, and the number of all of them by state."""
    if state and state not in Card.State.values:
        raise CardError(f"{state} is no state: give one of {', '.join(Card.State.values)}")
    found = Card.objects.filter(**({"state": state} if state else {}))
    found = found.filter(**({"kind": kind} if kind else {}))
    counts = found.values("state").order_by("state").annotate(cards=Count("pk"))
    newest = found.select_related("contract__customer", "contract__meter", "replaces").order_by(
        "-pk"
    )[:most]
    lines = [(card, _describe_row(card)) for card in newest]
    return lines, {row["state"]: row["cards"] for row in counts}


def _describe_row(card: Card) -> str:
    made = card.made_by or "made outside"
    return f"{card.state} since {format_day(card.state_at)}, {made}: {describe(card)}"
