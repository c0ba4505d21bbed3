"""The books of an office, written in bulk: acts with their hashes, entries, sales and readings.

What is written is what the office itself would have written: chains, ledger and proof hold for it.
Accounts come last, with the balances that their entries give.
"""

import hashlib
import uuid
from array import array
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db import connection

from dianka.desk.office.audit import chain, records
from dianka.desk.office.audit.models import Act, Chain
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.figures.bulk import Bulk
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.state.tables import TABLES
from dianka.desk.office.state.told import tell_reading
from dianka.desk.office.vending.models import Desk

_KINDS = ("transit", "meter", "used")
_READING = tuple(TABLES["reading"].fields)
_LOAD = (
    "UPDATE vending_sale SET state = 'loaded', loaded_at = %s "
    "WHERE contract_id = %s AND count = %s AND state = 'written'"
)


@dataclass
class Made:
    """What was made, and how long it took."""

    meters: int
    sales: int = 0
    acts: int = 0
    entries: int = 0
    readings: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Purchase:
    """What is bought. `loaded_at` is when the receipt will have come; None: it has not yet."""

    fen: int
    method: str
    loaded_at: datetime | None
    void: bool = False


@dataclass(frozen=True)
class Receipt:
    """What the meter wrote to the card."""

    minute: int  # YYMMDDhhmm
    balance_fen: int
    loaded_fen: int
    used_fen: int


@dataclass
class _Told:
    """The fields of an act that its hash covers, as chain.encode reads them."""

    chain: Chain
    number: int
    time: datetime
    operator: str
    kind: str
    subject: str
    detail: str
    moves: str


class _Counter:
    """A desk and the end of its chain."""

    def __init__(self, name: str) -> None:
        self.row, _ = Chain.objects.get_or_create(desk=name)
        self.desk, _ = Desk.objects.get_or_create(name=name)
        self.head = bytes(self.row.head)


class Books:
    """The books while they are written. A place is a contract, by its number in `contracts`."""

    def __init__(self, desks: int) -> None:
        rows = Contract.objects.exclude(state="closed").order_by("id")
        self.contracts = list(
            rows.values_list("id", "meter_id", "meter__number", "premise__area_id", "price_id")
        )
        count = len(self.contracts)
        self.made = Made(count)
        self.desks = [_Counter(f"desk{number}") for number in range(1, desks + 1)]
        self.count = array("q", [0]) * count  # of purchases
        self._first_account = 1 + _last_id(Account)
        self._cash: dict[tuple[str, str], list[int]] = {}  # the account's number and balance
        self._fen = [array("q", [0]) * count for _ in _KINDS]
        self._written: list[array[int]] = []  # what the accounts have of it
        self._loaded: list[tuple[datetime, int, int]] = []
        self._act = _last_id(Act)
        self._bulk = Bulk()
        _name_tables(self._bulk)

    def take_receipt(
        self, desk: int, operator: str, place: int, when: datetime, receipt: Receipt
    ) -> None:
        """Take in what the meter wrote after the last purchase."""
        _, meter_id, meter_no, _, _ = self.contracts[place]
        detail = (
            f"purchase {self.count[place]} balance {receipt.balance_fen} fen overdraft 0 fen "
            f"minute {receipt.minute:010d}"
        )
        transit, meter, gone = (f"{kind}:{meter_no:012d}" for kind in _KINDS)
        account, loaded, used = (
            self._first_account + 3 * place,
            receipt.loaded_fen,
            receipt.used_fen,
        )
        moves = [(transit, account, meter, account + 1, loaded)]
        if used:
            moves.append((meter, account + 1, gone, account + 2, used))
        said = ("receipt", receipt.minute, self.count[place], receipt.balance_fen)
        said = (*said, 0, loaded, used, 0, None, None, True)
        detail = records.join(
            detail, tell_reading(meter_no, **dict(zip(_READING, said, strict=True)))
        )
        self._append(desk, when, operator, "receipt", f"{meter_no:012d}", detail, moves)
        for kind, fen in enumerate((loaded, used - loaded, -used)):
            self._fen[kind][place] += fen
        self.made.readings += 1
        self._bulk.add("estate_reading", meter_id, when, *said)

    def sell(self, desk: int, operator: str, place: int, when: datetime, bought: Purchase) -> None:
        """Sell to a place, or begin to and void it."""
        contract, _, meter_no, _, price = self.contracts[place]
        counter = self.desks[desk].desk
        counter.sales += 1
        count, serial, subject = self.count[place] + 1, f"{meter_no:016x}", f"{meter_no:012d}"
        told = f"purchase {count} of {bought.fen} fen by {bought.method} card {serial}"
        receipt = act = written = None
        state, reason = "void", "the card was pulled"
        if bought.void:
            detail = f"sale {counter.sales} {told}: {reason}"
            self._append(desk, when, operator, "sale void", subject, detail, [])
        else:
            state, reason = "loaded" if bought.loaded_at else "written", ""
            written, receipt = when, counter.receipts + 1
            counter.receipts = receipt
            act = self._post_sale(desk, operator, place, when, bought, f"receipt {receipt} {told}")
            self.count[place] = count
        self.made.sales += 1
        key = uuid.UUID(int=self.made.sales)
        native = connection.features.has_native_uuid_field
        sold = (counter.pk, counter.sales, key if native else key.hex, bytes(32), contract, serial)
        more = (count, bought.fen, bought.method, price, operator, state, reason, when, written)
        self._bulk.add("vending_sale", *sold, *more, bought.loaded_at, receipt, act)

    def load(self, place: int, when: datetime) -> None:
        """Let the receipt come of the place's last sale, which was written as if it had not."""
        self._loaded.append((when, self.contracts[place][0], self.count[place]))

    def flush(self) -> None:
        """Write what is kept, but for the accounts."""
        self._bulk.flush()

    def open(self) -> None:
        """Go on after the last act that is there: others may have written acts meanwhile."""
        self._act = _last_id(Act)

    def close(self) -> None:
        """Write the rest, the accounts with their balances, and the heads of the chains.

        Closed again after more was written, the balances are brought to what they are then.
        """
        self.flush()
        with connection.cursor() as cursor:
            cursor.executemany(_LOAD, self._loaded)
        self._loaded.clear()
        if self._written:
            self._update_accounts()
        else:
            self._insert_accounts()
        self._written = [array("q", each) for each in self._fen]
        for each in self.desks:
            each.row.head = each.head
            each.row.save()
            each.desk.save()

    def _insert_accounts(self) -> None:
        bulk = Bulk()
        bulk.table("ledger_account", "id", "kind", "owner", "method", "balance_fen")
        for place, contract in enumerate(self.contracts):
            for kind, name in enumerate(_KINDS):
                row = (self._first_account + 3 * place + kind, name, f"{contract[2]:012d}", "")
                bulk.add("ledger_account", *row, self._fen[kind][place])
        for (desk, method), (number, fen) in self._cash.items():
            bulk.add("ledger_account", number, "cash", desk, method, fen)
        bulk.flush()

    def _update_accounts(self) -> None:
        there = set(Account.objects.filter(kind="cash").values_list("id", flat=True))
        Account.objects.bulk_create(
            Account(id=number, kind="cash", owner=desk, method=method)
            for (desk, method), (number, _) in self._cash.items()
            if number not in there
        )
        changed = [(fen, number) for number, fen in self._cash.values()]
        for kind, (now, written) in enumerate(zip(self._fen, self._written, strict=True)):
            changed += [
                (fen, self._first_account + 3 * place + kind)
                for place, fen in enumerate(now)
                if fen != written[place]
            ]
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE ledger_account SET balance_fen = %s WHERE id = %s", changed)

    def _post_sale(
        self, desk: int, operator: str, place: int, when: datetime, bought: Purchase, told: str
    ) -> int:
        name, subject = self.desks[desk].desk.name, f"{self.contracts[place][2]:012d}"
        cash, transit = self._find_cash(name, bought.method), self._first_account + 3 * place
        names = f"cash:{name}:{bought.method}", f"transit:{subject}"
        moves = [(names[0], cash[0], names[1], transit, bought.fen)]
        cash[1] += bought.fen
        self._fen[0][place] -= bought.fen
        detail = f"sale {self.desks[desk].desk.sales} {told}"
        return self._append(desk, when, operator, "sale", subject, detail, moves)

    def _append(
        self, desk: int, when: datetime, operator: str, kind: str, subject: str, detail: str,
        moves: list[tuple[str, int, str, int, int]],
    ) -> int:  # fmt: skip
        """Add an act with its entries; return its row's number."""
        counter = self.desks[desk]
        counter.row.length += 1
        text = "\n".join(f"{debit} > {credit} {fen}" for debit, _, credit, _, fen in moves)
        told = _Told(counter.row, counter.row.length, when, operator, kind, subject, detail, text)
        counter.head = hashlib.sha256(chain.encode(cast(Act, told), counter.head)).digest()
        self._act += 1
        row = (self._act, counter.row.pk, told.number, when, operator, kind, subject, detail, text)
        self._bulk.add("audit_act", *row, counter.head)
        for place, (_, debit, _, credit, fen) in enumerate(moves):
            self._bulk.add("ledger_entry", self._act, place, debit, credit, fen)
        self.made.acts += 1
        self.made.entries += len(moves)
        return self._act

    def _find_cash(self, desk: str, method: str) -> list[int]:
        if (desk, method) not in self._cash:
            after = self._first_account + 3 * len(self.contracts) + len(self._cash)
            self._cash[desk, method] = [after, 0]
        return self._cash[desk, method]


def _last_id(model: Any) -> int:
    return model.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _name_tables(bulk: Bulk) -> None:
    told = ("operator", "kind", "subject", "detail", "moves", "hash")
    bulk.table("audit_act", "id", "chain_id", "number", "time", *told)
    bulk.table("ledger_entry", "act_id", "place", "debit_id", "credit_id", "amount_fen")
    bulk.table("estate_reading", "meter_id", "seen_at", *_READING)
    sold = ("desk_id", "number", "key", "key_hash", "contract_id", "card_serial", "count")
    how = ("amount_fen", "method", "price_id", "operator", "state", "reason")
    when = ("begun_at", "written_at", "loaded_at", "receipt", "act_id")
    bulk.table("vending_sale", *sold, *how, *when)
