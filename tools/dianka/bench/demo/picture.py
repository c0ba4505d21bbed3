"""Draws the demonstration's page for the documentation: `python -m` this with the PNG's name.

A new demonstration is played in a browser up to a purchase in the meter: sold at the counter, the
card carried over, the kettle on. It needs playwright (extra `test`) and Debian's chromium.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1366, 768
CARD = "[data-card='resident-101.card']"
_WAIT_MS = 120_000
_NO_BROWSER = "no browser is here: apt-get install chromium fonts-noto-cjk"


def draw_demo(picture: Path) -> None:
    """Play a new demonstration and write the picture. SystemExit says what is missing."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit(_NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="dianka-") as folder:
        command = [sys.executable, "-u", "-m", "dianka", "bench", "demo", "--no-browser"]
        demo = subprocess.Popen(
            [*command, "--port", "0", "--folder", f"{folder}/demo"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert demo.stdout
            found = next(filter(None, (re.search(r"http://\S+", line) for line in demo.stdout)))
            with sync_playwright() as playwright:
                opened = playwright.chromium.launch(executable_path=browser)
                page = opened.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
                page.set_default_timeout(_WAIT_MS)
                page.goto(found[0])
                play_purchase(page)
                page.screenshot(path=picture)
                opened.close()
        finally:
            demo.terminate()
            demo.wait(_WAIT_MS // 1000)


def play_purchase(page: "Page") -> None:
    """Sell 20 yuan, carry the card to the meter, and switch the kettle on."""
    lay(page, CARD, "[data-place=counter]")
    counter = page.frame_locator("iframe")
    counter.locator("[name=amount]").fill("20")
    counter.locator("[name=amount]").press("Enter")
    counter.get_by_text("Sold:").wait_for()
    lay(page, CARD, ".front")
    page.wait_for_selector(".relay.closed")
    page.wait_for_selector(".station:not(.talks)")
    page.locator("[data-name=kettle]").click()
    page.locator("[data-name=lamp]").click()
    page.wait_for_function("() => document.querySelector('.means').textContent.startsWith('20.00')")
    page.wait_for_function("() => document.querySelector('.figure.power').textContent > '1'")
    page.mouse.move(WIDTH - 1, 60)


def lay(page: "Page", card: str, place: str) -> None:
    """Drag a card to a place by the mouse."""
    page.locator(card).hover()
    page.mouse.down()
    box = page.locator(place).first.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 30, y + 20, steps=4)
    page.mouse.move(x, y)
    page.mouse.up()


if __name__ == "__main__":
    draw_demo(Path(sys.argv[1]))
