"""What the office's sales say of a contract's card: its count, and the money still on it."""

from dianka.card_port import CardError
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.vending.models import Refund, Sale
from dianka.desk.replace import LastPurchase
from dianka.money import yuan

State = Sale.State
Amounts = dict[int, set[int] | None]  # by count; None: any, of a purchase that was made elsewhere


def read_last_purchase(contract: Contract) -> LastPurchase:
    """Return the last purchase of this contract; `in_meter` if no money of it is on its way.

    That of a sale that is not finished is on its way: its money was kept, and the next look at the
    card that carries it posts the sale. CardError if the ledger has less in transit than was sold.
    """
    if pending := find_pending(contract):
        return LastPurchase(pending.count, pending.amount_fen, in_meter=False)
    last = _find_last(contract)
    transit_fen = _sum_in_transit(contract)
    if last is None:
        count = contract.former_count
        return LastPurchase(count, transit_fen if count else 0, not (count and transit_fen))
    if last.state == State.LOADED:
        return LastPurchase(last.count, 0, in_meter=True)
    if transit_fen < last.amount_fen:
        raise CardError(
            f"purchase {last.count} is of {yuan(last.amount_fen)} yuan, and {yuan(transit_fen)} "
            f"yuan are in transit to meter {contract.meter}: run dianka office prove"
        )
    return LastPurchase(last.count, last.amount_fen, in_meter=False)


def check_carried(contract: Contract, count: int, money_fen: int) -> int:
    """Raise CardError unless a card may carry this purchase; return what it leaves out, in fen.

    It carries the last one, once more with its money or with its count alone. Without its money a
    sale that is not finished could never be.
    """
    last = read_last_purchase(contract)
    in_transit_fen = 0 if last.in_meter else last.amount_fen
    if not money_fen and find_pending(contract):
        raise CardError(
            f"the sale of {yuan(in_transit_fen)} yuan is not finished: the new card carries it, "
            "leave --amount out"
        )
    if count != last.count or money_fen not in (0, in_transit_fen):
        raise CardError(
            f"the last purchase of contract {contract.pk} is {last.count} with "
            f"{yuan(in_transit_fen)} yuan in transit, not {count} with {yuan(money_fen)}: look at "
            "it again"
        )
    return in_transit_fen - money_fen


def raise_if_refunding(contract: Contract) -> None:
    """Raise CardError while a refund is not finished that the card in use decides.

    Of one that was reported lost nothing is paid any more: its purchase goes on to the new card,
    and the refund ends with the meter's receipt of it.
    """
    unfinished = Refund.objects.filter(sale__contract=contract, state=Refund.State.PENDING)
    refund = unfinished.select_related("sale").first()
    if refund is None:
        return
    sale = refund.sale
    if Card.objects.filter(serial=sale.card_serial, state=Card.State.USED).exists():
        raise CardError(
            f"refund {refund.number} of {yuan(sale.amount_fen)} yuan is not finished: look at card "
            f"{sale.card_serial} first; if it is lost, report it as lost"
        )


def has_last_sale(contract: Contract, card: Card) -> bool:
    """Return whether the last purchase, whose count a card has, is the one it was begun with.

    A count is sold anew after its purchase was paid back.
    """
    sale = find_pending(contract) or _find_last(contract)
    if sale and sale.count == card.count:
        return sale.begun_at <= card.made_at and card.money_fen in (0, sale.amount_fen)
    last = read_last_purchase(contract)
    return last.in_meter or card.money_fen in (0, last.amount_fen)


def list_counts(contract: Contract, card: Card | None = None) -> Amounts:
    """Return the purchases that a card of this contract may say it was sold last.

    A card that was made here and never sold to says what it was made with. Any other says the last
    purchase; one that it may have (pending) or may still have (refunded) as well.
    """
    sold = Sale.objects.filter(contract=contract).exclude(state=State.VOID)
    if card and card.made_by and not sold.filter(card_serial=card.serial).exists():
        return {card.count: {card.money_fen}}
    last = _find_last(contract)
    count = last.count if last else contract.former_count
    counts: Amounts = {count: {last.amount_fen} if last else None if count else {0}}
    for sale in sold.filter(count=count + 1, state__in=(State.PENDING, State.REFUNDED)):
        counts[sale.count] = (counts.get(sale.count) or {0}) | {sale.amount_fen}
    return counts


def find_pending(contract: Contract) -> Sale | None:
    """Return the contract's sale that is not finished, if there is one."""
    return Sale.objects.filter(contract=contract, state=State.PENDING).first()


def has_sales(contract: Contract) -> bool:
    """Return whether this office has sold to the contract."""
    return Sale.objects.filter(contract=contract).exclude(state=State.VOID).exists()


def _find_last(contract: Contract) -> Sale | None:
    sold = Sale.objects.filter(contract=contract, state__in=(State.WRITTEN, State.LOADED))
    last = sold.order_by("-count").first()
    return last if last and last.count > contract.former_count else None


def _sum_in_transit(contract: Contract) -> int:
    place = posting.of_meter(posting.TRANSIT, contract.meter.number)
    account = Account.objects.filter(kind=place.kind, owner=place.owner).first()
    return -account.balance_fen if account else 0
