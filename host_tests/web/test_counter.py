"""The counter's pages with real cards in folders that are readers: look, type, sell, refuse."""

import re
from typing import TYPE_CHECKING

import pytest

import cards_kit
from clerk_kit import Counter
from dianka.desk.sell import read_user_card
from estate_kit import make_contract
from web_kit import Desk, Web, list_fields, read_field, read_text

if TYPE_CHECKING:
    pass

BAD_TEXTS = {
    "empty": "",
    "long": "9" * 10_000,
    "script": "<script>alert(1)</script>",
    "arabic": "خمسون",
    "arabic digits": "٥٠",
    "emoji": "💰50",
    "zero-width": "5\u200b0",
    "spaces within": "1 000",
    "formula": "=1+49",
    "comma": "12,50",
    "minus": "-50",
    "three decimals": "12.345",
    "exponent": "1e3",
    "nought": "0",
    "too much": "1000000",
    "null": "5\x000",
}


def test_without_a_card_the_counter_waits_for_one(web: Web, desk: Desk) -> None:
    page = web.sign_in("clerk").get("/counter")
    assert page.status_code == 200
    assert "Put the customer's card into the reader." in page.content.decode().replace(
        "&#x27;", "'"
    )


def test_a_card_that_is_put_in_brings_its_customer(counter: Counter) -> None:
    text = read_text(counter.open())
    assert counter.resident.contract.customer.name in text
    assert f"{cards_kit.METER_NO:012d}" in text and f"{cards_kit.CUSTOMER_NO:012d}" in text
    assert "nothing yet" in text and "0.5000 yuan/kWh" in text


def test_a_sale_from_card_to_receipt(counter: Counter) -> None:
    response = counter.sell("１２．５０", tendered=" 20 ")
    assert response.status_code == 302, read_text(response)
    page = counter.client.get(response["Location"])
    text = read_text(page)
    assert "Sold: 12.50 yuan" in text and "Change to give back: 7.50 yuan" in text
    assert "Receipt number desk1 1" in text and "25.00 kWh" in text
    assert counter.list_sales() == [(1250, "written")]
    found = read_user_card(counter.desk.slot.take_out())
    assert (found.money_fen, found.count) == (1250, 1)


def test_what_the_meter_last_said_is_shown_at_the_next_visit(counter: Counter) -> None:
    counter.sell("50")
    counter.visit_meter()
    text = read_text(counter.open())
    assert "The meter last said 50.00 yuan" in text and "Purchases so far 1" in text
    assert counter.list_sales() == [(5000, "loaded")]
    assert counter.sell("30").status_code == 302
    assert counter.list_sales() == [(5000, "loaded"), (3000, "written")]


def test_a_purchase_that_was_not_in_its_meter_is_named_and_nothing_is_sold(
    counter: Counter,
) -> None:
    counter.sell("50")
    page = counter.open()
    text = read_text(page)
    assert "has not been in its meter" in text and "Sale 1 at desk1, receipt 1." in text
    assert 'action="/counter/sell"' not in page.content.decode()
    assert "Show that sale" in text


def test_the_quote_says_kwh_and_change_in_any_digits(counter: Counter) -> None:
    serial = read_field(counter.open(), "serial")
    typed = {"serial": serial, "amount": "１００", "tendered": "120。5", "method": "notes"}
    text = read_text(counter.client.get("/counter/quote", typed))
    assert "Buys 200.00 kWh" in text and "Change to give back 20.50 yuan" in text
    text = read_text(counter.client.get("/counter/quote", typed | {"tendered": "99"}))
    assert "Still missing 1.00 yuan" in text
    for amount in BAD_TEXTS.values():
        response = counter.client.get("/counter/quote", typed | {"amount": amount})
        assert response.status_code == 200 and read_text(response) == ""


def test_the_quote_says_how_long_it_lasts(counter: Counter) -> None:
    from dataclasses import replace

    from dianka.desk.web import counter_form

    shown = replace(counter.desk.station.look(counter.actor), use=(100, 1440))
    assert counter_form.quote(shown, "30", "", "notes").days == 30
    assert counter_form.quote(replace(shown, use=None), "30", "", "notes").days is None


@pytest.mark.slow
@pytest.mark.parametrize("field", ("amount", "tendered"))
@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_bad_text_is_told_at_its_field_and_stays_there(
    counter: Counter, field: str, text: str
) -> None:
    typed = {"amount": "12.34", "tendered": "777"} | {field: text}
    response = counter.sell(typed.pop("amount"), **typed)
    if field == "tendered" and not text:
        assert response.status_code == 302, "who gives the exact sum types nothing"
        return
    assert response.status_code == 422, response.get("Location")
    page = response.content.decode()
    assert f'id="wrong-{field}"' in page and "<script>alert" not in page
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', page)
    shown = read_field(response, field)
    assert shown == text[:200] or "\x00" in text
    other = {"amount": "tendered", "tendered": "amount"}[field]
    assert read_field(response, other) in ("777", "12.34")
    assert counter.list_sales() == []


def test_cash_that_does_not_pay_is_told(counter: Counter) -> None:
    response = counter.sell("50", tendered="20")
    assert response.status_code == 422
    assert "That does not pay the amount" in read_text(response)


def test_other_methods_take_no_cash(counter: Counter) -> None:
    assert counter.sell("50", method="mobile", tendered="20").status_code == 302
    from dianka.desk.office.vending.models import Sale

    sale = Sale.objects.get()
    assert (sale.method, sale.tendered_fen) == ("mobile", None)


@pytest.mark.parametrize(
    "tampered",
    ({"method": "gold"}, {"key": "x"}, {"key": ""}, {"serial": "00" * 8}, {"serial": "<b>"}),
    ids=str,
)
def test_a_tampered_form_sells_nothing(counter: Counter, tampered: dict[str, str]) -> None:
    response = counter.sell("50", **tampered)
    assert response.status_code in (409, 422) and counter.list_sales() == []
    assert b"<b>" not in response.content
    assert read_field(response, "amount") in ("50", "")


def test_the_same_form_sent_twice_gives_the_first_sale_again(counter: Counter) -> None:
    fields = list_fields(counter.open(), "/counter/sell") | {"amount": "50"}
    first = counter.client.post("/counter/sell", fields)
    again = counter.client.post("/counter/sell", fields)
    assert first["Location"].partition("?")[0] == again["Location"].partition("?")[0]
    counter.visit_meter()
    late = counter.client.post("/counter/sell", fields)
    assert late["Location"].partition("?")[0] == "/counter/sale/1"
    counter.desk.slot.take_out()
    assert counter.client.post("/counter/sell", fields).status_code == 302, "and without its card"
    assert counter.list_sales() == [(5000, "written")]


def test_the_same_form_with_another_amount_is_refused(counter: Counter) -> None:
    fields = list_fields(counter.open(), "/counter/sell")
    counter.client.post("/counter/sell", fields | {"amount": "50"})
    response = counter.client.post("/counter/sell", fields | {"amount": "60"})
    assert response.status_code == 409 and "with other words" in read_text(response)
    assert counter.list_sales() == [(5000, "written")]


def test_two_windows_sell_once(counter: Counter) -> None:
    here = list_fields(counter.open(), "/counter/sell") | {"amount": "50"}
    there = list_fields(counter.open(), "/counter/sell") | {"amount": "50"}
    assert here["key"] != there["key"]
    assert counter.client.post("/counter/sell", here).status_code == 302
    response = counter.client.post("/counter/sell", there)
    assert response.status_code == 409 and "nothing was sold now" in read_text(response)
    assert counter.list_sales() == [(5000, "written")]


def test_a_card_that_was_exchanged_is_not_sold_to(counter: Counter, desk: Desk) -> None:
    fields = list_fields(counter.open(), "/counter/sell") | {"amount": "50"}
    desk.slot.take_out()
    contract = make_contract(cards_kit.METER_NO + 1, cards_kit.CUSTOMER_NO + 1)
    from registry_kit import make_card

    desk.slot.put_in(make_card(desk.control, contract, 77))
    response = counter.client.post("/counter/sell", fields)
    assert response.status_code == 409 and "another card is in the reader" in read_text(response)
    assert contract.customer.name in read_text(response), "its customer is shown"
    assert read_field(response, "amount") == "", "and the other one's amount is not"
    assert counter.list_sales() == []


def test_a_card_that_is_gone_keeps_what_was_typed(counter: Counter, desk: Desk) -> None:
    fields = list_fields(counter.open(), "/counter/sell") | {"amount": "50"}
    desk.slot.take_out()
    response = counter.client.post("/counter/sell", fields)
    assert response.status_code == 409 and "put it into" in read_text(response)
    assert read_field(response, "amount") == "50"
    assert read_field(response, "key") == fields["key"]
    assert counter.list_sales() == []
