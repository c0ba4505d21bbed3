"""What a replacement carries, as the office's register and sales say."""

from pathlib import Path
from typing import TYPE_CHECKING

from dianka.card_port import CardError, CardPort
from dianka.cardos import kinds
from dianka.desk.cli.options import parse_number
from dianka.desk.cli.plain import report_database
from dianka.desk.cli.registered import Entry, Given, ask_consent, open_register
from dianka.desk.issue import UserData
from dianka.desk.reading import read_kind
from dianka.desk.replace import LastPurchase, pick_last_purchase
from dianka.desk.sell import OnCard, read_user_card
from dianka.money import yuan

if TYPE_CHECKING:
    from dianka.desk.office.cards.models import Card
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor

Record = tuple[int | None, int | None]  # count and amount, if they were given by hand
Planned = tuple[UserData, LastPurchase, Entry]


def plan_lost(folder: Path, given: Given, record: Record, second: str | None) -> Planned:
    """Return the card in place of one that is lost."""
    actor = open_register(folder)
    from dianka.desk.office.cards import purchases, register, terms

    meter_no = parse_number(given.meter, "meter") if given.meter else None
    contract = terms.find_contract(given.contract, meter_no)
    last = terms.must_be_last(purchases.read_last_purchase(contract), *record)
    data = given.agree(contract, last.opens)
    former = register.find_former(contract)
    return data, last, _plan_entry(actor, contract, former, last, second)


def plan_in_place_of(
    folder: Path,
    given: Given,
    record: Record,
    second: str | None,
    control: CardPort,
    old: CardPort,
) -> Planned:
    """Return the card in place of one that is in hand and was proved to be of this system."""
    actor = open_register(folder)
    from dianka.desk.office.cards import purchases, register, terms
    from dianka.desk.office.cards.recognising import recognise

    row = register.find_card(read_kind(old)[1])
    if row and row.contract and (new := register.find_successor(row)):
        # Only the former card's clearing is missing: the same command was broken off before that.
        last = LastPurchase(new.count, new.money_fen, in_meter=not new.money_fen)
        entry = _plan_entry(actor, row.contract, row, last, None)
        return given.agree(row.contract, last.opens), last, entry
    row = recognise(actor, control, old).card
    if row is None or row.contract is None:
        raise CardError("no contract of this office has this card: open the account first")
    if pending := purchases.find_pending(row.contract):
        raise CardError(
            f"the sale of {yuan(pending.amount_fen)} yuan to this card is not finished: finish it "
            "first, then replace the card"
        )
    _take_receipt(actor, row.contract, control, old)
    known = terms.must_be_last(purchases.read_last_purchase(row.contract), *record)
    last = _pick(read_user_card(old), known, waived=record[1] == 0)
    data = given.agree(row.contract, last.opens)
    return data, last, _plan_entry(actor, row.contract, row, last, second)


def _take_receipt(
    actor: "Actor", contract: "Contract", control: CardPort, former: CardPort
) -> None:
    """Take the meter's receipt on the former card into the books: what is loaded is not waived."""
    from dianka.desk.office.vending import counter, readings

    found, desk = counter.open_card(control, former)
    if found.write_back:
        proved = counter.prove_receipt(found, desk)
        with report_database():
            readings.raise_if_not_its_own(contract, found, proved)
            readings.take_receipt(actor, contract, found.write_back, proved)


def _pick(former: OnCard, known: LastPurchase, waived: bool) -> LastPurchase:
    """Return the purchase that the new card carries, by the sales and the former card's receipt."""
    if known.in_meter or waived:
        return LastPurchase(known.count, 0, in_meter=True)
    return pick_last_purchase(former, known.count, known.amount_fen)


def _plan_entry(
    actor: "Actor",
    contract: "Contract",
    former: "Card | None",
    last: LastPurchase,
    second: str | None,
) -> Entry:
    from dianka.desk.office.cards.register import Making

    money_fen = 0 if last.in_meter else last.amount_fen
    making = Making(
        kinds.USER, contract=contract, replaces=former, count=last.count, money_fen=money_fen
    )
    return Entry(actor, making, ask_consent(actor, second, making))
