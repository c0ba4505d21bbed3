"""Sales through the books with real chips: torn anywhere, resolved by the card, to the fen.

Also run on PostgreSQL, by test_postgresql.py.
"""

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cards_kit as kit
import shift_kit
from counter_kit import Clerk, Resident
from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from estate_kit import make_actor
from office_kit import drop_guards
from sweeps import points, sweep

DESK = "counter"

LIVE = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def balances() -> dict[str, int]:
    """What is at the clerk's desk and at the resident's meter, whatever other tests have left."""
    from dianka.desk.office.ledger.models import Account

    found = Account.objects.filter(owner__in=(DESK, f"{kit.METER_NO:012d}"))
    return {account.kind: account.balance_fen for account in found if account.balance_fen}


def faults() -> list[str]:
    from dianka.desk.office import checking

    return list(checking.find_faults())


def test_a_purchase_from_counter_to_meter_and_back(office: Path) -> None:
    from dianka.desk.office.estate.models import Reading

    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    assert clerk.sell(resident, 5000, resident.card) == "sold"
    assert balances() == {"cash": 5000, "transit": -5000}
    resident.visit_meter()
    resident.use(1234)
    resident.visit_meter()
    assert clerk.look(resident) == [] and clerk.look(resident) == []
    assert balances() == {"cash": 5000, "meter": -3766, "used": -1234}
    assert Reading.objects.filter(meter__number=kit.METER_NO).count() == 1, (
        "a receipt is taken in once"
    )
    assert clerk.sell(resident, 100, resident.card) == "sold"
    assert balances() == {"cash": 5100, "transit": -100, "meter": -3766, "used": -1234}
    assert faults() == []


def test_a_form_sells_once(office: Path) -> None:
    from dianka.desk.office.vending import counter
    from dianka.desk.office.vending.models import Sale

    control, key = kit.control_card(), uuid.uuid4()
    resident, actor = Resident(control), Clerk(control).actor
    first = counter.sell(actor, control, resident.card, 5000, key=key)
    before = kit.snapshot(resident.card)
    again = counter.sell(actor, control, resident.card, 5000, key=key)
    assert (again.pk, again.receipt) == (first.pk, 1)
    assert kit.snapshot(resident.card) == before
    with pytest.raises(CardError, match="this form was used for sale 1 with other words"):
        counter.sell(actor, control, resident.card, 5001, key=key)
    resident.visit_meter()
    again = counter.sell(actor, control, resident.card, 5000, key=key)
    assert again.pk == first.pk and Sale.objects.filter(desk__name=DESK).count() == 1
    assert balances()["cash"] == 5000


def count_commands() -> int:
    control = kit.control_card()
    card = kit.user_card(control)
    pulled = kit.Pulled(card, 1000, False)
    from dianka.desk.sell import sell

    sell(control, pulled, 100)
    return 1000 - pulled.left


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("first", [True, False], ids=["opening", "purchase"])
@sweep(3)
def test_torn_at_a_command_and_sold_again(
    office: Path, done: bool, first: bool, every: int
) -> None:
    from django.db import transaction

    from dianka.desk.office.vending.models import Desk, Sale

    for at in points(count_commands() + 3, every):
        with transaction.atomic():
            control = kit.control_card()
            clerk, resident = Clerk(control), Resident(control)
            if not first:
                clerk.sell(resident, 700, resident.card)
                resident.visit_meter()
            told = clerk.sell(resident, 5000, kit.Pulled(resident.card, at, done))
            states = set(Sale.objects.filter(amount_fen=5000).values_list("state", flat=True))
            assert states <= {"sold": {"written"}, "kept": {"pending"}}.get(told, {"void"}), told
            another = clerk.sell(resident, 4000, resident.card)
            assert told != "sold" or another != "sold"
            if told == "kept" and another == "sold":
                # The card has proved that it has not got the purchase; its money was given back.
                assert Sale.objects.get(amount_fen=5000).state == "void"
            elif told == "kept" and clerk.kept:
                again = clerk.sell(resident, 5000, resident.card)
                assert again == "completed" or "has not been in the meter" in again
            clerk.look(resident)
            resident.visit_meter()
            clerk.look(resident)
            assert balances() == {"cash": clerk.till_fen, "meter": -kit.wallet(resident.esam)[0]}
            desk = Desk.objects.get(name=DESK)
            sold = Sale.objects.filter(state="loaded", desk=desk).order_by("number")
            assert [sale.receipt for sale in sold] == list(range(1, desk.receipts + 1))
            assert Sale.objects.filter(desk__name=DESK).count() == desk.sales and faults() == []
            transaction.set_rollback(True)


class Forged:
    """A device between card and reader: plain reads of the wallet show what it held before."""

    def __init__(self, chip: Chip, wallet: bytes) -> None:
        self.chip, self.wallet = chip, wallet

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self.chip.process(apdu)
        return (self.wallet, 0x9000) if apdu[:3] == bytes.fromhex("00B082") else answer


@pytest.mark.parametrize("forged", [False, True])
def test_only_a_proof_voids_a_sale(office: Path, forged: bool) -> None:
    from dianka.desk.office.vending import counter
    from dianka.desk.office.vending.models import Sale

    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    clerk.sell(resident, 700, resident.card)
    resident.visit_meter()
    wallet = resident.card.state.files[card_files.CARD_WALLET]
    at = next(
        at
        for at in range(1, 40)
        if clerk.sell(resident, 5000, kit.Pulled(resident.card, at, forged)) == "kept"
        and (resident.card.state.files[card_files.CARD_WALLET] != wallet) == forged
    )
    port = Forged(resident.card, wallet) if forged else resident.card
    told: list[str] = []
    counter.look(clerk.actor, control, port, tell=told.append)
    sale = Sale.objects.filter(amount_fen=5000).latest("pk")
    wanted = ("pending", False) if forged else ("void", True)
    assert (sale.state, "is void" in told[0]) == wanted, at
    if not forged:
        with pytest.raises(CardError, match="void, and its money is in no book"):
            counter.sell(clerk.actor, control, resident.card, 5000, key=sale.key)


@pytest.mark.parametrize("forged", [False, True])
def test_a_receipt_counts_as_proved_by_its_mac_alone(office: Path, forged: bool) -> None:
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.vending import counter

    class LessUsed(kit.Pulled):
        """A device on the way that shows the receipt of the day before."""

        def process(self, apdu: bytes) -> tuple[bytes, int]:
            answer = self.chip.process(apdu)
            return (before, 0x9000) if apdu[:3] == bytes.fromhex("00B085") else answer

    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    clerk.sell(resident, 5000, resident.card)
    resident.visit_meter()
    before = resident.card.state.files[card_files.CARD_WRITE_BACK]
    resident.use(3000)
    resident.visit_meter()
    card = LessUsed(resident.card, 999, True) if forged else resident.card
    counter.look(clerk.actor, control, card)
    reading = Reading.objects.get(meter__number=kit.METER_NO)
    told = reading.balance_fen, reading.proved
    assert told == ((5000, False) if forged else (2000, True))


def test_what_waits_for_the_meter_is_named(office: Path) -> None:
    """Who sells again because no line was printed has to know which sale is on the card."""
    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    assert clerk.sell(resident, 5000, resident.card) == "sold"
    said = clerk.sell(resident, 5000, resident.card)
    assert said.startswith("purchase 1 of 50.00 yuan (sale 1 at counter, receipt 1) has not been")
    assert said.endswith("nothing was sold now")


def test_who_may_not_sell_may_look_at_an_unfinished_sale(office: Path) -> None:
    from dianka.desk.office.vending import counter
    from dianka.desk.office.vending.models import Sale

    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    clerk.sell(resident, 700, resident.card)
    resident.visit_meter()
    for at in range(1, 40):  # until it is pulled after its last command: the card has it whole
        said = clerk.sell(resident, 5000, kit.Pulled(resident.card, at, True))
        files = resident.card.state.files
        if said == "kept" and card_files.is_blank(files[card_files.CARD_WRITE_BACK]):
            break
    told: list[str] = []
    auditor = make_actor("auditor", DESK)
    counter.look(auditor, control, resident.card, tell=told.append)
    assert "may not sell" in told[0]
    assert Sale.objects.filter(amount_fen=5000).latest("pk").state == "pending"
    assert "posted now" in clerk.look(resident)[0]


acts = st.lists(
    st.tuples(st.just("sell"), st.sampled_from([1, 4999, 5000, 5001]), st.integers(1, 20))
    | st.tuples(st.just("torn"), st.sampled_from([4999, 5000]), st.integers(1, 20))
    | st.tuples(st.just("look"), st.just(0), st.just(0))
    | st.tuples(st.just("meter"), st.just(0), st.just(0))
    | st.tuples(st.just("use"), st.sampled_from([1, 4999, 5000]), st.just(0)),
    max_size=14,
)


@LIVE
@given(acts=acts)
def test_a_resident_s_year_against_the_till(office: Path, acts: list[tuple[str, int, int]]) -> None:
    from django.db import transaction

    with transaction.atomic():
        control = kit.control_card()
        clerk, resident = Clerk(control), Resident(control)
        for act, fen, at in acts:
            if act == "sell":
                clerk.sell(resident, fen, resident.card)
            elif act == "torn":
                clerk.sell(resident, fen, kit.Pulled(resident.card, at, bool(at % 2)))
            elif act == "look":
                clerk.look(resident)
            elif act == "meter":
                resident.visit_meter()
            else:
                resident.use(fen)
        finish(clerk, resident)
        in_meter_fen = kit.wallet(resident.esam)[0]
        right = {"cash": clerk.till_fen, "meter": -in_meter_fen, "used": -resident.used_fen}
        assert balances() == {kind: fen for kind, fen in right.items() if fen}
        assert faults() == []
        transaction.set_rollback(True)


def finish(clerk: Clerk, resident: Resident) -> None:
    """Bring everything to its end: the kept sale completed, the card in the meter and back."""
    clerk.look(resident)
    for kept_fen in list(clerk.kept.values()):
        clerk.sell(resident, kept_fen, resident.card)
    resident.visit_meter()
    clerk.look(resident)


@pytest.mark.parametrize("on_its_way", [False, True], ids=["in the meter", "on its way"])
@pytest.mark.parametrize("purchases", [1, 2])
def test_a_card_from_before_the_office(office: Path, on_its_way: bool, purchases: int) -> None:
    """Its money is in the books as bought outside, and sales go on from there."""
    from dianka.desk.office.people.consent import ConsentError
    from dianka.desk.office.vending import outside
    from dianka.desk.sell import sell

    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    for number in range(1, purchases + 1):
        sell(control, resident.card, 100 * number)
        if number < purchases or not on_its_way:
            resident.visit_meter()
            resident.use(30)
            resident.visit_meter()
    assert "a manager takes it in" in clerk.sell(resident, 5000, resident.card)
    with pytest.raises(CardError, match="may not take in purchases"):
        outside.take_in_purchases(make_actor("clerk", DESK), control, resident.card)
    boss = make_actor("manager", DESK)
    before = balances()
    words = outside.name_outside(boss, control, resident.card)
    for wrong in (None, consent_to(boss, words[0], words[1] + 1), consent_to(clerk.actor, *words)):
        with pytest.raises(ConsentError, match="second person"):
            outside.take_in_purchases(boss, control, resident.card, wrong)
    assert balances() == before
    given = consent_to(boss, *words)
    outside.take_in_purchases(boss, control, resident.card, given)
    with pytest.raises(CardError, match="nothing to take in"):
        outside.take_in_purchases(boss, control, resident.card)
    in_meter_fen = kit.wallet(resident.esam)[0]
    coming_fen = 100 * purchases if on_its_way else 0
    # A purchase that is on its way has blanked the receipt: the next one tells.
    told_fen = 0 if on_its_way else in_meter_fen
    assert words[1] == told_fen + coming_fen, "the second person is told every fen"
    right = {"meter": -told_fen, "transit": -coming_fen, "outside": told_fen + coming_fen}
    assert balances() == {kind: fen for kind, fen in right.items() if fen}
    resident.visit_meter()
    assert clerk.sell(resident, 5000, resident.card) == "sold"
    finish(clerk, resident)
    assert balances() == {
        "cash": 5000,
        "meter": -kit.wallet(resident.esam)[0],
        "outside": in_meter_fen + coming_fen,
    }
    assert faults() == []


def consent_to(actor: Any, subject: str, amount_fen: int) -> int:
    return shift_kit.give_consent(actor, "take-in", subject, amount_fen)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("UPDATE vending_sale SET number = 9 WHERE amount_fen = 800", "sale 2 is not there"),
        ("UPDATE vending_sale SET receipt = 9 WHERE amount_fen = 700", "receipt 1 is not there"),
        ("UPDATE vending_desk SET receipts = 9 WHERE name = 'counter'", "receipt 3 is not there"),
        (
            "UPDATE vending_sale SET amount_fen = 1 WHERE amount_fen = 800",
            "sale 2 of desk counter: its act",
        ),
        (
            "UPDATE vending_sale SET state = 'loaded' WHERE amount_fen = 800",
            "0.00 yuan of sales are",
        ),
        ("DELETE FROM vending_sale WHERE amount_fen = 800", "it posted a sale that is not there"),
    ],
)
def test_a_sale_edited_by_hand_is_named(office: Path, edit: str, named: str) -> None:
    from django.db import DatabaseError, connection, transaction

    control = kit.control_card()
    clerk, resident = Clerk(control), Resident(control)
    clerk.sell(resident, 700, resident.card)
    resident.visit_meter()
    clerk.sell(resident, 800, resident.card)
    assert faults() == []
    if "vending_desk" not in edit and "state" not in edit:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(edit)
    drop_guards("vending")
    with connection.cursor() as cursor:
        cursor.execute(edit)
    assert any(named in line for line in faults()), faults()
    assert any("guard vending_sale" in line for line in faults())
