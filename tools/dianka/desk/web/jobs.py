"""The counter's work with cards: jobs for the card process, over the office's own functions.

The card process opens the office by itself, so nothing of the office's models is imported before
that, and what goes to a job and comes back is plain. An error brings along as `lines` what was
found out before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dianka.card_port import CardError, select_card
from dianka.cardos.chip import CardTorn
from dianka.desk import counter as cards
from dianka.desk.office.people.rights import Actor
from dianka.desk.quota import find_shortage
from dianka.readers.base import Held
from dianka.readers.roles import Roles

if TYPE_CHECKING:
    from dianka.desk.office.vending.counter import Look
    from dianka.desk.office.vending.models import Sale

_opened: set[Path] = set()


class OtherCardError(CardError):
    """The card in the reader is not the one that the page shows. Nothing was done."""


@dataclass(frozen=True)
class Work:
    """Who works with cards: at which office, by which readers, with the control card's PIN."""

    folder: Path
    roles: Roles
    actor: Actor
    pin: str = field(default="", repr=False)


@dataclass(frozen=True)
class Wish:
    """What the form asks to sell, to the card that its page shows."""

    serial: str
    amount_fen: int
    method: str
    key: UUID
    tendered_fen: int | None = None


@dataclass(frozen=True)
class SaleTold:
    """A sale as the counter names it."""

    number: int
    desk: str
    amount_fen: int
    method: str
    receipt: int | None = None


@dataclass(frozen=True)
class MeterSaid:
    """What the meter last wrote to the card: its balance, owed if below zero, and its minute."""

    balance_fen: int
    minute: int


@dataclass(frozen=True)
class Shown:
    """A card and its customer, as the counter shows them."""

    serial: str
    customer_no: int
    customer: str
    premise: str
    meter_no: int
    tariff: str
    price_e4: int
    new_price: tuple[int, int] | None  # and the minute from which it holds, with the next sale
    count: int
    money_fen: int
    said: MeterSaid | None
    use: tuple[int, int] | None  # fen in so many minutes
    unfinished: SaleTold | None = None
    waits: SaleTold | None = None  # on the card, and not in its meter yet
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sold:
    """A sale that is made."""

    number: int
    lines: tuple[str, ...]
    shortage: str


def warm_up(folder: Path) -> None:
    """Import what later jobs need, before anybody waits for it."""
    _open(folder)
    import dianka.desk.office.statistics.states
    import dianka.desk.office.vending.counter  # noqa: F401


def look(work: Work) -> Shown:
    """Look at the card that is in, and bring the books into step with it."""
    with working(work) as lines:
        from dianka.desk.office.vending import counter

        with cards.hold_cards(work.roles, work.pin) as (control, resident):
            seen = counter.look(work.actor, control.port, resident.port, tell=lines.append)
        return replace(_show(seen), lines=tuple(lines))


def sell(work: Work, wish: Wish) -> Sold:
    """Sell to the card that is in, if it is the one that the page shows."""
    with working(work) as lines:
        from dianka.desk.office.vending import counter

        with cards.hold_cards(work.roles, work.pin) as (control, resident):
            require_card(resident, wish.serial)
            sale = counter.sell(
                work.actor,
                control.port,
                resident.port,
                wish.amount_fen,
                wish.method,
                wish.key,
                wish.tendered_fen,
                tell=lines.append,
            )
            return Sold(sale.number, tuple(lines), _find_shortage(control, sale.amount_fen))


def check_pin(work: Work) -> None:
    """Give the control card its PIN; WrongPin if that is not it."""
    cards.check_pin(work.roles, work.pin)


@contextmanager
def working(work: Work) -> Iterator[list[str]]:
    """Open the office for one job; whatever ends it early has the lines found out before it."""
    _open(work.folder)
    lines: list[str] = []
    _drop_lost_connection()
    try:
        yield lines
    except (CardError, CardTorn) as error:
        error.lines = tuple(lines)  # type: ignore[union-attr]
        raise


def _drop_lost_connection() -> None:
    """Connect anew if the database went away since the last job.

    A connection that still answers is kept: PostgreSQL gives each new one a process, which plans
    every statement and reads every table's description anew.
    """
    from django.db import connection

    if connection.connection and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


def _open(folder: Path) -> None:
    """Open the office in this process, once."""
    from dianka.desk.office.opening import open_office

    if folder not in _opened:
        open_office(folder)
        _opened.add(folder)


def require_card(resident: Held, serial: str) -> None:
    """Raise OtherCardError unless this is the card that the page shows."""
    found = select_card(resident.port).hex()
    if found != serial:
        raise OtherCardError(
            f"another card is in the reader ({found}): look at its customer, nothing was sold"
        )


def _find_shortage(control: Held, amount_fen: int) -> str:
    """Return a line if the quota runs short; the sale is made, whatever the control card says."""
    try:
        return find_shortage(control.port, amount_fen)
    except (CardError, CardTorn):
        return ""


def _show(seen: "Look") -> Shown:
    from dianka.desk.office.customers import tariffs
    from dianka.desk.office.statistics.states import find_use
    from dianka.desk.office.vending.counter import find_what_waits

    contract, found, now = seen.contract, seen.found, tariffs.read_minute()
    versions = tariffs.list_versions(contract.tariff)
    in_force = tariffs.find_in_force(versions, now) or contract.price
    due, back = tariffs.price_due_among(contract, versions, now), found.write_back
    waits = find_what_waits(contract, found)
    return Shown(
        serial=found.serial.hex(),
        customer_no=contract.customer.number,
        customer=contract.customer.name,
        premise=str(contract.premise or ""),
        meter_no=contract.meter.number,
        tariff=contract.tariff.name,
        price_e4=in_force.price_e4,
        new_price=(due.price_e4, due.switch_time) if due else None,
        count=found.count,
        money_fen=found.money_fen,
        said=MeterSaid(back["balance_fen"] - back["overdraft_fen"], back["time"]) if back else None,
        use=find_use(contract),
        unfinished=tell_sale(seen.unfinished) if seen.unfinished else None,
        waits=tell_sale(waits) if waits else None,
    )


def tell_sale(sale: "Sale") -> SaleTold:
    """Return a sale as pages name it."""
    return SaleTold(sale.number, sale.desk.name, sale.amount_fen, sale.method, sale.receipt)
