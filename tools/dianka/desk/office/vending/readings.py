"""What meters say of themselves, taken into the books: on user cards and on inspection cards.

A receipt, or the run info of an inspection, tells the count of the last purchase that the meter has
credited, and its balance. Every purchase up to that count goes from transit into the meter; what
the meter then holds less than it should is used up. What it holds more is never booked: nobody has
sold it (`unexplained_fen`).
"""

from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit.models import Act
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.own_readings import list_own
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.state.told import tell_reading
from dianka.desk.office.vending.models import Sale
from dianka.desk.office.vending.sales import find_last_count
from dianka.desk.sell import OnCard, raise_if_receipt_differs

_FIRST_NOT_PROVED = (
    "the card does not prove its meter's first receipt here: take it to another reader, or read "
    "the meter with an inspection card"
)


@dataclass(frozen=True)
class Inspected:
    """What others than receipts tell besides: the meter's total.

    And its price (0.0001 yuan/kWh), which a statement does not tell.
    """

    energy_wh: int
    price_e4: int | None


def take_receipt(
    actor: Actor,
    contract: Contract,
    receipt: dict[str, Any],
    proved: bool,
    inspected: Inspected | None = None,
    source: str = "",
) -> Reading | None:
    """Take a card's receipt (card_files.WRITE_BACK) in, and return the reading.

    `proved`: the card has proved it, it was not only read. `source`: a receipt or, if `inspected`
    is given, an inspection, unless it says otherwise. Return None if it tells nothing new: it was
    taken in before, or a later one was. CardError if the account is closed, or if the books have no
    such purchase. The first receipt of a contract with purchases from outside of these books tells
    what they left in the meter: CardError unless it is proved, as money appears by it.
    """
    with transaction.atomic():
        contract = Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)
        if contract.state == Contract.State.CLOSED:  # while this waited for the lock
            raise CardError("this account is closed: take the card in")
        _raise_if_never_sold(contract, receipt["count"], proved)
        last = find_last(contract)
        if not source:
            source = Reading.Source.INSPECTION if inspected else Reading.Source.RECEIPT
        before = _pick_before(contract, last, receipt, proved)
        if before and _is_old(before, receipt, source):
            return None
        holds_fen = receipt["balance_fen"] - receipt["overdraft_fen"]
        loaded_fen = _find_loaded(contract, receipt["count"])
        used_fen = _owed(posting.METER, contract) + loaded_fen - holds_fen
        from_outside = contract.former_count and not contract.brought_fen and not last
        if from_outside and not proved:
            raise CardError(_FIRST_NOT_PROVED)
        outside_fen = max(-used_fen, 0) if from_outside else 0
        amounts_fen = outside_fen, loaded_fen, max(used_fen, 0)
        said = {
            "source": str(source),
            "meter_minute": receipt["time"],
            "count": receipt["count"],
            "balance_fen": holds_fen,
            "illegal_cards": receipt["illegal_cards"],
            "loaded_fen": loaded_fen,
            "used_fen": max(used_fen, 0),
            "unexplained_fen": max(-used_fen, 0) - outside_fen,
            "energy_wh": inspected.energy_wh if inspected else None,
            "price_e4": inspected.price_e4 if inspected else None,
            "proved": proved,
        }
        act = _post(
            actor, contract, receipt, amounts_fen, tell_reading(contract.meter.number, **said)
        )
        Sale.objects.filter(
            contract=contract, state=Sale.State.WRITTEN, count__lte=receipt["count"]
        ).update(state=Sale.State.LOADED, loaded_at=act.time)
        return Reading.objects.create(meter=contract.meter, seen_at=act.time, **said)


def raise_if_not_its_own(contract: Contract, found: OnCard, proved: bool) -> None:
    """Raise CardError unless a card's receipt may be taken in, by what a sale would refuse too.

    One that is proved and tells of a purchase that was taken off this card is taken in: it shows
    that the meter has credited what was paid back.
    """
    back, following = found.write_back, found.count + 1
    off = back is not None and back["count"] == following and proved
    if off and _was_paid_back(contract, following):
        found = replace(found, count=following)
    raise_if_receipt_differs(found)


def find_last(contract: Contract) -> Reading | None:
    """Return the newest reading of the contract's meter since the contract was opened."""
    return list_own(contract).order_by("-id").first()


def _raise_if_never_sold(contract: Contract, count: int, proved: bool) -> None:
    """Raise CardError if the books have no such purchase: all later receipts would be older.

    One that was paid back is told of by a meter that has credited it all the same.
    """
    last = find_last_count(contract)
    if count > last and not (proved and _was_paid_back(contract, count)):
        raise CardError(
            f"the meter tells of purchase {count}, the books end with {last}: look at its user "
            "card first, and send an inspector if the books have that"
        )


def _was_paid_back(contract: Contract, count: int) -> bool:
    """Return whether a sale of this purchase was taken off its card and paid back."""
    sold = Sale.objects.filter(contract=contract, count=count, state=Sale.State.REFUNDED)
    return sold.exists()


def _pick_before(
    contract: Contract, last: Reading | None, receipt: dict[str, Any], proved: bool
) -> Reading | None:
    """Return the reading that a receipt has to be newer than: of one that is proved, a proved one.

    Minute and balance of one that was only read may be forged, and would make all later ones old.
    Not so its count, by which purchases were booked.
    """
    if last is None or last.proved or not proved or receipt["count"] != last.count:
        return last
    return list_own(contract).filter(proved=True, count=last.count).order_by("-id").first()


def _is_old(last: Reading, receipt: dict[str, Any], source: str) -> bool:
    if receipt["count"] != last.count:
        return receipt["count"] < last.count
    if Reading.Source.STATEMENT in (source, last.source):
        return last.source == Reading.Source.STATEMENT  # the last word, whatever its minute
    holds_fen = receipt["balance_fen"] - receipt["overdraft_fen"]
    # A meter without a clock writes 0: then only the balance tells the order, and it falls.
    if receipt["time"] and last.meter_minute and receipt["time"] != last.meter_minute:
        return receipt["time"] < last.meter_minute
    if source == Reading.Source.INSPECTION and source != last.source:
        return holds_fen > last.balance_fen  # it tells more than a receipt of the same moment
    return holds_fen >= last.balance_fen


def _find_loaded(contract: Contract, count: int) -> int:
    """Return the fen in transit that a receipt of this count proves to be in the meter."""
    later = Sale.objects.filter(contract=contract, state=Sale.State.WRITTEN, count__gt=count)
    not_yet_fen = sum(sale.amount_fen for sale in later)
    if contract.former_count > count:
        not_yet_fen += contract.former_fen
    return _owed(posting.TRANSIT, contract) - not_yet_fen


def _post(
    actor: Actor,
    contract: Contract,
    receipt: dict[str, Any],
    amounts_fen: tuple[int, int, int],
    rows: list[str],
) -> Act:
    meter_no = contract.meter.number
    ways = (
        (posting.OUTSIDE, posting.METER),
        (posting.TRANSIT, posting.METER),
        (posting.METER, posting.USED),
    )
    moves = [
        posting.Move(posting.of_meter(debit, meter_no), posting.of_meter(credit, meter_no), fen)
        for (debit, credit), fen in zip(ways, amounts_fen, strict=True)
        if fen
    ]
    detail = (
        f"purchase {receipt['count']} balance {receipt['balance_fen']} fen "
        f"overdraft {receipt['overdraft_fen']} fen minute {receipt['time']:010d}"
    )
    subject = f"{meter_no:012d}"
    return posting.append(actor.desk, actor.operator, "receipt", subject, moves, detail, rows)


def _owed(kind: str, contract: Contract) -> int:
    """Return what is in this account of the meter, in fen; below zero if the customer owes it."""
    found = Account.objects.filter(kind=kind, owner=f"{contract.meter.number:012d}").first()
    return -found.balance_fen if found else 0
