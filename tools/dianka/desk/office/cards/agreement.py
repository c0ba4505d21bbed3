"""Whether a card agrees with the register and the sales: its holder, its state, its count."""

from collections.abc import Iterator

from dianka.desk.office.cards import purchases
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.words import format_day
from dianka.desk.office.customers.models import Contract
from dianka.desk.sell import OnCard
from dianka.desk.words import format_number
from dianka.money import yuan

_NEVER_MADE = (Card.State.STOCK, Card.State.MAKING, Card.State.SCRAPPED)
_SAID = {
    Card.State.CLEARED: "was cleared on {day}, and says once more that it is issued: it is a copy",
    Card.State.SCRAPPED: "was scrapped on {day}: it is a copy, or somebody has kept it",
}


def find_state_fault(card: Card) -> str:
    """Return why a card in this state may not be used, or nothing."""
    day = format_day(card.state_at)
    if card.state == Card.State.REPLACED:
        new = Card.objects.filter(replaces=card).exclude(state__in=_NEVER_MADE).last()
        by = f" by {new.serial}" if new else ""
        return f"was replaced on {day}{by}"
    return _SAID.get(Card.State(card.state), "").format(day=day)


def find_faults(contract: Contract, card: Card | None, found: OnCard) -> Iterator[str]:
    """Yield what a user card says that its contract and the office's sales do not."""
    params = found.params
    numbers = params["meter_no"], params["customer_no"]
    of_contract = contract.meter.number, contract.customer.number
    if numbers != of_contract:
        yield (
            f"says meter {format_number(numbers[0])} and customer {format_number(numbers[1])}, its "
            f"contract has {format_number(of_contract[0])} and {format_number(of_contract[1])}"
        )
    counts = purchases.list_counts(contract, card)
    if found.count in counts:
        yield from _compare_money(counts[found.count], found)
    elif not find_outside(contract, card, found):
        known = max(counts)
        why = (
            "it was sold to outside of this office"
            if found.count > known
            else "it is a copy of what the card was before"
        )
        yield f"says purchase {found.count}, the office knows of {known}: {why}"


def find_outside(contract: Contract, card: Card | None, found: OnCard) -> str:
    """Return which purchases the books do not know, of a card that was made outside, or nothing.

    Once this office has sold to the contract, purchases from elsewhere are a fault.
    """
    made_here = card and card.made_by and card.state != Card.State.STOCK
    known = contract.former_count
    if made_here or found.count <= known or purchases.has_sales(contract):
        return ""
    return (
        f"purchases {known + 1} to {found.count} are not in the books: a manager takes them in "
        "with dianka office take-in"
    )


def _compare_money(amounts: set[int] | None, found: OnCard) -> Iterator[str]:
    if amounts is not None and found.money_fen not in amounts:
        sold = " or ".join(yuan(fen) for fen in sorted(amounts))
        yield (
            f"says {yuan(found.money_fen)} yuan for purchase {found.count}, the office's sale is "
            f"of {sold}: it is not what this desk has written"
        )
