"""Compare the books with the bench's ledgers, meter by meter and desk by desk, at the end.

The books know of a meter what its last receipt told; the bench knows what it holds now. So they
are compared at that receipt, to the fen: what was on its way then, in the meter, used. Beyond
that, all money of a resident is where the bench has it now, in exact fractions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from dianka.bench.stage.stand import FEN
from dianka.bench.town.desks import TownDesk
from dianka.bench.town.estate import find_contract
from dianka.bench.town.house import House
from dianka.bench.town.residents import Resident
from dianka.bench.town.town import Town
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.vending.models import Refund, Sale

_LIVE = (Sale.State.WRITTEN, Sale.State.LOADED)


@dataclass
class Sums:
    """Where all money of the town is by the bench, in fen; and what differs, in words."""

    sold: int = 0
    refunded: int = 0
    paid_out: int = 0  # at the end of accounts, less what was owed then
    in_meters: Fraction = Fraction()
    used: Fraction = Fraction()
    in_transit: int = 0
    cut: Fraction = Fraction()  # used and not charged: lost in power cuts
    by_books: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def compare(town: Town) -> Sums:
    """Return the sums of a town that is finished."""
    sums = Sums()
    for resident in town.residents:
        resident.house.live(town.time.now_us)
        if resident.house.statement_fen is None:
            resident.house.settle()
        sums.differences += _compare_resident(resident, sums)
    for desk in town.desks:
        sums.differences += _compare_desk(desk)
    sums.sold = sum(Sale.objects.filter(state__in=_LIVE).values_list("amount_fen", flat=True))
    paid = Refund.objects.filter(state=Refund.State.PAID)
    sums.refunded = sum(paid.values_list("sale__amount_fen", flat=True))
    sums.sold += sums.refunded
    sums.differences += _compare_all(town, sums)
    return sums


def _compare_resident(resident: Resident, sums: Sums) -> Iterator[str]:
    """Compare each meter that a resident has had, and then his money."""
    there_fen = books_fen = 0
    for house in (*resident.former, resident.house):
        ledger, on_card_fen = house.ledger, _find_on_card(house)
        taken_fen = house.statement_fen or 0  # out of it, at its end
        there_fen += ledger.bought_fen + on_card_fen - taken_fen
        # What is in the meter is its own word, and what was used the bench's: exact at rest.
        state = house.stand.state
        sums.in_meters += state.balance_fen - Fraction(state.remainder, FEN)
        sums.in_transit += on_card_fen
        sums.used += ledger.owed_fen
        sums.cut += ledger.lost_fen
        books = _read_books(house)
        books_fen += sum(books.values())
        for name, right_fen in _expect_books(house, resident, on_card_fen).items():
            if books[name] != right_fen:
                told = f"the books have {books[name]} fen {name}, the bench {right_fen}"
                yield f"meter {house.meter_no}: {told}"
    sums.paid_out += sum(_list_paid_out(resident))
    if not there_fen == books_fen == resident.paid_fen:
        paid = f"paid {resident.paid_fen} fen, the books have {books_fen}, the bench {there_fen}"
        yield f"customer {resident.customer_no}: {paid}"


def _find_on_card(house: House) -> int:
    """Return the fen that the house's card can still bring to its meter."""
    if house.statement_fen is not None:
        return 0
    found = house.read_card()
    return found.money_fen if found.count == house.stand.get_esam_wallet()[1] + 1 else 0


def _expect_books(house: House, resident: Resident, on_card_fen: int) -> dict[str, int]:
    """Return what the books must have of a meter, by its last receipt that they know."""
    credited = house.ledger.credited
    if house.statement_fen is not None:
        used_fen = house.ledger.bought_fen - house.statement_fen
        return {"in transit": 0, "in the meter": 0, "used": used_fen}
    contract = find_contract(resident)
    since = Reading.objects.filter(meter=contract.meter, seen_at__gte=contract.opened_at)
    last = since.order_by("-pk").first()
    seen, holds_fen = (last.count, last.balance_fen) if last else (0, 0)
    if last and (seen, holds_fen) not in house.receipts:
        return {"in the meter": -1}  # no receipt that the bench has seen
    later_fen = sum(fen for count, fen in credited.items() if count > seen)
    loaded_fen = house.ledger.bought_fen - later_fen
    return {
        "in transit": later_fen + on_card_fen,
        "in the meter": holds_fen,
        "used": loaded_fen - holds_fen,
    }


def _read_books(house: House) -> dict[str, int]:
    """Return what the ledger of the office has of a meter, in fen."""
    owner = f"{house.meter_no:012d}"
    names = {"transit": "in transit", "meter": "in the meter", "used": "used"}
    found = Account.objects.filter(kind__in=names, owner=owner)
    books = dict.fromkeys(names.values(), 0)
    for account in found:
        books[names[account.kind]] = -account.balance_fen
    return books


def _list_paid_out(resident: Resident) -> Iterator[int]:
    if resident.gone:
        yield resident.house.statement_fen or 0
    for house in resident.former:
        yield min(house.statement_fen or 0, 0)


def _compare_desk(desk: TownDesk) -> Iterator[str]:
    """Compare what lies at a desk and in its safe with the books."""
    found = Account.objects.filter(owner=desk.name)
    by_kind = {account.kind: account.balance_fen for account in found}
    for kind, there_fen in (("cash", desk.till_fen), ("safe", desk.safe_fen), ("difference", 0)):
        books_fen = by_kind.get(kind, 0)
        if books_fen != there_fen:
            yield f"{desk.name}: the books have {books_fen} fen {kind}, the clerk {there_fen}"


def _compare_all(town: Town, sums: Sums) -> Iterator[str]:
    """Compare the sums of everything."""
    where_fen = sums.in_meters + sums.used + sums.in_transit + sums.refunded + sums.paid_out
    if where_fen != sums.sold:
        yield f"{sums.sold} fen were sold, and {where_fen} are anywhere"
    tills_fen = sum(desk.till_fen + desk.safe_fen for desk in town.desks)
    if tills_fen != sums.sold - sums.refunded - sums.paid_out:
        yield f"the desks have {tills_fen} fen of {sums.sold} that were sold"
    odd_fen = sum(Reading.objects.values_list("unexplained_fen", flat=True))
    if odd_fen:
        yield f"receipts tell of {odd_fen} fen that nobody has sold"
    if pending := Sale.objects.filter(state=Sale.State.PENDING).count():
        yield f"{pending} sales are not finished"
