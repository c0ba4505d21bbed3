"""What the register knows of a card, in words."""

from datetime import datetime

from dianka.cardos import kinds
from dianka.desk.office.cards.models import Card
from dianka.desk.prices import UTC_OFFSET
from dianka.desk.words import Lines, format_number
from dianka.money import yuan

_STATES = {
    Card.State.STOCK: "blank, in stock",
    Card.State.MAKING: "its making was begun and is not known to be complete",
    Card.State.USED: "in use",
    Card.State.REPLACED: "replaced: another card stands in its place",
    Card.State.CLEARED: "cleared, may be made anew",
    Card.State.SCRAPPED: "scrapped",
}


def describe_card(card: Card) -> Lines:
    """Return the lines about whose card it is, its state, and who made it when."""
    made = f"by {card.made_by}" if card.made_by else "outside of the office, first seen"
    lines = [
        ("register", f"{_STATES[Card.State(card.state)]} since {format_day(card.state_at)}"),
        ("made", f"{made} at {card.desk} on {format_day(card.made_at)}"),
    ]
    if card.contract:
        contract = card.contract
        lines += [
            ("holder", f"{contract.customer}, meter {contract.meter}"),
            ("contract", f"{contract.pk}, {contract.state}"),
        ]
    elif card.holder:
        lines.append(("holder", card.holder))
    elif card.kind == kinds.USER and card.state == Card.State.USED:
        lines.append(("holder", "no contract has this meter and customer: open the account"))
    if card.meter_no is not None:
        lines.append(("number given", format_number(card.meter_no) + " again" * card.again))
    if card.replaces:
        carried = f", with purchase {card.count} and {yuan(card.money_fen)} yuan" * bool(card.count)
        lines.append(("in place of", f"{card.replaces.serial}{carried}"))
    return lines


def format_day(at: datetime | None) -> str:
    """Format a time as the meters' local day."""
    return f"{at + UTC_OFFSET:%Y-%m-%d}" if at else "an unknown day"
