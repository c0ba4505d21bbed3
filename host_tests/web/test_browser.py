"""The counter in a real browser, by keyboard alone: a sale, and each interruption."""

import time
from statistics import median
from typing import Any

import pytest

from desk_stage import PASSWORD, DeskStage
from keyboard_kit import LIMIT_MS, Clerk

DAY = 50


def count_sales(stage: DeskStage, before: int) -> list[tuple[int, str]]:
    return stage.list_sales()[before:]


@pytest.mark.slow
def test_a_sale_by_keyboard(stage: DeskStage, clerk: Clerk) -> None:
    before = len(stage.list_sales())
    clerk.await_text("Put the customer's card into the reader.")
    stage.put_in(0)
    clerk.await_customer(0)
    clerk.type("１２．５０")
    clerk.await_text("25.00 kWh", "#quote")
    clerk.press("Tab", "Tab")
    clerk.type("20")
    clerk.await_text("7.50 yuan", "#quote")
    clerk.press("Enter")
    clerk.await_text("Sold: 12.50 yuan")
    clerk.await_text("Change to give back: 7.50 yuan")
    clerk.await_text("Receipt number")
    clerk.await_focus("a.main")
    stage.take_out()
    clerk.press("Enter")
    clerk.await_text("Put the customer's card into the reader.")
    assert count_sales(stage, before) == [(1250, "written")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "customers", [12, pytest.param(DAY, marks=pytest.mark.campaign)], ids=["sample", "whole"]
)
def test_a_clerks_day(stage: DeskStage, clerk: Clerk, record_property: Any, customers: int) -> None:
    """50 customers, one after the other; the next one is one key, or his card alone, away."""
    before = len(stage.list_sales())
    seen_ms, sold_ms = [], []
    for number in range(1, customers + 1):
        began_ns = time.monotonic_ns()
        stage.put_in(number)
        clerk.await_customer(number)
        seen_ms.append((time.monotonic_ns() - began_ns) // 1_000_000)
        clerk.type(str(number))
        began_ns = time.monotonic_ns()
        clerk.press("Enter")
        clerk.await_text(f"Sold: {number}.00 yuan")
        sold_ms.append((time.monotonic_ns() - began_ns) // 1_000_000)
        clerk.await_focus("a.main")
        stage.take_out()
        if number % 2:  # each other customer's card comes while the receipt is still on show
            clerk.press("Enter")
            clerk.await_text("Put the customer's card into the reader.")
    sold = [fen for fen, state in count_sales(stage, before) if state == "written"]
    assert sold == [number * 100 for number in range(1, customers + 1)]
    record_property(
        "figure",
        f"{customers} customers in a browser by keyboard: card to screen {median(seen_ms):.0f} ms, "
        f"Enter to receipt {median(sold_ms):.0f} ms (medians), "
        f"slowest {max(seen_ms)} and {max(sold_ms)}",
    )


def test_enter_pressed_twice_sells_once(stage: DeskStage, clerk: Clerk) -> None:
    before = len(stage.list_sales())
    stage.put_in(51)
    clerk.await_customer(51)
    clerk.type("5")
    clerk.press("Enter", "Enter", "Enter")
    clerk.await_text("Sold: 5.00 yuan")
    assert count_sales(stage, before) == [(500, "written")]


def test_the_back_button_sells_nothing_again(stage: DeskStage, clerk: Clerk) -> None:
    before = len(stage.list_sales())
    stage.put_in(52)
    clerk.await_customer(52)
    clerk.type("5")
    clerk.press("Enter")
    clerk.await_text("Sold: 5.00 yuan")
    clerk.page.evaluate("() => history.back()")
    clerk.await_text("The purchase on this card has not been in its meter")
    clerk.page.evaluate("() => history.forward()")
    clerk.await_text("Sold: 5.00 yuan")
    clerk.page.evaluate("() => history.back()")
    clerk.await_text("The purchase on this card has not been in its meter")
    assert count_sales(stage, before) == [(500, "written")]


def test_a_second_window_is_told_that_the_first_one_sold(stage: DeskStage, clerk: Clerk) -> None:
    before = len(stage.list_sales())
    stage.put_in(53)
    clerk.await_customer(53)
    second = Clerk(stage, clerk.page.context.new_page())
    second.page.set_default_timeout(LIMIT_MS)
    second.page.goto(f"{stage.url}counter")
    second.await_customer(53)
    clerk.type("5")
    second.type("5")
    clerk.press("Enter")
    clerk.await_text("Sold: 5.00 yuan")
    second.page.bring_to_front()
    second.press("Enter")
    second.await_text("nothing was sold now")
    second.page.close()
    assert count_sales(stage, before) == [(500, "written")] and second.said == []


@pytest.mark.slow
def test_a_server_that_is_killed_in_a_sale_and_started_again(
    stage: DeskStage, clerk: Clerk
) -> None:
    before = len(stage.list_sales())
    stage.put_in(54)
    clerk.await_customer(54)
    clerk.type("5")
    clerk.await_text("10.00 kWh", "#quote")
    with stage.locked():
        clerk.press("Enter")
        clerk.page.wait_for_selector("button.main[disabled]")
        stage.kill()
        clerk.page.wait_for_selector("#offline:not([hidden])")
    stage.start()
    clerk.page.wait_for_selector("#offline", state="hidden")
    assert clerk.page.input_value("#amount") == "5"
    clerk.page.focus("#amount")
    clerk.press("Enter")
    clerk.await_text("5.00 yuan", "h1 ~ *, .done, .ask")
    sold = count_sales(stage, before)
    assert [state for _, state in sold].count("written") == 1
    assert {state for _, state in sold} <= {"written", "void"}


def test_a_reader_that_is_unplugged_and_plugged_in_again(stage: DeskStage, clerk: Clerk) -> None:
    before = len(stage.list_sales())
    stage.put_in(55)
    clerk.await_customer(55)
    clerk.type("5.5")
    away = stage.slot.rename(stage.slot.with_name("unplugged"))
    clerk.await_text("is not there: plug it in", "#reader")
    assert clerk.page.input_value("#amount") == "5.5"
    clerk.press("Enter")
    clerk.await_text("plug it in", ".wrong")
    assert clerk.page.input_value("#amount") == "5.5"
    away.rename(stage.slot)
    clerk.page.wait_for_selector("#reader .lamp.on")
    # The page is drawn anew with the customer, and what was typed comes back a moment later.
    clerk.page.wait_for_function("() => document.querySelector('#amount')?.value === '5.5'")
    clerk.page.focus("#amount")
    clerk.press("Enter")
    clerk.await_text("Sold: 5.50 yuan")
    assert count_sales(stage, before) == [(550, "written")]


def test_a_card_that_is_pulled_and_put_in_again_keeps_what_was_typed(
    stage: DeskStage, clerk: Clerk
) -> None:
    stage.put_in(56)
    clerk.await_customer(56)
    clerk.type("77")
    stage.take_out()
    clerk.await_text("The card is out", "#reader")
    assert clerk.page.input_value("#amount") == "77"
    stage.put_in(56)
    clerk.page.wait_for_selector("#reader .lamp.on")
    clerk.page.wait_for_function("() => document.querySelector('#amount')?.value === '77'")
    stage.take_out()
    stage.put_in(57)
    clerk.await_customer(57)
    assert clerk.page.input_value("#amount") == "", "another customer's amount is his own"
    stage.take_out()
    stage.put_in(56)
    clerk.await_customer(56)
    clerk.page.wait_for_function("() => document.querySelector('#amount')?.value === '77'")


def test_a_session_that_ended_goes_on_after_signing_in(stage: DeskStage, clerk: Clerk) -> None:
    before = len(stage.list_sales())
    stage.put_in(58)
    clerk.await_customer(58)
    clerk.type("5")
    clerk.page.context.clear_cookies()
    clerk.await_text("Your sign-in has ended", "#signed-out")
    assert clerk.page.input_value("#amount") == "5"
    clerk.press("Enter")
    clerk.await_text("What you typed is kept")
    clerk.page.focus("#name")
    clerk.sign_in()
    clerk.await_text("Go on where you were")
    clerk.await_focus("button.main")
    clerk.press("Enter")
    clerk.await_text("Sold: 5.00 yuan")
    assert count_sales(stage, before) == [(500, "written")]


def test_what_was_typed_survives_a_reload_and_the_other_language(
    stage: DeskStage, clerk: Clerk
) -> None:
    stage.put_in(59)
    clerk.await_customer(59)
    clerk.type("33.30")
    clerk.page.reload()
    clerk.page.wait_for_function("() => document.querySelector('#amount')?.value === '33.30'")
    clerk.page.get_by_role("button", name="中文").press("Enter")
    clerk.page.wait_for_selector("html[lang=zh-hans]")
    clerk.page.wait_for_function("() => document.querySelector('#amount')?.value === '33.30'")
    clerk.await_text("66.60 千瓦时", "#quote")


@pytest.mark.slow
def test_escape_leaves_what_was_typed(stage: DeskStage, clerk: Clerk) -> None:
    stage.put_in(62)
    clerk.await_customer(62)
    clerk.type("44")
    clerk.await_text("88.00 kWh", "#quote")
    clerk.press("Escape")
    clerk.page.wait_for_function("() => document.querySelector('#amount')?.value === ''")
    clerk.await_focus("#amount")
    clerk.page.reload()
    clerk.await_customer(62)
    assert clerk.page.input_value("#amount") == ""


def test_a_purchase_is_paid_back_once_by_keyboard(stage: DeskStage, clerk: Clerk) -> None:
    """By the card process itself; Enter twice pays once, and the back button pays nothing more."""
    before = len(stage.list_sales())
    stage.put_in(65)
    clerk.await_customer(65)
    clerk.type("5")
    clerk.press("Enter")
    clerk.await_text("Sold: 5.00 yuan")
    clerk.page.get_by_role("link", name="Pay it back").press("Enter")
    clerk.await_focus("#reason")
    clerk.type("typed 5 for 50")
    clerk.page.focus("#second")
    clerk.type("wu")
    clerk.press("Tab")
    clerk.type(PASSWORD)
    clerk.press("Enter", "Enter")
    clerk.await_text("Pay back 5.00 yuan")
    clerk.await_text("Reversal")
    paid = clerk.page.url
    clerk.page.evaluate("() => history.back()")
    clerk.await_focus("#reason")
    clerk.page.evaluate("() => history.forward()")
    clerk.page.wait_for_url(paid)
    assert count_sales(stage, before) == [(500, "refunded")]
