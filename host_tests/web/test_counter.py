"""The counter's pages with real cards in folders that are readers: look, sell, complete, refuse."""

import re
from typing import TYPE_CHECKING, Any

import pytest

import cards_kit
import shift_kit
from counter_kit import Resident
from dianka.cardos.chip import CardTorn
from dianka.cardos.image import CardFile
from dianka.desk.pin import change_pin
from dianka.desk.sell import read_user_card
from estate_kit import make_actor, make_contract
from web_kit import CHINESE, Desk, Web, list_fields, read_field, read_text

if TYPE_CHECKING:
    from django.test import Client

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


class Counter:
    """A clerk at the counter with a customer's card in the reader."""

    def __init__(self, web: Web, desk: Desk, language: str = "en") -> None:
        self.desk = desk
        self.client = web.sign_in("clerk", name="zhao", language=language)
        self.actor = make_actor("clerk", "desk1", "zhao")
        self.resident = Resident(desk.control)
        from dianka.desk.office.vending import shifts

        shifts.open_shift(self.actor, shift_kit.count_notes(0))
        self.put_in()

    def put_in(self) -> None:
        self.desk.slot.put_in(self.resident.card)

    def visit_meter(self) -> None:
        self.resident.card = self.desk.slot.take_out()
        self.resident.visit_meter()
        self.put_in()

    def open(self) -> Any:
        return self.client.get("/counter")

    def sell(self, amount: str, **more: str) -> Any:
        fields = list_fields(self.open(), "/counter/sell")
        return self.client.post("/counter/sell", fields | {"amount": amount} | more)

    def list_sales(self) -> list[tuple[int, str]]:
        from dianka.desk.office.vending.models import Sale

        return [(sale.amount_fen, sale.state) for sale in Sale.objects.order_by("number")]


@pytest.fixture
def counter(web: Web, desk: Desk) -> Counter:
    return Counter(web, desk)


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


class Cut:
    """Pulls the resident's card before the nth command that carries money or its write-back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, word: str, done: bool) -> None:
        self.word, self.done, self.hits = bytes.fromhex(word), done, 0
        process = CardFile.process

        def cut(card: CardFile, apdu: bytes) -> tuple[bytes, int]:
            if apdu[:4] == self.word and not self.hits:
                self.hits += 1
                if self.done:
                    process(card, apdu)
                raise CardTorn("pulled")
            return process(card, apdu)

        monkeypatch.setattr(CardFile, "process", cut)


def test_a_sale_whose_answer_was_lost_is_posted_by_the_look_that_follows(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut = Cut(patch, "04D68200", done=True)
        response = counter.sell("50")
        assert cut.hits == 1
    assert response.status_code == 302 and counter.list_sales() == [(5000, "written")]
    text = read_text(counter.client.get(response["Location"]))
    assert "Sold: 50.00 yuan" in text and "posted now" in text


def test_a_sale_whose_write_did_not_come_through_keeps_the_form_and_gives_the_money_back(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut = Cut(patch, "04D68200", done=False)
        response = counter.sell("50")
        assert cut.hits == 1
    text = read_text(response)
    assert response.status_code == 409 and "void" in text
    assert read_field(response, "amount") == "50"
    assert counter.list_sales() == [(5000, "void")]
    assert counter.sell("50").status_code == 302, "a new form sells"
    assert counter.list_sales() == [(5000, "void"), (5000, "written")]


def test_the_card_process_dies_in_a_sale_and_the_next_look_resolves_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dianka.desk.web import jobs
    from dianka.readers.card_process import JobLostError

    def lose(*words: Any) -> None:
        sell(*words)
        raise JobLostError("the card process ended: take the card out, put it in again")

    sell = jobs.sell
    monkeypatch.setattr(jobs, "sell", lose)
    response = counter.sell("50")
    assert response.status_code == 302, "the books know that this form has sold"
    assert counter.list_sales() == [(5000, "written")]


def test_an_unfinished_sale_has_one_button_and_its_own_amount(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.sell("50")
    counter.visit_meter()
    with monkeypatch.context() as patch:
        cut = Cut(patch, "04D68500", done=False)  # the wallet is written, the write-back is not
        response = counter.sell("30")
        assert cut.hits == 1 and response.status_code == 409
    page = counter.open()
    text = read_text(page)
    assert "Sale 2 at desk1 is not finished" in text and "30.00 yuan" in text
    assert "Take no money again" in text
    fields = list_fields(page, "/counter/sell")
    assert fields["amount"] == "30.00"
    assert "tendered" not in fields
    response = counter.client.post("/counter/sell", fields)
    assert response.status_code == 302
    assert counter.list_sales() == [(5000, "loaded"), (3000, "written")]


def test_nothing_is_sold_without_a_shift_and_the_page_says_so(web: Web, desk: Desk) -> None:
    client = web.sign_in("clerk")
    desk.slot.put_in(Resident(desk.control).card)
    page = client.get("/counter")
    assert "no shift is open at desk1" in read_text(page)
    assert 'action="/counter/sell"' not in page.content.decode()


def test_a_foreign_card_is_named_and_nothing_else_is_offered(counter: Counter, desk: Desk) -> None:
    desk.slot.take_out()
    desk.slot.put_in(cards_kit.user_card(cards_kit.control_card(99), 98))
    text = read_text(counter.open())
    assert "was not issued with this control card" in text and "Amount" not in text


def test_a_missing_control_card_is_told(counter: Counter, desk: Desk) -> None:
    desk.control_slot.take_out()
    assert "there is no control card" in read_text(counter.open())


def test_a_reader_that_is_unplugged_is_told_and_comes_back(counter: Counter, desk: Desk) -> None:
    away = desk.slot.folder.rename(desk.slot.folder.with_name("unplugged"))
    text = read_text(counter.open())
    assert "is not there: plug it in" in text
    away.rename(desk.slot.folder)
    assert counter.resident.contract.customer.name in read_text(counter.open())


def poll(client: "Client", page: Any) -> Any:
    """Ask as the page does."""
    found = re.search(r'hx-get="(/counter/card[^"]*)"', page.content.decode())
    assert found
    address = found[1].replace("&amp;", "&")
    return client.get(address, headers={"HX-Request": "true"})


def test_the_page_asks_whether_anything_changed(counter: Counter, desk: Desk) -> None:
    client, page = counter.client, counter.open()
    assert poll(client, page).status_code == 204
    chip = desk.slot.take_out()
    changed = poll(client, page)
    assert "The card is out" in read_text(changed)
    assert 'id="panel"' not in changed.content.decode(), "what was typed stays"
    assert poll(client, changed).status_code == 204
    desk.slot.put_in(chip)
    back = poll(client, changed)
    assert 'id="panel" hx-swap-oob' in back.content.decode()
    assert counter.resident.contract.customer.name in read_text(back)
    assert poll(client, back).status_code == 204


def test_asking_keeps_no_sign_in_alive(counter: Counter) -> None:
    import time

    from django.conf import settings

    from web_kit import write_sign_in

    page = counter.open()
    write_sign_in(counter.client, "zhao", int(time.time()) - 600)
    before = counter.client.cookies[settings.SIGN_IN_COOKIE].value
    assert poll(counter.client, page).status_code == 204
    assert counter.client.cookies[settings.SIGN_IN_COOKIE].value == before


def test_a_session_that_ended_lets_the_page_stay_and_takes_the_form_along(
    counter: Counter,
) -> None:
    from office_kit import PASSWORD

    page = counter.open()
    fields = list_fields(page, "/counter/sell") | {"amount": "50", "tendered": "100"}
    counter.client.cookies.clear()
    asked = poll(counter.client, page)
    assert asked.status_code == 401 and "<html" not in asked.content.decode()
    assert asked["HX-Retarget"] == "#signed-out", "the page stays as it is"
    response = counter.client.post("/counter/sell", fields)
    assert response.status_code == 401
    sign_in = {"name": "zhao", "password": PASSWORD, "kept": read_field(response, "kept")}
    response = counter.client.post("/sign-in", sign_in)
    text = read_text(response)
    assert "Amount, yuan 50" in text and "Cash given, yuan 100" in text
    again = list_fields(response, "/counter/sell")
    assert again["key"] == fields["key"]
    response = counter.client.post("/counter/sell", again)
    assert response.status_code == 302 and counter.list_sales() == [(5000, "written")]


def test_a_control_cards_pin_is_asked_for_once_and_a_wrong_one_is_not_tried_again(
    counter: Counter, desk: Desk
) -> None:
    desk.slot.take_out()
    with CardFile.open(desk.control_slot.folder / "control.card") as control:
        control.power_on()
        change_pin(control, None, "246824")
    desk.slot.put_in(counter.resident.card)
    page = counter.open()
    assert "PIN of the control card" in read_text(page)
    response = counter.client.post("/counter/pin", {"pin": "111111"})
    assert response.status_code == 422 and "2 tries left" in read_text(response)
    assert b"111111" not in response.content
    for _ in range(3):
        assert "PIN of the control card" in read_text(counter.open())
    assert counter.client.post("/counter/pin", {"pin": "２４６８２４"}).status_code == 302
    assert counter.sell("50").status_code == 302
    control = desk.control_slot.take_out()
    counter.open()
    desk.control_slot.put_in(control, "control.card")
    assert "PIN of the control card" in read_text(counter.open()), "who takes it out ends that"


@pytest.mark.parametrize("pin", ("", "<script>", "1" * 10_000, "١٢٣٤٥٦", "12 34 56"))
def test_a_pin_that_can_be_none_costs_no_try(counter: Counter, desk: Desk, pin: str) -> None:
    desk.slot.take_out()
    with CardFile.open(desk.control_slot.folder / "control.card") as control:
        control.power_on()
        change_pin(control, None, "246824")
    desk.slot.put_in(counter.resident.card)
    response = counter.client.post("/counter/pin", {"pin": pin})
    assert response.status_code == 422
    assert counter.client.post("/counter/pin", {"pin": "246824"}).status_code == 302


def test_a_database_that_is_gone_refuses_in_one_line_and_keeps_the_form(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from dianka.desk.office.vending import sales

    fields = list_fields(counter.open(), "/counter/sell") | {"amount": "50"}

    def fail(*words: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(sales, "begin", fail)
    response = counter.client.post("/counter/sell", fields)
    assert response.status_code == 409 and "nothing was sent" in read_text(response)
    assert read_field(response, "amount") == "50"


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


def test_a_database_that_is_gone_before_the_form_is_looked_at_gives_the_form_back(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from dianka.desk.office.people import sign_in

    fields = list_fields(counter.open(), "/counter/sell") | {"amount": "50"}

    def fail(*words: Any) -> None:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(sign_in, "find_actor", fail)
        response = counter.client.post("/counter/sell", fields)
        assert response.status_code == 503 and "The database does not answer" in read_text(response)
        assert "Amount, yuan 50" in read_text(response)
        assert counter.client.get("/counter").status_code == 503
    again = list_fields(response, "/counter/sell")
    assert again["key"] == fields["key"]
    assert counter.client.post("/counter/sell", again).status_code == 302
