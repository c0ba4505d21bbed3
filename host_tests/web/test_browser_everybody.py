"""The desk's pages for everybody: axe, small screens, the focus; and printed."""

import re
from typing import TYPE_CHECKING

import pytest

import cards_kit
from desk_stage import DeskStage
from dianka.cardos.image import dump
from keyboard_kit import Clerk, open_desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def find_serious(page: "Page") -> list[str]:
    """Return what axe finds that keeps people out."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:120]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("language", ("en-GB", "zh-CN"))
@pytest.mark.parametrize("size", ((1366, 768), (390, 844)), ids=("desk", "phone"))
def test_each_page_is_for_everybody(
    stage: DeskStage, browser: "Browser", language: str, size: tuple[int, int]
) -> None:
    """axe finds nothing serious, nothing is wider than the screen, the focus can be seen."""
    found: dict[str, list[str]] = {}
    with open_desk(stage, browser, size, language) as clerk:
        page = clerk.page

        def look(name: str) -> None:
            found[name] = find_serious(page) + find_wide(page)

        look("sign in")
        clerk.sign_in("nobody")
        page.wait_for_selector(".wrong")
        look("wrong password")
        page.fill("#name", "")
        clerk.sign_in()
        page.wait_for_selector(".invite")
        look("no card")
        stage.put_in(60)
        clerk.await_customer(60)
        clerk.type("5")
        page.wait_for_selector("#quote dd")
        look("customer")
        clerk.type("x")
        clerk.press("Enter")
        page.wait_for_selector("#wrong-amount")
        look("wrong amount")
        page.goto(f"{stage.url}password")
        look("password")
        page.goto(f"{stage.url}none")
        look("no page")
        assert find_unseen_focus(page) == []
        page.goto(f"{stage.url}counter/sale/1?paper=a4")
        look("sale")
    assert {name: faults for name, faults in found.items() if faults} == {}


def find_wide(page: "Page") -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [f"{wide} px too wide"] if wide > 0 else []


def find_unseen_focus(page: "Page") -> list[str]:
    """Go through the page by Tab; return what has the focus without showing it."""
    unseen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(() => { const at = document.activeElement;"
            " if (!at || at === document.body) return null;"
            " const look = getComputedStyle(at);"
            " return [at.outerHTML.slice(0, 80), look.outlineStyle, look.outlineWidth]; })()"
        )
        if told is None:
            break
        if told[1] == "none" or told[2] == "0px":
            unseen.append(told[0])
    return unseen


@pytest.mark.slow
def test_a_receipt_is_printed_on_a_slip_and_on_a_page(stage: DeskStage, clerk: Clerk) -> None:
    stage.put_in(61)
    clerk.await_customer(61)
    clerk.type("5")
    clerk.press("Enter")
    clerk.await_text("Sold: 5.00 yuan")
    assert find_serious(clerk.page) == []
    slip = clerk.page.pdf(prefer_css_page_size=True)
    clerk.page.get_by_role("link", name="Page of A4").press("Enter")
    clerk.page.wait_for_selector(".paper-a4")
    page = clerk.page.pdf(prefer_css_page_size=True)
    boxes = [re.findall(rb"/MediaBox \[([^\]]*)\]", each)[0].split() for each in (slip, page)]
    widths = [round(float(box[2])) for box in boxes]
    assert widths == [227, 595], "80 mm and 210 mm, in points"
    clerk.page.emulate_media(media="print")
    assert not clerk.page.locator("header.top").is_visible()
    assert clerk.page.locator(".paper").is_visible()


def test_a_technician_reads_a_card_on_a_phone_with_its_menu_folded(
    stage: DeskStage, browser: "Browser"
) -> None:
    with open_desk(stage, browser, (390, 844)) as clerk:
        clerk.sign_in("li")  # a technician
        page = clerk.page
        page.wait_for_selector("button.fold")
        assert not page.locator("#menu").is_visible()
        assert page.evaluate("document.querySelector('header').offsetHeight") < 130
        assert page.get_attribute("button.fold", "aria-expanded") == "false"
        page.focus("button.fold")
        clerk.press("Enter")
        page.locator("#menu").get_by_role("link", name="Read a card").press("Enter")
        page.wait_for_selector("#reader")
        assert not page.locator("#menu").is_visible()
        stage.put_in(63)
        clerk.await_text("ready for the first sale")
        clerk.await_text("in use since")
        page.get_by_role("link", name="Check the card").press("Enter")
        clerk.await_text("All is in order.")
        assert find_serious(page) + find_wide(page) == []


@pytest.mark.slow
def test_a_batch_goes_card_after_card_without_a_key(stage: DeskStage, browser: "Browser") -> None:
    control = cards_kit.control_card()
    stage.empty()
    with open_desk(stage, browser) as clerk:
        clerk.sign_in("li")  # a technician
        page = clerk.page
        page.wait_for_url("**/customers")
        page.goto(f"{stage.url}cards/batches/service")
        page.select_option("#kind", "inspection")
        page.fill("#count", "2")
        page.press("#count", "Enter")
        clerk.await_text("The batch is entered")
        assert find_serious(page) + find_wide(page) == []
        page.get_by_role("link", name="Work through the batch").press("Enter")
        clerk.await_text("Put the next card in.")
        for number in range(2):
            blank = cards_kit.blank("inspection", control, 700 + number)
            beside = stage.tray / f"blank-{number}.card"
            beside.write_bytes(dump(blank.state))
            beside.rename(stage.slot / beside.name)
            clerk.await_text(f"{number + 1} / 2")
            assert find_serious(page) + find_wide(page) == []
            stage.take_out()
        clerk.await_text("All cards of this batch are done.")
        page.get_by_role("link", name="The sheet").press("Enter")
        page.wait_for_selector("main table")
        for address in ("cards/control", "clock", "cards/batches/user", "cards/batches/init"):
            page.goto(f"{stage.url}{address}")
            assert find_serious(page) + find_wide(page) == [], address
