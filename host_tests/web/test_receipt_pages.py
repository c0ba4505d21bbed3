"""Receipts on the screen and as PDF, and numbered copies of them."""

import re
from typing import TYPE_CHECKING

import pytest

from clerk_kit import Counter
from web_kit import CHINESE, Desk, Web, read_text

if TYPE_CHECKING:
    pass


def test_the_receipt_is_shown_once_and_then_as_a_numbered_copy(counter: Counter) -> None:
    response = counter.sell("50")
    first = counter.client.get(response["Location"])
    assert "Receipt number desk1 1" in read_text(first)
    plain = counter.client.get("/counter/sale/1")
    assert "Receipt number" not in read_text(plain) and "Print a copy" in read_text(plain)
    response = counter.client.post("/counter/sale/1/copy")
    text = read_text(counter.client.get(response["Location"]))
    assert "copy 1" in text and "Receipt number desk1 1" in text
    response = counter.client.post("/counter/sale/1/copy")
    assert "copy 2" in read_text(counter.client.get(response["Location"]))


def test_the_receipt_of_another_is_not_the_first_one(web: Web, counter: Counter) -> None:
    address = counter.sell("50")["Location"]
    other = web.sign_in("clerk", name="qian")
    assert "Receipt number" not in read_text(other.get(address))


@pytest.mark.parametrize("paper", ("80", "a4"))
def test_the_receipt_comes_as_pdf_on_both_papers(counter: Counter, paper: str) -> None:
    address = counter.sell("50", tendered="100")["Location"]
    place, _, query = address.partition("?")
    response = counter.client.get(f"{place}/receipt.pdf?{query}&paper={paper}")
    assert response["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-") and len(response.content) < 150_000
    assert counter.client.get(f"{place}/receipt.pdf").status_code == 302, "later a copy is entered"


def test_in_chinese_the_counter_and_the_receipt_are_chinese(web: Web, desk: Desk) -> None:
    counter = Counter(web, desk, CHINESE)
    text = read_text(counter.open())
    assert "电表上次回写" in text and "付款方式 现金" in text
    text = read_text(counter.client.get(counter.sell("50")["Location"]))
    assert "已售： 50.00 元" in text and "大写 伍拾元整" in text
    assert not re.search(
        "[A-Za-z]{4,}",
        re.sub("kWh|desk1|zhao|Dianka|English|Enter|[0-9a-f]{16,}|[A-Z][a-z]+ ?\\d*", "", text),
    )


def test_a_sale_that_is_none_is_told(counter: Counter) -> None:
    response = counter.client.get("/counter/sale/77")
    assert response.status_code == 409 and "has no sale 77" in read_text(response)
    assert counter.client.post(f"/counter/sale/{10**30}/copy").status_code in (404, 409)
