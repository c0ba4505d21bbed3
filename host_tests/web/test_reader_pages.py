"""Any card in the reader: read in words, checked, cleared; refunds, replacements, inspections."""

import re
from typing import Any

import pytest

import cards_kit
from clerk_kit import Counter
from counter_kit import Resident
from office_kit import PASSWORD
from web_kit import CHINESE, Desk, Web, add_operator, list_fields, read_text

_OWN = re.compile(r"\b(kWh|English|Enter|Esc|resident made|Ada|PDF|A4)\b|customer \d+|flat \d+")


def consent(web: Web) -> dict[str, str]:
    add_operator("boss", "supervisor")
    return {"second": "boss", "second-password": PASSWORD}


@pytest.mark.parametrize("role", ("clerk", "technician", "auditor"))
def test_a_card_is_read_in_words_and_recognised(web: Web, desk: Desk, role: str) -> None:
    client = web.sign_in(role)
    assert "Put any card into the reader." in read_text(client.get("/cards/reader"))
    resident = Resident(desk.control)
    desk.slot.put_in(resident.card)
    text = read_text(client.get("/cards/reader"))
    assert f"meter {cards_kit.METER_NO:012d}" in text and "ready for the first sale" in text
    assert "in use since" in text
    assert ("Replace the card" in text) is (role != "auditor")


def test_a_card_is_read_in_chinese_alone(web: Web, desk: Desk) -> None:
    client = web.sign_in("technician", language=CHINESE)
    control = desk.control
    chips = (Resident(control).card, cards_kit.init_card(control), cards_kit.keys_card(control))
    chips += (cards_kit.restore_card(control), cards_kit.test_credit_card(control))
    chips += (cards_kit.production_card(control), cards_kit.inspection_card(control))
    chips += (cards_kit.user_card(cards_kit.control_card(99), 98),)
    chips += (cards_kit.blank("user", control, 77),)
    english = []
    for chip in chips:
        desk.slot.put_in(chip)
        for address in ("/cards/reader", "/cards/reader/check"):
            text = read_text(client.get(address))
            found = re.search("[a-z]{2,} [a-z]{2,}.*", _OWN.sub("·", text))
            english += [(address, found[0][:160])] if found else []
        desk.slot.take_out()
    assert not english, "\n".join(map(str, english))


def test_the_page_follows_the_reader(web: Web, desk: Desk) -> None:
    client = web.sign_in("technician")
    page = client.get("/cards/reader").content.decode()
    mark = re.search(r"changed\?mark=(\w+)", page)
    assert mark
    address = f"/cards/reader/changed?mark={mark[1]}"
    assert client.get(address).status_code == 204
    desk.slot.put_in(Resident(desk.control).card)
    changed = client.get(address)
    assert 'id="panel" hx-swap-oob' in changed.content.decode()
    assert "What the card says" in read_text(changed)


def test_a_card_is_checked_and_a_foreign_one_is_not_in_order(web: Web, desk: Desk) -> None:
    client = web.sign_in("clerk")
    desk.slot.put_in(Resident(desk.control).card)
    client.get("/cards/reader")
    text = read_text(client.get("/cards/reader/check"))
    assert "All is in order." in text and "WRONG" not in text
    desk.slot.take_out()
    desk.slot.put_in(cards_kit.user_card(cards_kit.control_card(99), 98))
    text = read_text(client.get("/cards/reader/check"))
    assert "Not all is in order" in text and "WRONG" in text


def test_a_purchase_is_paid_back_in_its_shift_as_a_reversal(web: Web, counter: Counter) -> None:
    from dianka.desk.office.vending.models import Refund

    sold = counter.sell("50")
    assert "Pay it back" in read_text(counter.client.get(sold["Location"]))
    assert "Pay it back" in read_text(counter.open())
    address = "/counter/refund/desk1/1"
    form = counter.client.get(address)
    assert "50.00 yuan" in read_text(form)
    sent = list_fields(form, address) | {"reason": "typed 50 for 5", "method": "notes"}
    refused = counter.client.post(address, sent)
    assert refused.status_code == 422 and not Refund.objects.exists()
    sent |= consent(web)
    sent_again = {key: sent[key] for key in ("reason", "method", "second", "second-password")}
    paid, again = (counter.client.post(address, sent) for _ in range(2))
    assert paid.status_code == 302 and paid["Location"] == again["Location"], read_text(paid)
    text = read_text(counter.client.get(paid["Location"]))
    assert "Pay back 50.00 yuan" in text and "Reversal" in text and "typed 50 for 5" in text
    assert counter.list_sales() == [(5000, "refunded")]
    assert Refund.objects.get().reversal and Refund.objects.count() == 1
    anew = counter.client.post(
        address, list_fields(counter.client.get(address), address) | sent_again
    )
    text = read_text(counter.client.get(anew["Location"]))
    assert "Pay back 50.00" not in text and "Pay only if nobody has paid yet" in text
    later = read_text(counter.client.get(anew["Location"].partition("?")[0]))
    assert "Pay back" not in later and "Reversal" in later
    assert web.sign_in("technician").get(address).status_code == 403


def test_what_another_desk_has_paid_back_is_not_paid_here_again(web: Web, counter: Counter) -> None:
    """The form is drawn here, the money given at the other desk, and then the form is sent."""
    import shift_kit
    from dianka.cardos.image import CardFile
    from dianka.desk.office.vending import refund_counter, refunds, shifts
    from dianka.desk.office.vending.models import Desk as DeskRow
    from dianka.desk.office.vending.models import Refund
    from estate_kit import make_actor

    counter.sell("50")
    address = "/counter/refund/desk1/1"
    sent = list_fields(counter.client.get(address), address)
    DeskRow.objects.create(name="desk2")
    mei = make_actor("clerk", "desk2", "mei")
    shifts.open_shift(mei, shift_kit.count_notes(10_000))
    sale = refunds.find_sale(mei, 1, "desk1")
    given = shift_kit.give_consent(mei, "refund", refunds.name_sale(sale), sale.amount_fen)
    (file,) = counter.desk.slot.folder.glob("*.card")
    with CardFile.open(file) as card:
        order = refunds.Order("typed 50 for 5", "notes", given)
        refund_counter.refund(mei, counter.desk.control, card, sale, order)
    sent |= {"reason": "typed 50 for 5", "method": "notes"} | consent(web)
    late = counter.client.post(address, sent)
    assert late.status_code == 422
    assert "It was paid back at desk2, receipt 1: pay nothing here." in read_text(late)
    assert Refund.objects.count() == 1 and counter.list_sales() == [(5000, "refunded")]


@pytest.mark.parametrize("is_in_meter", (False, True))
def test_what_can_t_be_paid_back_says_why_and_keeps_what_was_typed(
    web: Web, counter: Counter, is_in_meter: bool
) -> None:
    counter.sell("50")
    if is_in_meter:
        counter.visit_meter()
    else:
        counter.desk.slot.take_out()
    address = "/counter/refund/desk1/1"
    sent = list_fields(counter.client.get(address), address)
    sent |= {"reason": "changed his mind", "method": "notes"} | consent(web)
    response = counter.client.post(address, sent)
    line = "is in the meter" if is_in_meter else "put"
    assert response.status_code == 422 and line in read_text(response)
    assert 'value="changed his mind"' in response.content.decode()
    assert counter.list_sales()[0][1] in ("written", "loaded")


def test_a_lost_card_is_replaced_with_its_purchase_and_a_second_person(
    web: Web, counter: Counter
) -> None:
    from dianka.desk.office.cards.models import Card

    counter.sell("50")
    lost = counter.desk.slot.take_out().state.serial.hex()
    address = f"/accounts/{cards_kit.METER_NO}/replacement"
    counter.desk.slot.put_in(cards_kit.blank("user", counter.desk.control, 50), "new.card")
    form = counter.client.get(address)
    assert "50.00 yuan" in read_text(form)
    sent = list_fields(form, address)
    sent.pop("waived")  # a box that nobody ticks is not sent
    refused = counter.client.post(address, sent)
    assert refused.status_code == 422 and "takes a second person" in read_text(refused)
    made = counter.client.post(address, sent | consent(web))
    assert made.status_code == 302, read_text(made)
    text = read_text(counter.client.get(made["Location"]))
    assert "with purchase 1 of 50.00 yuan" in text
    states = {card.serial: card.state for card in Card.objects.filter(kind="user")}
    assert states.pop(lost) == "replaced" and list(states.values()) == ["used"]
    new = counter.desk.slot.take_out()
    assert cards_kit.use_in_meter(counter.resident.esam, new)
    assert cards_kit.wallet(counter.resident.esam)[0] == 5000


def test_money_is_left_out_by_two_people(web: Web, counter: Counter) -> None:
    from dianka.desk.office.audit.models import Act

    counter.sell("50")
    counter.desk.slot.take_out()
    address = f"/accounts/{cards_kit.METER_NO}/replacement"
    counter.desk.slot.put_in(cards_kit.blank("user", counter.desk.control, 50), "new.card")
    sent = list_fields(counter.client.get(address), address) | {"waived": "on"}
    refused = counter.client.post(address, sent)
    assert refused.status_code == 422 and "or leaving it out, takes" in read_text(refused)
    made = counter.client.post(address, sent | consent(web))
    assert made.status_code == 302, read_text(made)
    assert Act.objects.get(kind="purchase waived").operator == "zhao"
    assert "without money" in read_text(counter.client.get(made["Location"]))


def test_a_card_found_again_is_cleared(web: Web, counter: Counter) -> None:
    counter.open()
    old = counter.desk.slot.take_out()
    counter.desk.slot.put_in(cards_kit.blank("user", counter.desk.control, 50), "new.card")
    address = f"/accounts/{cards_kit.METER_NO}/replacement"
    client = web.sign_in("technician")
    made = client.post(address, list_fields(client.get(address), address))
    assert made.status_code == 302, read_text(made)
    counter.desk.slot.take_out()
    counter.desk.slot.put_in(old)
    page = client.get("/cards/reader")
    assert "was replaced on" in read_text(page) and "Clear the card" in read_text(page)
    clear = f"/cards/{old.state.serial.hex()}/clear"
    done = client.post(clear, list_fields(client.get(clear), clear))
    assert "may be made anew" in read_text(client.get(done["Location"])), read_text(done)


def test_the_first_card_of_an_account_is_made_by_who_may(web: Web, desk: Desk) -> None:
    from estate_kit import make_contract

    make_contract(cards_kit.METER_NO, cards_kit.CUSTOMER_NO)
    desk.slot.put_in(cards_kit.blank("user", desk.control, 50))
    address = f"/accounts/{cards_kit.METER_NO}/card"
    customer = f"/customers/{cards_kit.CUSTOMER_NO}"
    assert address not in web.sign_in("clerk").get(customer).content.decode()
    client = web.sign_in("technician")
    assert address in client.get(customer).content.decode()
    made = client.post(address, list_fields(client.get(address), address))
    assert "Sell to it next" in read_text(client.get(made["Location"])), read_text(made)
    twice = client.post(address, list_fields(client.get(address), address))
    assert twice.status_code == 422


def test_inspections_are_recorded(web: Web, desk: Desk) -> None:
    import office_pages_kit

    office_pages_kit.fill(desk.control)
    client = web.sign_in("technician")

    def send(name: str, **typed: str) -> Any:
        address = f"/inspections/{name}"
        sent = list_fields(client.get(address), address) | typed
        return client.post(address, sent)

    done = send("record-visit", customer="１", found="theft", note="bypass behind the meter")
    text = read_text(client.get(done["Location"]))
    assert "Recorded." in text and "bypass behind the meter" in text and "theft" in text
    assert send("record-feeder", area="East", energy="１２345.678").status_code == 302
    late = send("record-feeder", area="East", energy="1.5")
    assert late.status_code == 422 and "is not between the readings" in read_text(late)
    times = {"begins": "2026-03-01T08:00", "ends": "2026-03-01T17:00"}
    assert send("record-outage", area="East", **times).status_code == 302
    counts = {"hours": "720", "off-hours": "300", "covers": "1", "relay-faults": "0"}
    assert send("record-events", meter="7", **counts).status_code == 302
    assert send("record-events", meter="7", **counts | {"hours": "2"}).status_code == 422
    desk.slot.put_in(cards_kit.inspection_card(desk.control))
    assert "Take the inspection card in" in read_text(client.get("/cards/reader"))
    empty = send("take-inspection")
    assert empty.status_code == 422 and "no whole copy of a meter" in read_text(empty)
    assert web.sign_in("clerk").get("/inspections").status_code == 403


def test_purchases_made_elsewhere_are_taken_in_with_a_second_person(web: Web, desk: Desk) -> None:
    from dianka.desk import sell

    resident = Resident(desk.control)
    sell.sell(desk.control, resident.card, 4_000)
    desk.slot.put_in(resident.card)
    client = web.sign_in("manager")
    page = client.get("/cards/reader")
    assert "with the button Take its purchases in of the page Read a card" in read_text(page)
    address = "/cards/reader/take-in"
    assert address in page.content.decode()
    form = client.get(address)
    assert "40.00 yuan" in read_text(form)
    sent = list_fields(form, address) | consent(web)
    other = client.post(address, sent | {"seen": "meter 1 purchase 1 5"})
    assert other.status_code == 422 and "Another card is in now" in read_text(other)
    done = client.post(address, list_fields(other, address) | consent(web) | {"seen": sent["seen"]})
    assert "purchases are taken in" in read_text(client.get(done["Location"])), read_text(done)
    assert address not in client.get("/cards/reader").content.decode()
    assert web.sign_in("clerk").get(address).status_code == 403


def test_the_receipt_gives_way_to_the_next_customer_s_card(web: Web, counter: Counter) -> None:
    sold = counter.sell("50")
    page = counter.client.get(sold["Location"]).content.decode()
    found = re.search(r'hx-get="(/counter/next\?[^"]*)"', page)
    assert found
    assert counter.client.get(found[1]).status_code == 204, "the card that was sold to is still in"
    chip = counter.desk.slot.take_out()
    assert counter.client.get(found[1]).status_code == 204
    counter.desk.slot.put_in(chip)
    assert counter.client.get(found[1]).status_code == 204, "the same card leaves its receipt"
    counter.desk.slot.take_out()
    counter.desk.slot.put_in(cards_kit.user_card(counter.desk.control, 98), "next.card")
    answer = counter.client.get(found[1])
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/counter")
    later = counter.client.get("/counter/sale/1").content.decode()
    assert "/counter/next" not in later, "who looks a sale up is not led away from it"


@pytest.mark.parametrize("done", (False, True), ids=("before", "after"))
def test_a_card_that_is_pulled_in_a_refund_pays_nothing_until_it_is_put_in_again(
    web: Web, counter: Counter, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    from test_counter_broken import Cut

    from dianka.desk.office.vending.models import Refund

    counter.sell("50")
    address = "/counter/refund/desk1/1"
    sent = list_fields(counter.client.get(address), address)
    sent |= {"reason": "typed 50 for 5", "method": "notes"} | consent(web)
    with monkeypatch.context() as patch:
        cut = Cut(patch, "04D68200", done)
        broken = counter.client.post(address, sent)
        assert cut.hits == 1
    assert broken.status_code == 422 and "pay nothing" in read_text(broken)
    assert counter.list_sales() == [(5000, "written")]
    again = list_fields(broken, address) | consent(web) | {"method": "notes"}
    assert again["reason"] == "typed 50 for 5"
    paid = counter.client.post(address, again)
    assert paid.status_code == 302, read_text(paid)
    assert "Pay back 50.00 yuan" in read_text(counter.client.get(paid["Location"]))
    assert counter.list_sales() == [(5000, "refunded")] and Refund.objects.count() == 1


def test_a_replacement_whose_answer_was_lost_is_completed_by_the_same_chip(
    web: Web, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dianka.desk.office.cards import register
    from dianka.desk.office.cards.models import Card

    counter.sell("50")
    counter.desk.slot.take_out()
    counter.desk.slot.put_in(cards_kit.blank("user", counter.desk.control, 50), "new.card")
    address = f"/accounts/{cards_kit.METER_NO}/replacement"
    sent = list_fields(counter.client.get(address), address) | consent(web)
    sent.pop("waived")

    def lose(*_words: object) -> None:
        raise register.RegisterError("the books are away")

    with monkeypatch.context() as patch:
        patch.setattr(register, "finish_making", lose)
        broken = counter.client.post(address, sent)
    assert broken.status_code == 422 and "put it into the reader" in read_text(broken)
    again = list_fields(broken, address) | consent(web)
    again.pop("waived")
    made = counter.client.post(address, again)
    assert made.status_code == 302, read_text(made)
    states = sorted(Card.objects.filter(kind="user").values_list("state", flat=True))
    assert states == ["replaced", "used"]
