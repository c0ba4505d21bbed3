"""Draws the handbook's pictures: `python -m` this with their folder.

Each scene is played in Chinese and in English in an office from one seed, at one fixed time. It
needs playwright and time-machine (extra `test`), and Debian's chromium with fonts-noto-cjk.
"""

import io
import re
import select
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dianka.bench.demo.office import MANAGER
from dianka.bench.handbook.office import PASSWORD, Places
from dianka.bench.handbook.scenes import list_menu, list_scenes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
SIZE = {"width": 1366, "height": 768}
COLOURS = 96
LIKE_PERMILLE = 2  # of its pixels may differ in a picture that is left as it is
_WAIT_MS = 20_000
_NO_BROWSER = "no browser is here: apt-get install chromium fonts-noto-cjk"


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
        for file in self.places.slot.glob("*.card"):
            file.rename(self.places.tray / file.name)
        (self.places.tray / card).rename(self.places.slot / card)

    def find_sale(self) -> int:
        """Return the number of the sale that the page names."""
        link = self.page.locator("a[href*='/counter/refund/']").first.get_attribute("href") or ""
        return int(link.rsplit("/", 1)[1])

    def break_a_sale(self, card: str) -> None:
        """Let a sale to a card of the tray break off."""
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(f"break {card}\n")
        self._server.stdin.flush()
        ready, _, _ = select.select([self._server.stdout], [], [], _WAIT_MS / 1000)
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


def draw_pictures(folder: Path) -> None:
    """Draw all scenes in both languages into this folder; SystemExit says what is missing."""
    found = shutil.which("chromium")
    if found is None:
        sys.exit(_NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="dianka-") as root, sync_playwright() as playwright:
        made = Path(root) / "made"
        command = [sys.executable, "-m", "dianka.bench.handbook.office", str(made)]
        subprocess.run(command, check=True)
        browser = playwright.chromium.launch(executable_path=found)
        for language in LANGUAGES:
            copy = Path(root) / language
            shutil.copytree(made, copy)
            with open_studio(Places(copy), browser, language) as studio:
                play(studio, folder)
        browser.close()


@contextmanager
def open_studio(places: Places, browser: "Browser", language: str) -> "Iterator[Studio]":
    """Serve an office, with a browser at its pages."""
    command = [sys.executable, "-m", "dianka.bench.handbook.server", str(places.root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin and server.stdout
        try:
            url = server.stdout.readline().strip().rstrip("/")
            if not re.fullmatch(r"http://127\.0\.0\.1:\d+", url):
                raise RuntimeError("the office of the pictures does not start")
            page = browser.new_page(viewport=SIZE, locale=LANGUAGES[language])  # type: ignore[arg-type]
            page.set_default_timeout(_WAIT_MS)
            studio = Studio(places, server, url, page)
            studio.language = language
            yield studio
            page.close()
        finally:
            server.stdin.close()  # which ends it


def play(studio: Studio, folder: Path) -> None:
    """Play all scenes, and draw each; of a manager's menu each page besides."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, scenes in list_scenes():
        studio.sign_in(name)
        menu = list_menu(studio.list_menu()) if name == MANAGER else ()
        for scene, act in (*menu, *scenes):
            act(studio)
            studio.page.evaluate("scrollTo(0, 0)")
            store(studio.page.screenshot(), folder / f"{scene}.{studio.language}.webp")


def store(shot: bytes, file: Path) -> None:
    """Store a picture with few colours, unless the one that is there looks like it."""
    from PIL import Image

    new = Image.open(io.BytesIO(shot)).convert("RGB")
    small = new.quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    if file.exists() and is_like(Image.open(file).convert("RGB"), small):
        return
    small.save(file, "WEBP", lossless=True, quality=100, method=4)


def is_like(one: "object", other: "object") -> bool:
    """Return whether two pictures differ in so few pixels that nobody sees it."""
    from PIL import Image, ImageChops

    assert isinstance(one, Image.Image) and isinstance(other, Image.Image)
    if one.size != other.size:
        return False
    difference = ImageChops.difference(one, other).convert("L").point(lambda v: 255 * (v > 24))
    differing = difference.histogram()[255]
    return differing * 1000 <= LIKE_PERMILLE * one.size[0] * one.size[1]


if __name__ == "__main__":
    draw_pictures(Path(sys.argv[1]))
