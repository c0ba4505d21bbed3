"""Limits of what is sold: for a sale, a customer, a meter, an operator, and a desk's cash.

A limit without a row is none. One for an operator or a desk by name goes before the one for all.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q, Sum

from dianka.card_port import CardError
from dianka.desk.office import sql
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.own_readings import IS_OWN
from dianka.desk.office.ledger import posting
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell, tell_gone
from dianka.desk.office.vending.counting import NOTES, check_method
from dianka.desk.office.vending.models import Limit, Sale
from dianka.desk.prices import UTC_OFFSET
from dianka.money import HIGHEST_FEN, yuan

# Whose own limit may stand beside the one for all: nobody's, an operator's or a desk's.
LIMITS = {
    "sale": "",
    "customer-day": "",
    "operator-sale": "operator",
    "operator-day": "operator",
    "desk-cash": "desk",
}
_COUNTED = (Sale.State.PENDING, Sale.State.WRITTEN, Sale.State.LOADED)
_CUSTOMER, _OPERATOR = 1, 2  # series of what is held, in the order in which it is taken
_LIMITS = "SELECT name, owner, amount_fen FROM vending_limit"
# What the meter's last reading since the contract was opened says, and what is on the way to it.
_HOLDS = (
    "SELECT coalesce((SELECT r.balance_fen FROM estate_reading r WHERE r.meter_id = c.meter_id "
    f"AND {IS_OWN} ORDER BY r.id DESC LIMIT 1), 0), "
    "-coalesce((SELECT a.balance_fen FROM ledger_account a "
    "WHERE a.kind = %s AND a.owner = %s AND a.method = %s), 0) "
    "FROM customers_contract c WHERE c.id = %s"
)
# What a shift before took for them was counted when it closed: it is in the desk's balance.
_BROKEN_OFF = (
    "SELECT CAST(coalesce(sum(s.amount_fen), 0) AS bigint) FROM vending_sale s "
    "JOIN vending_desk d ON d.id = s.desk_id "
    "JOIN vending_shift h ON h.desk_id = d.id AND h.closing_id IS NULL "
    "JOIN audit_act a ON a.id = h.opening_id "
    f"WHERE d.name = %s AND s.method = %s AND s.state = '{Sale.State.PENDING}' "
    "AND coalesce(s.number > h.sales_before, a.time <= s.begun_at)"
)


class LimitError(CardError):
    """A limit forbids that. Nothing is sold."""


@needs("change limits")
def set_limit(actor: Actor, name: str, amount_fen: int | None, owner: str = "") -> None:
    """Set a limit, or take it away with None."""
    if name not in LIMITS:
        raise LimitError(f"{name!r} is no limit: take {', '.join(LIMITS)}")
    if owner and not LIMITS[name]:
        raise LimitError(f"the limit {name} is for all alike: leave out whose it is")
    if amount_fen is not None and amount_fen < 0:
        raise LimitError("a limit is not below zero: give another amount")
    with transaction.atomic():
        if amount_fen is None:
            Limit.objects.filter(name=name, owner=owner).delete()
            rows = tell_gone("limit", f"{name}/{owner}")
        else:
            limit, _ = Limit.objects.update_or_create(
                name=name, owner=owner, defaults={"amount_fen": amount_fen}
            )
            rows = tell(limit)
        told = "none" if amount_fen is None else f"{amount_fen} fen"
        subject = f"{name} {owner}"[:80].strip()
        chain.append(actor.desk, actor.operator, "limit", subject, told, rows=rows)


@needs("look things up")
def list_limits(actor: Actor) -> list[Limit]:
    """Return all limits, by name, the one for all first."""
    return list(Limit.objects.order_by("name", "owner"))


def check_limits(actor: Actor, contract: Contract, amount_fen: int, method: str) -> None:
    """Raise LimitError if a sale is above a limit. The caller is in the sale's transaction.

    Contract and desk are locked by then. A customer may have other meters and an operator other
    desks, so these are held as well before their day is summed: two sales at once do not pass one
    limit.
    """
    check_method(method)
    limits = {(name, owner): fen for name, owner, fen in sql.fetch_all(_LIMITS)}

    def check(name: str, owner: str, sold_fen: int, what: str) -> None:
        most_fen = limits.get((name, owner), limits.get((name, "")))
        if most_fen is not None and sold_fen > most_fen:
            raise LimitError(f"{what} {yuan(most_fen)} yuan")

    def has(name: str, owner: str = "") -> bool:
        return (name, owner) in limits or (name, "") in limits

    operator, desk = actor.operator, actor.desk
    check("sale", "", amount_fen, "one sale is at most")
    check("operator-sale", operator, amount_fen, f"{operator} may sell at most")
    if has("customer-day"):
        sql.hold(_CUSTOMER, str(contract.customer.pk))
        sold = Q(contract__customer=contract.customer)
        fen = amount_fen + _sum_today(sold)
        check("customer-day", "", fen, "a customer buys in a day at most")
    if has("operator-day", operator):
        sql.hold(_OPERATOR, operator)
        fen = amount_fen + _sum_today(Q(operator=operator))
        check("operator-day", operator, fen, f"{operator} may sell in a day at most")
    if has("desk-cash", desk) and method == NOTES:
        fen = amount_fen + _read_balance(posting.cash(desk)) + _sum_broken_off(desk)
        check("desk-cash", desk, fen, f"hand cash over first: {desk} may hold at most")
    check_hoard(contract, amount_fen)


def check_hoard(contract: Contract, amount_fen: int) -> None:
    """Raise LimitError if the meter could refuse the purchase: its balance would be too high.

    What was used since the last receipt is not known, so the meter may hold less.
    """
    most_fen = contract.hoard_limit_fen or HIGHEST_FEN
    transit = posting.of_meter(posting.TRANSIT, contract.meter.number)
    row = sql.fetch(_HOLDS, (transit.kind, transit.owner, transit.method, contract.pk))
    holds_fen, transit_fen = row or (0, 0)
    if holds_fen + transit_fen + amount_fen > most_fen:
        raise LimitError(
            f"the meter takes up to {yuan(most_fen)} yuan, and {yuan(max(holds_fen, 0))} are in it "
            f"and {yuan(transit_fen)} on the way: sell less"
        )


def _sum_today(sold: Q) -> int:
    """Return the fen of these sales since local midnight, unfinished ones included."""
    local = chain.read_time() + UTC_OFFSET
    since = local.replace(hour=0, minute=0, second=0, microsecond=0) - UTC_OFFSET
    sales = Sale.objects.filter(
        sold, begun_at__gte=since, begun_at__lt=since + timedelta(days=1), state__in=_COUNTED
    )
    return sales.aggregate(fen=Sum("amount_fen"))["fen"] or 0


def _sum_broken_off(desk: str) -> int:
    """Return the fen in notes that a desk's open shift has taken for sales not finished yet."""
    return sql.fetch_value(_BROKEN_OFF, (desk, NOTES))


def _read_balance(place: posting.Place) -> int:
    found = Account.objects.filter(kind=place.kind, owner=place.owner, method=place.method).first()
    return found.balance_fen if found else 0
