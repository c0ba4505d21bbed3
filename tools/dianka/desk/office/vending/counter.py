"""The counter: a card in the reader and the books, brought into step.

A card is looked at once it has proved that it is of this system. Then, in this order: which
contract it belongs to, what has become of a sale that was broken off, and what its receipt tells.
After that the same card may be sold to.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.db import Error, transaction

from dianka.card_port import CardError, CardPort
from dianka.cardos import kinds
from dianka.desk import sell as card_sale
from dianka.desk.office import sql
from dianka.desk.office.audit import chain
from dianka.desk.office.audit.times import ClockError
from dianka.desk.office.cards import register
from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers import tariffs
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending import patience, readings, refunds, resolving, sales
from dianka.desk.office.vending.carried import CarriedError
from dianka.desk.office.vending.models import Sale
from dianka.desk.office.vending.patience import raise_if_database_fails
from dianka.desk.office.vending.sales import Form, SaleRefused
from dianka.desk.prices import NewPrice
from dianka.desk.sell import (
    OnCard,
    SaleBroken,
    prove_write_back,
    read_user_card,
)
from dianka.desk.session import Desk, NotProved
from dianka.money import yuan


@dataclass(frozen=True)
class Wish:
    """What a clerk asks to sell. `key` is that of the form."""

    amount_fen: int
    method: str
    key: uuid.UUID
    tendered_fen: int | None = None


# Each look and each sale asks these: the ORM takes longer to build them than the database.
_ACCOUNT = (
    "SELECT c.id FROM customers_contract c JOIN estate_meter m ON m.id = c.meter_id "
    "JOIN customers_customer u ON u.id = c.customer_id WHERE m.number = %s AND u.number = %s "
    "ORDER BY c.id DESC LIMIT 1"
)
_SOLD = (
    "SELECT card_serial, amount_fen FROM vending_sale "
    f"WHERE contract_id = %s AND count = %s AND state = '{Sale.State.WRITTEN}' LIMIT 1"
)


@dataclass
class Look:
    """What a card and the books say together."""

    contract: Contract
    found: OnCard
    tell: Callable[[str], None]
    reading: Reading | None = None  # what its receipt has added
    unfinished: Sale | None = None  # a sale that this look could not resolve


@needs("look things up")
def look(
    actor: Actor,
    control: CardPort,
    card: CardPort,
    tell: Callable[[str], None] = lambda line: None,
) -> Look:
    """Read a user card, and bring the books into step with it. CardError if it is not known here.

    Of a card that is not of this system nothing is believed.
    """
    with raise_if_database_fails():
        return take_in(actor, *open_card(control, card), tell)


@needs("sell")
def sell(
    actor: Actor,
    control: CardPort,
    card: CardPort,
    amount_fen: int,
    method: str = "notes",
    key: uuid.UUID | None = None,
    tendered_fen: int | None = None,
    raise_if_stopped: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Sale:
    """Sell to a user card, and return the sale as posted; `tell` gets what the card told before.

    `key` is that of the form: a form that has sold already gives its sale again, and the card is
    not touched. CardError if nothing was sold; SaleBroken if the card may have the purchase: the
    sale stays unfinished until the card is looked at again. A database that is gone when the card
    has it is waited for.
    """
    wish = Wish(amount_fen, method, key or uuid.uuid4(), tendered_fen)
    books = _Books(actor, wish, tell)
    with raise_if_database_fails():
        known = sales.find_by_key(wish.key, amount_fen, method)
    if known and known.state in (Sale.State.WRITTEN, Sale.State.LOADED):
        return known
    if known and known.state == Sale.State.VOID:
        raise SaleRefused(
            f"sale {known.number} of this form is void, and its money is in no book: "
            "begin a new one, or give the money back"
        )
    if known and known.state != Sale.State.PENDING:
        raise SaleRefused(f"sale {known.number} of this form is {known.state}: begin a new one")
    with _settle(books):
        card_sale.sell(control, card, amount_fen, raise_if_stopped=raise_if_stopped, books=books)
    assert books.sale
    return _post(actor, books.sale, raise_if_stopped, tell)


def take_in(actor: Actor, found: OnCard, desk: Desk, tell: Callable[[str], None]) -> Look:
    """Bring the books into step with what a card says that has proved itself to `desk`.

    `tell` gets a line for each thing that was found, as soon as it is in the books.
    """
    contract = find_contract(actor, found)
    seen = Look(contract, found, tell)
    unfinished = sales.find_unfinished(contract)
    if unfinished:
        line, settled = resolving.resolve(actor, unfinished, found, desk)
        seen.unfinished = None if settled else unfinished
        seen.tell(line)
    for line in refunds.resolve(actor, contract, found, desk):
        seen.tell(line)
    _raise_if_counts_differ(seen)
    if found.write_back:
        proved = prove_receipt(found, desk)
        readings.raise_if_not_its_own(contract, found, proved)
        seen.reading = readings.take_receipt(actor, contract, found.write_back, proved)
    return seen


def open_card(control: CardPort, card: CardPort) -> tuple[OnCard, Desk]:
    """Return a user card's content, and the session with it once both have proved themselves."""
    control.power_on()
    found = read_user_card(card)
    desk = Desk(control, card, found.serial)
    desk.identify()
    desk.authenticate()
    return found, desk


class _Books(card_sale.Books):
    """The books as the sale of one form uses them."""

    def __init__(self, actor: Actor, wish: Wish, tell: Callable[[str], None]) -> None:
        self.actor, self._wish, self._tell = actor, wish, tell
        self.sale: Sale | None = None
        self.began = False  # by this form, and now: no earlier try can have reached the card
        self.seen: Look | None = None

    @raise_if_database_fails()
    def look(self, found: OnCard, desk: Desk) -> None:
        self.seen = take_in(self.actor, found, desk, self._tell)
        _name_what_waits(self.seen.contract, found)

    @raise_if_database_fails()
    def find_price(self) -> NewPrice | None:
        assert self.seen
        return tariffs.price_due(self.seen.contract, tariffs.read_minute())

    def find_alarms(self) -> tuple[int, int]:
        assert self.seen
        return self.seen.contract.alarm1_fen, self.seen.contract.alarm2_fen

    @raise_if_database_fails()
    def begin(self, found: OnCard, count: int) -> None:
        assert self.seen
        contract, wish = self.seen.contract, self._wish
        form = Form(wish.key, found.serial.hex(), wish.amount_fen, wish.method, wish.tendered_fen)
        price = tariffs.pick_version(contract, tariffs.read_minute())
        self.sale, self.began = sales.begin(self.actor, form, contract, count, price)


def find_what_waits(contract: Contract, found: OnCard) -> Sale | None:
    """Return the sale that is on the card and not in the meter yet, if the books have it."""
    if found.write_back is not None:
        return None
    sold = Sale.objects.select_related("desk").filter(contract=contract, count=found.count)
    return sold.filter(state=Sale.State.WRITTEN).first()


def _name_what_waits(contract: Contract, found: OnCard) -> None:
    """Raise SaleRefused that names the sale which is on the card and not in the meter yet.

    Whoever sells because a former try ended without a line has to know which sale that is.
    """
    waits = find_what_waits(contract, found)
    if waits:
        raise SaleRefused(
            f"purchase {waits.count} of {yuan(waits.amount_fen)} yuan (sale {waits.number} at "
            f"{waits.desk.name}, receipt {waits.receipt}) has not been in the meter yet: put the "
            "card into its meter first; nothing was sold now"
        )


@contextmanager
def _settle(books: _Books) -> Iterator[None]:
    """Void the sale if it ends before anything was sent; leave it unfinished if it may be there."""
    try:
        yield
    except SaleBroken as error:
        if books.sale:
            error.args = (f"{error} (sale {books.sale.number})",)
        raise
    except CardError as error:
        if books.sale and books.began:
            # Without the database it stays unfinished: the next look at the card resolves it.
            with suppress(Error):
                _void_unsent(books.actor, books.sale, error)
        raise


def _void_unsent(actor: Actor, sale: Sale, error: CardError) -> None:
    try:
        sales.void(actor, sale.pk, f"nothing was sent: {error}")
    except CarriedError as carried:  # by a card that another desk has begun just now
        told = f"{error}; sale {sale.number} stays unfinished, take no money for it: {carried}"
        raise SaleRefused(told) from None


def _post(
    actor: Actor, sale: Sale, raise_if_stopped: Callable[[], None], tell: Callable[[str], None]
) -> Sale:
    """Post a sale that the card has; wait for a database that is away, until told to stop."""
    on_card = f"purchase {sale.count} of {yuan(sale.amount_fen)} yuan is on the card"
    later = f"keep the money; looking at the card again posts it (sale {sale.number})"

    def tell_away(reason: str) -> None:
        with suppress(Exception):  # whatever becomes of the line, the sale is to be posted
            away = f"the books can't be reached ({reason})"
            tell(f"{on_card}, but {away}: keep the money and wait, up to {patience.LIMIT_S} s")

    try:
        return patience.keep_trying(lambda: sales.post(actor, sale), tell_away, raise_if_stopped)
    except ClockError as error:
        raise SaleBroken(f"{on_card}, but {error}: {later}") from None
    except Error as error:
        away = f"the books can't be reached ({patience.shorten(error)})"
        raise SaleBroken(f"{on_card}, but {away}: {later}") from None
    except KeyboardInterrupt as error:
        told = SaleBroken(f"{on_card}, but not in the books yet, as you stopped it: {later}")
        told.exit_code = getattr(error, "exit_code", SaleBroken.exit_code)
        raise told from None


def find_contract(actor: Actor, found: OnCard) -> Contract:
    """Return the contract that a card belongs to; CardError if it is not this card's any more."""
    numbers = found.params["meter_no"], found.params["customer_no"]
    account = sql.fetch(_ACCOUNT, numbers)
    if account is None:
        raise CardError(
            f"the office knows no account of customer {numbers[1]:012d} at meter "
            f"{numbers[0]:012d}: open it first"
        )
    (number,) = account
    contract = _recognise(actor, found.serial.hex(), number)
    if contract.state == Contract.State.CLOSED:
        raise CardError("this account is closed: take the card in")
    return contract


def _recognise(actor: Actor, serial: str, number: int) -> Contract:
    """Return the contract with this primary key if the card is its own, else raise CardError.

    A card that is new here is taken in.
    """
    with transaction.atomic():
        contract = register.read_locked(number)
        known = Card.objects.select_for_update().filter(serial=serial).first()
        ours = known is not None and known.contract_id == contract.pk
        if known and ours and known.state == Card.State.MAKING:
            known.contract = contract
            register.complete(actor, known)  # it is whole, as it was read and has proved itself
        elif known and ours and known.state == Card.State.USED:
            Card.objects.filter(pk=known.pk).update(seen_at=chain.read_time())
        elif known:
            raise CardError(
                f"card {serial} is {known.state} here and not this account's: keep it, and replace "
                "it if its holder has no other"
            )
        else:
            _take_card_in(actor, serial, contract)
    return contract


def _take_card_in(actor: Actor, serial: str, contract: Contract) -> None:
    other = Card.objects.filter(contract=contract, state=Card.State.USED).first()
    if other:
        raise CardError(
            f"this account's card is {other.serial}, not {serial}: keep this one, and replace the "
            "other if it is lost"
        )
    card = register.make_row(actor, bytes.fromhex(serial), kinds.USER, Card.State.USED, "")
    card.contract = contract
    register.set_state(actor, card, Card.State.USED, "card taken in", register.describe(card))


def prove_receipt(found: OnCard, desk: Desk) -> bool:
    """Return whether the card proves its receipt. One that does not ends no account by itself."""
    try:
        return prove_write_back(desk) == found.write_back
    except NotProved:
        return False


def _raise_if_counts_differ(seen: Look) -> None:
    """Raise CardError if the card has other purchases than the books."""
    last, count = sales.find_last_count(seen.contract), seen.found.count
    if count == last - 1 and refunds.find_unfinished(seen.contract):
        return  # its purchase is off the card, as was told
    if seen.unfinished:
        if count not in (seen.unfinished.count, seen.unfinished.count - 1):
            raise CardError(
                f"{sales.describe_unfinished(seen.unfinished)}, but the card is at purchase "
                f"{count}: send an inspector to the meter"
            )
    elif count > last:
        refunds.raise_if_paid_back(seen.contract, count, seen.found.serial)
        raise CardError(
            f"the card has purchase {count} of {yuan(seen.found.money_fen)} yuan, the books end "
            f"with {last}: a manager takes it in with dianka office take-in"
        )
    elif count < last:
        raise CardError(
            f"the card is at purchase {count}, the books at {last}: it is a copy or was written "
            "elsewhere; keep it and send an inspector to the meter"
        )
    _raise_if_money_differs(seen, last)


def _raise_if_money_differs(seen: Look, last: int) -> None:
    sold = sql.fetch(_SOLD, (seen.contract.pk, last))
    if sold is None:
        return
    serial, amount_fen = sold
    # A card that was made in place of the one that was sold to may have the count alone.
    right_fen = (amount_fen,) if serial == seen.found.serial.hex() else (0, amount_fen)
    if seen.found.money_fen not in right_fen:
        raise CardError(
            f"the card says {yuan(seen.found.money_fen)} yuan for purchase {last}, the books "
            f"{yuan(amount_fen)}: keep the card and send an inspector to the meter"
        )
