"""How accounts end: exact to the fen, by a final statement, with a second person's consent."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import shift_kit
from closing_kit import consent, open_shift, read_meter, sell
from dianka.card_port import CardError
from estate_kit import make_actor, make_contract

LIVE = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
fen = st.sampled_from([1, 2, 99, 100, 50_000, 33_333_333]) | st.integers(1, 10**6)


def balances() -> dict[str, int]:
    from dianka.desk.office.ledger.models import Account

    return {str(each): each.balance_fen for each in Account.objects.all() if each.balance_fen}


def terms(price_e4: int = 5000) -> Any:
    from dianka.desk.office.customers.contracts import Terms

    return Terms(f"flat {price_e4}", 2000, 500, 0)


def new_customer(number: int) -> Any:
    from dianka.desk.office.customers.records import Details, add_customer

    return add_customer(make_actor(), Details(f"customer {number}"), number)


def new_meter(number: int) -> None:
    from dianka.desk.office.estate.meters import add_meters

    add_meters(make_actor("technician"), number)


def agree_exchange(actor: Any, contract: Any, amount_fen: int, meter_no: int = 8) -> int:
    return consent(actor, "exchange", f"{contract.meter} for {meter_no:012d}", amount_fen)


def agree_holder(actor: Any, contract: Any, amount_fen: int, carried: bool = False) -> int:
    subject = f"{contract.meter} to customer 000000000009, "
    subject += "handed over" if carried else "paid back"
    return consent(actor, "change of holder", subject, amount_fen)


def error() -> type[Exception]:
    from dianka.card_port import CardError

    return CardError


def fits_a_meter(purchases: list[tuple[int, int]]) -> bool:
    """Whether a meter takes all of them, even if nothing is used in between."""
    return sum(bought_fen for bought_fen, _ in purchases) < 10**8


@pytest.mark.slow
@pytest.mark.parametrize("way", ["close", "refund", "holder", "hand over", "exchange"])
@LIVE
@given(purchases=st.lists(st.tuples(fen, fen), min_size=1, max_size=4).filter(fits_a_meter))
@example(purchases=[(5000, 1200)])
@example(purchases=[(5000, 5001)])
@example(purchases=[(5000, 5000)])
def test_every_fen_is_somewhere(office: Path, purchases: list, way: str) -> None:
    """Buy, use, maybe into the overdraft, and end: books of our own tell where each fen is."""
    from django.db import transaction

    from dianka.desk.office import checking
    from dianka.desk.office.customers.closing import change_holder, close_account, exchange_meter

    with transaction.atomic():
        actor, contract = make_actor("manager"), make_contract(7)
        open_shift(actor)
        for bought_fen, used_fen in purchases:
            sell(contract, bought_fen)
            reading = read_meter(contract, used_fen)
        bought = sum(each[0] for each in purchases)
        used = sum(each[1] for each in purchases)
        left, books = bought - used, {"cash:desk1:notes": bought, "used:000000000007": -used}
        if way in ("close", "refund"):
            method = "refund" if way == "refund" and left > 0 else "notes"
            yes = consent(actor, "closing", contract.meter, left)
            assert close_account(actor, 7, reading.pk, yes, method) == left
            goes = "refund:desk1" if method == "refund" else "cash:desk1:notes"
        elif way == "exchange":
            new_meter(8)
            yes = agree_exchange(actor, contract, left)
            following = exchange_meter(actor, 7, 8, reading.pk, "broken display", yes)
            goes = "transit:000000000008" if left > 0 else "cash:desk1:notes"
        else:
            new_customer(9)
            carried = way == "hand over"
            yes = agree_holder(actor, contract, left, carried)
            following = change_holder(actor, 7, 9, terms(), reading.pk, yes, hand_over=carried)
            goes = "transit:000000000007" if carried and left > 0 else "cash:desk1:notes"
        books[goes] = books.get(goes, 0) - left
        assert balances() == {name: amount for name, amount in books.items() if amount}
        if way in ("holder", "hand over", "exchange"):
            assert following.brought_fen == (left if goes.startswith("transit") else 0)
        contract.refresh_from_db()
        assert contract.state == "closed" and contract.closed_at
        assert list(checking.find_faults()) == []
        transaction.set_rollback(True)


def sold_and_used(bought_fen: int = 5000, used_fen: int = 1200) -> tuple[Any, Any, Any]:
    actor, contract = make_actor("manager"), make_contract(7)
    open_shift(actor)
    sell(contract, bought_fen)
    return actor, contract, read_meter(contract, used_fen)


def close(actor: Any, reading: Any, yes: int | None, method: str = "notes") -> int:
    from dianka.desk.office.customers.closing import close_account

    return close_account(actor, 7, reading and reading.pk, yes, method)


def test_no_closing_without_the_right_consent(office: Path) -> None:
    from dianka.desk.office.people.models import Consent

    actor, contract, reading = sold_and_used()
    before = balances()
    for yes in (
        None,
        consent(actor, "closing", contract.meter, 3801),
        consent(actor, "closing", "000000000008", 3800),
        consent(actor, "refund", contract.meter, 3800),
        consent(make_actor("clerk"), "closing", contract.meter, 3800),
    ):
        with pytest.raises(error(), match=r"^closing takes .* \(meter 000000000007, 38\.00 yuan\)"):
            close(actor, reading, yes)
    used = consent(actor, "closing", contract.meter, 3800)
    Consent.objects.filter(pk=used).update(used_at=reading.seen_at)
    with pytest.raises(error(), match="was used or was not given in the last 15 min"):
        close(actor, reading, used)
    assert balances() == before


def test_no_exchange_and_no_new_holder_without_the_right_consent(office: Path) -> None:
    """To this amount, this meter, this holder and this way: none of them is the actor's to pick."""
    from dianka.desk.office.customers.closing import change_holder, exchange_meter

    actor, contract, reading = sold_and_used()
    new_meter(8)
    new_customer(9)
    before = balances()
    for yes in (
        None,
        agree_exchange(actor, contract, 3799),
        agree_exchange(actor, contract, 3800, 9),
        agree_exchange(make_actor("clerk"), contract, 3800),
        agree_holder(actor, contract, 3800, carried=True),
    ):
        with pytest.raises(error(), match=r"^exchange takes a second .* 000000000008, 38\.00 yuan"):
            exchange_meter(actor, 7, 8, reading.pk, "broken", yes)
    other = consent(actor, "change of holder", f"{contract.meter} to customer 7, paid back", 3800)
    for yes in (None, other, agree_holder(actor, contract, 3800, carried=True)):
        with pytest.raises(error(), match=r"^change of holder takes a second person's consent"):
            change_holder(actor, 7, 9, terms(), reading.pk, yes)
    back = agree_holder(actor, contract, 3800)
    with pytest.raises(error(), match="9, handed over, 38"):
        change_holder(actor, 7, 9, terms(), reading.pk, back, hand_over=True)
    assert balances() == before


def test_what_is_asked_is_what_is_done(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers import closing

    actor, _, reading = sold_and_used()
    new_meter(8)
    new_customer(9)
    asked = closing.name_exchange(actor, 7, 8, reading.pk)
    assert asked == ("exchange", "000000000007 for 000000000008", 3800)
    closing.exchange_meter(
        actor, 7, 8, reading.pk, "broken", shift_kit.give_consent(actor, *asked, "wu")
    )
    assert Act.objects.get(kind="meter exchanged").words.endswith("broken; consent of wu")
    with pytest.raises(error(), match=r"38\.00 yuan are on their way"):
        closing.name_change(actor, 8, 9, None)
    with pytest.raises(error(), match="meter 000000000007 has no account"):
        closing.name_closing(actor, 7, None)
    with pytest.raises(error(), match="there is no meter 000000000099"):
        closing.name_closing(actor, 99, None)


def test_no_closing_by_a_statement_that_is_not_final(office: Path) -> None:
    from dianka.desk.office.vending import sales

    actor, contract, former = sold_and_used()
    yes = consent(actor, "closing", contract.meter, 3800)
    with pytest.raises(error(), match="is not the newest of meter"):
        close(actor, None, yes)
    pending = shift_kit.begin_sale(actor, contract, 700)
    with pytest.raises(error(), match=f"sale {pending.number} of meter .* is not finished"):
        close(actor, former, yes)
    sales.void(actor, pending.pk, "the card has not got it")
    sell(contract, 700)
    with pytest.raises(error(), match=r"7\.00 yuan are on their way"):
        close(actor, former, yes)
    read_meter(contract)
    late = read_meter(contract, count=1)
    with pytest.raises(error(), match="the meter tells of 1 purchases, 2 were sold"):
        close(actor, late, yes)
    wrong = read_meter(contract, count=2, balance_fen=4501)
    with pytest.raises(error(), match=r"meter says 45\.01 yuan, the books say 45\.00"):
        close(actor, wrong, yes)
    last = read_meter(contract)
    with pytest.raises(error(), match="is not the newest of meter"):
        close(actor, wrong, yes)
    assert close(actor, last, consent(actor, "closing", contract.meter, 4500)) == 4500


def old(contract: Any, **other: Any) -> Any:
    from dianka.desk.office.audit import chain

    return read_meter(contract, **{"seen_at": chain.read_time()} | other)


def test_a_statement_that_its_card_did_not_prove_takes_consent_to_that(office: Path) -> None:
    """A plain read can be forged on its way: less used than the meter knows, more paid back."""
    actor, contract, _ = sold_and_used()
    plain = read_meter(contract, proved=False)
    with pytest.raises(error(), match="consent"):
        close(actor, plain, consent(actor, "closing", contract.meter, 3800))
    yes = consent(actor, "closing by an old statement", contract.meter, 3800)
    assert close(actor, plain, yes) == 3800


def test_an_old_statement_takes_consent_to_just_that(office: Path) -> None:
    """A meter that says nothing any more; or a receipt that was kept in a drawer."""
    from dianka.desk.office.audit import chain
    from dianka.desk.prices import UTC_OFFSET, card_minute

    actor, contract, _ = sold_and_used()
    now = chain.read_time()
    three_days = card_minute(now + UTC_OFFSET - timedelta(days=3))
    a_day_ago = now - timedelta(hours=25)
    for fields in (
        {"seen_at": a_day_ago},
        {"seen_at": a_day_ago, "source": "inspection"},
        {"meter_minute": three_days, "source": "receipt"},
    ):
        reading = old(contract, **fields)
        with pytest.raises(error(), match=r"^closing by an old statement takes a second"):
            close(actor, reading, consent(actor, "closing", contract.meter, 3800))
    yes = consent(actor, "closing by an old statement", contract.meter, 3800)
    assert close(actor, reading, yes) == 3800


@pytest.mark.parametrize(
    "fresh", [{"meter_minute": 0}, {"meter_minute": 2001010000, "source": "inspection"}]
)
def test_a_meter_that_has_lost_its_time_can_be_closed(office: Path, fresh: dict) -> None:
    actor, contract, _ = sold_and_used()
    reading = old(contract, **fresh)
    assert close(actor, reading, consent(actor, "closing", contract.meter, 3800)) == 3800


def test_cash_moves_in_the_actor_s_shift_alone(office: Path) -> None:
    from dianka.desk.office.vending.models import Shift

    actor, contract, reading = sold_and_used()
    Shift.objects.update(operator="somebody")
    yes = consent(actor, "closing", contract.meter, 3800)
    with pytest.raises(CardError, match="at desk1 is somebody's: he closes it first"):
        close(actor, reading, yes)
    assert close(actor, reading, yes, "refund") == 3800, "no cash, no shift"


def test_what_is_owed_is_not_paid_by_refund(office: Path) -> None:
    actor, contract, reading = sold_and_used(5000, 5010)
    yes = consent(actor, "closing", contract.meter, -10)
    with pytest.raises(error(), match=r"0\.10 yuan are owed"):
        close(actor, reading, yes, "refund")
    assert close(actor, reading, yes) == -10


def test_an_account_that_was_never_used_is_closed_without_a_statement(office: Path) -> None:
    actor, contract = make_actor("clerk"), make_contract(7)
    assert close(actor, None, consent(actor, "closing", contract.meter, 0)) == 0
    with pytest.raises(error(), match="meter 000000000007 has no account"):
        close(actor, None, None)


def test_a_second_life_of_a_meter_begins_at_nothing(office: Path) -> None:
    """The next holder's contract is not held against what the meter said before."""
    from dianka.desk.office.customers.closing import change_holder

    actor, contract, reading = sold_and_used()
    new_customer(9)
    yes = agree_holder(actor, contract, 3800)
    following = change_holder(actor, 7, 9, terms(), reading.pk, yes)
    assert close(actor, None, consent(actor, "closing", contract.meter, 0)) == 0
    following.refresh_from_db()
    assert following.state == "closed"


def test_who_holds_it_can_t_become_the_holder(office: Path) -> None:
    from dianka.desk.office.customers.closing import change_holder

    actor, contract, reading = sold_and_used()
    with pytest.raises(error(), match="holds this account already"):
        change_holder(actor, 7, 7, terms(), reading.pk, None)
    new_customer(9)
    yes = agree_holder(actor, contract, 3800)
    with pytest.raises(error(), match="no price of a tariff 'flat 1' holds now"):
        change_holder(actor, 7, 9, terms(1), reading.pk, yes)
    contract.refresh_from_db()
    assert contract.state == "open", "all or nothing"


def test_an_exchange_keeps_what_was_agreed(office: Path) -> None:
    from dianka.desk.office.customers.closing import exchange_meter
    from dianka.desk.office.customers.contracts import suspend_account
    from dianka.desk.office.estate.models import Meter

    actor, contract, reading = sold_and_used()
    suspend_account(actor, 7, "moved out")
    with pytest.raises(error(), match="there is no meter 000000000008"):
        exchange_meter(actor, 7, 8, reading.pk, "broken")
    new_meter(8)
    with pytest.raises(error(), match="an exchange has a reason"):
        exchange_meter(actor, 7, 8, reading.pk, " ")
    with pytest.raises(error(), match="is installed: take one from stock"):
        exchange_meter(actor, 7, 7, reading.pk, "broken")
    technician = make_actor("technician")
    yes = agree_exchange(technician, contract, 3800)
    following = exchange_meter(technician, 7, 8, reading.pk, "broken", yes)
    assert (following.customer, following.premise) == (contract.customer, contract.premise)
    assert (following.alarm1_fen, following.price) == (contract.alarm1_fen, contract.price)
    assert (following.state, following.brought_fen) == ("suspended", 3800)
    former, now = Meter.objects.get(number=7), Meter.objects.get(number=8)
    assert (former.state, former.premise, now.state) == ("removed", None, "installed")


def test_money_of_an_exchange_is_on_its_way_until_the_new_meter_has_it(office: Path) -> None:
    from dianka.desk.office.customers.closing import close_account, exchange_meter

    actor, contract, reading = sold_and_used()
    new_meter(8)
    yes = agree_exchange(actor, contract, 3800)
    following = exchange_meter(actor, 7, 8, reading.pk, "broken", yes)
    with pytest.raises(error(), match=r"38\.00 yuan are on their way to meter 000000000008"):
        close_account(actor, 8, None, None)
    sell(following, 1000)
    last = read_meter(following, 300)
    yes = consent(actor, "closing", following.meter, 4500)
    assert close_account(actor, 8, last.pk, yes) == 4500


@pytest.mark.parametrize("method", ["Notes", "", "cash", "refund "])
@pytest.mark.parametrize("used_fen", [5900, 4000, 5000], ids=["owed", "left", "nothing"])
def test_a_method_of_payment_that_is_none(office: Path, method: str, used_fen: int) -> None:
    """Its money would be in an account that no shift counts: the clerk could keep it."""
    from dianka.desk.office.customers.closing import change_holder, close_account, exchange_meter

    actor, contract = make_actor("manager"), make_contract(7)
    open_shift(actor)
    sell(contract, 5000)
    reading, left = read_meter(contract, used_fen), 5000 - used_fen
    new_customer(9)
    new_meter(8)
    before, said = balances(), f"^{method!r} is no method of payment: take notes, "
    with pytest.raises(CardError, match=said):
        yes = consent(actor, "closing", contract.meter, left)
        close_account(actor, 7, reading.pk, yes, method)
    with pytest.raises(CardError, match=said):
        change_holder(
            actor, 7, 9, terms(), reading.pk, agree_holder(actor, contract, left), method=method
        )
    if used_fen >= 5000:  # what is left goes along, by no method
        with pytest.raises(CardError, match=said):
            yes = agree_exchange(actor, contract, left)
            exchange_meter(actor, 7, 8, reading.pk, "broken display", yes, method)
    assert balances() == before
