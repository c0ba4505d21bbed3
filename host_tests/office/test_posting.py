"""What may be posted, pair by pair and to the fen, and that an act is posted whole or not at all.

Also run on PostgreSQL, by test_postgresql.py.
"""

from dataclasses import FrozenInstanceError
from itertools import product
from pathlib import Path
from typing import Any

import pytest

DESKS = ("desk1", "desk2", "desk3")
HERE = DESKS[1]  # whose acts these are: one name is before it, one behind
METERS = (7, 8)
# Written out by hand from the list at the head of posting.py.
OF_ONE_METER = {
    ("transit", "meter"),
    ("meter", "used"),
    ("outside", "transit"),
    ("outside", "meter"),
}
OF_ANY = {
    ("cash", "transit"),
    ("transit", "cash"),
    ("transit", "refund"),
    ("meter", "cash"),
    ("meter", "refund"),
    ("meter", "transit"),
    ("cash", "meter"),
    ("cash", "difference"),
    ("difference", "cash"),
    ("difference", "transit"),
    ("cash", "safe"),
    ("safe", "cash"),
}
KINDS = ("cash", "transit", "meter", "used", "refund", "difference", "outside", "safe")


def list_places() -> list[Any]:
    """A place of each kind for each desk or meter."""
    from dianka.desk.office.ledger import posting

    places: list[Any] = []
    for kind in KINDS:
        if kind in ("transit", "meter", "used", "outside"):
            places += [posting.of_meter(kind, number) for number in METERS]
        elif kind in ("cash", "safe"):
            places += [getattr(posting, kind)(f"desk{number}") for number in (1, 2, 3)]
        else:
            places += [posting.Place(kind, f"desk{number}") for number in (1, 2, 3)]
    return places


def post(*moves: Any, desk: str = HERE) -> Any:
    from dianka.desk.office.ledger import posting

    return posting.post(desk, "lin", "moved", "test", moves)


def read_books() -> tuple[dict[str, int], int, int]:
    """All balances above or below zero, and how many acts and entries there are."""
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.ledger.models import Account, Entry

    balances = {str(each): each.balance_fen for each in Account.objects.all() if each.balance_fen}
    return balances, Act.objects.count(), Entry.objects.count()


def fill_meters() -> None:
    """Sell to both meters, so that what is in transit refuses nothing."""
    from dianka.desk.office.ledger import posting

    for number in METERS:
        for kind in ("transit", "meter"):
            move = posting.Move(posting.cash(HERE), posting.of_meter(kind, number), 1000)
            post(move)


def test_money_goes_where_it_may_and_nowhere_else(office: Path) -> None:
    from dianka.desk.office.ledger import posting

    fill_meters()
    gone: set[tuple[str, str]] = set()
    for debit, credit in product(list_places(), repeat=2):
        pair, same = (debit.kind, credit.kind), debit.owner == credit.owner
        at_home = all(each.kind != "cash" or each.owner == HERE for each in (debit, credit))
        may = pair in OF_ANY or (pair in OF_ONE_METER and same)
        assert posting.is_allowed(debit, credit) == may, (debit, credit)
        before = read_books()
        if may and at_home:
            balances, acts, entries = before
            post(posting.Move(debit, credit, 3))
            for place, fen in ((debit, 3), (credit, -3)):
                balances[str(place)] = balances.get(str(place), 0) + fen
            balances = {place: fen for place, fen in balances.items() if fen}
            assert read_books() == (balances, acts + 1, entries + 1)
            gone.add(pair)
            continue
        said = "does not move by an act of desk2" if may else "money does not go from"
        with pytest.raises(posting.LedgerError, match=said):
            post(posting.Move(debit, credit, 3))
        assert read_books() == before
    assert gone == OF_ANY | OF_ONE_METER


@pytest.mark.parametrize("fen", [-1000, -1, 0, 1, 2, 999, 1000, 1001])
def test_an_entry_is_above_zero_and_leaves_no_less_than_zero_in_transit(
    office: Path, fen: int
) -> None:
    from dianka.desk.office.ledger import posting

    fill_meters()
    before = read_books()
    moves = (posting.of_meter("transit", 7), posting.of_meter("meter", 7))
    if 0 < fen <= 1000:
        post(posting.Move(*moves, fen))
        balances = read_books()[0]
        assert balances.get(str(moves[0]), 0) == fen - 1000
        assert balances[str(moves[1])] == -1000 - fen
        return
    said = "is in transit" if fen > 0 else f"an entry is above zero, not {fen} fen"
    with pytest.raises(posting.LedgerError, match=said):
        post(posting.Move(*moves, fen))
    assert read_books() == before


def test_one_move_too_many_and_none_is_made(office: Path) -> None:
    """The move that is too much is named, whatever stands around it, and nothing is left."""
    from dianka.desk.office.ledger import posting

    fill_meters()
    before = read_books()
    whole = [
        posting.Move(posting.cash(HERE), posting.safe(HERE), 5),
        posting.Move(posting.of_meter("meter", 7), posting.of_meter("used", 7), 5),
        posting.Move(posting.of_meter("transit", 8), posting.of_meter("meter", 8), 1001),
        posting.Move(posting.safe(HERE), posting.cash(HERE), 2),
    ]
    with pytest.raises(posting.LedgerError, match=r"^less than 10\.01 yuan of 0{11}8 is in tr"):
        post(*whole)
    wrong = posting.Move(posting.safe(HERE), posting.of_meter("used", 7), 1)
    for moves in ([wrong, *whole[:2]], [*whole[:2], wrong]):
        with pytest.raises(posting.LedgerError, match="money does not go from safe:desk2:notes"):
            post(*moves)
    assert read_books() == before


def test_an_act_has_its_moves_as_entries_in_their_order(office: Path) -> None:
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.ledger.models import Account

    fill_meters()
    known = Account.objects.count()
    moves = [
        posting.Move(posting.cash(HERE, "card"), posting.of_meter("transit", 9), 700),
        posting.Move(posting.of_meter("transit", 9), posting.of_meter("meter", 9), 700),
        posting.Move(posting.of_meter("meter", 9), posting.of_meter("used", 9), 1),
        posting.Move(posting.of_meter("meter", 9), posting.of_meter("used", 9), 1),
    ]
    act = post(*moves)
    entries = list(act.entry_set.order_by("place").select_related("debit", "credit"))
    assert [entry.place for entry in entries] == [0, 1, 2, 3]
    assert posting.moves_of(entries) == "\n".join(map(str, moves)) == act.moves
    assert act.moves.splitlines()[:3] == [
        "cash:desk2:card > transit:000000000009 700",
        "transit:000000000009 > meter:000000000009 700",
        "meter:000000000009 > used:000000000009 1",
    ]
    assert Account.objects.count() == known + 4, "an account is opened once"
    assert post().moves == "" and not post().entry_set.exists()


def test_a_move_and_its_places_do_not_change() -> None:
    """What a hash covers is what is entered: nobody changes it in between."""
    from dianka.desk.office.ledger import posting

    move: Any = posting.Move(posting.cash(HERE), posting.of_meter("transit", 7), 5)
    for changed, name in ((move, "amount_fen"), (move.debit, "owner")):
        with pytest.raises(FrozenInstanceError):
            setattr(changed, name, 6)


def test_a_reversal_is_the_entry_backwards_once_and_at_its_desk(office: Path) -> None:
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.ledger.models import Entry

    places = posting.cash(HERE, "card"), posting.of_meter("transit", 7)
    fill_meters()
    before = read_books()
    sold = post(posting.Move(*places, 700)).entry_set.get()
    for desk in (DESKS[0], DESKS[2]):
        with pytest.raises(posting.LedgerError, match=f"does not move by an act of {desk}"):
            posting.reverse(desk, "lin", sold, "typed 70 for 7")
    act = posting.reverse(HERE, "lin", sold, "typed 70 for 7")
    assert (act.kind, act.subject) == ("reversal", "test")
    assert act.detail == f"reverses entry {sold.pk}: typed 70 for 7"
    assert act.moves == f"{places[1]} > {places[0]} 700"
    back = Entry.objects.get(reverses=sold)
    assert (back.act.pk, back.amount_fen) == (act.pk, 700)
    after = read_books()
    assert after == (before[0], before[1] + 2, before[2] + 2)
    with pytest.raises(posting.LedgerError, match=f"^entry {sold.pk} is reversed already$"):
        posting.reverse(HERE, "lin", sold, "once more")
    assert read_books() == after
