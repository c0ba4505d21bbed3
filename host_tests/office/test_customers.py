"""Customers and their accounts: numbers without gaps, masked personal numbers, history."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing_kit import open_shift, read_meter, sell
from dianka.card_port import CardError
from estate_kit import make_actor, make_contract

PHONE, IDENTITY = "13812345678", "110101199001011234"


def details(**given: str) -> Any:
    from dianka.desk.office.customers.records import Details

    return Details(**{"name": "张三", "phone": PHONE, "id_number": IDENTITY} | given)


def last_act() -> Any:
    from dianka.desk.office.audit.models import Act

    return Act.objects.order_by("pk").last()


def test_numbers_are_given_out_without_gaps(office: Path) -> None:
    from django.db import transaction

    from dianka.desk.office.customers.records import add_customer

    actor = make_actor()
    assert add_customer(actor, details()).number == 1
    for number in (2, 3, 5, 999_999_999_999):
        add_customer(actor, details(), number)
    with transaction.atomic():
        assert add_customer(actor, details()).number == 4
        transaction.set_rollback(True)
    assert [add_customer(actor, details()).number for _ in range(3)] == [4, 6, 7]
    with pytest.raises(CardError, match="number 000000000006 is 张三's"):
        add_customer(actor, details(), 6)
    for number in (0, -1, 10**12):
        with pytest.raises(CardError, match="up to 12 digits and is not zero"):
            add_customer(actor, details(), number)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "  "}, "there is no name"),
        ({"name": "x" * 61}, "the name has 61 signs: give up to 60"),
        ({"phone": "138****5678"}, r"the phone 138\*\*\*\*5678 is a masked one"),
        ({"note": "a\x00b"}, "a sign that is not seen"),
    ],
)
def test_details_that_can_t_be(office: Path, given: dict, said: str) -> None:
    from dianka.desk.office.customers.records import add_customer, change_customer

    actor = make_actor()
    with pytest.raises(CardError, match=said):
        add_customer(actor, details(**given))
    number = add_customer(actor, details()).number
    with pytest.raises(CardError, match=said):
        change_customer(actor, number, **given)


def test_a_change_tells_old_and_new_without_whole_numbers(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers.records import add_customer, change_customer, find_customer

    actor = make_actor()
    number = add_customer(actor, details()).number
    assert last_act().subject == "customer 000000000001"
    change_customer(actor, number, phone="139 0000 1111", name="李四")
    assert last_act().words == "name '张三' > '李四'; phone '138****5678' > '139******1111'"
    change_customer(actor, number, phone="139 9999 1111")
    assert last_act().words == "a hidden part of a number"
    assert find_customer(number).phone == "139 9999 1111"
    with pytest.raises(CardError, match="nothing to change"):
        change_customer(actor, number, name="李四")
    told = " ".join(act.words for act in Act.objects.all())
    assert PHONE not in told and IDENTITY not in told


@given(text=st.text("0123456789 -X", max_size=30))
def test_a_masked_number_keeps_its_length_and_at_most_seven_signs(text: str) -> None:
    from dianka.desk.office.texts import mask_number

    masked = mask_number(text)
    assert len(masked) == len(text)
    shown = [sign for sign in masked if sign != "*"]
    assert len(shown) <= 7 and (len(text) < 3 or len(shown) < len(text))
    assert all(sign in ("*", text[at]) for at, sign in enumerate(masked))


def test_each_look_at_whole_numbers_is_an_act(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers.records import (
        add_customer,
        find_customers,
        reveal_numbers,
        show_customer,
    )

    number = add_customer(make_actor(), details()).number
    before = Act.objects.count()
    shown = show_customer(make_actor("clerk"), number)
    assert (shown.details.phone, shown.details.id_number) == ("138****5678", "110***********1234")
    (found,) = find_customers(make_actor("clerk"), PHONE)
    assert found == shown
    assert Act.objects.count() == before
    for _ in range(2):
        assert reveal_numbers(make_actor("supervisor"), number).phone == PHONE
    assert Act.objects.count() == before + 2
    assert (last_act().kind, last_act().subject) == ("numbers revealed", "customer 000000000001")


def test_a_customer_with_an_account_is_not_archived(office: Path) -> None:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.customers.records import (
        archive_customer,
        change_customer,
        restore_customer,
        show_customer,
    )

    actor, _ = make_actor(), make_contract(7)
    with pytest.raises(CardError, match="has an account: close it first"):
        archive_customer(actor, 7)
    Contract.objects.update(state="closed")
    archive_customer(actor, 7)
    assert show_customer(actor, 7).archived
    with pytest.raises(CardError, match="customer 000000000007 is archived"):
        change_customer(actor, 7, name="x")
    restore_customer(actor, 7)
    assert not show_customer(actor, 7).archived
    with pytest.raises(CardError, match="no archived customer"):
        restore_customer(actor, 7)


def terms(**given: Any) -> Any:
    from dianka.desk.office.customers.contracts import Terms

    return Terms(**{"tariff": "flat 5000", "alarm1_fen": 2000, "alarm2_fen": 500} | given)


def test_an_account_is_opened_at_an_installed_meter(office: Path) -> None:
    from dianka.desk.office.customers.contracts import open_account
    from dianka.desk.office.customers.models import Customer, TariffVersion
    from dianka.desk.office.estate.models import Meter

    actor, contract = make_actor(), make_contract(7)
    other = Customer.objects.create(number=8, name="other")
    with pytest.raises(CardError, match="meter 000000000007 is customer 7's"):
        open_account(actor, 8, 7, terms())
    meter = Meter.objects.create(number=9)
    with pytest.raises(CardError, match="meter 000000000009 is stock: install it first"):
        open_account(actor, 8, 9, terms())
    meter.state, meter.premise = "installed", contract.premise
    meter.save()
    with pytest.raises(CardError, match="there is no meter 000000000010"):
        open_account(actor, 8, 10, terms())
    with pytest.raises(CardError, match="customer 000000000010 is not there"):
        open_account(actor, 10, 9, terms())
    TariffVersion.objects.create(
        tariff=contract.tariff, number=2, price_e4=6000, begins=2001010000, approved_by="wu"
    )
    TariffVersion.objects.create(
        tariff=contract.tariff, number=3, price_e4=7000, begins=9901010000, approved_by="wu"
    )
    made = open_account(actor, 8, 9, terms(hoard_limit_fen=50_000))
    assert (made.customer, made.price.price_e4, made.brought_fen) == (other, 6000, 0)
    assert last_act().words == (
        "meter 000000000009 at East 1 7, flat 5000 version 2 at 6000, alarms 2000 and 500 fen, "
        "limit 50000 fen"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alarm1_fen": 499}, r"alarm 1 \(4\.99\) is below alarm 2 \(5\.00\)"),
        ({"alarm2_fen": -1}, r"alarms and limits are 0 to 999999\.99 yuan"),
        ({"hoard_limit_fen": 100_000_000}, r"alarms and limits are 0 to 999999\.99 yuan"),
        ({"tariff": "none"}, "no price of a tariff 'none' holds now"),
    ],
)
def test_terms_that_can_t_be(office: Path, given: dict, said: str) -> None:
    from dianka.desk.office.customers.contracts import open_account
    from dianka.desk.office.customers.models import Contract

    make_contract(7)
    Contract.objects.update(state="closed")
    with pytest.raises(CardError, match=said):
        open_account(make_actor(), 7, 7, terms(**given))
    open_account(make_actor(), 7, 7, terms(alarm1_fen=0, alarm2_fen=0))


def test_suspended_and_resumed(office: Path) -> None:
    from dianka.desk.office.customers.contracts import resume_account, suspend_account

    actor, contract = make_actor(), make_contract(7)
    with pytest.raises(CardError, match="has a reason"):
        suspend_account(actor, 7, " ")
    with pytest.raises(CardError, match="is open"):
        resume_account(actor, 7, "back")
    suspend_account(actor, 7, "moved out")
    assert last_act().words == "meter 000000000007, open > suspended: moved out"
    contract.refresh_from_db()
    assert contract.state == "suspended"
    resume_account(actor, 7, "back")
    contract.refresh_from_db()
    assert contract.state == "open"


def test_a_lost_card_is_worth_nothing(office: Path) -> None:
    from dianka.desk.office.customers.lost import report_lost

    contract = make_contract(7)
    card = make_card(contract)
    with pytest.raises(CardError, match="Give a reason"):
        report_lost(make_actor(), card.serial, "")
    with pytest.raises(CardError, match="is no customer's card"):
        report_lost(make_actor(), "0" * 16, "x")
    report_lost(make_actor(), card.serial.upper(), "on the bus")
    card.refresh_from_db()
    assert card.state == "replaced"
    with pytest.raises(CardError, match="is replaced: only one in use gets lost"):
        report_lost(make_actor(), card.serial, "x")


def make_card(contract: Any, serial: str = "00a1b2c3d4e5f607") -> Any:
    from dianka.desk.office.audit import chain
    from dianka.desk.office.cards.models import Card

    now = chain.read_time()
    return Card.objects.create(
        serial=serial, kind="user", state="used", contract=contract, desk="desk1", made_by="lin",
        made_at=now, seen_at=now,
    )  # fmt: skip


def test_the_history_has_everything_in_order(office: Path) -> None:
    from closing_kit import consent
    from dianka.desk.office.customers.closing import change_holder
    from dianka.desk.office.customers.history import list_history
    from dianka.desk.office.customers.lost import report_lost
    from dianka.desk.office.customers.records import add_customer, change_customer

    actor, contract = make_actor("manager"), make_contract(7)
    open_shift(actor)
    change_customer(actor, 7, note="dog")
    card = make_card(contract)
    sell(contract, 5000)
    reading = read_meter(contract, 1200)
    report_lost(actor, card.serial, "on the bus")
    add_customer(actor, details(), 9)
    subject = f"{contract.meter} to customer 000000000009, handed over"
    yes = consent(actor, "change of holder", subject, 3800)
    following = change_holder(actor, 7, 9, terms(), reading.pk, yes, hand_over=True)
    sell(following, 100)
    mine, next_one = list_history(actor, 7), list_history(actor, 9)
    assert [event.time for event in mine] == sorted(event.time for event in mine)
    told = [(event.kind, event.text.partition(":")[0]) for event in mine]
    assert told[0] == ("contract", "opened")
    for event in (
        ("act", "customer changed, a-manager at desk1"),
        ("card", "00a1b2c3d4e5f607 made by lin at desk1, now replaced"),
        ("sale", "50.00 yuan, purchase 1, loaded, desk1 number 1, receipt 1"),
        ("act", "sale, a-manager at desk1"),
        ("reading", f"{reading.pk} (receipt) of meter 000000000007"),
        ("act", "card lost, a-manager at desk1"),
        ("act", "holder changed, a-manager at desk1"),
        ("contract", "closed"),
    ):
        assert event in told, event
    sales = [event.text[:5] for event in next_one if event.kind == "sale"]
    assert sales == ["1.00 "] and ("act", "sale, a-manager at desk1") in [
        (event.kind, event.text.partition(":")[0]) for event in next_one
    ]
    assert not [event for event in next_one if event.kind == "reading"], "that was the former's"
