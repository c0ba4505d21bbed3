"""Receipts line by line, their copies, and amounts in capitals."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import shift_kit as kit
from estate_kit import make_actor, make_contract


def capitals() -> Any:
    from dianka.desk.office.vending.capitals import write_capitals

    return write_capitals


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (50, "伍角整"),
        (105, "壹元零伍分"),
        (150, "壹元伍角整"),
        (10_200, "壹佰零贰元整"),
        (1_409_50, "壹仟肆佰零玖元伍角整"),
        (6_007_14, "陆仟零柒元壹角肆分"),
        (1_680_32, "壹仟陆佰捌拾元零叁角贰分"),
        (107_000_53, "壹拾万柒仟元零伍角叁分"),
        (16_409_02, "壹万陆仟肆佰零玖元零贰分"),
        (100_000_000_00, "壹亿元整"),
        (100_000_001_00, "壹亿零壹元整"),
        (99_999_999, "玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_examples_of_the_rules(fen: int, text: str) -> None:
    assert capitals()(fen) == text


def read_back(text: str) -> int:
    """The amount that capitals mean, by a reader that was written on its own."""
    digits = {sign: value for value, sign in enumerate("零壹贰叁肆伍陆柒捌玖")}
    places = {"拾": 10, "佰": 100, "仟": 1000}
    fen = total = group = digit = 0
    for sign in text.removesuffix("整"):
        if sign in digits:
            digit = digits[sign]
        elif sign in places:
            group, digit = group + digit * places[sign], 0
        elif sign in "万亿":
            total = total + (group + digit) * (10_000 if sign == "万" else 10**8)
            group = digit = 0
        elif sign == "元":
            fen, group, digit = (total + group + digit) * 100, 0, 0
        else:
            fen, digit = fen + digit * (10 if sign == "角" else 1), 0
    return fen


@given(fen=st.integers(0, 10**14 - 1) | st.integers(0, 10**7))
@example(fen=10**13)
@example(fen=100_001_000_00)
def test_capitals_mean_the_amount(fen: int) -> None:
    text = capitals()(fen)
    assert read_back(text) == fen
    assert "零零" not in text and "零元" not in text.removeprefix("零元整")
    assert text.endswith("分") == (fen % 10 > 0) and text.endswith("整") != (fen % 10 > 0)
    assert not text.startswith("零") or fen == 0


RECEIPT = """\
                    售电收据
------------------------------------------------
收据号                                   desk1 1
售电号                                         1
时间                         2026-01-05 08:00:00
操作员                                        li
户号                                000000000007
户名                                         王**
地址                           East 1 501 (王家)
表号                                000000000007
购电次数                                       1
------------------------------------------------
金额                                    50.05 元
大写                            伍拾元零伍分
付款方式                                    现金
实收                                   100.00 元
找零                                    49.95 元
电价                               0.5000 元/kWh
可购电量                              100.10 kWh
2099-01-01 00:00 起                0.6000 元/kWh
------------------------------------------------
"""


@pytest.fixture
def sale(office: Path) -> Any:
    """A sale that brings a new price along."""
    from dianka.desk.office.customers.models import Contract, Customer, TariffVersion
    from dianka.desk.office.estate.models import Premise
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.shifts import open_shift

    actor, contract = make_actor("clerk", name="li"), make_contract(7)
    Customer.objects.update(name="王小二的家人")
    Premise.objects.update(room="501 (王家)")
    TariffVersion.objects.create(
        tariff=contract.tariff, number=2, price_e4=6000, begins=9_901_010_000, approved_by="boss"
    )
    open_shift(actor, kit.count_notes(0))
    contract = Contract.objects.get(pk=contract.pk)
    contract.price = TariffVersion.objects.get(number=2)
    return sales.post(actor, kit.begin_sale(actor, contract, 5005, tendered_fen=10_000))


def test_the_receipt_line_by_line(sale: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dianka.desk.office.vending import paper, receipts_text

    monkeypatch.setattr(paper, "format_local", lambda at: "2026-01-05 08:00:00")
    text = receipts_text.format_receipt(sale)
    assert {paper.measure(line) for line in text.splitlines()[1:]} <= {48}
    receipt, head = text.rsplit("链头", 1)
    assert [line.split() for line in receipt.splitlines()] == [
        line.split() for line in RECEIPT.splitlines()
    ]
    assert head.split() == [str(sale.act.number), bytes(sale.act.hash).hex()[:32]]


def test_a_copy_says_so_and_is_an_act(sale: Any) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.vending import receipts_text

    actor = make_actor("clerk", name="wu")
    first, second = (receipts_text.copy_receipt(actor, 1) for _ in range(2))
    assert first.splitlines()[0].strip() == "售电收据 副本 1"
    assert second.splitlines()[0].strip() == "售电收据 副本 2"
    assert first.splitlines()[1:] == receipts_text.format_receipt(sale).splitlines()[1:]
    told = Act.objects.filter(kind="receipt copy").order_by("id").values_list("subject", "detail")
    assert list(told) == [("receipt desk1 1", "copy 1"), ("receipt desk1 1", "copy 2")]
    with pytest.raises(receipts_text.ReceiptError, match="desk1 has no receipt 2"):
        receipts_text.copy_receipt(actor, 2)


def test_the_receipt_of_a_refund(sale: Any) -> None:
    from dianka.desk.office.vending import receipts_text, refunds

    actor = make_actor("clerk", name="li")
    consent = kit.give_consent(actor, "refund", refunds.name_sale(sale), 5005)
    order = refunds.Order("typed 50 for 5", "notes", consent)
    refund = refunds.post(actor, refunds.begin(actor, sale, "00" * 8, order).pk)
    lines = {tuple(line.split()) for line in receipts_text.format_refund(refund).splitlines()}
    assert {
        ("冲正收据",),
        ("收据号", "desk1", "1"),
        ("原售电号", "desk1", "1"),
        ("复核", "boss"),
        ("大写", "伍拾元零伍分"),
        ("原因", "typed", "50", "for", "5"),
    } <= lines
