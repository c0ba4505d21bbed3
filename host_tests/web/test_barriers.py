"""Every page for everybody: as each role, in both languages, by axe and by the Tab key.

The browser's requests are answered by Django's test client, so the pages are those of this
process's office, with something in it.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from test_browser_everybody import find_serious, find_unseen_focus, find_wide
from test_office_pages import address_of, list_pages

import office_pages_kit
from counter_kit import Resident
from web_kit import CHINESE, ENGLISH, ROLES, Desk, Web

if TYPE_CHECKING:
    from django.test import Client
    from playwright.sync_api import Browser, Page, Route

from sweeps import sweep

SITE = "http://testserver"
View = tuple[str, str, Any]  # role, language, page


@pytest.fixture(autouse=True, scope="module")
def beside_a_loop() -> Iterator[None]:
    """Let Django work in the thread in which playwright has its loop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        yield


def list_views() -> Iterator[View]:
    """Yield each page that a role may see, in each language."""
    from dianka.desk.office.people.rights import RIGHTS
    from dianka.desk.web.page import SIGNED_IN

    for role in ROLES:
        for language in (CHINESE, ENGLISH):
            for page in list_pages():
                if page.right == SIGNED_IN or role in RIGHTS.get(page.right, ()):
                    yield role, language, page


def answer_by(client: "Client", page: "Page") -> None:
    """Let a client of this process answer what the browser asks; nothing goes anywhere else."""

    def answer(route: "Route") -> None:
        response = client.get(route.request.url.removeprefix(SITE), follow=True)
        headers = {name: str(value) for name, value in response.items() if name != "Content-Length"}
        route.fulfill(status=response.status_code, headers=headers, body=response.content)

    page.unroute_all()
    page.route("**/*", answer)


@sweep(67)
def test_nothing_keeps_anybody_out_of_a_page(
    web: Web,
    desk: Desk,
    browser: "Browser",
    record_property: Any,
    every: int,
) -> None:
    estate = office_pages_kit.fill(desk.control)
    desk.slot.put_in(Resident(desk.control).card)
    views = list(list_views())
    chosen = views[::every]
    found: dict[tuple[str, str, str], list[str]] = {}
    screen = browser.new_page(viewport={"width": 1366, "height": 768})
    for (role, language), group in groupby(chosen, key=lambda view: view[:2]):
        answer_by(web.sign_in(role, language=language), screen)
        for _, _, page in group:
            response = screen.goto(f"{SITE}{address_of(page, estate)}", wait_until="load")
            assert response
            if not response.headers["content-type"].startswith("text/html"):
                continue
            faults = find_serious(screen) + find_wide(screen) + find_unseen_focus(screen)
            found[role, language, page.name] = faults
    screen.close()
    assert {view: faults for view, faults in found.items() if faults} == {}
    record_property("figure", f"{len(found)} of {len(views)} views of pages without a barrier")


def test_a_barrier_is_found(browser: "Browser") -> None:
    screen = browser.new_page()
    screen.set_content(
        '<!doctype html><html lang="en"><title>x</title><style>button { outline: none }</style>'
        '<main><h1>Name</h1><input name="name"><button>Go</button></main>'
    )
    assert any("label" in fault for fault in find_serious(screen))
    assert len(find_unseen_focus(screen)) == 1
    screen.close()
