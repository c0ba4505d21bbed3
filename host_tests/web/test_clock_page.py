"""A clock that is refused and right: accepted on a page that nobody has to sign in for."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import clock_kit
from office_kit import PASSWORD
from web_kit import CHINESE, Web, add_operator, list_fields, read_text

ADDRESS = "/clock"
BACK = timedelta(days=-2)


@pytest.fixture
def set_clock(web: Web) -> Iterator[Callable[[timedelta], None]]:
    now = timedelta()

    def set_it(difference: timedelta) -> None:
        nonlocal now
        clock_kit.replace_clock(lambda: now)
        now = difference

    yield set_it
    now = timedelta()


def send(client: Any, name: str, second: str, password: str = PASSWORD, other: str = "") -> Any:
    sent = list_fields(client.get(ADDRESS), ADDRESS)
    typed = {"name": name, "password": password}
    return client.post(
        ADDRESS, sent | typed | {"second": second, "second-password": other or PASSWORD}
    )


def test_who_can_t_sign_in_is_led_to_the_page_and_two_accept_the_clock(
    web: Web, set_clock: Callable[[timedelta], None]
) -> None:
    from dianka.desk.office.audit.models import Act

    web.sign_in("manager")
    add_operator("boss", "supervisor")
    add_operator("zhao", "clerk")
    set_clock(BACK)
    client = web.open_browser()
    sign_in = {"name": "a-manager", "password": PASSWORD}
    refused = client.post("/sign-in", sign_in)
    assert refused.status_code == 422 and f'href="{ADDRESS}"' in refused.content.decode()
    assert "have it accepted on the page Accept the clock" in read_text(refused)
    form = client.get(ADDRESS)
    assert "First compare the clock with another one" in read_text(form)
    before = Act.objects.count()
    for words, at in (
        (("nobody", "boss"), "name"),
        (("a-manager", "boss", "wrong"), "name"),
        (("zhao", "boss"), "name"),
        (("a-manager", "boss", PASSWORD, "wrong"), "second"),
        (("a-manager", "zhao"), "second"),
        (("a-manager", ""), "second"),
        (("a-manager", "a-manager"), "second"),
    ):
        wrong = send(client, *words)
        page = wrong.content.decode()
        assert wrong.status_code == 422 and f'id="wrong-{at}"' in page, (words, read_text(wrong))
        assert PASSWORD not in page
    assert Act.objects.count() == before
    accepted = client.get(send(client, "a-manager", "boss")["Location"])
    assert "is accepted after" in read_text(accepted)
    assert client.post("/sign-in", sign_in).status_code == 302
    told = read_text(client.get(ADDRESS))
    assert "The clock can be right" in told and "Password" not in told
    again = send_again(client)
    assert again.status_code == 422 and "there is nothing to accept" in read_text(again)


def send_again(client: Any) -> Any:
    """Send the form of before, from a page that is still open."""
    typed = {"name": "a-manager", "password": PASSWORD}
    return client.post(ADDRESS, typed | {"second": "boss", "second-password": PASSWORD})


def test_who_is_signed_in_is_led_there_from_what_is_refused(
    web: Web, set_clock: Callable[[timedelta], None]
) -> None:
    client = web.sign_in("manager", language=CHINESE)
    form = client.get("/customers/add")
    set_clock(BACK)
    typed = list_fields(form, "/customers/add") | {"name": "Ada"}
    refused = client.post("/customers/add", typed)
    assert refused.status_code == 422 and "请在“确认时钟”页" in read_text(refused)
    shown = client.post("/export/file", {"kind": "acts"})
    assert f'href="{ADDRESS}"' in shown.content.decode() and shown.status_code == 409
    assert "确认时钟" in read_text(client.get(ADDRESS))
