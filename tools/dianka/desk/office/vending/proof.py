"""Prove the sales: numbers and receipts without gaps, and each sale as its act posted it.

All from the rows themselves, by the database in a few statements; the ledger's own proof is beside
it (ledger/proof.py). All sales, or those since a night: by their desks' numbers, and the acts of
sales by the chains. In one view (one_view.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet, Sum

from dianka.desk.office.audit.nights import Night
from dianka.desk.office.audit.records import MARK
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.own_readings import OWN_OF_OUTER
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.ledger.since import ACTS_SINCE, write_cut
from dianka.desk.office.vending.models import Desk, Sale
from dianka.money import yuan

POSTED = (Sale.State.WRITTEN, Sale.State.LOADED, Sale.State.REFUNDED)
# A sale as its act tells it (sales.describe), after which an act may tell of rows.
_WHAT = (
    "'purchase ' || s.count || ' of ' || s.amount_fen || ' fen by ' || s.method || ' card ' || "
    "s.card_serial"
)
_TOLD = f"'sale ' || s.number || ' receipt ' || s.receipt || ' ' || {_WHAT}"
_SUBJECT = {"postgresql": "lpad(m.number::text, 12, '0')", "sqlite": "printf('%%012d', m.number)"}
_OF_METER = (
    "(SELECT {subject} FROM customers_contract k JOIN estate_meter m ON m.id = k.meter_id "
    "WHERE k.id = s.contract_id)"
)
# Counted for each row by an index: as a join, a plan might read all years to find a day's few.
_WRONG_SALES = (
    "SELECT s.number FROM vending_sale s WHERE s.desk_id = %s AND s.state IN (%s, %s, %s) {new}"
    "AND ((SELECT count(*) FROM ledger_entry e JOIN ledger_account c ON c.id = e.credit_id "
    "WHERE e.act_id = s.act_id AND e.amount_fen = s.amount_fen AND c.kind = 'transit') = 0 "
    "OR NOT EXISTS (SELECT 1 FROM audit_act a WHERE a.id = s.act_id AND a.time = s.written_at "
    "AND a.subject = {of_meter} AND (a.detail = {told} "
    "OR substr(a.detail, 1, length({told}) + {long}) = {told} || '{mark}'))) "
    "ORDER BY s.id"
)
_WRONG_VOIDS = (
    "SELECT s.number FROM vending_sale s WHERE s.desk_id = %s AND s.state = 'void' {new}"
    "AND NOT EXISTS (SELECT 1 FROM audit_act a WHERE a.subject = {of_meter} "
    "AND a.kind = 'sale void' AND a.detail = 'sale ' || s.number || ' ' || {what} || ': ' || "
    "s.reason) ORDER BY s.id"
)
_ACTS_WITHOUT_SALES = (
    "SELECT h.desk, a.number FROM {source} JOIN audit_chain h ON h.id = a.chain_id "
    "WHERE a.kind = 'sale' AND (SELECT count(*) FROM vending_sale s WHERE s.act_id = a.id) = 0 "
    "ORDER BY h.desk, a.number"
)


@dataclass(frozen=True)
class Sold:
    """What was posted: the number of sales and their sum."""

    sales: int
    fen: int


def read_series() -> dict[str, tuple[int, int]]:
    """Return by desk the last numbers of its sales and of their receipts."""
    return {name: (sales, receipts) for name, sales, receipts in _list_desks()}


def sum_sold(since: Mapping[str, tuple[int, int]]) -> Sold:
    """Return what was posted since these numbers."""
    sales = fen = 0
    for desk in Desk.objects.order_by("name"):
        after = since.get(desk.name, (0, 0))[1]
        rows = Sale.objects.filter(desk=desk, receipt__gt=after)
        found = rows.aggregate(n=Count("id"), fen=Sum("amount_fen", default=0))
        sales, fen = sales + found["n"], fen + found["fen"]
    return Sold(sales, fen)


def find_faults(night: Night | None = None) -> Iterator[str]:
    """Yield one line for each thing that is wrong, with its name and fen.

    With a night, of what has come since; what is in transit is always compared as a whole.
    """
    since = night.series if night else {}
    yield from _find_gaps("number", "sales", "sale", {d: last[0] for d, last in since.items()})
    receipts = {desk: last[1] for desk, last in since.items()}
    yield from _find_gaps("receipt", "receipts", "receipt", receipts)
    yield from _find_wrong_sales(receipts)
    yield from _find_wrong_voids({desk: last[0] for desk, last in since.items()})
    yield from _find_acts_without_sales(night)
    yield from _find_wrong_transit()


def _list_desks() -> Iterator[tuple[str, int, int]]:
    yield from Desk.objects.order_by("name").values_list("name", "sales", "receipts")


def _find_gaps(number: str, counter: str, name: str, since: Mapping[str, int]) -> Iterator[str]:
    """Compare each desk's series with its counter; no number is there twice."""
    for desk in Desk.objects.order_by("name"):
        last, after = getattr(desk, counter), since.get(desk.name, 0)
        there = Sale.objects.filter(desk=desk, **{f"{number}__isnull": False})
        new = there.filter(**{f"{number}__gt": after}) if after else there
        found = new.aggregate(count=Count(number), first=Min(number), last=Max(number))
        right = (last - after, after + 1, last) if last > after else (0, None, None)
        if last < after or tuple(found.values()) != right:
            yield f"desk {desk.name}: {name} {_find_gap(new, number, after, last)} is not there"


def _find_gap(there: QuerySet[Sale], number: str, after: int, last: int) -> str:
    """Return the first number that is missing, or which numbers are there too many."""
    expected = after
    for found in there.order_by(number).values_list(number, flat=True).iterator(2000):
        expected += 1
        if found != expected:
            return str(expected)
    return str(expected + 1) if expected < last else f"counter {last} for number {expected}"


def _find_wrong_sales(since: Mapping[str, int]) -> Iterator[str]:
    """Compare each sale that has a receipt since these with what its act posted and tells."""
    of_meter = _OF_METER.format(subject=_SUBJECT[connection.vendor])
    for desk in Desk.objects.order_by("name"):
        after = since.get(desk.name)
        new = "" if after is None else f"AND s.receipt > {after:d} "
        wrong = _WRONG_SALES.format(
            new=new, told=_TOLD, of_meter=of_meter, mark=MARK, long=len(MARK)
        )
        for (number,) in _run(wrong, [desk.pk, *POSTED]):
            yield f"sale {number} of desk {desk.name}: its act posted something else"


def _find_wrong_voids(since: Mapping[str, int]) -> Iterator[str]:
    """Find each void sale, of those with a number since these, that no act made void."""
    of_meter = _OF_METER.format(subject=_SUBJECT[connection.vendor])
    for desk in Desk.objects.order_by("name"):
        new = f"AND s.number > {since.get(desk.name, 0):d} "
        for (number,) in _run(
            _WRONG_VOIDS.format(new=new, what=_WHAT, of_meter=of_meter), [desk.pk]
        ):
            yield f"sale {number} of desk {desk.name}: it is void, and no act tells so"


def _find_acts_without_sales(night: Night | None) -> Iterator[str]:
    cut = f"WITH {write_cut(night.heads)} " if night else ""
    source = ACTS_SINCE[connection.vendor] if night else "audit_act a"
    for desk, number in _run(cut + _ACTS_WITHOUT_SALES.format(source=source)):
        yield f"act {number} of desk {desk}: it posted a sale that is not there"


def _find_wrong_transit() -> Iterator[str]:
    """Compare what is in transit to each meter with the sales that no receipt tells of."""
    sold = Sale.objects.filter(state=Sale.State.WRITTEN).values_list("contract__meter__number")
    right_fen = {f"{number:012d}": fen for number, fen in sold.annotate(fen=Sum("amount_fen"))}
    _add_former(right_fen)
    found = Account.objects.filter(kind="transit").exclude(balance_fen=0)
    found_fen = {owner: -fen for owner, fen in found.values_list("owner", "balance_fen")}
    for owner in sorted(right_fen.keys() | found_fen.keys()):
        right, there = right_fen.get(owner, 0), found_fen.get(owner, 0)
        if right != there:
            yield (
                f"meter {owner}: {yuan(there)} yuan are in transit, {yuan(right)} yuan of sales "
                "are without a receipt"
            )


def _add_former(right_fen: dict[str, int]) -> None:
    """Add purchases that no sale of the books made, while no receipt tells of them."""
    arrived = Reading.objects.filter(OWN_OF_OUTER, count__gte=OuterRef("former_count"))
    coming = Contract.objects.filter(~Exists(arrived), former_fen__gt=0)
    for contract in coming.exclude(state=Contract.State.CLOSED).select_related("meter"):
        owner = f"{contract.meter.number:012d}"
        right_fen[owner] = right_fen.get(owner, 0) + contract.former_fen


def _run(statement: str, words: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, words)
        return cursor.fetchall()
