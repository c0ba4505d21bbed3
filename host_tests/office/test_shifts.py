"""Shifts against a second book: blind counts, differences, hand-overs, reports.

Also run on PostgreSQL, by test_postgresql.py.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import shift_kit as kit
from estate_kit import make_actor, make_contract

CLERK, OTHER, BOSS = (
    lambda: make_actor("clerk", name="li"),
    lambda: make_actor("clerk", name="wu"),
    lambda: make_actor("supervisor", name="boss"),
)
METHODS = ("notes", "card", "mobile", "transfer")
amounts = st.integers(1, 30_000)


class Counter1(RuleBasedStateMachine):
    """One desk, one clerk at a time; the second book is `cash`, `safe` and `difference`."""

    def __init__(self) -> None:
        super().__init__()
        from django.db import transaction

        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.actor, self.contract = CLERK(), make_contract(7)
        self.cash, self.safe, self.found_less = Counter(), Counter(), 0
        self.open: Any = None
        self.sales = self.shifts = self.sold_here = 0

    def teardown(self) -> None:
        from django.db import transaction

        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    @precondition(lambda self: not self.open)
    @rule(given=st.integers(0, 20_000), missing=st.integers(-50, 50))
    def begin(self, given: int, missing: int) -> None:
        from dianka.desk.office.vending.shifts import open_shift

        counted = max(self.cash["notes"] + given - missing, given)
        self.found_less += self.cash["notes"] + given - counted
        self.safe["notes"] -= given
        self.cash["notes"] = counted
        self.open = open_shift(self.actor, kit.count_notes(counted), given)
        self.shifts += 1
        self.sold_here = 0
        assert self.open.number == self.shifts

    @rule(fen=amounts, method=st.sampled_from(METHODS))
    def sell(self, fen: int, method: str) -> None:
        from dianka.desk.office.vending.shifts import ShiftError

        if not self.open:
            with pytest.raises(ShiftError, match="no shift is open"):
                kit.sell(self.actor, self.contract, fen, method)
            return
        sale = kit.sell(self.actor, self.contract, fen, method)
        self.sales += 1
        self.sold_here += 1
        self.cash[method] += fen
        assert sale.receipt == self.sales

    @precondition(lambda self: self.open)
    @rule(fen=amounts)
    def hand_over(self, fen: int) -> None:
        from dianka.desk.office.vending.shifts import hand_over

        consent = kit.give_consent(self.actor, "hand-over", "desk1", fen)
        hand_over(self.actor, fen, consent)
        self.cash["notes"] -= fen
        self.safe["notes"] += fen

    @precondition(lambda self: self.open)
    @rule(missing=st.integers(-500, 500), others=st.integers(-300, 300), part=st.integers(0, 100))
    def close(self, missing: int, others: int, part: int) -> None:
        from dianka.desk.office.vending.counting import Count
        from dianka.desk.office.vending.shifts import close_shift

        counted = max(0, self.cash["notes"] - missing)
        handed = counted * part // 100
        count = Count(
            kit.count_notes(counted).pieces,
            {method: self.cash[method] + others for method in METHODS[1:]},
        )
        consent = kit.give_consent(self.actor, "hand-over", "desk1", handed) if handed else None
        closed = close_shift(self.actor, self.open.number, count, handed, consent)
        assert closed.expected_fen == sum(self.cash.values())
        assert closed.counted_fen == counted + sum(count.others_fen.values())
        assert f"售电笔数{self.sold_here:>40}" in closed.report
        self.found_less += closed.expected_fen - closed.counted_fen
        self.safe["notes"] += handed
        self.safe.update(count.others_fen)
        self.cash = Counter(notes=counted - handed)
        self.open = None

    @invariant()
    def agree(self) -> None:
        from dianka.desk.office.ledger.models import Account
        from dianka.desk.office.vending import shift_proof

        found = {str(row): row.balance_fen for row in Account.objects.all() if row.balance_fen}
        told = {
            **{f"cash:desk1:{method}": fen for method, fen in self.cash.items()},
            **{f"safe:desk1:{method}": fen for method, fen in self.safe.items()},
            "difference:desk1": self.found_less,
        }
        found.pop("transit:000000000007", 0)
        assert found == {name: fen for name, fen in told.items() if fen}
        assert list(shift_proof.find_faults()) == []


def test_shifts_against_a_second_book(office: Path) -> None:
    from dianka.desk.office import checking

    run_state_machine_as_test(
        Counter1,
        settings=settings(
            max_examples=8,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
    assert list(checking.find_faults()) == []


def opened(desk: str = "desk1", fen: int = 10_000) -> Any:
    from dianka.desk.office.vending.shifts import open_shift

    return open_shift(make_actor("clerk", desk, "li"), kit.count_notes(fen), fen)


def test_nobody_sees_the_sums_before_the_count(office: Path) -> None:
    from dianka.desk.office.people.rights import RightError
    from dianka.desk.office.vending import shifts

    shift = opened()
    kit.sell(CLERK(), make_contract(7), 4321)
    with pytest.raises(RightError, match="may not see a shift's sums"):
        shifts.read_expected(CLERK(), "desk1")
    with pytest.raises(shifts.ShiftError, match="your own shift is counted before"):
        shifts.read_expected(make_actor("manager", name="li"), "desk1")
    with pytest.raises(shifts.ShiftError, match="its report is made when it closes"):
        shifts.read_report(CLERK(), shift.number)
    assert shifts.read_expected(BOSS(), "desk1") == {
        "notes": 14_321,
        "card": 0,
        "mobile": 0,
        "transfer": 0,
    }


def test_closed_twice_it_is_the_same_report(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.vending import shifts

    shift = opened()
    kit.sell(CLERK(), make_contract(7), 5000)
    first = shifts.close_shift(CLERK(), shift.number, kit.count_notes(15_000))
    acts = Act.objects.count()
    again = shifts.close_shift(CLERK(), shift.number, kit.count_notes(15_000))
    assert (again.report, Act.objects.count()) == (first.report, acts)
    for count, handed in ((14_999, 0), (15_000, 1)):
        with pytest.raises(shifts.ShiftError, match="closed already, by another count"):
            shifts.close_shift(BOSS(), shift.number, kit.count_notes(count), handed)
    assert shifts.find_to_close(CLERK()) == shift.number


REPORT = """\
                  班次结账报告
------------------------------------------------
编号                                     desk1 1
操作员                                        li
开班                         2026-01-05 08:00:00
结班                         2026-01-05 08:00:00
------------------------------------------------
[现金]
  备用金                                  100.00
  售电 2                                   62.34
  应有                                    162.34
  实点                                    162.00
  长短款                                   -0.34
  上缴                                     60.00
  留存                                    102.00
  100.00x1 50.00x1 10.00x1 2.00x1
[手机]
  售电 1                                    8.00
  应有                                      8.00
  实点                                      8.00
  长短款                                    0.00
  上缴                                      8.00
  留存                                      0.00
------------------------------------------------
售电笔数                                       3
收据号                                       1-3
退费                                          无
冲正                                          无
作废笔数                                       0
未完成的售电                                   4
------------------------------------------------
收款人                                      boss
"""


def test_the_report_line_by_line(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dianka.desk.office.vending import counting, paper, shifts

    monkeypatch.setattr(paper, "format_local", lambda at: "2026-01-05 08:00:00")
    shift, contract = opened(), make_contract(7)
    for fen, method in ((5000, "notes"), (1234, "notes"), (800, "mobile")):
        kit.sell(CLERK(), contract, fen, method)
    kit.begin_sale(CLERK(), contract, 300)
    count = counting.Count(kit.count_notes(16_200).pieces, {"mobile": 800})
    consent = kit.give_consent(CLERK(), "hand-over", "desk1", 6000)
    closed = shifts.close_shift(CLERK(), shift.number, count, 6000, consent)
    report, head = closed.report.rsplit("链头", 1)
    assert report == REPORT
    assert head.split() == [str(closed.closing.number), closed.closing.hash.hex()[:32]]
    assert all(paper.measure(line) <= paper.COLUMNS for line in closed.report.splitlines())
    assert shifts.read_report(CLERK(), shift.number) == closed.report


def test_whose_shift_it_is(office: Path) -> None:
    from dianka.desk.office.people.consent import ConsentError
    from dianka.desk.office.people.rights import RightError
    from dianka.desk.office.vending import shifts

    shift, contract = opened(), make_contract(7)
    with pytest.raises(shifts.ShiftError, match="shift 1 of li is open at desk1"):
        shifts.open_shift(OTHER(), kit.count_notes(0))
    with pytest.raises(shifts.ShiftError, match=r"is li's: he closes it first"):
        kit.sell(OTHER(), contract, 100)
    with pytest.raises(RightError, match="he closes it, or a supervisor does"):
        shifts.close_shift(OTHER(), shift.number, kit.count_notes(0))
    with pytest.raises(ConsentError):
        shifts.hand_over(CLERK(), 100)
    with pytest.raises(ConsentError):  # the consent is for another sum
        shifts.hand_over(CLERK(), 100, kit.give_consent(CLERK(), "hand-over", "desk1", 99))
    shifts.close_shift(BOSS(), shift.number, kit.count_notes(10_000), 10_000)
    with pytest.raises(RightError):
        shifts.read_report(OTHER(), shift.number)
    assert "boss" in shifts.read_report(make_actor("auditor"), shift.number)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda counting: counting.Count({300: 1}),
        lambda counting: counting.Count({100: -1}),
        lambda counting: counting.Count({}, {"notes": 5}),
        lambda counting: counting.Count({}, {"cheque": 5}),
        lambda counting: counting.parse_pieces(["100"]),
        lambda counting: counting.parse_pieces(["100x1", "100.00x2"]),
        lambda counting: counting.parse_pieces(["0.123x1"]),
    ],
)
def test_what_is_no_count(office: Path, wrong: Callable[[Any], Any]) -> None:
    from dianka.desk.office.vending import counting

    with pytest.raises(counting.CountError):
        wrong(counting)
    assert counting.Count(counting.parse_pieces(["100x3", "0.5x2"])).notes_fen == 30_100


EDITS = [
    ("shift_final", "UPDATE vending_shift SET expected_fen = 1", "a closed shift is final"),
    ("count_no_update", "UPDATE vending_shiftcount SET counted_fen = 1", "is never changed"),
    ("shift_no_delete", "DELETE FROM vending_shift", "a shift is never deleted"),
]


@pytest.mark.parametrize(("guard", "statement", "said"), EDITS)
def test_the_database_keeps_what_was_counted(
    office: Path, guard: str, statement: str, said: str
) -> None:
    from django.db import DatabaseError, connection, transaction

    from dianka.desk.office.vending.shifts import close_shift

    close_shift(CLERK(), opened().number, kit.count_notes(10_000))
    with pytest.raises(DatabaseError, match=said), transaction.atomic():  # noqa: SIM117
        with connection.cursor() as cursor:
            cursor.execute(statement)


def test_what_the_proof_of_shifts_names(office: Path) -> None:
    from dianka.desk.office.checking import read_books
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.vending import shift_proof
    from dianka.desk.office.vending.models import Shift
    from dianka.desk.office.vending.shifts import close_shift

    shift = close_shift(CLERK(), opened().number, kit.count_notes(10_000))
    move = posting.Move(posting.cash("desk1"), posting.of_meter("transit", 7), 700)
    posting.post("desk1", "li", "test", "outside of a shift", [move])
    assert [line for line in read_books(True).faults if line.startswith("desk")] == [
        "desk desk1: its notes are 107.00 yuan in the books, 100.00 as counted"
    ]
    opened(fen=0)
    assert list(shift_proof.find_faults()) == []  # the float's count found 107.00 yuan too little
    Shift.objects.create(
        desk=shift.desk, number=9, operator="li", opening=shift.closing, float_fen=0,
        closing=shift.opening, report=shift.report.replace("链头", "头"),
    )  # fmt: skip
    assert "desk desk1: its 2 shifts are not all there" in read_books(True).faults
    assert "desk desk1: the chain is not the one that report 9 names" in read_books(True).faults


def test_a_chain_made_anew_is_betrayed_by_the_report(office: Path) -> None:
    """Whoever owns the database writes an act and all hashes after it anew."""
    import hashlib

    from django.db import connection

    from dianka.desk.office import checking
    from dianka.desk.office.audit import chain, links
    from dianka.desk.office.audit.models import Act, Chain
    from dianka.desk.office.vending.shifts import close_shift

    close_shift(CLERK(), opened().number, kit.count_notes(10_000))
    assert list(checking.find_faults()) == []
    on = " ON audit_act" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER audit_act_no_update{on}")
    whole = Chain.objects.get(desk="desk1")
    former = chain.START
    for act in Act.objects.filter(chain=whole).order_by("number"):
        act.operator = "wu" if act.kind == "shift opened" else act.operator
        act.hash = former = hashlib.sha256(chain.encode(act, former)).digest()
        act.save()
    Chain.objects.filter(pk=whole.pk).update(head=former)
    assert list(links.find_faults()) == []
    said = "desk desk1: the chain is not the one that report 1 names"
    assert said in list(checking.find_faults())


SOLD = 5_000


def test_a_shift_of_5000_sales_closes_at_once(
    office: Path, record_property: Callable[[str, object], None]
) -> None:
    from dianka.desk.office.vending.counting import Count
    from dianka.desk.office.vending.shifts import close_shift

    shift = opened()
    fill(shift, SOLD)
    began_s = time.perf_counter()
    closed = close_shift(CLERK(), shift.number, Count(kit.count_notes(10_000 + SOLD).pieces))
    took_s = time.perf_counter() - began_s
    assert (closed.expected_fen, closed.counted_fen) == (10_000 + SOLD, 10_000 + SOLD)
    assert f"1-{SOLD}" in closed.report
    record_property("figure", f"a shift of {SOLD} sales closes in {took_s * 1000:.0f} ms")


def fill(shift: Any, number: int) -> None:
    """Post so many sales of a fen in the shift, faster than one by one."""
    import uuid

    from dianka.desk.office.audit.models import Act, Chain
    from dianka.desk.office.ledger.models import Account, Entry
    from dianka.desk.office.vending.models import Sale

    contract, chain = make_contract(8), Chain.objects.get(desk="desk1")
    cash, _ = Account.objects.get_or_create(kind="cash", owner="desk1", method="notes")
    meter, _ = Account.objects.get_or_create(kind="transit", owner=f"{8:012d}")
    first = chain.length + 1
    acts = Act.objects.bulk_create(
        Act(chain=chain, number=first + at, time=shift.opening.time, hash=bytes(32))
        for at in range(number)
    )
    Entry.objects.bulk_create(
        Entry(act=act, place=0, debit=cash, credit=meter, amount_fen=1) for act in acts
    )
    Sale.objects.bulk_create(
        Sale(
            desk=shift.desk, number=at + 1, key=uuid.uuid4(), key_hash=bytes(32),
            contract=contract, card_serial="", count=at + 1, amount_fen=1, method="notes",
            price=contract.price, operator="li", state="written", begun_at=act.time,
            written_at=act.time, receipt=at + 1, act=act,
        )
        for at, act in enumerate(acts)
    )  # fmt: skip
    Chain.objects.filter(desk="desk1").update(length=first + number - 1)


def test_a_sale_while_the_shift_closes_is_in_one_shift(office_folder: Path) -> None:
    """A clerk sells from one window and closes the shift from another."""
    import threading

    from django.db import close_old_connections, connection, transaction

    from dianka.desk.office.ledger.models import Entry
    from dianka.desk.office.vending import shift_proof
    from dianka.desk.office.vending.models import Sale, Shift
    from dianka.desk.office.vending.shifts import ShiftError, close_shift

    actor, sold, stop = make_actor("clerk", "race", "li"), [], threading.Event()
    contract = make_contract(999_001)

    def keep_selling() -> None:
        while not stop.is_set() and len(sold) < 500:
            time.sleep(0.002)  # SQLite's lock is not fair
            try:
                with transaction.atomic():
                    sold.append(kit.sell(actor, contract, 100).pk)
            except ShiftError:
                continue  # between two shifts
        connection.close()

    seller = threading.Thread(target=keep_selling)
    seller.start()
    try:
        for _ in range(6):
            shift = opened("race", 0)
            until_s, before = time.monotonic() + 30, len(sold)
            while len(sold) < before + 3 and time.monotonic() < until_s:
                time.sleep(0.001)
            close_shift(actor, shift.number, kit.count_notes(0))
    finally:
        stop.set()
        seller.join(60)
    close_old_connections()
    assert len(sold) == Sale.objects.filter(desk__name="race").count() >= 18
    expected = sum(shift.expected_fen for shift in Shift.objects.filter(desk__name="race"))
    taken = Entry.objects.filter(debit__owner="race", debit__kind="cash", credit__kind="transit")
    assert expected == 100 * len(sold) == sum(entry.amount_fen for entry in taken)
    assert [fault for fault in shift_proof.find_faults() if "race" in fault] == []
