"""A person at the desk's pages in a real browser, who has a keyboard and no mouse."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from desk_stage import CLERK, PASSWORD, DeskStage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK = (1366, 768)
LIMIT_MS = 60_000  # for anything to be seen: computers may be ten times too busy
# Refusals are pages with a status of their own, which the browser's console names; and so it does
# a question of a page that is gone when the answer comes.
NAMED = re.compile(r"status of 4\d\d|Status Error Code 4\d\d|ERR_CONNECTION|htmx:|re-target")


class Clerk:
    """A person at the counter, who has a keyboard and no mouse."""

    def __init__(self, stage: DeskStage, page: "Page") -> None:
        self.stage, self.page = stage, page
        self.said: list[str] = []
        page.on("console", lambda told: self.hear(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.hear(str(error)))

    def hear(self, text: str) -> None:
        if not NAMED.search(text):
            self.said.append(text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.insert_text(text)

    def sign_in(self, name: str = CLERK) -> None:
        if self.page.input_value("#name") != name:
            self.page.focus("#name")
            self.type(name)
            self.press("Tab")
        self.type(PASSWORD)
        self.press("Enter")

    def await_text(self, text: str, where: str = "main") -> None:
        self.page.locator(where).filter(has_text=text).first.wait_for()

    def await_focus(self, selector: str) -> None:
        self.page.wait_for_function(
            "(place) => document.activeElement?.matches(place)", arg=selector
        )

    def await_customer(self, number: int) -> None:
        """Wait for the customer whose card is in, and for the cursor in the amount."""
        self.page.locator(f"text=/{123456789012 + number}/").first.wait_for()
        self.await_focus("#amount")

    def find_errors(self) -> list[str]:
        return self.said


@contextmanager
def open_desk(
    stage: DeskStage, browser: "Browser", size: tuple[int, int] = DESK, language: str = "en-GB"
) -> Iterator[Clerk]:
    """Open the desk's pages in a browser of this size and language, with no card in."""
    stage.empty()
    screen = {"width": size[0], "height": size[1]}
    with browser.new_context(viewport=screen, locale=language) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        page.goto(stage.url)
        yield Clerk(stage, page)
    stage.empty()
