"""The ledger against a second one kept in Python: random moves, allowed and not.

Also run on PostgreSQL, by test_postgresql.py.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

METERS = (1, 2)
KINDS = ("cash", "transit", "meter", "used", "refund", "difference", "outside", "safe")
LIVE = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def place(kind: str, number: int) -> Any:
    from dianka.desk.office.ledger import posting

    if kind == "cash":
        return posting.cash(f"desk{number}")
    if kind == "safe":
        return posting.safe(f"desk{number}")
    if kind in ("refund", "difference"):
        return posting.Place(kind, f"desk{number}")
    return posting.of_meter(kind, number)


ALLOWED = {
    "cash": {"transit", "difference", "meter", "safe"},
    "safe": {"cash"},
    "transit": {"meter", "cash", "refund"},
    "meter": {"used", "cash", "refund", "transit"},
    "difference": {"cash", "transit"},
    "outside": {"transit", "meter"},
}
moves = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(METERS),
    st.sampled_from(KINDS),
    st.sampled_from(METERS),
    st.sampled_from([1, 2, 499, 500, 501, 1000, 99_999_999]) | st.integers(-1, 1100),
)


def may(debit: str, owner: int, credit: str, other: int) -> bool:
    """Whether money goes this way, by a rule that is written a second time."""
    of_meters = {debit, credit} <= {"transit", "meter", "used", "outside"}
    exchange = (debit, credit) == ("meter", "transit")
    by_its_desk = (debit, owner) != ("cash", 2) and (credit, other) != ("cash", 2)
    pair = credit in ALLOWED.get(debit, ()) and by_its_desk  # all are acts of desk1
    return pair and (owner == other or not of_meters or exchange)


@LIVE
@given(tries=st.lists(st.lists(moves, min_size=1, max_size=3), max_size=25))
def test_random_moves_against_a_second_ledger(office: Path, tries: list) -> None:
    from django.db import transaction

    from dianka.desk.office import checking
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.ledger.models import Account

    with transaction.atomic():
        acts, books = Act.objects.count(), Counter()
        for wanted in tries:
            after, right = books.copy(), True
            for debit, owner, credit, other, fen in wanted:
                after[str(place(debit, owner))] += fen
                after[str(place(credit, other))] -= fen
                in_transit = all(after[str(place("transit", number))] <= 0 for number in METERS)
                right = right and may(debit, owner, credit, other) and fen > 0 and in_transit
            act = [
                posting.Move(place(debit, owner), place(credit, other), fen)
                for debit, owner, credit, other, fen in wanted
            ]
            if right:
                posting.post("desk1", "lin", "moved", "test", act)
                books, acts = after, acts + 1
            else:
                with pytest.raises(posting.LedgerError):
                    posting.post("desk1", "lin", "moved", "test", act)
        balances = {str(each): each.balance_fen for each in Account.objects.all()}
        assert {key: fen for key, fen in balances.items() if fen} == {
            key: fen for key, fen in books.items() if fen
        }
        assert Act.objects.count() == acts
        assert list(checking.find_ledger_faults()) == []
        transaction.set_rollback(True)


def sold(fen: int = 5000, meter_no: int = 7) -> Any:
    """A sale to a meter; its entry."""
    from dianka.desk.office.ledger import posting

    move = posting.Move(posting.cash("desk1"), posting.of_meter("transit", meter_no), fen)
    return posting.post("desk1", "lin", "moved", f"{meter_no:012d}", [move]).entry_set.get()


def test_a_reversal_names_its_entry_once(office: Path) -> None:
    from dianka.desk.office import checking
    from dianka.desk.office.ledger import posting, proof

    entry = sold()
    with pytest.raises(posting.LedgerError, match="a reversal has a reason"):
        posting.reverse("desk1", "lin", entry, " ")
    posting.reverse("desk1", "lin", entry, "typed 50 for 5")
    assert set(proof.sum_by_kind().values()) == {0}
    with pytest.raises(posting.LedgerError, match="is reversed already"):
        posting.reverse("desk1", "lin", entry, "once more")
    assert list(checking.find_ledger_faults()) == []


def test_cash_is_moved_by_its_own_desk_alone(office: Path) -> None:
    from dianka.desk.office.ledger import posting

    entry = sold()
    move = posting.Move(posting.cash("desk1"), posting.safe("desk1"), 1)
    for post in (
        lambda: posting.post("desk2", "lin", "hand-over", "desk1", [move]),
        lambda: posting.reverse("desk2", "lin", entry, "typed 50 for 5"),
    ):
        with pytest.raises(posting.LedgerError, match="cash of desk1 does not move by an act of"):
            post()


def test_what_is_in_the_meter_is_not_reversed(office: Path) -> None:
    from dianka.desk.office.ledger import posting

    entry = sold()
    loaded = posting.Move(posting.of_meter("transit", 7), posting.of_meter("meter", 7), 4999)
    posting.post("desk1", "lin", "receipt", "7", [loaded])
    with pytest.raises(posting.LedgerError, match=r"less than 50\.00 yuan of .* is in transit"):
        posting.reverse("desk1", "lin", entry, "too late")


STATEMENTS = [
    "UPDATE ledger_entry SET amount_fen = 1",
    "DELETE FROM ledger_entry",
    "UPDATE audit_act SET operator = 'nobody'",
    "DELETE FROM audit_act",
    "UPDATE ledger_account SET owner = 'desk9' WHERE kind = 'cash'",
    "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen) "
    "SELECT act_id, 5, debit_id, credit_id, 0 FROM ledger_entry",
    "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen) "
    "SELECT act_id, 5, debit_id, debit_id, 5 FROM ledger_entry",
    "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen) "
    "SELECT act_id, 5, credit_id, debit_id, 5001 FROM ledger_entry",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses(office: Path, statement: str) -> None:
    from django.db import DatabaseError, connection, transaction

    sold()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def drop(guard: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"DROP TRIGGER {guard.split()[0] if connection.vendor == 'sqlite' else guard}"
        )


EDITS = [
    (
        "ledger_entry_no_update on ledger_entry",
        "UPDATE ledger_entry SET amount_fen = 1",
        "sum up to 0.02",
    ),
    (
        "ledger_entry_no_delete on ledger_entry",
        "DELETE FROM ledger_entry",
        "entries are not those",
    ),
    (
        "audit_act_no_update on audit_act",
        "UPDATE audit_act SET operator = 'x' WHERE number = 2",
        "act 2 (moved, 000000000007) is not as it was written",
    ),
    (
        "audit_act_no_update on audit_act",
        "UPDATE audit_act SET number = 9 WHERE number = 3",
        "act 3 is missing",
    ),
    (
        "ledger_account_name on ledger_account",
        "UPDATE ledger_account SET owner = '000000000008' WHERE kind = 'transit'",
        "entries are not those",
    ),
    (
        "ledger_entry_moves on ledger_entry",
        "UPDATE ledger_account SET balance_fen = 0 WHERE kind = 'cash'",
        "balance is 0.00",
    ),
]


@pytest.mark.parametrize(("guard", "statement", "said"), EDITS)
def test_an_edit_by_hand_is_named(office: Path, guard: str, statement: str, said: str) -> None:
    """Somebody who owns the database drops a guard, edits, and does not put it back."""
    from django.db import connection

    from dianka.desk.office import checking

    sold(5000, 7)
    sold(300, 7)
    assert list(checking.find_ledger_faults()) == []
    drop(guard)
    with connection.cursor() as cursor:
        cursor.execute(statement)
    found = list(checking.find_ledger_faults())
    assert f"guard {guard.split()[0]} is missing in the database" in found
    assert any(said in line for line in found), found


def test_a_tail_cut_off_is_named_by_the_head(office: Path) -> None:
    from django.db import connection

    from dianka.desk.office import checking

    sold()
    drop("audit_act_no_delete on audit_act")
    drop("ledger_entry_no_delete on ledger_entry")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_entry")
        cursor.execute("DELETE FROM audit_act WHERE number = 2")
    assert any(
        "1 acts are there, the chain's head tells 2" in line
        for line in checking.find_ledger_faults()
    )


def test_the_bytes_of_an_act_are_fixed_for_ever(office: Path) -> None:
    """Written out by hand: a changed form must take another first byte."""
    from datetime import UTC, datetime

    from dianka.desk.office.audit.chain import encode
    from dianka.desk.office.audit.models import Act, Chain

    act = Act(
        chain=Chain(desk="d"),
        number=12,
        time=datetime(2026, 1, 5, 8, 0, 1, 20, UTC),
        operator="林",
        kind="sale",
        subject="7",
        detail="",
        moves="a > b 1",
    )
    assert encode(act, b"\xaa" * 32) == (
        b"\x01"
        b"\x00\x00\x00\x01d"
        b"\x00\x00\x00\x0212"
        b"\x00\x00\x00\x1b2026-01-05T08:00:01.000020Z"
        b"\x00\x00\x00\x03\xe6\x9e\x97"
        b"\x00\x00\x00\x04sale"
        b"\x00\x00\x00\x017"
        b"\x00\x00\x00\x00"
        b"\x00\x00\x00\x07a > b 1"
        b"\x00\x00\x00\x20" + b"\xaa" * 32
    )
