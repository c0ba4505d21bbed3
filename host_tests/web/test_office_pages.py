"""The office's pages over an office with something in it, in both languages, for each role."""

import re
from typing import Any

import pytest

import office_pages_kit
from web_kit import CHINESE, ENGLISH, ROLES, Web, read_text

# English words that stand in a Chinese page: units, names, what people typed, codes of columns.
_NAMES = re.compile(
    r"\b(kWh|English|xlsx|PDF|A4|Enter|Esc|F9|customer \d+|flat \d+|East|Ada|DK-1|on the bus|"
    r"ground floor|desk\d|a-[a-z]+|lin|kit|figures|resident made|[a-z]\d_[a-z_]+|visit_points|"
    r"new_days|dianka (keys|office) [a-z]+( FILE)?)\b"
)


def list_pages() -> list[Any]:
    from dianka.desk.web.pages import PAGES

    return [page for page in PAGES if "GET" in page.methods and not page.polled]


def address_of(page: Any, estate: office_pages_kit.Estate) -> str:
    from django.urls import reverse

    parts = {
        name: estate.examples[name] if isinstance(value, type(estate.examples[name])) else value
        for name, value in page.example.items()
    }
    return reverse(page.name, kwargs=parts)


def is_office(page: Any) -> bool:
    return not page.address.startswith(("counter", "sign", "choose", "language"))


@pytest.mark.parametrize("language", (CHINESE, ENGLISH))
def test_every_page_shows_the_office_in_one_language(web: Web, language: str) -> None:
    estate = office_pages_kit.fill()
    client = web.sign_in("manager", language=language)
    shown = 0
    for page in filter(is_office, list_pages()):
        response = client.get(address_of(page, estate))
        if page.right != "" and response.status_code != 200:
            pytest.fail(f"{page.name}: {response.status_code} {read_text(response)[-300:]}")
        if not response["Content-Type"].startswith("text/html"):
            continue
        shown += 1
        text = read_text(response)
        if language == ENGLISH:
            assert not re.search("[\u4e00-\u9fff]", text.replace("中文", "")), (page.name, text)
        else:
            found = re.search("[a-z]{2,} [a-z]{2,}.*", _NAMES.sub("·", text))
            assert not found, (page.name, found[0][:200])
        assert len(response.content) < 150_000, page.name
    assert shown > 30


def test_the_reports_are_in_one_language(web: Web) -> None:
    from dianka.desk.web.report_pages import GROUPINGS, NAMES

    office_pages_kit.fill()
    clients = {each: web.sign_in("manager", language=each) for each in (CHINESE, ENGLISH)}
    for name in NAMES:
        for query in ("", *(f"?by={by}" for by in GROUPINGS)):
            for language, client in clients.items():
                response = client.get(f"/reports/{name}{query}")
                text = read_text(response)
                assert response.status_code in (200, 422), (name, text)
                if language == ENGLISH:
                    found = re.search("[\u4e00-\u9fff]+", text.replace("中文", ""))
                else:
                    found = re.search("[a-z]{2,} [a-z]{2,}.*", _NAMES.sub("·", text))
                assert not found, (name, query, found[0][:100])


def test_a_report_has_chart_table_and_sheet(web: Web) -> None:
    office_pages_kit.fill()
    client = web.sign_in("auditor")
    response = client.get("/reports/sales?by=day")
    assert b"<svg" in response.content and "80.00" in read_text(response)
    sheet = client.get("/reports/sales/xlsx?by=day")
    assert sheet.content[:2] == b"PK" and "sales.xlsx" in sheet["Content-Disposition"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-01-01&to=１9", "to"),
        ("from=2026-02-01&to=2026-01-01", "to"),
        ("by=<script>", "by"),
    ],
)
def test_what_can_t_be_asked_of_a_report_is_said_at_its_field(
    web: Web, query: str, field: str
) -> None:
    response = web.sign_in("auditor").get(f"/reports/sales?{query}")
    assert response.status_code == 422
    assert f'id="wrong-{field}"' in response.content.decode()


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_not_do_is_not_shown_on_a_customer(web: Web, role: str) -> None:
    from django.urls import resolve

    from dianka.desk.office.people.rights import RIGHTS

    estate = office_pages_kit.fill()
    for address in ("/customers/1", f"/cards/{estate.serial}", "/meters/7", "/shifts"):
        page = web.sign_in(role).get(address).content.decode()
        for found in re.findall(r'(?:href|action)="(/[^"?]*)', page):
            if found.startswith("/static"):
                continue
            right = resolve(found).func.page.right
            assert right not in RIGHTS or role in RIGHTS[right], (address, found)


def test_a_clerk_finds_a_customer_by_part_of_a_name(web: Web) -> None:
    office_pages_kit.fill()
    client = web.sign_in("clerk")
    text = read_text(client.get("/customers?q=ada"))
    assert "Ada" in text and "138****5678" in text and "13812345678" not in text
    part = client.get("/customers?q=nobody", headers={"HX-Request": "true"})
    assert b"<html" not in part.content and "Nobody was found." in read_text(part)
    many = client.get("/customers", {"q": "a " * 9})
    assert many.status_code == 422 and "look for 1 to 8 words" in read_text(many)


def test_whole_numbers_are_for_who_may_see_them_and_each_look_is_an_act(web: Web) -> None:
    from dianka.desk.office.audit.models import Act

    office_pages_kit.fill()
    assert web.sign_in("clerk").post("/customers/1/numbers").status_code == 403
    text = read_text(web.sign_in("supervisor").post("/customers/1/numbers"))
    assert "13812345678" in text
    assert Act.objects.filter(kind="numbers revealed", operator="a-supervisor").count() == 1
