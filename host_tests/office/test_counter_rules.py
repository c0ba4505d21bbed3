"""What the counter concludes from a card: decision tables over count, money, receipt and proof.

What the same rules come to in a resident's life is in test_sales.py.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import cards_kit as kit
import shift_kit
from dianka.card_port import CardError
from estate_kit import make_contract
from set_card_kit import DESK, FEN, Stage, break_proof, list_states

# ****** A sale that was broken off ******


@pytest.mark.parametrize("count", [1, 4, 300])
def test_the_card_decides_on_a_sale_that_was_broken_off(office: Path, count: int) -> None:
    stage = Stage(former=count - 1)
    sale = stage.begin(count)
    name = "sale 1 of 50.00 yuan"
    on_card = [at for at in range(count - 2, count + 3) if at >= 0]
    backs = [None, *(at for at in (count - 1, count, count + 1) if at)]
    for found, fen, back in product(on_card, (FEN - 1, FEN, FEN + 1), backs):
        if found not in (count - 1, count) and (fen, back) not in ((FEN, None), (FEN, backs[-1])):
            continue  # such a card is refused whatever it says besides
        stage.put(found, fen, back)
        told, refusal, seen = stage.conclude()
        case = found, fen, back
        other = name_other_count(found, back)
        if (found, fen) == (count, FEN) and (back is None or back >= count):
            assert told == [f"{name} is on the card, and posted now"], case
            assert stage.states == ["written" if back is None or other else "loaded"]
            assert refusal == other and (seen is None or seen.unfinished is None), case
        elif found == count - 1 and (back is None or back < count):
            assert told == [f"{name} never reached the card, and is void: give its money back"]
            assert (stage.states, refusal, seen.unfinished) == (["void"], "", None), case
        else:
            line = "sale 1 at counter of 50.00 yuan is not finished"
            assert told == [f"{line}: sell 50.00 to complete it"], case
            assert stage.states == ["pending"]
            if other and found in (count - 1, count):
                assert refusal == other, case
            elif found == count:
                assert (refusal, seen.unfinished) == ("", sale)
            else:
                end = f"but the card is at purchase {found}: send an inspector to the meter"
                assert refusal == f"{told[0]}, {end}"
    stage.put(count, FEN)
    assert stage.conclude()[2].reading is None
    stage.put(count, FEN, count)
    assert stage.conclude()[2].reading.count == count


def name_other_count(count: int, receipt: int | None) -> str:
    """Return the refusal of a receipt that is not of the card's last purchase or the one before."""
    if receipt is None or count - receipt in (0, 1):
        return ""
    said = f"the card says purchase {count}, the meter purchase {receipt}"
    return f"{said}: send an inspector to the meter"


def test_what_is_read_in_plain_voids_nothing(office: Path) -> None:
    """The wallet that was read must be the one that the card proves, to the fen."""
    stage = Stage(former=3)
    stage.begin(4)
    stage.put(3, 700)
    assert stage.conclude() and stage.states == ["void"]
    for forged in ({"money_fen": 699}, {"money_fen": 701}):
        assert stage.conclude(**forged) and stage.states == ["pending"]
    for count in (2, 4, 5):
        stage.put(count, 700)
        assert stage.conclude(count=3) and stage.states == ["pending"], count
    stage.put(3, 700)
    told, refusal, seen = stage.conclude(alter=break_proof)
    assert (stage.states, refusal) == (["pending"], "") and seen.unfinished
    assert told == ["sale 1 at counter of 50.00 yuan is not finished: sell 50.00 to complete it"]


def test_who_may_not_sell_resolves_nothing(office: Path) -> None:
    stage = Stage()
    stage.begin(1)
    for fen, count in ((FEN, 1), (0, 0)):
        stage.put(count, fen)
        told, refusal, seen = stage.conclude(role="auditor")
        assert (stage.states, refusal) == (["pending"], "") and seen.unfinished
        assert told[0].startswith("sale 1 at counter of 50.00 yuan is not finished: sell 50.00")
        assert "(a-auditor (auditor) may not sell: ask a" in told[0]


# ****** Counts and money that differ ******


@pytest.mark.parametrize("last", [1, 4, 300])
def test_a_card_with_other_purchases_than_the_books(office: Path, last: int) -> None:
    stage = Stage(former=last - 1)
    stage.post(last)
    on_card = [at for at in range(last - 2, last + 3) if at >= 0]
    for found, fen in product(on_card, (FEN - 1, FEN, FEN + 1)):
        stage.put(found, fen)
        told, refusal, seen = stage.conclude()
        yuan = f"{fen // 100}.{fen % 100:02d} yuan"
        if found > last:
            said = (
                f"the card has purchase {found} of {yuan}, the books end with {last}: a manager "
                "takes it in with dianka office take-in"
            )
        elif found < last:
            said = (
                f"the card is at purchase {found}, the books at {last}: it is a copy or was "
                "written elsewhere; keep it and send an inspector to the meter"
            )
        elif fen != FEN:
            said = (
                f"the card says {yuan} for purchase {last}, the books 50.00: keep the card and "
                "send an inspector to the meter"
            )
        else:
            said = ""
        assert (told, refusal) == ([], said), (found, fen)
        assert (seen is None) == bool(said)


@pytest.mark.parametrize("serial", ["00" * 8, "ff" * 8])
def test_a_replacement_need_not_have_the_former_card_s_money(office: Path, serial: str) -> None:
    stage = Stage()
    stage.post(1, serial=serial)
    for fen in (0, FEN):
        stage.put(1, fen)
        assert stage.conclude()[:2] == ([], "")
    for fen in (1, FEN - 1, FEN + 1):
        stage.put(1, fen)
        assert "keep the card and send an inspector" in stage.conclude()[1]


@pytest.mark.parametrize("count", [2, 4, 300])
def test_a_refund_that_is_not_finished(office: Path, count: int) -> None:
    """Its purchase is off the card, or still on it; nothing else is let pass for its sake."""
    from dianka.desk.office.vending import refunds

    stage = Stage(former=count - 1)
    sale = stage.post(count)
    consent = shift_kit.give_consent(stage.actor, "refund", refunds.name_sale(sale), FEN)
    order = refunds.Order("moved away", "notes", consent)
    refunds.begin(stage.actor, sale, stage.serial, order)
    named = "refund 1 of 50.00 yuan"
    stage.put(count, FEN)
    told, refusal, _ = stage.conclude()
    assert told[0].startswith(f"{named} is not finished, the card has the purchase") and not refusal
    stage.put(count - 1, 0)
    told, refusal, _ = stage.conclude(alter=break_proof)
    assert told[0].startswith(f"{named} is not finished, pay nothing:") and not refusal
    for found in {0, count - 2, count + 1, count + 2} - {count - 1, count}:
        stage.put(found, FEN)
        assert stage.conclude()[1].startswith(f"the card {'has' if found > count else 'is at'} p")


def test_a_purchase_that_was_paid_back_is_on_a_copy(office: Path) -> None:
    from dianka.desk.office.vending.models import Sale

    stage = Stage()
    sale = stage.post(1)
    Sale.objects.filter(pk=sale.pk).update(state="refunded")
    stage.put(1, FEN)
    said = "purchase 1 of this card was paid back (sale counter 1): it is a copy of what the"
    assert stage.conclude()[1].startswith(said)


def test_a_receipt_of_a_purchase_that_was_paid_back(office: Path) -> None:
    """It is proved and the next one, or it is refused."""
    from dianka.desk.office.vending.models import Sale

    stage = Stage(former=3)
    for count in (4, 5, 6):
        sale = stage.post(count)
    Sale.objects.filter(pk=sale.pk).update(state="refunded")
    for back in range(2, 9):
        stage.put(5, FEN, back)
        told, refusal, seen = stage.conclude()
        right = "" if back == 6 else name_other_count(5, back)
        assert (told, refusal) == ([], right), back
        assert bool(right) or seen.reading.count == back
    stage.put(5, FEN, 6)
    assert stage.conclude(alter=break_proof)[1] == name_other_count(5, 6)


def test_what_waits_for_the_meter(office: Path) -> None:
    from dianka.desk.office.vending import counter

    stage = Stage()
    found, _ = counter.open_card(stage.control, stage.card)
    assert counter.find_what_waits(stage.contract, found) is None
    sale = stage.begin(1)
    on_card = replace(found, count=1, money_fen=FEN)
    assert counter.find_what_waits(stage.contract, on_card) is None, "not posted yet"
    from dianka.desk.office.vending import sales

    sales.post(stage.actor, sale)
    assert counter.find_what_waits(stage.contract, on_card) == sale
    for other in ({"count": 0}, {"count": 2}, {"write_back": {"count": 1}}):
        assert counter.find_what_waits(stage.contract, replace(on_card, **other)) is None
    stage.put(1, FEN)
    said = (
        r"^purchase 1 of 50\.00 yuan \(sale 1 at counter, receipt 1\) has not been in the meter "
        "yet: put the card into its meter first; nothing was sold now$"
    )
    with pytest.raises(CardError, match=said):
        stage.sell()
    assert list_states() == ["written"]


def test_a_receipt_is_proved_by_the_card_or_is_not(office: Path) -> None:
    stage = Stage()
    stage.post(1)
    stage.put(1, FEN, 1)
    assert stage.conclude()[2].reading.proved
    assert not stage.conclude(alter=break_proof)[2].reading.proved
    back = stage.conclude()[2].found.write_back
    for fen in (99, 101):
        forged = back | {"balance_fen": fen}
        reading = stage.conclude(write_back=forged)[2].reading
        assert (reading.proved, reading.balance_fen) == (False, fen)


# ****** Whose card it is ******


def test_an_account_is_found_by_both_numbers(office: Path) -> None:
    stage = Stage()
    other = make_contract(kit.CUSTOMER_NO, kit.METER_NO, area="West")
    assert stage.conclude()[2].contract == stage.contract
    params = stage.conclude()[2].found.params
    swapped = params | {"meter_no": kit.CUSTOMER_NO, "customer_no": kit.METER_NO}
    assert stage.conclude(params=swapped)[2].contract == other
    for meter_no, customer_no in ((kit.METER_NO, 78), (5, kit.CUSTOMER_NO), (0, 0)):
        forged = params | {"meter_no": meter_no, "customer_no": customer_no}
        assert stage.conclude(params=forged)[1] == (
            f"the office knows no account of customer {customer_no:012d} at meter "
            f"{meter_no:012d}: open it first"
        )


@pytest.mark.parametrize("state", ["open", "suspended", "closed"])
def test_a_closed_account_s_card_is_taken_in(office: Path, state: str) -> None:
    stage = Stage()
    stage.contract.state = state
    stage.contract.save()
    said = "this account is closed: take the card in" if state == "closed" else ""
    assert stage.conclude()[1] == said


CARD_STATES = ("stock", "making", "used", "replaced", "cleared", "scrapped")


@pytest.mark.parametrize("state", CARD_STATES)
@pytest.mark.parametrize("ours", [True, False, None], ids=["ours", "another's", "nobody's"])
def test_a_card_of_the_register(office: Path, state: str, ours: bool | None) -> None:
    from dianka.desk.office.cards.models import Card
    from dianka.desk.office.vending import counter

    stage = Stage()
    others = make_contract(8)
    card = add_card(stage.serial, {True: stage.contract, False: others, None: None}[ours], state)
    if ours and state in ("making", "used"):
        counter.look(stage.actor, stage.control, stage.card)
        now = Card.objects.get(pk=card.pk)
        assert (now.state, now.contract) == ("used", stage.contract)
        assert now.seen_at > card.seen_at
        return
    assert stage.conclude()[1] == (
        f"card {stage.serial} is {state} here and not this account's: keep it, and replace it if "
        "its holder has no other"
    )


def add_card(serial: str, contract: Any, state: str) -> Any:
    from datetime import UTC, datetime

    from dianka.desk.office.cards.models import Card

    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    when = {"made_at": long_ago, "seen_at": long_ago}
    words = {"serial": serial, "kind": "user", "state": state, "desk": DESK}
    return Card.objects.create(contract=contract, **words, **when)


@pytest.mark.parametrize("state", CARD_STATES)
def test_a_card_that_is_new_here(office: Path, state: str) -> None:
    """It is taken in, unless another one is in use."""
    from dianka.desk.office.cards.models import Card
    from dianka.desk.office.vending import counter

    stage = Stage()
    add_card("ab" * 8, stage.contract, state)
    if state == "used":
        assert stage.conclude()[1] == (
            f"this account's card is {'ab' * 8}, not {stage.serial}: keep this one, and replace "
            "the other if it is lost"
        )
        return
    counter.look(stage.actor, stage.control, stage.card)
    taken = Card.objects.get(serial=stage.serial)
    assert (taken.state, taken.contract, taken.kind) == ("used", stage.contract, "user")
