"""Sales in the books, from the intent on: three steps that may each be taken again.

    begin     the intent is stored, PENDING: the card may be written from now on
    post      the card has it: ledger, receipt number, WRITTEN
    void      the card has not got it, and never will: VOID

What a sale has become is decided by the card alone (counter.py), never by time. The form's key
makes a sale once: given again with the same fields it finds the sale, with others it is refused.
"""

import hashlib
import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from dianka.card_port import CardError
from dianka.desk.office import server, sql
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract, TariffVersion
from dianka.desk.office.ledger import posting
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.vending.carried import raise_if_carried
from dianka.desk.office.vending.desks import lock_desk, take_number
from dianka.desk.office.vending.limits import check_limits
from dianka.desk.office.vending.models import Sale
from dianka.desk.office.vending.shifts import raise_if_not_working, require_shift
from dianka.money import yuan

LIVE = (Sale.State.PENDING, Sale.State.WRITTEN, Sale.State.LOADED)

_LIVE_WORDS = ", ".join(f"'{state}'" for state in LIVE)
_CONTRACT = "SELECT state, former_count FROM customers_contract c WHERE id = %s" + sql.lock("c")
_LAST = (
    "SELECT id, count, state FROM vending_sale "
    f"WHERE contract_id = %s AND state IN ({_LIVE_WORDS}) ORDER BY count DESC LIMIT 1"
)
_UNFINISHED = (
    "SELECT id FROM vending_sale "
    f"WHERE contract_id = %s AND state = '{Sale.State.PENDING}' ORDER BY id LIMIT 1"
)
_BY_KEY = "SELECT id FROM vending_sale WHERE key = %s OR completing_key = %s ORDER BY id LIMIT 1"
_INTENT = (
    "INSERT INTO vending_sale (desk_id, number, key, key_hash, contract_id, card_serial, count, "
    "amount_fen, tendered_fen, method, price_id, operator, state, reason, begun_at) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
    f"'{Sale.State.PENDING}', '', {sql.NOW}) RETURNING id"
)
_SALE = (
    "SELECT s.state, c.price_id FROM vending_sale s "
    "JOIN customers_contract c ON c.id = s.contract_id WHERE s.id = %s" + sql.lock("s")
)
# Whether the last shift of the sale's desk has closed, or began after the sale: by the sale's
# number, as a clock may be set back between them.
_COUNTED = (
    "SELECT h.closing_id IS NOT NULL OR coalesce(s.number <= h.sales_before, a.time > s.begun_at) "
    "FROM vending_sale s "
    "JOIN vending_shift h ON h.desk_id = s.desk_id JOIN audit_act a ON a.id = h.opening_id "
    "WHERE s.id = %s ORDER BY h.id DESC LIMIT 1"
)
_POSTED = (
    "UPDATE vending_sale SET receipt = %s, act_id = %s, written_at = %s, "
    f"state = '{Sale.State.WRITTEN}' WHERE id = %s"
)


class SaleRefused(CardError):
    """The books refuse the sale. Nothing is stored and nothing was sent."""


@dataclass(frozen=True)
class Form:
    """What a clerk asks for. `key` was made when the form was drawn for this card."""

    key: uuid.UUID
    card_serial: str
    amount_fen: int
    method: str = "notes"
    tendered_fen: int | None = None  # what the customer gave, if it was told

    def hash(self) -> bytes:
        """Return SHA-256 over the other fields, each with its length before it in 4 bytes."""
        words = (self.card_serial, str(self.amount_fen), self.method)
        fields = [word.encode() for word in words]
        return hashlib.sha256(
            b"".join(len(field).to_bytes(4, "big") + field for field in fields)
        ).digest()


@needs("sell")
def begin(
    actor: Actor, form: Form, contract: Contract, count: int, price: TariffVersion
) -> tuple[Sale, bool]:
    """Store the intent to sell purchase `count`; return the sale, and whether it was begun now.

    A sale of the same purchase that was broken off is gone on with, and so is one that this very
    form has begun. SaleRefused if contract, count or an earlier use of the form forbid it.
    """
    try:
        with transaction.atomic():
            return _begin(actor, form, contract, count, price)
    except IntegrityError as error:
        if "key" not in str(error):
            raise
        raise SaleRefused("this form has made a sale already: begin a new one") from None


def _begin(
    actor: Actor, form: Form, contract: Contract, count: int, price: TariffVersion
) -> tuple[Sale, bool]:
    if not server.IS_HERE:  # this PC's clock is the database's: nothing is sent if it is wrong
        chain.raise_if_clock_is_wrong(actor.desk)
    now = sql.fetch(_CONTRACT, (contract.pk,))
    state, former_count = now or (Contract.State.CLOSED, contract.former_count)
    if state != Contract.State.OPEN:
        raise SaleRefused(f"the account is {state}: nothing is sold to it")
    last = sql.fetch(_LAST, (contract.pk,))
    number, last_count, state = last or (None, former_count, None)
    if state == Sale.State.PENDING:
        unfinished = Sale.objects.select_related("desk", "contract__meter").get(pk=number)
        return _go_on(unfinished, form, count), False
    last_count = max(former_count, last_count)
    if count != last_count + 1:
        raise SaleRefused(
            f"the card is at purchase {count - 1}, the books are at {last_count}: read the card "
            "again, or send an inspector to the meter"
        )
    if form.tendered_fen is not None and form.tendered_fen < form.amount_fen:
        raise SaleRefused(f"{yuan(form.tendered_fen)} yuan do not pay {yuan(form.amount_fen)}")
    desk, number = take_number(actor.desk, "sales")
    raise_if_not_working(actor, desk)
    check_limits(actor, contract, form.amount_fen, form.method)
    sale = Sale(
        desk=desk,
        number=number,
        key=form.key,
        key_hash=form.hash(),
        contract=contract,
        card_serial=form.card_serial,
        count=count,
        amount_fen=form.amount_fen,
        tendered_fen=form.tendered_fen,
        method=form.method,
        price=price,
        operator=actor.operator,
    )
    return _insert(sale), True


def _insert(sale: Sale) -> Sale:
    """Store a new sale as it is, begun now by the database's time, and return it."""
    words = (sale.desk.pk, sale.number, sql.key_value(sale.key), sale.key_hash)
    what = (sale.contract.pk, sale.card_serial, sale.count, sale.amount_fen, sale.tendered_fen)
    how = (sale.method, sale.price.pk, sale.operator)
    sale.pk = sql.fetch_value(_INTENT, (*words, *what, *how))
    return sale


@needs("sell")
def post(actor: Actor, sale: Sale) -> Sale:
    """Post a sale that the card has, and return it as it is then.

    Once it is posted, posting it again changes nothing. The money was taken at the sale's own desk;
    if the shift that took it is counted and closed, it was found too much there.
    """
    with transaction.atomic():
        state, price = sql.fetch(_SALE, (sale.pk,)) or (Sale.State.VOID, None)
        if state in (Sale.State.WRITTEN, Sale.State.LOADED):
            sale.refresh_from_db()
            return sale
        if state != Sale.State.PENDING:
            raise SaleRefused(f"sale {sale.number} is {state}: sell anew")
        rows = _bring_price(sale) if price != sale.price_id else []
        desk, meter_no = sale.desk.name, sale.contract.meter.number
        _, sale.receipt = take_number(desk, "receipts")
        money = posting.of_meter(posting.TRANSIT, meter_no)
        move = posting.Move(_find_till(sale), money, sale.amount_fen)
        detail = f"sale {sale.number} receipt {sale.receipt} {describe(sale)}"
        meter = f"{meter_no:012d}"
        act = posting.append(desk, actor.operator, "sale", meter, [move], detail, rows)
        sql.run(_POSTED, (sale.receipt, act.pk, sql.time_value(act.time), sale.pk))
        sale.act, sale.written_at, sale.state = act, act.time, Sale.State.WRITTEN
        return sale


def _bring_price(sale: Sale) -> list[str]:
    """Keep the price that a sale brings to its meter, and return what its act tells of that."""
    Contract.objects.filter(pk=sale.contract.pk).update(price=sale.price_id)
    return tell(sale.contract)


@needs("sell")
def void(actor: Actor, number: int, reason: str) -> Sale:
    """Void a sale that provably never reached the card, and return it; again changes nothing."""
    with transaction.atomic():
        sale = _lock_sale(number)
        if sale.state == Sale.State.VOID:
            return sale
        if sale.state != Sale.State.PENDING:
            raise SaleRefused(f"sale {sale.number} is {sale.state}: it can't be void")
        raise_if_carried(sale)
        sale.state, sale.reason = Sale.State.VOID, reason[:200]
        sale.save(update_fields=["state", "reason"])
        moves = _give_back(actor, sale)
        desk, meter = (actor.desk if moves else sale.desk.name), sale.contract.meter.number
        detail = f"sale {sale.number} {describe(sale)}: {sale.reason}"
        posting.append(desk, actor.operator, "sale void", f"{meter:012d}", moves, detail)
        return sale


def find_by_key(key: uuid.UUID, amount_fen: int, method: str) -> Sale | None:
    """Return the sale that the form with this key has made; SaleRefused if its words differ."""
    found = sql.fetch(_BY_KEY, (sql.key_value(key), sql.key_value(key)))
    if found is None:  # so it is with each form that is new
        return None
    (number,) = found
    sale = Sale.objects.select_related("desk", "contract__meter").get(pk=number)
    if sale.amount_fen != amount_fen or (sale.key == key and sale.method != method):
        raise SaleRefused(
            f"this form was used for sale {sale.number} with other words: begin a new one"
        )
    return sale


def find_unfinished(contract: Contract) -> Sale | None:
    """Return the contract's sale that is not finished, or None."""
    found = sql.fetch(_UNFINISHED, (contract.pk,))
    if found is None:  # so it is with each look but very few
        return None
    (number,) = found
    return Sale.objects.select_related("desk", "contract__meter").get(pk=number)


def find_last_count(contract: Contract) -> int:
    """Return the count of the contract's last purchase that the card may have."""
    last = sql.fetch(_LAST, (contract.pk,))
    return max(contract.former_count, last[1]) if last else contract.former_count


def describe(sale: Sale) -> str:
    """Return a sale as its acts tell it; fixed for ever."""
    return (
        f"purchase {sale.count} of {sale.amount_fen} fen by {sale.method} card {sale.card_serial}"
    )


def _go_on(sale: Sale, form: Form, count: int) -> Sale:
    if sale.key == form.key and bytes(sale.key_hash) != form.hash():
        raise SaleRefused(f"this form was used for sale {sale.number} on another card: begin anew")
    if (sale.count, sale.amount_fen) != (count, form.amount_fen):
        raise SaleRefused(describe_unfinished(sale))
    if sale.key != form.key:
        sale.completing_key = form.key
        sale.save(update_fields=["completing_key"])
    return sale


def describe_unfinished(sale: Sale) -> str:
    """Return one line on an unfinished sale, and the one thing to do."""
    return (
        f"sale {sale.number} at {sale.desk.name} of {yuan(sale.amount_fen)} yuan is not finished: "
        f"sell {yuan(sale.amount_fen)} to complete it"
    )


def _find_till(sale: Sale) -> posting.Place:
    """Return the account of the money: the desk's cash, or what its closed shift found too much."""
    desk = sale.desk.name
    if is_counted(sale):
        return posting.Place(posting.DIFFERENCE, desk)
    return posting.cash(desk, sale.method)


def _give_back(actor: Actor, sale: Sale) -> list[posting.Move]:
    """Return the move of a void sale's money out of the cash of the actor's shift.

    Until it is counted, it is in the drawer of its shift beside what the books expect, and that
    desk gives it back: nothing moves. Then any desk gives what the count has found too much.
    """
    if not is_counted(sale):
        lock_desk(sale.desk.name)  # so that it is not counted just now
        if not is_counted(sale):
            return []
    require_shift(actor)
    found = posting.Place(posting.DIFFERENCE, sale.desk.name)
    return [posting.Move(found, posting.cash(actor.desk, sale.method), sale.amount_fen)]


def is_counted(sale: Sale) -> bool:
    """Return whether the shift that took a sale's money is counted and closed."""
    (counted,) = sql.fetch(_COUNTED, (sale.pk,)) or (False,)
    return bool(counted)


def _lock_sale(number: int) -> Sale:
    """Return the sale, locked after its contract."""
    contract = Sale.objects.filter(pk=number).values("contract")
    Contract.objects.select_for_update(of=("self",)).get(pk__in=contract)
    related = Sale.objects.select_related("desk", "contract__meter", "contract__customer")
    return related.select_for_update(of=("self",)).get(pk=number)
