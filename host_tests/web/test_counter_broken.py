"""The counter's pages when something breaks: sales, cards, readers, sign-ins, the database."""

import re
from typing import TYPE_CHECKING, Any

import pytest

import cards_kit
from clerk_kit import Counter
from counter_kit import Resident
from dianka.cardos.chip import CardTorn
from dianka.cardos.image import CardFile
from dianka.desk.pin import change_pin
from web_kit import Desk, Web, list_fields, read_field, read_text

if TYPE_CHECKING:
    from django.test import Client


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
