"""A browser at the pages of an office, with its readers: what the scenes play with."""

import select
import subprocess
from typing import TYPE_CHECKING

from dianka.bench.handbook.office import PASSWORD, Places

if TYPE_CHECKING:
    from playwright.sync_api import Page

WAIT_MS = 20_000


class Studio:
    """A browser at the pages of an office, and its readers."""

    def __init__(
        self, places: Places, server: "subprocess.Popen[str]", url: str, page: "Page"
    ) -> None:
        self.places, self.page, self._server, self._url = places, page, server, url
        self.language = ""

    def open(self, address: str) -> None:
        """Open a page of the office."""
        self.page.goto(f"{self._url}{address}")

    def fill(self, name: str, text: str) -> None:
        """Type into a field."""
        self.page.locator(f"[name='{name}']").first.fill(text)

    def choose(self, name: str, value: str) -> None:
        """Choose one of a field's values."""
        self.page.locator(f"[name='{name}']").select_option(value)

    def press(self, selector: str) -> None:
        """Press a button."""
        self.page.locator(selector).first.click()

    def press_link(self, begin: str) -> None:
        """Follow the first link of the page's content whose address begins so."""
        self.page.locator(f"main a[href^='{begin}']").first.click()
        self.page.wait_for_load_state()

    def await_seen(self, selector: str) -> None:
        """Wait until this is on show."""
        self.page.locator(selector).first.wait_for()

    def await_text(self, text: str, selector: str) -> None:
        """Wait until this is on show with this text."""
        self.page.locator(selector).filter(has_text=text).first.wait_for()

    def put_in(self, card: str) -> None:
        """Put a card of the tray into the reader, and take out what is in."""
        self.take_out()
        (self.places.tray / card).rename(self.places.slot / card)

    def take_out(self) -> None:
        """Take out what is in the reader, back into the tray."""
        for file in self.places.slot.glob("*.card"):
            file.rename(self.places.tray / file.name)

    def find_sale(self) -> int:
        """Return the number of the sale that the page names."""
        link = self.page.locator("a[href*='/counter/refund/']").first.get_attribute("href") or ""
        return int(link.rsplit("/", 1)[1])

    def break_a_sale(self, card: str) -> None:
        """Let a sale to a card of the tray break off."""
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(f"break {card}\n")
        self._server.stdin.flush()
        ready, _, _ = select.select([self._server.stdout], [], [], WAIT_MS / 1000)
        if not ready or self._server.stdout.readline().strip() != "done":
            raise RuntimeError("the sale was not broken off: see what the server says")

    def say(self, english: str, chinese: str) -> str:
        """Return what somebody types, in the language of the pages."""
        return english if self.language == "en" else chinese

    def list_menu(self) -> list[str]:
        """Return the addresses of the menu."""
        links = self.page.locator("#menu a").all()
        return [link.get_attribute("href") or "" for link in links]

    def sign_in(self, name: str) -> None:
        """Sign somebody in, or nobody."""
        self.page.context.clear_cookies()
        if name:
            self.open("/sign-in")
            self.fill("name", name)
            self.fill("password", PASSWORD)
            self.press("form[action='/sign-in'] button.main")
            self.page.wait_for_load_state()
