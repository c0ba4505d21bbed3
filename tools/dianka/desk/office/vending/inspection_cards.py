"""Inspection cards at the counter: what a meter has copied to one is taken into the books.

The meter seals wallet and run info for the card, and writes the totals last, so a card with totals
has all of one meter (docs/cards/sessions.md, "Inspection card (05)").
"""

from typing import Any

from dianka.card_port import CardError, CardPort, read_file
from dianka.cardos import desk_files, kinds
from dianka.cardos.files import card_files, service_files
from dianka.desk.closing_order import Statement, unpack_statement
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending.readings import Inspected, take_receipt
from dianka.desk.office.vending.statement_cards import enter_statement
from dianka.desk.reading import read_kind
from dianka.desk.session import Desk

PJ_PER_WH = 3_600 * 10**12
_TOTALS_BYTES = card_files.size_of(service_files.TOTALS) + card_files.FRAME_OVERHEAD


@needs("record an inspection")
def take_inspection(
    actor: Actor, control: CardPort, card: CardPort
) -> tuple[Contract, Reading | None]:
    """Take the meter's copy on an inspection card in; return its contract and the reading.

    The reading is None if the books have it, or a later one. CardError if the card is not of this
    system, has no whole copy, or if the meter has no account here.
    """
    control.power_on()
    kind, serial = read_kind(card)
    if kind != kinds.INSPECTION:
        raise CardError("this is no inspection card: take the one that was in the meter")
    if statement := _read_statement(card):
        Desk(control, card, serial).identify()
        return enter_statement(actor, statement)
    receipt, totals = _read_copy(card)
    Desk(control, card, serial).identify()
    same_meter = receipt["meter_no"] == totals["meter_no"]
    if not (same_meter and totals["copied"] & service_files.COPY_TOTALS):
        raise CardError(
            "the card's run info is not of its last meter: issue an inspection card that copies "
            "all, and put it into the meter"
        )
    contract = Contract.objects.select_related("meter", "customer").filter(
        meter__number=receipt["meter_no"], customer__number=receipt["customer_no"]
    )
    found = contract.exclude(state=Contract.State.CLOSED).first()
    if found is None:
        raise CardError(
            f"meter {receipt['meter_no']:012d} has no account of customer "
            f"{receipt['customer_no']:012d} here: look at the meter's number"
        )
    inspected = Inspected(totals["energy_pj"] // PJ_PER_WH, totals["price_e4"])
    return found, take_receipt(actor, found, receipt, True, inspected)


def _read_statement(card: CardPort) -> Statement | None:
    """Return the final statement that a closed meter has given in place of its run info, if any."""
    block = read_file(card, desk_files.INSPECTION_RUN_INFO, card_files.WRITE_BACK_SIZE)
    return unpack_statement(block)


def _read_copy(card: CardPort) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return run info and totals of an inspection card; CardError if it has not got both."""
    try:
        _, run_info = card_files.unframe(
            read_file(card, desk_files.INSPECTION_RUN_INFO, card_files.WRITE_BACK_SIZE)
        )
        _, totals = card_files.unframe(
            read_file(card, service_files.INSPECTION_TOTALS, _TOTALS_BYTES)
        )
        return (
            card_files.unpack(card_files.WRITE_BACK, run_info),
            card_files.unpack(service_files.TOTALS, totals),
        )
    except ValueError as error:
        raise CardError(
            f"the card has no whole copy of a meter ({error}): put it into the meter once more"
        ) from None
