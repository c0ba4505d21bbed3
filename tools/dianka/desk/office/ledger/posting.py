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
    outside -> transit, meter   a meter or a card with credit from before is taken in

"a -> b" debits a and credits b. A balance is debits minus credits: that of cash is above zero, that
of transit, meter and used below, as it is owed to the customer or was. Cash moves by acts of its
own desk alone: what a shift should have is what its desk's chain tells.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from dianka.card_port import CardError
from dianka.desk.office import sql
from dianka.desk.office.audit import chain
from dianka.desk.office.audit.models import Act
from dianka.desk.office.ledger.models import Account, Entry
from dianka.money import yuan

CASH, TRANSIT, METER, USED, REFUND, DIFFERENCE, OUTSIDE, SAFE = Account.Kind.values
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
    "ON CONFLICT (kind, owner, method) DO NOTHING RETURNING id"
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
    desk: str, operator: str, kind: str, subject: str, moves: Iterable[Move], detail: str = ""
) -> Act:
    """Post these moves as one act of the desk's chain, all or none.

    LedgerError if one of them may not be, or more than is in transit would leave it.
    """
    with transaction.atomic():
        return append(desk, operator, kind, subject, moves, detail)


def append(
    desk: str, operator: str, kind: str, subject: str, moves: Iterable[Move], detail: str = ""
) -> Act:
    """Post these moves in the caller's transaction, which must not be committed after an error.

    An act that moves nothing is an act all the same.
    """
    moves = list(moves)
    for move in moves:
        _check(move)
        _check_desk(desk, move.debit, move.credit)
    act = chain.append(desk, operator, kind, subject, detail, "\n".join(map(str, moves)))
    if not moves:
        return act
    accounts = _accounts({place for move in moves for place in (move.debit, move.credit)})
    for place, move in enumerate(moves):
        _insert(act, place, move, (accounts[move.debit], accounts[move.credit]))
    return act


def reverse(desk: str, operator: str, entry: Entry, reason: str) -> Act:
    """Post the opposite of an entry, which it names, once. LedgerError if that was done before."""
    if not reason.strip():
        raise LedgerError("a reversal has a reason: give one")
    with transaction.atomic():
        _check_desk(desk, entry.debit, entry.credit)
        move = Move(_name(entry.credit), _name(entry.debit), entry.amount_fen)
        detail = f"reverses entry {entry.pk}: {reason}"
        act = chain.append(desk, operator, "reversal", str(entry.act.subject), detail, str(move))
        if Entry.objects.filter(reverses=entry).exists():
            raise LedgerError(f"entry {entry.pk} is reversed already")
        _insert(act, 0, move, (entry.credit.pk, entry.debit.pk), entry.pk)
        return act


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


def _accounts(places: set[Place]) -> dict[Place, int]:
    """Return the keys of the accounts of these names, made where they are new."""
    wanted = " OR ".join([_NAMED] * len(places))
    words = [word for place in places for word in (place.kind, place.owner, place.method)]
    rows = sql.fetch_all(f"{_KEYS} WHERE {wanted}", words)
    found = {Place(kind, owner, method): key for key, kind, owner, method in rows}
    for place in sorted(places - found.keys(), key=str):
        found[place] = _open_account(place)
    return found


def _open_account(place: Place) -> int:
    """Return the key of a new account, or of the one that another desk has opened just now."""
    words = (place.kind, place.owner, place.method)
    row = sql.fetch(_OPEN, words) or sql.fetch(f"{_KEYS} WHERE {_NAMED}", words)
    assert row
    return row[0]


def _insert(
    act: Act, place: int, move: Move, accounts: tuple[int, int], reverses: int | None = None
) -> None:
    """Insert the entry of a move between two accounts; `place` is among those of its act."""
    try:
        sql.run(_ENTRY, (act.pk, place, *accounts, move.amount_fen, reverses))
    except IntegrityError as error:
        if reverses and "reverses" in str(error):  # by another desk just now
            raise LedgerError(f"entry {reverses} is reversed already") from None
        if "no_more_than_in_transit" in str(error):
            raise LedgerError(
                f"less than {yuan(move.amount_fen)} yuan of {move.debit.owner} is in transit"
            ) from None
        raise
