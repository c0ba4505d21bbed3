"""Refunds with real chips: cut anywhere, resolved by the card, to the fen.

Also run on PostgreSQL, by test_postgresql.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import cards_kit as kit
import shift_kit
from counter_kit import Resident
from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from estate_kit import make_actor
from office_kit import drop_guards
from refund_kit import Refunder, balances, buy, faults
from sweeps import points, sweep

LIVE = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def stand(office: Path) -> Iterator[tuple[Refunder, Resident]]:
    control = kit.control_card()
    yield Refunder(control), Resident(control)


Stand = tuple[Refunder, Resident]


@pytest.mark.parametrize("first", [True, False], ids=["opening", "purchase"])
def test_paid_back_and_sold_again(stand: Stand, first: bool) -> None:
    from dianka.desk.office.vending.models import Refund, Sale

    clerk, resident = stand
    buy(clerk, resident, first)
    before = clerk.till_fen - 5000
    assert clerk.refund(resident) == "paid"
    refund = Refund.objects.get()
    assert (refund.state, refund.receipt, refund.consent_by) == ("paid", 1, "boss")
    assert Sale.objects.get(amount_fen=5000).state == "refunded"
    assert balances().get("cash", 0) == clerk.till_fen == before and faults() == []
    assert clerk.refund(resident) == "paid" and Refund.objects.count() == 1, "once"
    if not first:  # the meter's own receipt comes first
        assert "has not been in the meter yet" in clerk.sell(resident, 600, resident.card)
        resident.visit_meter()
    assert kit.wallet(resident.esam)[0] == before
    assert clerk.sell(resident, 600, resident.card) == "sold"
    resident.visit_meter()
    assert kit.wallet(resident.esam) == (before + 600, 1 if first else 2)
    clerk.look(resident)
    assert balances() == {"cash": before + 600, "meter": -before - 600} and faults() == []
    assert "is in the meter, as its receipt says" in clerk.refund(resident)


@pytest.mark.parametrize("first", [True, False], ids=["opening", "purchase"])
def test_a_clone_of_what_was_paid_back(stand: Stand, first: bool) -> None:
    """The card's file was copied before its refund: its purchase is not booked once more."""
    from dianka.desk.office.vending import outside

    clerk, resident = stand
    buy(clerk, resident, first)
    clone = Chip(kit.snapshot(resident.card))
    assert clerk.refund(resident) == "paid"
    after = balances()
    assert "was paid back (sale desk1" in clerk.sell(resident, 5000, clone)
    boss = make_actor("manager", name="zhao")
    subject, amount_fen = outside.name_outside(boss, clerk.control, clone)
    assert amount_fen == 5000
    given = shift_kit.give_consent(boss, outside.CONSENT, subject, amount_fen)
    with pytest.raises(CardError, match="keep it and send an inspector"):
        outside.take_in_purchases(boss, clerk.control, clone, given)
    assert balances() == after and faults() == []


def count_commands() -> int:
    from django.db import transaction

    with transaction.atomic():
        control = kit.control_card()
        clerk, resident = Refunder(control), Resident(control)
        buy(clerk, resident, True)
        pulled = kit.Pulled(resident.card, 1000, False)
        assert clerk.refund(resident, pulled) == "paid"
        transaction.set_rollback(True)
    return 1000 - pulled.left


@pytest.mark.slow
@sweep(4)
@pytest.mark.parametrize("again", [True, False], ids=["again", "to the meter"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("first", [True, False], ids=["opening", "purchase"])
def test_torn_at_a_command(office: Path, first: bool, done: bool, again: bool, every: int) -> None:
    from django.db import transaction

    from dianka.desk.office.vending.models import Desk, Refund, Sale

    commands = count_commands()
    assert commands > 8
    for at in points(commands, every):
        with transaction.atomic():
            control = kit.control_card()
            clerk, resident = Refunder(control), Resident(control)
            buy(clerk, resident, first)
            told = clerk.refund(resident, kit.Pulled(resident.card, at, done))
            assert told != "paid"
            assert Refund.objects.count() == (told == "broken"), "no intent, no write"
            if again:
                assert clerk.refund(resident) == "paid"
            resident.visit_meter()
            clerk.look(resident)
            in_meter_fen = kit.wallet(resident.esam)[0]
            right = {"cash": clerk.till_fen, "meter": -in_meter_fen}
            assert balances() == {kind: fen for kind, fen in right.items() if fen}
            assert faults() == []
            assert not Refund.objects.filter(state="pending").exists()
            assert not Sale.objects.filter(state="written").exists()
            paid = Refund.objects.filter(state="paid").count()
            assert Desk.objects.get(name="desk1").refund_receipts == paid
            transaction.set_rollback(True)


acts = st.lists(
    st.tuples(st.just("sell"), st.sampled_from([1, 4999, 5000]), st.integers(1, 20))
    | st.tuples(st.just("refund"), st.just(0), st.just(0))
    | st.tuples(st.just("torn"), st.just(0), st.integers(5, 20))
    | st.tuples(st.sampled_from(["look", "meter", "shift"]), st.just(0), st.just(0))
    | st.tuples(st.just("torn sale"), st.just(4999), st.integers(8, 20)),
    max_size=14,
)


@LIVE
@given(acts=acts)
@example(  # a sale finds out that a refund is complete
    acts=[("sell", 1, 1), ("torn", 0, 11), ("torn sale", 4999, 16), ("shift", 0, 0)]
)
def test_a_year_of_refunds_against_the_till(office: Path, acts: list[tuple[str, int, int]]) -> None:
    from django.db import transaction

    with transaction.atomic():
        control = kit.control_card()
        clerk, resident = Refunder(control), Resident(control)
        for act, fen, at in [*acts, ("look", 0, 0)]:
            if act == "sell":
                clerk.sell(resident, fen, resident.card)
            elif act == "torn sale":
                clerk.sell(resident, fen, kit.Pulled(resident.card, at, bool(at % 2)))
            elif act == "refund" and has_bought(resident):
                clerk.refund(resident)
            elif act == "torn" and has_bought(resident):
                clerk.refund(resident, kit.Pulled(resident.card, at, bool(at % 2)))
            elif act == "meter":
                resident.visit_meter()
            elif act == "look":
                clerk.look(resident)
            elif act == "shift" and not clerk.kept:
                clerk.close()
                clerk.open()
        for kept_fen in list(clerk.kept.values()):
            clerk.sell(resident, kept_fen, resident.card)
        resident.visit_meter()
        clerk.look(resident)
        in_meter_fen = kit.wallet(resident.esam)[0]
        right = {"cash": clerk.till_fen, "meter": -in_meter_fen}
        assert balances() == {kind: fen for kind, fen in right.items() if fen}
        assert faults() == []
        transaction.set_rollback(True)


def has_bought(resident: Resident) -> bool:
    from dianka.desk.office.vending.models import Sale

    return Sale.objects.filter(contract=resident.contract).exists()


def test_at_another_desk_it_is_that_desk_s_cash_and_no_reversal(stand: Stand) -> None:
    """Both shifts are open, and by one method: the sale's own desk keeps what it took."""
    from dianka.desk.office.ledger.models import Account
    from dianka.desk.office.vending.models import Desk, Refund

    clerk, resident = stand
    buy(clerk, resident, True)
    Desk.objects.create(name="desk2")
    other = Refunder(clerk.control, "desk2", "mei")
    assert other.refund(resident) == "paid"
    refund = Refund.objects.get()
    assert refund.paid_desk and (refund.paid_desk.name, refund.receipt) == ("desk2", 1)
    assert not refund.reversal
    cash = Account.objects.filter(kind="cash", method="notes").order_by("owner")
    assert list(cash.values_list("owner", "balance_fen")) == [("desk1", 5000), ("desk2", -5000)]
    assert clerk.refund(resident) == "paid", "given again it is the same one"
    assert Refund.objects.count() == 1 and faults() == []
    clerk.close()


def test_within_the_shift_it_reverses_the_entry(stand: Stand) -> None:
    from dianka.desk.office.audit.models import Act

    def kinds() -> list[str]:
        names = ("sale", "refund", "reversal")
        return list(
            Act.objects.filter(kind__in=names).order_by("id").values_list("kind", flat=True)
        )

    clerk, resident = stand
    buy(clerk, resident, True)
    assert clerk.refund(resident) == "paid" and kinds() == ["sale", "reversal"]
    assert clerk.sell(resident, 300, resident.card) == "sold"
    clerk.close()
    assert "no shift is open" in clerk.refund(resident)
    clerk.open()
    assert clerk.refund(resident) == "paid" and kinds()[2:] == ["sale", "refund"]
    assert clerk.sell(resident, 200, resident.card) == "sold"
    assert clerk.refund(resident, method="card") == "paid" and kinds()[4:] == ["sale", "refund"]
    assert balances() == {} and faults() == []
    clerk.till_fen += 200  # paid back by card, not with notes
    clerk.close()


def test_a_database_that_is_gone_in_between(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from dianka.desk.office.vending import refunds

    def fail(*words: Any) -> None:
        raise OperationalError("server closed the connection")

    clerk, resident = stand
    buy(clerk, resident, True)
    whole = kit.snapshot(resident.card)
    with monkeypatch.context() as patch:
        patch.setattr(refunds, "begin", fail)
        assert "can't be reached (server closed the connection): nothing" in clerk.refund(resident)
    assert kit.snapshot(resident.card).files == whole.files
    with monkeypatch.context() as patch:
        patch.setattr(refunds, "post", fail)
        assert clerk.refund(resident) == "broken"
    assert kit.snapshot(resident.card).files != whole.files
    assert any("posted now: pay it back" in line for line in clerk.look(resident))
    assert balances() == {} and clerk.till_fen == 0


def test_looked_at_by_who_may_not_pay(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from dianka.desk.office.vending import counter, refunds

    def fail(*words: Any) -> None:
        raise OperationalError("server closed the connection")

    clerk, resident = stand
    buy(clerk, resident, False)
    with monkeypatch.context() as patch:
        patch.setattr(refunds, "post", fail)
        assert clerk.refund(resident) == "broken"
    for actor in (make_actor("technician"), make_actor("clerk", "desk2", "wu")):
        told: list[str] = []
        counter.look(actor, clerk.control, resident.card, tell=told.append)
        assert told[0].startswith("refund 1 of 50.00 yuan is not finished, pay nothing: ")
    clerk.close()  # with the money of the refund in the drawer
    clerk.open()
    assert "pay it back" in clerk.look(resident)[0]
    assert clerk.till_fen == balances()["cash"] == 700 and faults() == []


def test_a_wire_that_swallows_the_write(stand: Stand) -> None:
    """A device between card and reader says done, and the card keeps its purchase."""

    class Swallows(kit.Pulled):
        def process(self, apdu: bytes) -> tuple[bytes, int]:
            return (b"", 0x9000) if apdu[:3] == b"\x04\xd6\x82" else self.chip.process(apdu)

    clerk, resident = stand
    buy(clerk, resident, True)
    assert clerk.refund(resident, Swallows(resident.card, 999, True)) == "broken"
    assert clerk.till_fen == 5000
    resident.visit_meter()
    assert any("void, the meter has" in line for line in clerk.look(resident))
    assert balances() == {"cash": 5000, "meter": -5000} and faults() == []


def test_a_wire_that_lies_about_it_too(stand: Stand) -> None:
    """It answers plain reads as if the card had taken it: only a proved read tells."""

    class Lies(kit.Pulled):
        def process(self, apdu: bytes) -> tuple[bytes, int]:
            if apdu[:3] == b"\x04\xd6\x82":
                self.left = 0
                return b"", 0x9000
            forged = apdu[:3] == b"\x00\xb0\x82" and not self.left
            return (bytes(8), 0x9000) if forged else self.chip.process(apdu)

    clerk, resident = stand
    buy(clerk, resident, True)
    assert clerk.refund(resident, Lies(resident.card, 999, True)) == "broken"
    assert clerk.till_fen == 5000
    resident.visit_meter()
    assert any("void, the meter has" in line for line in clerk.look(resident))


def test_a_wire_that_hides_the_meter_s_receipt(stand: Stand) -> None:
    """The meter has credited the purchase; plain reads say that its receipt is blank."""

    class Hides(kit.Pulled):
        def process(self, apdu: bytes) -> tuple[bytes, int]:
            data, sw = self.chip.process(apdu)
            return (bytes(len(data)), sw) if apdu[:3] == b"\x00\xb0\x85" else (data, sw)

    clerk, resident = stand
    buy(clerk, resident, True)
    resident.visit_meter()
    said = clerk.refund(resident, Hides(resident.card, 999, True))
    assert "does not prove its purchase" in said, said
    assert clerk.till_fen == 5000
    clerk.look(resident)
    assert balances() == {"cash": 5000, "meter": -5000} and faults() == []


def test_pulled_out_of_the_meter_before_its_receipt(stand: Stand) -> None:
    """The one thing that the card can't show: the meter's next receipt does, before a next sale."""
    from dianka.desk.office.estate.models import Reading

    clerk, resident = stand
    buy(clerk, resident, False)
    serial = kit.open_card(resident.card)
    kit.prove_meter(resident.esam, resident.card, serial)
    kit.credit(resident.esam, resident.card)
    assert clerk.refund(resident) == "paid"
    resident.visit_meter()
    assert "send an inspector to the meter" in clerk.sell(resident, 100, resident.card)
    assert Reading.objects.latest("id").unexplained_fen == 5000


def test_what_is_not_paid_back(stand: Stand) -> None:
    from dianka.desk.office.people.consent import ConsentError
    from dianka.desk.office.vending import refunds
    from dianka.desk.office.vending.models import Sale

    clerk, resident = stand
    buy(clerk, resident, False)
    older, sale = Sale.objects.order_by("id")
    serial, subject = resident.card.state.serial.hex(), refunds.name_sale(sale)
    give = shift_kit.give_consent

    def refuse(error: type, said: str, sale: Any = sale, **more: Any) -> None:
        words = {"serial": serial, "reason": "typed", "consent": None, "actor": clerk.actor} | more
        order = refunds.Order(words["reason"], "notes", words["consent"])
        with pytest.raises(error, match=said):
            refunds.begin(words["actor"], sale, words["serial"], order)

    refuse(refunds.RefundError, "is loaded: it can't be paid back", older)
    refuse(refunds.RefundError, "a refund has a reason", reason=" ")
    refuse(refunds.RefundError, "which may still bring it to the meter", serial="11" * 8)
    refuse(ConsentError, "takes a second person's consent")
    for wrong in (
        give(clerk.actor, "refund", refunds.name_sale(older), 5000),
        give(clerk.actor, "refund", subject, 4999),
        give(clerk.actor, "hand-over", subject, 5000),
        give(make_actor(name="wu"), "refund", subject, 5000),
    ):
        refuse(ConsentError, "takes a second person's consent", consent=wrong)
    refuse(CardError, "is li's: he closes it first", actor=make_actor(name="wu"))
    assert clerk.till_fen == 5700 and balances()["cash"] == 5700


EDITS = [
    ("UPDATE vending_desk SET refunds = 2", "desk desk1: its 2 refunds are not all there"),
    ("UPDATE vending_desk SET refund_receipts = 0", "its 0 receipts of refunds are not all there"),
    ("UPDATE vending_refund SET state = 'void', receipt = NULL, act_id = NULL",
     "sale 1 of desk desk1: it is refunded without a refund"),
    ("UPDATE vending_refund SET act_id = (SELECT opening_id FROM vending_shift)",
     "refund 1 of desk desk1: its act posted something else"),
    ("UPDATE vending_sale SET state = 'loaded'", "refund 1 of desk desk1: its act posted"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "said"), EDITS)
def test_an_edit_by_hand_is_named(stand: Stand, statement: str, said: str) -> None:
    """Somebody who owns the database drops the guards and edits."""
    from django.db import connection

    clerk, resident = stand
    buy(clerk, resident, True)
    assert clerk.refund(resident) == "paid" and faults() == []
    drop_guards("vending")
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert any(said in line for line in faults()), faults()
