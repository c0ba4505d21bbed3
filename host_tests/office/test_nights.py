"""The nightly proof: what each edit by hand is named by, before and after the last night.

Also run on PostgreSQL, by test_postgresql.py.
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shift_kit
from estate_kit import make_contract
from office_kit import drop_guards, make_guards

LIVE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OLD, NEW = 501, 502  # meters that were sold to before and after the night


def execute(*statements: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def buy_and_load(seller: Any, contract: Any, fen: int) -> None:
    """Sell to a meter, and bring the receipt."""
    from dianka.desk.office.vending import readings

    sale = shift_kit.sell(seller, contract, fen)
    receipt = {"count": sale.count, "balance_fen": fen - 40, "overdraft_fen": 0, "time": 0}
    readings.take_receipt(seller, contract, receipt | {"illegal_cards": 0}, True)


def live_a_day(meter_no: int) -> None:
    """A sale that is loaded and one that is not, at two desks."""
    buy_and_load(shift_kit.find_seller("desk1"), make_contract(meter_no), 5000)
    shift_kit.sell(shift_kit.find_seller("desk2"), make_contract(meter_no + 1000), 700)


def live_two_days() -> None:
    """Two days with a night between them, which has proved the first."""
    from dianka.desk.office import nightly

    live_a_day(OLD)
    first = nightly.prove()
    assert (first.faults, first.books.whole) == ([], True) and first.night
    live_a_day(NEW)


def test_a_night_tells_of_its_day_and_of_all_heads(office: Path) -> None:
    from dianka.desk.office import nightly
    from dianka.desk.office.audit.models import Chain
    from dianka.desk.office.audit.nights import OFFICE, read_last

    live_two_days()
    heads = {each.desk: (each.length, bytes(each.head)) for each in Chain.objects.all()}
    proof = nightly.prove()
    night = read_last()
    assert proof.faults == [] and night == proof.night and night and night.number == 2
    assert {head.desk: (head.length, head.hash) for head in night.heads} == heads
    assert set(heads) == {"desk1", "desk2", "estate", OFFICE}
    assert (night.sales, night.sold_fen, night.whole, night.remade) == (2, 5700, 1, 0)
    assert night.series == {"desk1": (2, 2), "desk2": (2, 2)}
    assert night.sums_fen == {"cash": 11400, "transit": -1400, "meter": -9920, "used": -80}
    whole = nightly.prove(whole=True)
    assert whole.faults == [] and whole.night
    assert (whole.night.proved, whole.night.sales) == (night.proved, 0)
    assert whole.night.number == whole.night.whole == 3, "a night names the last whole proof"
    later = nightly.prove().night
    assert later and (later.number, later.whole) == (4, 3)


steps = st.lists(
    st.tuples(st.sampled_from(["desk1", "desk2"]), st.integers(0, 6), st.integers(1, 999)),
    min_size=2,
    max_size=20,
)


def take_step(desk: str, what: int, fen: int) -> None:
    """Move money that no sale need tell of, or prove."""
    from dianka.desk.office import nightly
    from dianka.desk.office.ledger import posting

    of_meter = [posting.of_meter(kind, fen % 3) for kind in ("outside", "meter", "used")]
    pairs = [
        (posting.cash(desk), posting.safe(desk)),
        (posting.safe(desk), posting.cash(desk)),
        (posting.cash(desk), posting.Place("difference", desk)),
        tuple(of_meter[:2]),
        tuple(of_meter[1:]),
    ]
    if what < len(pairs):
        move = posting.Move(*pairs[what], fen)
        posting.post(desk, "lin", "moved", "test", [move, move] if fen % 5 == 0 else [move])
    else:
        proof = nightly.prove(whole=what == len(pairs))
        assert proof.faults == [] and proof.night


def sum_entries() -> dict[int, int]:
    """The sums of the entries by account, added up one by one."""
    from dianka.desk.office.ledger.models import Entry

    sums: dict[int, int] = {}
    for entry in Entry.objects.all():
        for account, fen in (
            (entry.debit_id, entry.amount_fen),
            (entry.credit_id, -entry.amount_fen),
        ):
            sums[account] = sums.get(account, 0) + fen
    return {account: fen for account, fen in sums.items() if fen}


@pytest.mark.slow
@LIVE
@given(steps=steps, seed=st.integers(0, 99))
def test_days_and_the_whole_prove_the_same(office: Path, steps: list, seed: int) -> None:
    """Whatever comes between nights; then a sum, balance or entry is changed, and is named."""
    from django.db import transaction

    from dianka.desk.office import nightly
    from dianka.desk.office.ledger.models import Account, Entry, ProvedSum

    rng = random.Random(seed)
    with transaction.atomic():
        for desk, what, fen in [*steps, ("desk1", 0, 7)]:
            take_step(desk, what, fen)
        daily = nightly.prove().night
        kept = {row.pk: row.sum_fen for row in ProvedSum.objects.all() if row.sum_fen}
        assert kept == sum_entries()
        whole = nightly.prove(whole=True).night
        assert daily and whole and (daily.proved, daily.sums_fen) == (whole.proved, whole.sums_fen)
        take_step("desk2", 0, 9)  # after the night
        drop_guards("ledger")
        table = rng.choice([Entry, Account, ProvedSum])
        row = rng.choice(list(table.objects.order_by("pk")))
        column = {Entry: "amount_fen", Account: "balance_fen", ProvedSum: "sum_fen"}[table]
        table.objects.filter(pk=row.pk).update(
            **{column: getattr(row, column) + rng.choice((1, 2))}
        )
        make_guards("ledger")
        is_old = table is Entry and row.act.detail == "" and row.amount_fen != 9
        found = nightly.prove()
        assert bool(found.faults) == (not is_old), "an old entry is seen by the whole alone"
        assert (found.night is None) == bool(found.faults)
        if table is not ProvedSum:
            proof = nightly.prove(whole=True)
            assert proof.faults and proof.night is None
        transaction.set_rollback(True)


@dataclass(frozen=True)
class Edit:
    """An edit by hand, and what the proofs say of it. An empty daily: it is not seen by it."""

    name: str
    statements: tuple[str, ...]
    daily: str
    whole: str

    @property
    def is_of_sums(self) -> bool:
        return self.name in ("sum", "sum gone")


def act(meter_no: int, kind: str = "sale") -> str:
    return f"(SELECT id FROM audit_act WHERE kind = '{kind}' AND subject = '{meter_no:012d}')"


def account(meter_no: int, kind: str) -> str:
    return f"(SELECT id FROM ledger_account WHERE kind='{kind}' AND owner='{meter_no:012d}')"


def change(table: str, what: str, where: str) -> str:
    return f"UPDATE {table} SET {what} WHERE {where}"


NOT_TOLD = "its entries are not those that it tells"
NOT_WRITTEN = "is not as it was written"
USED = f"place = 1 AND act_id = {act(OLD, 'receipt')}"
UP = "balance_fen = balance_fen + 1"
EDITS = [
    # Of the receipt: a sale's entry is added up once more while its shift is open.
    Edit("old entry", (change("ledger_entry", "amount_fen = 41", USED),), "", NOT_TOLD),
    Edit(
        "old entry and its balances",
        (
            change("ledger_entry", "amount_fen = 41", USED),
            change("ledger_account", UP, f"id = {account(OLD, 'meter')}"),
            change("ledger_account", UP.replace("+", "-"), f"id = {account(OLD, 'used')}"),
        ),
        "the last night's sum and its entries since",
        NOT_TOLD,
    ),
    Edit("old entry gone", (f"DELETE FROM ledger_entry WHERE {USED}",), "", NOT_TOLD),
    Edit(
        "an entry more in an old act",
        (
            "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen) "
            f"SELECT act_id, 5, debit_id, credit_id, 3 FROM ledger_entry WHERE act_id = {act(OLD)}",
        ),
        "the last night's sum and its entries since",
        NOT_TOLD,
    ),
    Edit("old act", (change("audit_act", "operator = 'x'", f"id = {act(OLD)}"),), "", NOT_WRITTEN),
    Edit(
        "old sale",
        (change("vending_sale", "amount_fen = 1", f"act_id = {act(OLD)}"),),
        "",
        "its act posted something else",
    ),
    Edit(
        "the act at the head of the night",
        (change("audit_act", "hash = head", "number = 2 AND kind = 'sale'"),),
        "act 2 is not the one that was there when the chains were tied",
        NOT_WRITTEN,
    ),
    Edit(
        "night",
        (change("audit_act", "detail = replace(detail, '5700', '5701')", "kind = 'night'"),),
        "act 1 (night, night 1) is not as it was written",
        "act 1 (night, night 1) is not as it was written",
    ),
    Edit(
        "nights cut off",
        ("DELETE FROM audit_act WHERE kind = 'night'",),
        "0 acts are there, the chain's head tells 1",
        "0 acts are there, the chain's head tells 1",
    ),
    Edit(
        "balance",
        (change("ledger_account", UP, f"id = {account(OLD, 'used')}"),),
        f"account used:{OLD:012d}",
        f"account used:{OLD:012d}",
    ),
    Edit(
        "sum",
        (
            change(
                "ledger_provedsum", "sum_fen = sum_fen - 1", f"account_id = {account(OLD, 'used')}"
            ),
        ),
        f"account used:{OLD:012d}",
        f"account used:{OLD:012d}: night 1 is said to have proved -0.41 yuan, "
        "the entries up to then sum up to -0.40",
    ),
    Edit(
        "sum gone",
        (f"DELETE FROM ledger_provedsum WHERE account_id = {account(OLD, 'used')}",),
        f"account used:{OLD:012d}",
        f"account used:{OLD:012d}",
    ),
    Edit(
        "sums and balances alike",
        tuple(
            change(
                f"ledger_{table}",
                f"{column}_fen = {column}_fen {sign} 1",
                f"{key} = {account(OLD, kind)}",
            )
            for table, column, key in (
                ("account", "balance", "id"),
                ("provedsum", "sum", "account_id"),
            )
            for kind, sign in (("used", "+"), ("meter", "-"))
        ),
        "night 1: the sums kept are not those that it proved",
        "its entries sum up to",
    ),
    Edit(
        "new entry",
        (change("ledger_entry", "amount_fen = 4999", f"act_id = {act(NEW)}"),),
        NOT_TOLD,
        NOT_TOLD,
    ),
    Edit(
        "new entry gone",
        (f"DELETE FROM ledger_entry WHERE act_id = {act(NEW)}",),
        NOT_TOLD,
        NOT_TOLD,
    ),
    Edit(
        "new act",
        (change("audit_act", "operator = 'x'", f"id = {act(NEW)}"),),
        NOT_WRITTEN,
        NOT_WRITTEN,
    ),
    Edit(
        "new act and its entry alike",
        (
            change("audit_act", "moves = replace(moves, '5000', '4000')", f"id = {act(NEW)}"),
            change("ledger_entry", "amount_fen = 4000", f"act_id = {act(NEW)}"),
        ),
        NOT_WRITTEN,
        NOT_WRITTEN,
    ),
    Edit(
        "new sale gone",
        (f"DELETE FROM vending_sale WHERE act_id = {act(NEW)}",),
        "desk desk1: sale 2 is not there",
        "it posted a sale that is not there",
    ),
    Edit(
        "new sale",
        (change("vending_sale", "amount_fen = 1", f"act_id = {act(NEW)}"),),
        "its act posted something else",
        "its act posted something else",
    ),
    Edit(
        "a number more",
        (change("vending_desk", "receipts = receipts - 1", "name = 'desk1'"),),
        "counter 1 for number 2 is not there",
        "counter 1 for number 2 is not there",
    ),
    Edit(
        "a chain gone",
        (change("audit_chain", "desk = 'other'", "desk = 'desk2'"),),
        "audit chain of desk desk2: it is gone",
        "is not as it was written",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_is_named_by_the_proof_that_promises_it(office: Path, edit: Edit) -> None:
    from dianka.desk.office import checking, nightly

    live_two_days()
    for app in ("audit", "ledger", "vending"):
        drop_guards(app)
    zero = "decode(repeat('00', 32), 'hex')" if is_postgresql() else "zeroblob(32)"
    execute(*(statement.replace("= head", f"= {zero}") for statement in edit.statements))
    for app in ("ledger", "vending"):
        make_guards(app)
    before = read_checkpoint()
    for whole, said in ((False, edit.daily), (True, edit.whole)):
        proof = nightly.prove(whole)
        assert any(said in line for line in proof.faults) if said else proof.faults == []
        assert (proof.night is None) == bool(said)
        if said:
            assert read_checkpoint() == before, "a proof that fails changes nothing"
        before = read_checkpoint()
    assert any(edit.whole in line for line in checking.find_faults()), (
        "check is as good as the whole proof"
    )
    assert (nightly.prove(anew=True).night is None) != edit.is_of_sums


def is_postgresql() -> bool:
    from django.db import connection

    return connection.vendor == "postgresql"


def read_checkpoint() -> list[Any]:
    """All that a proof writes: the nights, the heads, the sums."""
    from dianka.desk.office.audit.models import Act, Chain
    from dianka.desk.office.audit.nights import OFFICE
    from dianka.desk.office.ledger.models import ProvedSum

    nights = Act.objects.filter(chain__desk=OFFICE).order_by("number")
    heads = Chain.objects.order_by("desk").values_list("desk", "length")
    sums = ProvedSum.objects.order_by("pk").values_list("pk", "sum_fen")
    return [list(nights.values_list("number", "detail")), list(heads), list(sums)]


def test_sums_changed_by_hand_are_made_anew_when_told(office: Path) -> None:
    from dianka.desk.office import nightly
    from dianka.desk.office.ledger.models import ProvedSum

    live_two_days()
    right = dict(ProvedSum.objects.values_list("pk", "sum_fen"))
    ProvedSum.objects.update(sum_fen=5)
    assert nightly.prove().night is None
    whole = nightly.prove(whole=True)
    assert whole.night is None and len(whole.faults) > 4
    anew = nightly.prove(anew=True)
    assert anew.faults == [] and anew.odd_sums == whole.faults
    assert anew.night and anew.night.remade == len(anew.odd_sums)
    assert dict(ProvedSum.objects.values_list("pk", "sum_fen")).keys() >= right.keys()
    proof = nightly.prove()
    assert proof.faults == [] and proof.night and proof.night.remade == 0


def test_a_guard_that_is_gone_is_named(office: Path) -> None:
    from dianka.desk.office import nightly

    live_two_days()
    drop_guards("ledger")
    proof = nightly.prove()
    assert "guard ledger_entry_no_update is missing in the database" in proof.faults
    assert proof.night is None
    make_guards("ledger")
    assert nightly.prove().night


@pytest.mark.parametrize("after", ["tie", "keep"])
def test_a_proof_broken_off_leaves_what_was_there(
    office: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """Between the night's act and the sums, and before both are committed."""
    from dianka.desk.office import nightly
    from dianka.desk.office.audit import nights
    from dianka.desk.office.ledger import sums

    live_two_days()
    before = read_checkpoint()
    module: Any = nights if after == "tie" else sums
    whole = getattr(module, after)

    def broken(*words: Any) -> None:
        whole(*words)
        raise ConnectionError

    with monkeypatch.context() as patch, pytest.raises(ConnectionError):
        patch.setattr(module, after, broken)
        nightly.prove()
    assert read_checkpoint() == before
    proof = nightly.prove()
    assert proof.faults == [] and proof.night and (proof.night.number, proof.night.sales) == (2, 2)
    assert nightly.prove(whole=True).faults == []


def test_no_shift_since_the_last_night_is_left_out(office: Path) -> None:
    """More shifts than a whole proof adds up again."""
    from dianka.desk.office import nightly
    from dianka.desk.office.vending import shift_proof, shifts
    from dianka.desk.office.vending.models import ShiftCount

    assert nightly.prove().night
    seller = shift_kit.find_seller()
    shift_kit.sell(seller, make_contract(OLD), 5000)
    for number in range(1, shift_proof.RECENT + 3):
        shifts.close_shift(seller, number, shift_kit.count_notes(5000))
        shifts.open_shift(seller, shift_kit.count_notes(5000))
    drop_guards("vending")
    counts = ShiftCount.objects.filter(shift__number=1, closing=True, method="notes")
    assert counts.update(expected_fen=1)
    make_guards("vending")
    sums, told = nightly.prove().faults
    assert sums.startswith("desk desk1, shift 1: notes should be 50.00 yuan")
    assert told == "desk desk1, shift 1: its acts tell something else"


def test_no_account_goes_through_all_entries(office: Path) -> None:
    """SQLite looks the entries since the last night up by account, or a day would take hours."""
    from django.db import connection

    from dianka.desk.office.ledger import sums

    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL not looked at: it joins by a hash table")
    live_two_days()
    for whole in (False, True):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sums.write_comparison((), whole)}")
            plan = [row[3] for row in cursor.fetchall()]
        assert not [step for step in plan if step in ("SCAN s LEFT-JOIN", "SCAN t LEFT-JOIN")]
        assert "SEARCH s USING AUTOMATIC COVERING INDEX (account=?) LEFT-JOIN" in plan


def test_two_proofs_at_once_leave_one_night(office: Path) -> None:
    from dianka.card_port import CardError
    from dianka.desk.office import nightly
    from dianka.desk.office.checking import read_books

    live_a_day(OLD)
    books = read_books()
    assert nightly.prove().night
    before = read_checkpoint()
    with pytest.raises(CardError, match="another proof has tied the chains meanwhile"):
        nightly._tie(books)
    assert read_checkpoint() == before
