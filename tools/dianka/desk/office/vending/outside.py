"""Take cards in whose purchases were made outside of these books: money appears in them.

So a second person consents, to that purchase of that meter and to the sum that the card brings,
and all of that is proved by the card: a device on the way could make money out of a plain read.
"""

from django.db import transaction

from dianka.card_port import CardError, CardPort
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.ledger import posting
from dianka.desk.office.people.consent import use_consent
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.vending import readings, refunds, sales
from dianka.desk.office.vending.counter import Look, find_contract, open_card
from dianka.desk.office.vending.models import Sale
from dianka.desk.sell import OnCard, prove_params, raise_if_receipt_differs
from dianka.desk.take_off import raise_if_not_whole

CONSENT = "take-in"  # the kind of the consent; its subject and sum are `name_outside`


@needs("take in purchases")
def name_outside(actor: Actor, control: CardPort, card: CardPort) -> tuple[str, int]:
    """Return what a second person consents to before this card is taken in, and how many fen."""
    found = _read_proved(control, card)
    return _name(found), _sum(found)


@needs("take in purchases")
def take_in_purchases(
    actor: Actor, control: CardPort, card: CardPort, consent: int | None = None
) -> Look:
    """Take a card in whose purchases were made outside of these books; return what it told.

    Its last purchase is in transit if no receipt tells of it, and what the meter holds is taken
    over. CardError if the books know its purchases or if it does not prove what it says,
    ConsentError without a second person.
    """
    found = _read_proved(control, card)
    contract = find_contract(actor, found)
    with transaction.atomic():
        contract = Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)
        last = _find_last(contract, found)
        agreed = use_consent(actor, consent, CONSENT, _name(found), _sum(found))
        contract.former_count = found.count
        contract.former_fen = _sum_coming(found)
        contract.save(update_fields=["former_count", "former_fen"])
        _post(actor, contract, last, agreed)
        seen = Look(contract, found, lambda line: None)
        if found.write_back:
            seen.reading = readings.take_receipt(actor, contract, found.write_back, proved=True)
    return seen


def _read_proved(control: CardPort, card: CardPort) -> OnCard:
    """Return what the card says. CardError unless it proves its money, its receipt and its meter's.

    The meter as well: the money would be in transit to another one.
    """
    found, desk = open_card(control, card)
    raise_if_not_whole(found, desk)
    raise_if_receipt_differs(found)
    if prove_params(desk) != found.params:
        raise CardError("the card does not prove whose it is: keep it, and send an inspector")
    return found


def _find_last(contract: Contract, found: OnCard) -> int:
    """Return the last purchase that the books know; CardError if the card has nothing to add."""
    last = sales.find_last_count(contract)
    if found.count <= last:
        raise CardError(f"the books know purchase {found.count} already: nothing to take in")
    refunds.raise_if_paid_back(contract, found.count, found.serial)
    if Sale.objects.filter(contract=contract, state=Sale.State.PENDING).exists():
        raise CardError("a sale to this card is not finished: look at the card first")
    if refunds.find_unfinished(contract):
        raise CardError("a refund of this card is not finished: look at the card first")
    return last


def _name(found: OnCard) -> str:
    return f"meter {found.params['meter_no']:012d} purchase {found.count}"


def _sum(found: OnCard) -> int:
    """Return the fen that the card brings: its purchase if no receipt tells of it, and its meter's.

    What the meter owes brings nothing.
    """
    back = found.write_back
    holds_fen = back["balance_fen"] - back["overdraft_fen"] if back else 0
    return max(holds_fen, 0) + _sum_coming(found)


def _sum_coming(found: OnCard) -> int:
    back = found.write_back
    return found.money_fen if not back or back["count"] < found.count else 0


def _post(actor: Actor, contract: Contract, last: int, agreed: str) -> None:
    """Post the purchase that is on its way, and say which ones the books never saw."""
    meter_no, fen = contract.meter.number, contract.former_fen
    outside, transit = (
        posting.of_meter(kind, meter_no) for kind in (posting.OUTSIDE, posting.TRANSIT)
    )
    moves = [posting.Move(outside, transit, fen)] if fen else []
    made = f"purchases {last + 1} to {contract.former_count} were made outside of the books"
    detail = f"{made}, consent {agreed}"
    meter, rows = f"{meter_no:012d}", tell(contract)
    posting.append(actor.desk, actor.operator, "taken in", meter, moves, detail, rows)
