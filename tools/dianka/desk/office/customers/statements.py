"""Final statements: what a meter says is in it, when its account ends there.

A statement is a Reading, sealed by the meter on a user card or an inspection card. The best one is
that of a closing order, by which the meter has ended the account itself: it never gets old. Any
counts if it is the meter's newest, tells of every purchase that was sold, agrees with the books to
the fen, is proved by its card and not old. One that is not, as of a meter that says nothing any
more, takes a second person who consents to just that.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta

from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.own_readings import list_own
from dianka.desk.office.customers.records import CustomerError
from dianka.desk.office.estate.models import Meter, Reading
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.ledger.posting import (
    METER,
    REFUND,
    TRANSIT,
    Move,
    Place,
    cash,
    of_meter,
)
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending.counting import check_method
from dianka.desk.office.vending.models import Sale
from dianka.desk.office.vending.shifts import require_shift
from dianka.desk.prices import UTC_OFFSET, card_minute
from dianka.money import signed_yuan, yuan

GOOD_FOR = timedelta(days=1)  # since the desk saw it
RECEIPT_GOOD_FOR = timedelta(days=2)  # since the meter wrote it, by its clock
PAID_BACK = "refund"  # a method of payment: not from this desk's cash


@dataclass(frozen=True)
class Statement:
    """What is in a meter, below zero if it is owed; and the words for the act."""

    balance_fen: int
    told: str
    is_old: bool = False  # or not proved: both want a second person's eye


def read_statement(contract: Contract, reading_id: int | None) -> Statement:
    """Return the final statement of a locked contract. CustomerError says what is missing.

    Without a reading it is nothing, if nothing was ever sold and the meter never said anything.
    """
    count = _count_purchases(contract)
    in_books = find_balance_fen(METER, contract.meter)
    newest = list_own(contract).order_by("-pk").first()
    if newest is None and not count and not in_books:
        return Statement(0, "never used")
    if newest is None or newest.pk != reading_id:
        raise CustomerError(
            f"reading {reading_id or 'none'} is not the newest of meter {contract.meter}: read its "
            "card's receipt or an inspection card, and give that reading"
        )
    if newest.count != count:
        raise CustomerError(
            f"the meter tells of {newest.count} purchases, {count} were sold: put the card in the "
            "meter once more and read it"
        )
    if newest.balance_fen != in_books:
        raise CustomerError(
            f"the meter says {signed_yuan(newest.balance_fen)} yuan, the books say "
            f"{signed_yuan(in_books)}: run dianka office prove, nothing is closed"
        )
    told = f"reading {newest.pk} ({newest.source}): {newest.balance_fen} fen, purchase {count}"
    told += "" if newest.proved else ", not proved by its card"
    return Statement(newest.balance_fen, told, not newest.proved or _is_old(newest))


def settle(actor: Actor, meter: Meter, balance_fen: int, method: str) -> list[Move]:
    """Return the moves that pay back what is in a meter, or take what is owed.

    CountError if `method` is neither one of payment, which a shift counts, nor PAID_BACK.
    """
    if method != PAID_BACK:
        check_method(method)
    if not balance_fen:
        return []
    in_meter = of_meter(METER, meter.number)
    if balance_fen < 0:
        if method == PAID_BACK:
            raise CustomerError(f"{yuan(-balance_fen)} yuan are owed: take them at the counter")
        require_shift(actor)
        return [Move(cash(actor.desk, method), in_meter, -balance_fen)]
    if method == PAID_BACK:
        return [Move(in_meter, Place(REFUND, actor.desk), balance_fen)]
    require_shift(actor)
    return [Move(in_meter, cash(actor.desk, method), balance_fen)]


def find_balance_fen(kind: str, meter: Meter) -> int:
    """Return what the books hold for a meter's customer in METER or TRANSIT, in fen."""
    account = Account.objects.filter(kind=kind, owner=str(meter)).first()
    return -account.balance_fen if account else 0


def _count_purchases(contract: Contract) -> int:
    """Return the number of the last purchase. CustomerError if money is on its way to the meter."""
    sales = Sale.objects.filter(contract=contract)
    pending = sales.filter(state=Sale.State.PENDING).first()
    if pending:
        raise CustomerError(
            f"sale {pending.number} of meter {contract.meter} is not finished: put its card in "
            "first"
        )
    left = find_balance_fen(TRANSIT, contract.meter)
    if left:
        raise CustomerError(
            f"{signed_yuan(left)} yuan are on their way to meter {contract.meter}: bring its "
            "receipt, or have them refunded first"
        )
    sold = sales.filter(state__in=(Sale.State.WRITTEN, Sale.State.LOADED)).order_by("-count")
    last = sold.first()
    return last.count if last else contract.former_count


def _is_old(reading: Reading) -> bool:
    if reading.source == Reading.Source.STATEMENT:
        return False  # nothing has changed in the meter since
    now = chain.read_time()
    if not timedelta() <= now - reading.seen_at <= GOOD_FOR:
        return True  # seen long ago, or in a time to come: the clock was set back since
    if reading.source == Reading.Source.INSPECTION or not reading.meter_minute:
        return False  # staff took it; or the meter has lost its time
    oldest = now.astimezone(UTC) + UTC_OFFSET - RECEIPT_GOOD_FOR
    return reading.meter_minute < card_minute(oldest)
