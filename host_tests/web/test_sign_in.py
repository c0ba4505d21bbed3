"""Signing in at a desk's pages: who gets in, for how long, and what happens to what was typed."""

import time
from typing import TYPE_CHECKING, Any

import pytest

from office_kit import MANAGER, PASSWORD
from web_kit import Web, add_operator, read_field, read_text, write_sign_in

if TYPE_CHECKING:
    from django.test import Client

NEW = "rivers run to sea"


def send_sign_in(client: "Client", name: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in", {"name": name, "password": password, **more})


def test_a_password_opens_the_pages_and_signing_out_closes_them(web: Web) -> None:
    client = web.open_browser()
    response = send_sign_in(client, MANAGER)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/password").status_code == 200
    assert client.post("/sign-out")["Location"] == "/sign-in"
    assert client.get("/password").status_code == 401


def test_signing_out_ends_the_sign_in_itself_not_the_cookie_alone(web: Web) -> None:
    from django.conf import settings

    client = web.sign_in("clerk")
    stolen = client.cookies[settings.SIGN_IN_COOKIE].value
    client.post("/sign-out")
    client.cookies[settings.SIGN_IN_COOKIE] = stolen
    assert client.get("/password").status_code == 401


def test_the_cookie_is_the_servers_alone_and_has_no_name_in_it(web: Web) -> None:
    from django.conf import settings

    response = send_sign_in(web.open_browser(), MANAGER)
    cookie = response.cookies[settings.SIGN_IN_COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Strict" and not cookie["secure"]
    assert not cookie["max-age"] and not cookie["expires"], "it ends with the browser"


def test_over_tls_every_cookie_is_for_tls_alone(web: Web) -> None:
    from django.test import override_settings

    from dianka.desk.web.settings import Site, make_web_settings

    safe = make_web_settings(Site("desk1", ("testserver",), secure=True))
    with override_settings(**safe):
        response = send_sign_in(web.open_browser(), MANAGER)
        assert len(response.cookies) >= 2
        assert all(cookie["secure"] for cookie in response.cookies.values())


def test_a_wrong_password_says_so_keeps_the_name_and_not_the_password(web: Web) -> None:
    response = send_sign_in(web.open_browser(), MANAGER, "eight lamps burnt")
    assert response.status_code == 422
    assert "name or password is wrong" in read_text(response)
    assert read_field(response, "name") == MANAGER and read_field(response, "password") == ""
    assert "burnt" not in response.content.decode()


def test_five_wrong_ones_lock_the_name_at_this_desk(web: Web) -> None:
    client = web.open_browser()
    for _ in range(5):
        send_sign_in(client, MANAGER, "wrong wrong wrong")
    response = send_sign_in(client, MANAGER)
    assert response.status_code == 422 and "is locked at desk1" in read_text(response)
    add_operator("zhao", "clerk")
    assert send_sign_in(client, "zhao").status_code == 302, "nobody else is locked out"


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 10_000, "<script>alert(1)</script>", "مدير", "⚡", "l\u200bin", "l\0in"]
)
def test_a_name_that_can_be_nobodys_is_refused_at_its_field(web: Web, name: str) -> None:
    response = send_sign_in(web.open_browser(), name)
    assert response.status_code == 422 and b"<script>alert" not in response.content
    assert "wrong" in read_text(response)


def test_after_half_an_hour_without_a_key_one_signs_in_again(web: Web) -> None:
    from dianka.desk.web.settings import IDLE_S

    client = web.open_browser()
    now_s = int(time.time())
    write_sign_in(client, MANAGER, now_s - IDLE_S + 60)
    assert client.get("/password").status_code == 200
    write_sign_in(client, MANAGER, now_s - IDLE_S - 60)
    response = client.get("/password")
    assert response.status_code == 401 and "sign-in has ended" in read_text(response)


def test_what_one_does_keeps_the_sign_in_alive(web: Web) -> None:
    from django.conf import settings

    client = web.open_browser()
    write_sign_in(client, MANAGER, int(time.time()) - 600)
    before = client.cookies[settings.SIGN_IN_COOKIE].value
    client.get("/password")
    assert client.cookies[settings.SIGN_IN_COOKIE].value != before


def test_after_12_hours_one_signs_in_again_whatever_one_does(web: Web) -> None:
    from datetime import timedelta

    from dianka.desk.office.audit import chain
    from dianka.desk.office.people.models import SignIn

    client = web.sign_in("clerk")
    assert client.get("/password").status_code == 200
    SignIn.objects.update(ends_at=chain.read_time() - timedelta(seconds=1))
    assert client.get("/password").status_code == 401


def test_the_sign_in_of_another_desk_is_none_here(web: Web) -> None:
    from django.conf import settings
    from django.http import HttpResponse

    from dianka.desk.office.people.sign_in import sign_in
    from dianka.desk.office.vending.models import Desk
    from dianka.desk.web.signed_in import write_cookie

    Desk.objects.create(name="desk2")
    response, client = HttpResponse(), web.open_browser()
    write_cookie(response, sign_in(MANAGER, PASSWORD, "desk2"))
    client.cookies[settings.SIGN_IN_COOKIE] = response.cookies[settings.SIGN_IN_COOKIE].value
    assert client.get("/password").status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "eyJ0b2tlbiI6ICIiLCAiYXQiOiAwfQ:1abc:def"])
def test_a_cookie_that_was_not_made_here_is_none(web: Web, cookie: str) -> None:
    from django.conf import settings

    client = web.open_browser()
    client.cookies[settings.SIGN_IN_COOKIE] = cookie
    assert client.get("/password").status_code == 401


def test_signing_in_leads_to_where_one_wanted_and_never_elsewhere(web: Web) -> None:
    client = web.open_browser()
    assert read_field(client.get("/password"), "next") == "/password"
    assert send_sign_in(client, MANAGER, next="/password")["Location"] == "/password"
    for away in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"):
        assert send_sign_in(web.open_browser(), MANAGER, next=away)["Location"] == "/"


def test_what_was_typed_before_the_sign_in_ended_comes_back_and_passwords_do_not(web: Web) -> None:
    from dianka.desk.web import kept

    client = web.open_browser()
    response = client.post("/password", {"what": "１２．５０ 元", "new-password": NEW})
    assert response.status_code == 401 and NEW not in response.content.decode()
    token = read_field(response, "kept")
    typed = kept.read(token)
    assert typed and typed.address == "/password"
    assert [list(field) for field in typed.fields] == [["what", "１２．５０ 元"]]
    response = send_sign_in(client, MANAGER, kept=token)
    assert response.status_code == 200 and 'action="/password"' in response.content.decode()
    assert read_field(response, "what") == "１２．５０ 元"
    assert client.get("/password").status_code == 200


def test_what_was_kept_can_be_put_in_by_nobody_else(web: Web) -> None:
    response = send_sign_in(web.open_browser(), MANAGER, kept="WyIvcGFzc3dvcmQiLFtdXQ:1:x")
    assert response.status_code == 302


def test_a_form_of_yesterday_is_shown_again_if_it_came_from_here_and_not_otherwise(
    web: Web,
) -> None:
    client = web.open_browser(strict=True)
    write_sign_in(client, MANAGER)
    ours = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    response = client.post("/password", {"what": "12.50"}, headers=ours)
    assert response.status_code == 403 and read_field(response, "what") == "12.50"
    assert "Send it again" in read_text(response)
    for site in ("cross-site", "same-site", "none"):
        told = {"Origin": "http://evil.example", "Sec-Fetch-Site": site}
        response = client.post("/password", {"what": "12.50"}, headers=told)
        assert response.status_code == 403 and "12.50" not in response.content.decode()


def test_who_got_a_password_from_another_chooses_his_own_first(web: Web) -> None:
    from dianka.desk.office.people.models import Operator

    add_operator("zhao", "clerk")
    Operator.objects.filter(username="zhao").update(must_change=True)
    client = web.open_browser()
    response = send_sign_in(client, "zhao")
    assert response.status_code == 200 and "Choose a password" in read_text(response)
    assert client.get("/password").status_code == 401, "he is not signed in by that"
    form = {"name": "zhao", "former-password": PASSWORD, "new-password": NEW}
    response = client.post("/choose-password", form | {"new-password-again": "rivers"})
    assert response.status_code == 422 and "not the same" in read_text(response)
    weak = dict.fromkeys(("new-password", "new-password-again"), "short")
    assert client.post("/choose-password", form | weak).status_code == 422
    response = client.post("/choose-password", form | {"new-password-again": NEW})
    assert response.status_code == 302 and client.get("/password").status_code == 200


def test_a_changed_password_ends_all_other_sign_ins(web: Web) -> None:
    here = web.sign_in("clerk", name="zhao")
    there = web.sign_in("clerk", name="zhao")
    form = {"former-password": PASSWORD, "new-password": NEW, "new-password-again": NEW}
    assert "is changed" in read_text(here.post("/password", form))
    assert here.get("/password").status_code == 200
    assert there.get("/password").status_code == 401


def test_a_closed_sign_in_is_out_at_once(web: Web) -> None:
    from dianka.desk.office.people.models import Operator

    client = web.sign_in("clerk", name="zhao")
    Operator.objects.filter(username="zhao").update(is_active=False)
    assert client.get("/password").status_code == 401


def test_no_secret_is_on_a_page_or_in_a_log(
    web: Web, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    from dianka.desk.office.people import sign_in

    client = web.open_browser()
    client.raise_request_exception = False

    def fail(*words: Any) -> str:
        raise RuntimeError("the program fails")

    monkeypatch.setattr(sign_in, "sign_in", fail)
    response = send_sign_in(client, MANAGER, PASSWORD)
    assert response.status_code == 500 and "The desk failed" in read_text(response)
    told = "".join(capfd.readouterr()) + response.content.decode()
    for secret in (PASSWORD, settings.SECRET_KEY, "Traceback (most recent call last)</"):
        assert secret not in told
