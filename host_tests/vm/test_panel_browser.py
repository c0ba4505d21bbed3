"""The panel in a real browser: cards by mouse and keyboard, pulled, copied; key and words."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser_kit import find_barriers, open_browser, open_page
from dianka.bench.panel.words import CHINESE, choose
from panel_kit import PanelKit, Stream

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CARD = "[data-card='resident-1.card']"
COPY = "[data-card='resident-1-copy1.card']"
SLOT = ".slot[data-place=meter1]"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with open_browser() as found:
        yield found


@pytest.fixture
def panel(tmp_path: Path, browser: "Browser") -> Iterator[tuple[PanelKit, Stream]]:
    with PanelKit(tmp_path) as kit:
        yield kit, kit.watch()


def drag(page: "Page", card: str, place: str) -> None:
    """Drag a card by the mouse, with a stop on the way."""
    page.locator(card).hover()
    page.mouse.down()
    box = page.locator(place).first.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 30, y + 20, steps=4)
    assert page.locator(".ghost").count() == 1
    page.mouse.move(x, y)
    page.mouse.up()
    assert page.locator(".ghost").count() == 0


def wait_for_means(page: "Page", words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('.means').textContent.includes(words)", arg=words
    )


@pytest.mark.slow
def test_dragged_in_read_and_pulled(panel: tuple[PanelKit, Stream], browser: "Browser") -> None:
    kit, stream = panel
    with open_page(browser, kit.url) as page:
        wait_for_means(page, "Not opened")
        drag(page, CARD, ".front")
        page.wait_for_selector(f"{SLOT} {CARD}")
        wait_for_means(page, "Reading the card: leave it in.")
        wait_for_means(page, "20.00 yuan are left.")
        page.wait_for_selector(".relay.closed")
        lit = page.evaluate(
            "[...document.querySelectorAll('.digits .segment')]"
            ".map(segment => segment.classList.contains('lit'))"
        )
        digits = stream.pictures["meter1"]["digits"]
        assert lit == [bool(digits[at // 8] >> at % 8 & 1) for at in range(64)]
        assert page.locator(".exchanges li").count() > 10
        assert page.locator(".strip .byte").count() > 4
        drag(page, f"{SLOT} {CARD}", "[data-place=tray]")
        page.wait_for_selector(f"[data-place=tray] {CARD}")
        stream.wait_for_picture(lambda seen: not seen["slot"], "an empty slot")


@pytest.mark.slow
def test_pulled_in_mid_session_by_mouse(panel: tuple[PanelKit, Stream], browser: "Browser") -> None:
    kit, _ = panel
    with open_page(browser, kit.url) as page:
        wait_for_means(page, "Not opened")
        drag(page, CARD, ".front")
        page.wait_for_selector(".exchanges li:nth-child(5)")
        drag(page, f"{SLOT} {CARD}", "[data-place=tray]")
        wait_for_means(page, "Leave it in: it was pulled too early.")


@pytest.mark.slow
def test_by_keyboard_alone(panel: tuple[PanelKit, Stream], browser: "Browser") -> None:
    kit, stream = panel
    with open_page(browser, kit.url) as page:
        wait_for_means(page, "Not opened")
        page.locator(CARD).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#in-hand:not([hidden])")
        tab_to(page, "card slot, Meter 1")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{SLOT} {CARD}")
        wait_for_means(page, "20.00 yuan are left.")
        stream.wait_for_picture(lambda seen: not seen["talks"], "the session's end")
        page.locator(CARD).focus()
        page.keyboard.press("Enter")
        tab_to(page, "Cards on the table")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"[data-place=tray] {CARD}")
        page.locator(".key").focus()
        page.keyboard.down(" ")
        page.wait_for_selector(".key.down")
        page.wait_for_function(
            "() => /kWh were used|A day|Number of purchases/.test("
            "document.querySelector('.means').textContent)"
        )
        page.keyboard.up(" ")
        stream.wait_for_picture(lambda seen: not seen["key"], "the key released")
        page.locator(CARD).focus()
        page.keyboard.press("Delete")
        page.wait_for_selector(f"[data-place=bin] {CARD}")


def tab_to(page: "Page", words: str) -> None:
    """Press Tab until the focus is on the button with these words."""
    for _ in range(12):
        if words in page.evaluate("document.activeElement.textContent"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no button {words} can be reached by Tab")


@pytest.mark.slow
def test_a_thiefs_copy(panel: tuple[PanelKit, Stream], browser: "Browser") -> None:
    kit, _ = panel
    with open_page(browser, kit.url) as page:
        wait_for_means(page, "Not opened")
        page.locator(CARD).click()
        page.get_by_role("button", name="copy it as a thief").click()
        drag(page, COPY, ".front")
        wait_for_means(page, "Card refused, code 5.")
        wait_for_means(page, "With this card to the office.")
        drag(page, f"{SLOT} {COPY}", "[data-place=bin]")
        page.wait_for_selector(f"[data-place=bin] {COPY}")


@pytest.mark.slow
def test_appliances_mains_and_refusals(panel: tuple[PanelKit, Stream], browser: "Browser") -> None:
    kit, _ = panel
    with open_page(browser, kit.url) as page:
        wait_for_means(page, "Not opened")
        page.locator("[data-name=cooker]").click()
        page.wait_for_selector("[data-name=cooker][aria-pressed=true]")
        page.get_by_label("other, W").fill("6600")
        page.get_by_role("button", name="connect").click()
        page.wait_for_selector(".notice.shown")
        assert "more than the meter can measure" in page.locator(".notice").inner_text()
        page.get_by_role("button", name="cut", exact=True).click()
        wait_for_means(page, "The display is dark")
        assert page.locator(".segment.lit").count() == 0


@pytest.mark.slow
def test_the_page_comes_back_after_a_new_start(tmp_path: Path, browser: "Browser") -> None:
    with PanelKit(tmp_path) as first, open_page(browser, first.url, strict=False) as page:
        wait_for_means(page, "Not opened")
        first.close()
        page.wait_for_selector("#link.lost")
        port = first.host.rpartition(":")[2]
        with PanelKit(tmp_path, "--port", port):
            page.wait_for_selector("#link:not(.lost)")
            page.locator("[data-name=lamp]").click()  # the page has the new token
            page.wait_for_selector("[data-name=lamp][aria-pressed=true]")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_no_line_of_another_language(
    panel: tuple[PanelKit, Stream], browser: "Browser", language: str
) -> None:
    kit, stream = panel
    with open_page(browser, kit.url, language) as page:
        page.wait_for_selector(".card")
        drag(page, CARD, ".front")
        stream.wait_for_picture(lambda seen: seen["relay"], "supply on")
        page.wait_for_selector(".exchanges li:nth-child(20)")
        page.locator(CARD).click()
        texts = page.evaluate(
            """() => {
              document.querySelectorAll('.log, code, .language, h1, .name, .front .brand')
                .forEach(e => e.remove());
              return document.body.innerText;
            }"""
        )
        if language == "en-GB":
            assert not re.search("[\u4e00-\u9fff]", texts)
        else:
            words = set(re.findall(r"\b[A-Za-z]{3,}", re.sub(r"\b[0-9A-F]+\b", "", texts)))
            assert words <= set(re.findall(r"[A-Za-z]{3,}", " ".join(choose(CHINESE).values()))) | {
                "resident", "imp", "kWh",
            }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_the_page_keeps_nobody_out(
    panel: tuple[PanelKit, Stream], browser: "Browser", language: str
) -> None:
    kit, stream = panel
    with open_page(browser, kit.url, language) as page:
        page.wait_for_selector(".card")
        drag(page, CARD, ".front")
        stream.wait_for_picture(lambda seen: seen["relay"], "supply on")
        page.locator("[data-name=kettle]").click()
        page.locator(CARD).click()
        page.wait_for_selector("#in-hand:not([hidden])")
        assert find_barriers(page) == []
