"""Final statements at the counter: what a closing order has made a meter say goes into the books.

The meter is closed, so its statement tells all that will ever be in it (docs/cards/sessions.md,
"Closing order"). It is a reading like a receipt of the last purchase, and ends the account by
customers/closing.py. It ends one account: later it is refused, whoever's card brings it.
"""

from dianka.card_port import CardError
from dianka.desk.closing_order import Statement
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.own_readings import list_former
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending.readings import Inspected, find_last, take_receipt

_MWH_PER_WH = 1000


@needs("close an account")
def take_statement(actor: Actor, statement: Statement) -> tuple[Contract, Reading]:
    """Take a statement in that its card has proved; return its contract and the reading.

    Taken in again it is the same reading. CardError if it was used, or if no account fits.
    """
    return enter_statement(actor, statement)


def enter_statement(actor: Actor, statement: Statement) -> tuple[Contract, Reading]:
    """Do so for whoever may record what a meter says."""
    contract = (
        Contract.objects.select_related("meter", "customer")
        .filter(meter__number=statement.meter_no, customer__number=statement.customer_no)
        .exclude(state=Contract.State.CLOSED)
        .first()
    )
    _raise_if_used(statement, contract)
    if contract is None:
        raise CardError(
            f"meter {statement.meter_no:012d} has no account of customer "
            f"{statement.customer_no:012d} here: look at the meter's number"
        )
    receipt = {
        "count": statement.purchases,
        "balance_fen": statement.balance_fen,
        "overdraft_fen": statement.debt_fen,
        "illegal_cards": 0,
        "time": statement.time,
    }
    counted = Inspected(statement.energy_mwh // _MWH_PER_WH, None)
    reading = take_receipt(actor, contract, receipt, True, counted, Reading.Source.STATEMENT)
    reading = reading or find_last(contract)
    if reading is None or not _is_same(reading, statement):
        raise CardError(
            f"the books of meter {statement.meter_no:012d} are behind this statement, of purchase "
            f"{statement.purchases}: run dianka office prove, nothing is closed"
        )
    return contract, reading


def _raise_if_used(statement: Statement, contract: Contract | None) -> None:
    """Raise CardError if the statement was taken in for an account that has ended."""
    former = Reading.objects.filter(meter__number=statement.meter_no)
    if contract is not None:
        former = list_former(contract)
    for reading in former.filter(source=Reading.Source.STATEMENT):
        if _is_same(reading, statement):
            raise CardError(
                f"this statement has ended an account already, as reading {reading.pk}: it counts "
                "once"
            )


def _is_same(reading: Reading, statement: Statement) -> bool:
    return reading.source == Reading.Source.STATEMENT and (
        (reading.count, reading.balance_fen, reading.meter_minute)
        == (statement.purchases, statement.amount_fen, statement.time)
    )
