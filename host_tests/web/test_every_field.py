"""Bad input in every field of every form: its answer stands at the field, what was typed stays."""

import html
import re
from collections.abc import Iterator
from typing import Any

from test_office_forms import BAD, list_forms, read_inputs
from test_office_pages import address_of, list_pages

import office_pages_kit
from sweeps import sweep
from web_kit import Web, list_fields

# What no field takes, whatever it is for: too long, with a sign that nobody sees, turned around.
NEVER = ("x" * 10_000, "a\u200bb", "\u202egnp.exe")


def draw_forms(web: Web, every: int) -> Iterator[tuple[Any, Any, Any, str]]:
    """Yield one in `every` of the forms that the manager gets: page, client, as drawn, address."""
    estate = office_pages_kit.fill()
    client = web.sign_in("manager")
    for page in list_forms()[::every]:
        address = address_of(page, estate)
        drawn = client.get(address)
        if drawn.status_code == 200:
            yield page, client, drawn, address


def read_value(page: str, name: str) -> str | None:
    found = re.search(rf'<input id="{name}" name="{name}" value="([^"]*)"', page)
    return html.unescape(found[1]) if found else None


@sweep(3)
def test_what_no_field_takes_is_refused_at_each_field(web: Web, every: int) -> None:
    """In the sample each field of some forms gets one of the texts; in the whole each gets all."""
    tried = 0
    for page, client, drawn, address in draw_forms(web, every):
        names, sent = read_inputs(drawn), list_fields(drawn, address)
        for turn in range(1 if every > 1 else len(NEVER)):
            bad = {name: NEVER[(at + turn) % len(NEVER)] for at, name in enumerate(names)}
            response = client.post(address, sent | bad)
            shown = response.content.decode()
            assert not names or response.status_code == 422, page.name
            for name, text in bad.items():
                assert f'id="wrong-{name}"' in shown, (page.name, name)
                assert read_value(shown, name) == text, (page.name, name)
        tried += len(names)
    assert tried > 15


@sweep(3)
def test_a_choice_that_is_none_is_refused_at_its_field(web: Web, every: int) -> None:
    tried = 0
    for page, client, drawn, address in draw_forms(web, every):
        choices = re.findall(r'<select id="([^"]+)"', drawn.content.decode())
        if not choices:
            continue
        sent = list_fields(drawn, address) | dict.fromkeys(choices, "<b>gold")
        response = client.post(address, sent)
        shown = response.content.decode()
        assert response.status_code == 422 and "<b>gold" not in shown, page.name
        for name in choices:
            assert f'id="wrong-{name}"' in shown, (page.name, name)
        tried += len(choices)
    assert tried > 3


@sweep(3)
def test_a_form_with_a_tampered_key_does_nothing_and_keeps_all(web: Web, every: int) -> None:
    from dianka.desk.office.audit.models import Act

    tried = 0
    for page, client, drawn, address in draw_forms(web, every):
        names, sent, before = read_inputs(drawn), list_fields(drawn, address), Act.objects.count()
        typed = {name: sent[name] or "7" for name in names}
        for key in ("a:b:c", sent["key"][:-1] + "-")[: 1 if every > 1 else 2]:
            response = client.post(address, sent | typed | {"key": key})
            shown = response.content.decode()
            assert response.status_code == 422 and 'class="wrong"' in shown, page.name
            assert {name: read_value(shown, name) for name in names} == typed, page.name
        assert Act.objects.count() == before, page.name
        tried += 1
    assert tried > 8


@sweep(4)
def test_what_is_asked_of_a_list_or_report_may_be_anything(web: Web, every: int) -> None:
    estate = office_pages_kit.fill()
    client = web.sign_in("manager")
    tried = 0
    for page in list_pages():
        if not page.menu and page.name != "report":
            continue
        address = address_of(page, estate)
        forms = re.findall(
            r'(?s)<form[^>]*method="get".*?</form>', client.get(address).content.decode()
        )
        names = set(re.findall(r'name="([^"]+)"', " ".join(forms)))
        for bad in BAD[::every] if names else ():
            response = client.get(address, dict.fromkeys(names, bad))
            assert response.status_code in (200, 409, 422), (page.name, bad[:20])
            assert b"<script>alert" not in response.content, page.name
        tried += bool(names)
    assert tried >= 6
