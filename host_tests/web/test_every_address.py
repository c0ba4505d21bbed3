"""Every address and method, as nobody and as each role: what holds says the table of pages."""

from typing import TYPE_CHECKING, Any

import pytest

from web_kit import ROLES, Web

if TYPE_CHECKING:
    from dianka.desk.web.page import Page

# These end a sign-in, so the next address wants a new one; a sign-in costs as much as ten pages.
ENDING = ("sign-out",)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def list_pages() -> "tuple[Page, ...]":
    from dianka.desk.web.pages import PAGES

    return PAGES


def address_of(page: "Page") -> str:
    from django.urls import reverse

    return reverse(page.name, kwargs=dict(page.example))


def send(client: Any, method: str, address: str) -> Any:
    return client.generic(method, address, "", "application/x-www-form-urlencoded")


def is_taken(page: "Page", method: str) -> bool:
    return method in page.methods or (method == "HEAD" and "GET" in page.methods)


def test_the_table_is_in_order(web: Web) -> None:
    from dianka.desk.office.people.rights import RIGHTS
    from dianka.desk.web.page import GROUPS, PUBLIC, SIGNED_IN

    pages = list_pages()
    assert len({page.name for page in pages}) == len({page.address for page in pages}) == len(pages)
    for page in pages:
        assert page.right in (PUBLIC, SIGNED_IN) or page.right in RIGHTS, page.name
        assert not page.menu or (page.menu in GROUPS and "GET" in page.methods), page.name
        assert address_of(page).isascii()


@pytest.mark.parametrize("method", METHODS)
def test_nobody_gets_in(web: Web, method: str) -> None:
    from dianka.desk.web.page import PUBLIC

    client = web.open_browser()
    for page in list_pages():
        response = send(client, method, address_of(page))
        if not is_taken(page, method):
            assert response.status_code == 405, (page.name, response.status_code)
        elif page.right == PUBLIC:
            assert response.status_code in (200, 302, 422), (page.name, response.status_code)
        else:
            assert response.status_code == 401, (page.name, response.status_code)


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_where_its_rights_lead(web: Web, role: str) -> None:
    from dianka.desk.office.people.rights import RIGHTS

    client = web.sign_in(role)
    for page in list_pages():
        for method in METHODS:
            response = send(client, method, address_of(page))
            if page.address in ENDING and method in page.methods:
                client = web.sign_in(role)
            what = (page.name, method, response.status_code)
            if not is_taken(page, method):
                assert response.status_code == 405, what
            elif page.right in RIGHTS and role not in RIGHTS[page.right]:
                assert response.status_code == 403, what
            else:
                assert response.status_code < 500 and response.status_code != 401, what
                assert response.status_code != 403, what


def test_a_form_without_proof_of_its_origin_is_refused(web: Web) -> None:
    client = web.open_browser(strict=True)
    for page in list_pages():
        if "POST" in page.methods:
            assert send(client, "POST", address_of(page)).status_code == 403, page.name


@pytest.mark.parametrize("role", ROLES)
def test_the_menu_has_what_the_role_may_do_and_nothing_else(web: Web, role: str) -> None:
    from dianka.desk.office.people.rights import RIGHTS

    page = web.sign_in(role).get("/password").content.decode()
    for each in list_pages():
        if each.menu:
            allowed = each.right not in RIGHTS or role in RIGHTS[each.right]
            assert (f'href="{address_of(each)}"' in page) is allowed, each.name


def test_each_answer_has_the_headers_that_keep_it_safe(web: Web) -> None:
    client = web.sign_in("manager")
    for page in list_pages():
        for who in (client, web.open_browser()):
            response = send(who, page.methods[0], address_of(page))
            policy = response["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy, page.name
            assert response["X-Frame-Options"] == "DENY"
            assert response["X-Content-Type-Options"] == "nosniff"
            assert response["Cache-Control"] == "no-store", page.name
            assert len(response.content) < 150_000, page.name


def test_what_is_no_page_says_so(web: Web) -> None:
    for client in (web.open_browser(), web.sign_in("manager")):
        response = client.get("/no/such/page")
        assert response.status_code == 404 and b"There is no such page." in response.content


def test_another_host_is_refused(web: Web) -> None:
    response = web.open_browser().get("/sign-in", headers={"Host": "evil.example"})
    assert response.status_code == 400
