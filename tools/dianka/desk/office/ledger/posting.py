"""Post entries: the only way to move money in the books, together with the act that moves it.

The moves that may be, and nothing else:

    cash -> transit       a sale, between a desk and a meter
    transit -> meter      a receipt proves that the purchase is in the meter
    meter -> used         the receipt tells what was used
    transit -> cash       a refund of what never reached the meter
    transit -> refund     the same, paid back without this desk's cash
    meter -> cash, refund, transit   an account is closed, or a meter exchanged for another
    cash -> meter         an overdraft is paid when the account ends
    cash <-> difference   a desk's count found less or more
    cash <-> safe         a float is given to a desk, or cash is handed over by it
    difference -> transit  a sale completed after the shift that took its money was counted
    difference -> cash    the same sale is void, and another shift gives its money back
    outside -> transit, meter   a meter or a card with credit from before is taken in

"a -> b" debits a and credits b. A balance is debits minus credits: that of cash is above zero, that
of transit, meter and used below, as it is owed to the customer or was. Cash moves by acts of its
own desk alone: what a shift should have is what its desk's chain tells.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from dianka.card_port import CardError
from dianka.desk.office import server, sql
from dianka.desk.office.audit import chain, records
from dianka.desk.office.audit.models import Act
from dianka.desk.office.ledger.models import Account, Entry
from dianka.money import yuan

CASH, TRANSIT, METER, USED, REFUND, DIFFERENCE, OUTSIDE, SAFE = Account.Kind.values
REVERSAL = "reversal"  # the act's kind
_OF_A_METER = (TRANSIT, METER, USED, OUTSIDE)
_BETWEEN_METERS = (METER, TRANSIT)
ALLOWED = {
    (CASH, TRANSIT),
    (TRANSIT, METER),
    (METER, USED),
    (TRANSIT, CASH),
    (TRANSIT, REFUND),
    (METER, CASH),
    (METER, REFUND),
    (METER, TRANSIT),
    (CASH, METER),
    (CASH, DIFFERENCE),
    (DIFFERENCE, CASH),
    (OUTSIDE, TRANSIT),
    (OUTSIDE, METER),
    (DIFFERENCE, TRANSIT),
    (CASH, SAFE),
    (SAFE, CASH),
}

_KEYS = "SELECT id, kind, owner, method FROM ledger_account"
_NAMED = "(kind = %s AND owner = %s AND method = %s)"
_OPEN = (
    "INSERT INTO ledger_account (kind, owner, method, balance_fen) VALUES (%s, %s, %s, 0) "
    "RETURNING id"
)
_ENTRY = (
    "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen, reverses_id) "
    "VALUES (%s, %s, %s, %s, %s, %s)"
)


class LedgerError(CardError):
    """Entries that may not be. Nothing is posted."""


@dataclass(frozen=True)
class Place:
    """The name of an account: its kind, a desk or a meter's 12 digits, and how cash was paid."""

    kind: str
    owner: str
    method: str = ""

    def __str__(self) -> str:
        return ":".join(word for word in (self.kind, self.owner, self.method) if word)


@dataclass(frozen=True)
class Move:
    """`amount_fen` from one account to another."""

    debit: Place
    credit: Place
    amount_fen: int

    def __str__(self) -> str:
        """Return the line that an act's hash covers; fixed for ever."""
        return f"{self.debit} > {self.credit} {self.amount_fen}"


def cash(desk: str, method: str = "notes") -> Place:
    """Return a desk's account of what was paid by this method."""
    return Place(CASH, desk, method)


def safe(desk: str, method: str = "notes") -> Place:
    """Return the account of what a desk has handed over of this method, less what it was given."""
    return Place(SAFE, desk, method)


def of_meter(kind: str, meter_no: int) -> Place:
    """Return a meter's account: TRANSIT, METER or USED."""
    return Place(kind, f"{meter_no:012d}")


def post(
    desk: str,
    operator: str,
    kind: str,
    subject: str,
    moves: Iterable[Move],
    detail: str = "",
    rows: Iterable[str] = (),
) -> Act:
    """Post these moves as one act of the desk's chain, all or none.

    LedgerError if one of them may not be, or more than is in transit would leave it.
    """
    with transaction.atomic():
        return append(desk, operator, kind, subject, moves, detail, rows)


def append(
    desk: str,
    operator: str,
    kind: str,
    subject: str,
    moves: Iterable[Move],
    detail: str = "",
    rows: Iterable[str] = (),
) -> Act:
    """Post these moves in the caller's transaction, which must not be committed after an error.

    An act that moves nothing is an act all the same. `rows` are those that it has written.
    """
    moves = list(moves)
    for move in moves:
        _check(move)
        _check_desk(desk, move.debit, move.credit)
    return _append(desk, operator, kind, subject, records.join(detail, rows), moves)


def reverse(desk: str, operator: str, entry: Entry, reason: str) -> Act:
    """Post the opposite of an entry, which it names, once. LedgerError if that was done before."""
    if not reason.strip():
        raise LedgerError("a reversal has a reason: give one")
    with transaction.atomic():
        _check_desk(desk, entry.debit, entry.credit)
        move = Move(_name(entry.credit), _name(entry.debit), entry.amount_fen)
        detail = records.join(f"reverses entry {entry.pk}: {reason}", ())
        subject = str(entry.act.subject)
        return _append(desk, operator, REVERSAL, subject, detail, [move], entry.pk)


def moves_of(entries: Iterable[Entry]) -> str:
    """Return entries as the lines that their act holds."""
    return "\n".join(f"{entry.debit} > {entry.credit} {entry.amount_fen}" for entry in entries)


def is_allowed(debit: Place | Account, credit: Place | Account) -> bool:
    """Return whether money may go from one to the other."""
    pair = debit.kind, credit.kind
    same_meter = debit.owner == credit.owner or pair == _BETWEEN_METERS
    both_of_meters = debit.kind in _OF_A_METER and credit.kind in _OF_A_METER
    return pair in ALLOWED and (same_meter or not both_of_meters)


def _check(move: Move) -> None:
    if not is_allowed(move.debit, move.credit):
        raise LedgerError(f"money does not go from {move.debit} to {move.credit}")
    if move.amount_fen <= 0:
        raise LedgerError(f"an entry is above zero, not {move.amount_fen} fen")


def _check_desk(desk: str, *places: Place | Account) -> None:
    for place in places:
        if place.kind == CASH and place.owner != desk:
            raise LedgerError(f"the cash of {place.owner} does not move by an act of {desk}")


def _name(account: Account) -> Place:
    return Place(account.kind, account.owner, account.method)


def _append(
    desk: str,
    operator: str,
    kind: str,
    subject: str,
    detail: str,
    moves: Sequence[Move],
    reverses: int | None = None,
) -> Act:
    """Append an act and enter its moves; `reverses` is the entry that its one move takes back."""
    told = "\n".join(map(str, moves))
    with _explain(moves, reverses):
        if server.IS_HERE:
            rows = [(_words(move.debit), _words(move.credit), move.amount_fen) for move in moves]
            made = server.post(desk, operator, kind, subject, detail, rows, reverses)
            chain.raise_if_too_late(desk, made)
            return chain.form_act(made, desk, operator, kind, subject, detail, told)
        act = chain.append_as_told(desk, operator, kind, subject, detail, told)
        if moves:
            keys = _accounts({place for move in moves for place in (move.debit, move.credit)})
            for place, move in enumerate(moves):
                accounts = keys[move.debit], keys[move.credit]
                sql.run(_ENTRY, (act.pk, place, *accounts, move.amount_fen, reverses))
        return act


@contextmanager
def _explain(moves: Sequence[Move], reverses: int | None) -> Iterator[None]:
    """Turn what the database refuses of an entry into a LedgerError."""
    try:
        yield
    except IntegrityError as error:
        said = str(error).partition("\n")[0]  # PostgreSQL's next lines name the statement
        if reverses and "reverses" in said:
            raise LedgerError(f"entry {reverses} is reversed already") from None
        if "no_more_than_in_transit" in said:
            move = next(move for move in moves if move.debit.kind == TRANSIT)
            raise LedgerError(
                f"less than {yuan(move.amount_fen)} yuan of {move.debit.owner} is in transit"
            ) from None
        raise


def _accounts(places: set[Place]) -> dict[Place, int]:
    """Return the keys of the accounts of these names, made where they are new."""
    wanted = " OR ".join([_NAMED] * len(places))
    words = [word for place in places for word in _words(place)]
    rows = sql.fetch_all(f"{_KEYS} WHERE {wanted}", words)
    found = {Place(kind, owner, method): key for key, kind, owner, method in rows}
    for place in sorted(places - found.keys(), key=str):
        found[place] = sql.fetch_value(_OPEN, _words(place))
    return found


def _words(place: Place) -> server.Account:
    return place.kind, place.owner, place.method
