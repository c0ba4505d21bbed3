"""Limits of sales: each at its last fen, for all and for one.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path
from typing import Any

import pytest

import shift_kit as kit
from estate_kit import make_actor, make_contract


@pytest.fixture
def clerk(office: Path) -> Any:
    from dianka.desk.office.vending.shifts import open_shift

    actor = make_actor("clerk", name="li")
    open_shift(actor, kit.count_notes(1000), 1000)
    return actor


def limit(name: str, amount_fen: int | None, owner: str = "") -> None:
    from dianka.desk.office.vending.limits import set_limit

    set_limit(make_actor("manager", name="lin"), name, amount_fen, owner)


def refused(actor: Any, contract: Any, amount_fen: int, method: str = "notes") -> str:
    """What the check says, or nothing."""
    from dianka.desk.office.vending.limits import LimitError, check_limits

    try:
        check_limits(actor, contract, amount_fen, method)
    except LimitError as error:
        return str(error)
    return ""


def test_a_sale(clerk: Any) -> None:
    contract = make_contract(7)
    assert refused(clerk, contract, 99_999_999) == ""
    limit("sale", 5000)
    limit("operator-sale", 4000)
    limit("operator-sale", 3000, "li")
    assert refused(clerk, contract, 3000) == ""
    assert refused(clerk, contract, 3001) == "li may sell at most 30.00 yuan"
    other = make_actor("clerk", name="wu")
    assert refused(other, contract, 4001) == "wu may sell at most 40.00 yuan"
    assert refused(other, contract, 5001) == "one sale is at most 50.00 yuan"
    limit("operator-sale", 6000, "wu")
    assert refused(other, contract, 5000) == ""
    limit("sale", None)
    assert refused(other, contract, 6000) == "" != refused(other, contract, 6001)


def test_a_day(clerk: Any) -> None:
    from dianka.desk.office.vending import sales

    mine, his = make_contract(7), make_contract(8)
    limit("customer-day", 1000)
    limit("operator-day", 1500)
    kit.sell(clerk, mine, 600)
    begun = kit.begin_sale(clerk, mine, 100)  # unfinished, and counted
    assert refused(clerk, mine, 300) == ""
    assert refused(clerk, mine, 301) == "a customer buys in a day at most 10.00 yuan"
    assert refused(clerk, his, 800) == ""
    assert refused(clerk, his, 801) == "li may sell in a day at most 15.00 yuan"
    assert refused(make_actor("clerk", name="wu"), his, 1000) == ""
    sales.void(clerk, begun.pk, "never reached the card")
    assert refused(clerk, mine, 400) == "" != refused(clerk, mine, 401)


def test_yesterday_does_not_count(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from dianka.desk.office.audit import chain

    contract = make_contract(7)
    limit("customer-day", 1000)
    kit.sell(clerk, contract, 1000)
    assert refused(clerk, contract, 1)
    tomorrow = chain.read_time() + timedelta(days=1)
    monkeypatch.setattr(chain, "read_time", lambda: tomorrow)
    assert refused(clerk, contract, 1000) == ""


def test_the_cash_of_a_desk(clerk: Any) -> None:
    from dianka.desk.office.vending.shifts import hand_over

    contract = make_contract(7)
    limit("desk-cash", 100)
    limit("desk-cash", 5000, "desk1")
    kit.sell(clerk, contract, 3000)  # with 10.00 of float
    assert refused(clerk, contract, 1000) == ""
    said = "hand cash over first: desk1 may hold at most 50.00 yuan"
    assert refused(clerk, contract, 1001) == said
    assert refused(clerk, contract, 1001, "card") == ""
    hand_over(clerk, 1, kit.give_consent(clerk, "hand-over", "desk1", 1))
    assert refused(clerk, contract, 1001) == ""


def test_the_cash_of_a_desk_has_that_of_sales_which_broke_off(clerk: Any) -> None:
    """Their money is in the drawer, once: by the books too, when the shift that took it closes."""
    from dianka.desk.office.vending import sales, shifts
    from dianka.desk.office.vending.models import Shift

    limit("desk-cash", 5000)
    contracts = [make_contract(number) for number in (7, 8, 9)]
    begun = kit.begin_sale(clerk, contracts[0], 3000)  # with 10.00 of float
    kit.begin_sale(clerk, contracts[1], 700, "card")
    assert refused(clerk, contracts[2], 1000) == "" != refused(clerk, contracts[2], 1001)
    other = make_actor("clerk", "desk2", "wu")
    shifts.open_shift(other, kit.count_notes(0))
    assert refused(other, contracts[2], 5000) == "" != refused(other, contracts[2], 5001)
    shifts.close_shift(clerk, Shift.objects.get(desk__name="desk1").number, kit.count_notes(4000))
    shifts.open_shift(clerk, kit.count_notes(4000))
    assert refused(clerk, contracts[2], 1000) == "" != refused(clerk, contracts[2], 1001)
    sales.post(clerk, begun)
    assert refused(clerk, contracts[2], 1000) == "" != refused(clerk, contracts[2], 1001)


def test_what_a_meter_takes(clerk: Any) -> None:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.vending import readings

    contract = make_contract(7)
    assert refused(clerk, contract, 99_999_999) == ""
    Contract.objects.update(hoard_limit_fen=10_000)
    contract = Contract.objects.get(pk=contract.pk)
    kit.sell(clerk, contract, 6000)
    assert refused(clerk, contract, 4000) == ""
    assert "up to 100.00 yuan, and 0.00 are in it and 60.00 on the way" in refused(
        clerk, contract, 4001
    )
    receipt = {"count": 1, "balance_fen": 5000, "overdraft_fen": 0, "illegal_cards": 0, "time": 0}
    readings.take_receipt(clerk, contract, receipt, True)
    assert refused(clerk, contract, 5000) == "" != refused(clerk, contract, 5001)


@pytest.mark.parametrize(
    ("name", "amount_fen", "owner"),
    [("sales", 1, ""), ("sale", 1, "li"), ("sale", -1, "")],
)
def test_what_is_no_limit(office: Path, name: str, amount_fen: int, owner: str) -> None:
    from dianka.desk.office.vending.limits import LimitError

    with pytest.raises(LimitError):
        limit(name, amount_fen, owner)


def test_a_limit_is_an_act(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.vending.limits import list_limits

    limit("operator-day", 100, "li")
    limit("operator-day", 200, "li")
    limit("operator-day", None, "li")
    acts = Act.objects.filter(kind="limit").order_by("id")
    assert [each.words for each in acts] == ["100 fen", "200 fen", "none"]
    assert {each.subject for each in acts} == {"operator-day li"}
    assert list_limits(make_actor("auditor")) == []
