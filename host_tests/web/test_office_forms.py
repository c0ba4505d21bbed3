"""The office's forms: bad text in every field, nothing typed is lost, each does its thing once."""

import html
import re
from typing import Any

import pytest
from test_office_pages import address_of, is_office

import office_pages_kit
import shift_kit
from office_kit import PASSWORD
from web_kit import Web, add_operator, list_fields, read_text

BAD = (
    "",
    "x" * 10_000,
    "<script>alert(1)</script>",
    "مرحبا بالعالم",
    "🔌⚡",
    "a\u200bb",
    "１２．５０",
    "=1+1",
    "' OR 1=1 --",
    "\u202egnp.exe",
)


def list_forms() -> list[Any]:
    from dianka.desk.web.pages import PAGES

    both = [page for page in PAGES if {"GET", "POST"} <= set(page.methods)]
    return [page for page in both if (is_office(page) or page.name == "refund") and page.fields]


def read_inputs(response: Any) -> list[str]:
    """Return the names of the fields into which text is typed."""
    page = response.content.decode()
    found = re.findall(r'<input id="([^"]+)" name="\1" value="', page)
    return [name for name in found if name not in ("q",)]


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD)
def test_bad_text_in_every_field_gets_an_answer_and_is_not_lost(web: Web, bad: str) -> None:
    from django.db import transaction

    estate = office_pages_kit.fill()
    client = web.sign_in("manager")
    tried = 0
    for page in list_forms():
        address = address_of(page, estate)
        drawn = client.get(address)
        if drawn.status_code != 200:
            continue
        sent = list_fields(drawn, address)
        names = read_inputs(drawn)
        with transaction.atomic():
            response = client.post(address, sent | dict.fromkeys(names, bad))
            transaction.set_rollback(True)
        tried += 1
        assert response.status_code in (302, 422), (page.name, response.status_code)
        if response.status_code == 422:
            shown = response.content.decode()
            assert 'class="wrong"' in shown, page.name
            for name in names:
                kept = re.search(rf'<input id="{name}" name="{name}" value="([^"]*)"', shown)
                assert kept and html.unescape(kept[1]) == bad, (page.name, name)
        assert "<script>alert" not in response.content.decode()
    assert tried > 15


def test_what_is_wrong_stands_at_its_field(web: Web) -> None:
    client = web.sign_in("clerk")
    sent = list_fields(client.get("/customers/add"), "/customers/add")
    response = client.post("/customers/add", sent | {"name": "a\u200bb", "number": "12x"})
    page = response.content.decode()
    assert response.status_code == 422
    for name in ("name", "number"):
        assert f'id="wrong-{name}"' in page and f'aria-describedby="wrong-{name}"' in page
    assert re.search(r'name="name"[^>]* autofocus', page)


def test_the_same_form_sent_twice_adds_one_customer(web: Web) -> None:
    from dianka.desk.office.customers.models import Customer

    client = web.sign_in("clerk")
    sent = list_fields(client.get("/customers/add"), "/customers/add") | {"name": "Ada"}
    first, second = (client.post("/customers/add", sent) for _ in range(2))
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    assert Customer.objects.filter(name="Ada").count() == 1
    assert "The customer is added." in read_text(client.get(first["Location"]))
    other = client.post("/customers/add", sent | {"name": "Eve"})
    assert other.status_code == 422 and "with other words in it" in read_text(other)
    assert not Customer.objects.filter(name="Eve").exists()


def test_a_form_from_before_a_restart_does_nothing_and_is_drawn_anew(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dianka.desk.office.customers.models import Customer
    from dianka.desk.web import once

    client = web.sign_in("clerk")
    sent = list_fields(client.get("/customers/add"), "/customers/add") | {"name": "Ada"}
    monkeypatch.setattr(once, "_PROCESS", "another process")
    response = client.post("/customers/add", sent)
    assert response.status_code == 422 and "This form is from before" in read_text(response)
    assert not Customer.objects.filter(name="Ada").exists()
    again = list_fields(response, "/customers/add")
    assert again["name"] == "Ada"
    assert client.post("/customers/add", again).status_code == 302


@pytest.mark.parametrize("key", ("", "none", "a:b:c"))
def test_a_form_without_its_key_does_nothing(web: Web, key: str) -> None:
    from dianka.desk.office.customers.models import Customer

    response = web.sign_in("clerk").post("/customers/add", {"name": "Ada", "key": key})
    assert response.status_code == 422 and not Customer.objects.filter(name="Ada").exists()


def test_a_form_s_key_is_for_one_operator_and_one_page(web: Web) -> None:
    estate = office_pages_kit.fill()
    client = web.sign_in("clerk")
    sent = list_fields(client.get("/customers/add"), "/customers/add") | {"name": "Ada"}
    other = web.sign_in("supervisor").post("/customers/add", sent)
    assert other.status_code == 422
    wrong = client.post(f"/cards/{estate.serial}/lost", {"key": sent["key"], "reason": "bus"})
    assert wrong.status_code == 422


def test_a_form_whose_end_is_not_known_is_not_done_again(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from dianka.desk.office.customers import records

    def fail(*_words: object) -> None:
        raise OperationalError("gone")

    client = web.sign_in("clerk")
    sent = list_fields(client.get("/customers/add"), "/customers/add") | {"name": "Ada"}
    with monkeypatch.context() as away:
        away.setattr(records, "add_customer", fail)
        assert client.post("/customers/add", sent).status_code == 503
    response = client.post("/customers/add", sent)
    assert response.status_code == 422 and "It is not known" in read_text(response)


def test_money_is_handed_over_once_by_one_form(web: Web) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.vending import shifts

    client = web.sign_in("clerk")
    add_operator("boss", "supervisor")
    shifts.open_shift(_actor("clerk"), shift_kit.count_notes(50_000))
    sent = list_fields(client.get("/shifts/hand-over"), "/shifts/hand-over")
    sent |= {"amount": "１００", "second": "boss", "second-password": PASSWORD}
    first, second = (client.post("/shifts/hand-over", sent) for _ in range(2))
    assert first.status_code == second.status_code == 302
    (act,) = Act.objects.filter(kind="hand-over")
    assert "boss" in act.words and "100.00 yuan are handed over." in read_text(
        client.get(first["Location"])
    )


def test_a_wrong_second_person_is_said_at_his_name(web: Web) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.vending import shifts

    client = web.sign_in("clerk")
    add_operator("boss", "supervisor")
    shifts.open_shift(_actor("clerk"), shift_kit.count_notes(50_000))
    sent = list_fields(client.get("/shifts/hand-over"), "/shifts/hand-over") | {"amount": "100"}
    for name, password, line in (
        ("boss", "wrong", "name or password is wrong"),
        ("a-clerk", PASSWORD, "may not consent"),
    ):
        told = sent | {"second": name, "second-password": password}
        response = client.post("/shifts/hand-over", told)
        page = response.content.decode()
        assert response.status_code == 422 and line in read_text(response)
        assert 'id="wrong-second"' in page and PASSWORD not in page and 'value="100"' in page
    assert "takes a second person" in read_text(client.post("/shifts/hand-over", sent))
    assert not Act.objects.filter(kind="hand-over").exists()


def test_a_shift_is_opened_counted_blind_and_closed(web: Web) -> None:
    client = web.sign_in("clerk")
    sent = list_fields(client.get("/shifts/open"), "/shifts/open")
    opened = client.post("/shifts/open", sent | {"piece-10000": "2", "piece-50": "3"})
    assert opened.status_code == 302
    assert "Shift 1 is open with 201.50 yuan." in read_text(client.get(opened["Location"]))
    form = client.get("/shifts/close")
    assert "201.50" not in read_text(form), "what should be there is not shown before"
    assert "201.50 yuan" in read_text(client.get("/shifts/sum?piece-10000=2&piece-50=3"))
    count = {"piece-10000": "1", "card": "-1.00"}
    closed = client.post("/shifts/close", list_fields(form, "/shifts/close") | count)
    report = read_text(client.get(closed["Location"]))
    assert closed.status_code == 302 and "201.50 100.00 -101.50" in report
    assert read_text(client.get("/shifts")).count("-102.50") == 1
    paper = client.get("/shifts/desk1/1/paper")
    assert "班次结账报告" in paper.content.decode()


def test_an_account_is_closed_with_a_second_person_and_paid_back(web: Web) -> None:
    from dianka.desk.office.customers.models import Contract

    estate = office_pages_kit.fill()
    client = web.sign_in("supervisor")
    add_operator("boss", "manager")
    form = client.get("/accounts/7/close")
    assert "38.00 yuan" in read_text(form)
    sent = list_fields(form, "/accounts/7/close") | {"method": "notes"}
    sent |= {"second": "boss", "second-password": PASSWORD}
    first, second = (client.post("/accounts/7/close", sent) for _ in range(2))
    assert first.status_code == 302, read_text(first)
    assert first["Location"] == second["Location"]
    assert "Pay back 38.00 yuan." in read_text(client.get(first["Location"]))
    assert Contract.objects.get(pk=estate.contract.pk).state == "closed"


def test_an_operator_is_added_with_a_second_person(web: Web) -> None:
    from dianka.desk.office.people.models import Operator

    client = web.sign_in("manager")
    add_operator("boss", "supervisor")
    sent = list_fields(client.get("/people/add"), "/people/add")
    sent |= {"name": "wu", "role-clerk": "yes", "second": "boss", "second-password": PASSWORD}
    sent |= {"new-password": "nine lamps burn", "new-password-again": "other lamps burn"}
    wrong = client.post("/people/add", sent)
    assert wrong.status_code == 422 and b'id="wrong-new-password-again"' in wrong.content
    assert "lamps burn" not in read_text(wrong)
    sent["new-password-again"] = sent["new-password"]
    assert client.post("/people/add", sent).status_code == 302
    assert Operator.objects.get(username="wu").must_change


def test_a_tariff_is_added_with_a_second_person(web: Web) -> None:
    client = web.sign_in("manager")
    add_operator("boss", "supervisor")
    sent = list_fields(client.get("/tariffs/add"), "/tariffs/add")
    sent |= {"name": "home", "price": "0.5483", "second": "boss", "second-password": PASSWORD}
    assert client.post("/tariffs/add", sent).status_code == 302
    assert "home 1 0.5483" in read_text(client.get("/tariffs"))


def test_a_sheet_is_tried_before_it_is_taken_in(web: Web) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    from dianka.desk.office.customers.models import Customer

    client = web.sign_in("manager")

    def attempt(text: str) -> Any:
        file = SimpleUploadedFile("people.csv", text.encode())
        return client.post("/import", {"kind": "customers", "file": file})

    heads = "客户编号,姓名,电话,证件号码,备注\n"
    bad = attempt(heads + "x,Ada,,,\n")
    assert bad.status_code == 422 and "1 cells are bad" in read_text(bad)
    good = attempt(heads + "71,Ada,,,\n")
    assert "1 rows would be taken in" in read_text(good)
    assert not Customer.objects.filter(number=71).exists()
    mark = list_fields(good, "/import/take")
    taken = [client.post("/import/take", mark) for _ in range(2)]
    assert [each.status_code for each in taken] == [302, 302]
    assert Customer.objects.filter(number=71).count() == 1
    other = web.sign_in("manager", name="another").post("/import/take", mark)
    assert other.status_code == 422


def test_the_books_are_proved_and_checked(web: Web) -> None:
    client = web.sign_in("auditor")
    assert "Proved: not a fen" in read_text(client.post("/proof/prove"))
    checked = read_text(client.post("/proof/check"))
    assert "as they were written" in checked, checked


def test_an_export_is_a_sheet_and_an_act(web: Web) -> None:
    from dianka.desk.office.audit.models import Act

    office_pages_kit.fill()
    client = web.sign_in("auditor")
    response = client.post("/export/file", {"kind": "customers", "form": "csv"})
    text = response.content.decode()
    assert "Ada" in text and "13812345678" not in text
    assert Act.objects.filter(kind="export").count() == 1
    refused = client.post("/export/file", {"kind": "customers", "whole": "yes"})
    assert refused.status_code == 403


def _actor(role: str) -> Any:
    from estate_kit import make_actor

    return make_actor(role, "desk1", f"a-{role}")
