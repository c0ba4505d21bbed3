"""A real browser for tests: Debian's chromium by playwright. Without one a test is skipped."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no browser is here: apt-get install chromium"


def find_browser() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def open_browser() -> Iterator["Browser"]:
    """Give a browser, or skip the test with a reason."""
    path = find_browser()
    if path is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def open_page(
    browser: "Browser", url: str, language: str = "en-GB", strict: bool = True
) -> Iterator["Page"]:
    """Give a page at this address; `strict`: whatever the browser complains about fails."""
    page = browser.new_page(viewport={"width": 1366, "height": 768}, locale=language)
    page.set_default_timeout(60_000)
    said: list[str] = []
    page.on("console", lambda told: "(Conflict)" in told.text or said.append(told.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    try:
        yield page
        assert not strict or said == []
    finally:
        page.close()


def find_barriers(page: "Page") -> list[str]:
    """Return what axe finds of a page that keeps people out, its least findings included."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:100]}" for each in found]
