"""What a user card is worth, in every combination near the meter's own, with the log's words.

The rules are the table of docs/cards/sessions.md, User card, step 4, line by line. Whole meters and
real cards are judged by the same rules in host_tests/meter/test_session_judging.py.
"""

import re
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from parts import Parts

PARTS = Parts()
card_user, records = PARTS.module("card_user"), PARTS.module("state")
CardError = PARTS.module("card_errors").CardError
OPEN, BUY, REPLACE = 1, 2, 3
METER_NO, CUSTOMER_NO, SERIAL = 123_456_789_012, 987_654_321_098, 0x1122334455667788
NEAR = (-1, 0, 1)


def make_meter(opened: bool, count: int, serial: int = SERIAL, closed: bool = False) -> Any:
    state = records.State()
    state.meter_no, state.count, state.hoard_limit_fen = METER_NO, count, 1000
    if opened:
        state.set(records.OPENED)
        state.customer_no, state.card_serial = CUSTOMER_NO, serial
    if closed:
        state.set(records.CLOSED)
    return state


def make_info(card_type: int, meter_no: int = METER_NO, customer_no: int = CUSTOMER_NO) -> Any:
    return {"card_type": card_type, "meter_no": meter_no, "customer_no": customer_no}


def judge(*words: Any) -> Any:
    """Return the verdict's name, or the code and the words of the refusal."""
    names = ("CREDIT", "_TAKE_OVER", "_REFRESH", "_REFUSE")
    try:
        verdict = card_user.judge(*words)
    except CardError as error:
        return error.code, str(error)
    (name,) = [name for name in names if getattr(card_user, name) == verdict]
    return name


def follow_table(state: Any, info: Any, serial: int, fen: int, count: int, blank: bool) -> Any:
    """Return the same by the table's lines, from the first to the last."""
    kind, opened = info["card_type"], state.has(records.OPENED)
    replacement = kind == REPLACE and blank and count >= state.count
    lines = [
        (kind not in (OPEN, BUY, REPLACE), (8, f"card type {kind}")),
        (info["meter_no"] != METER_NO, (11, f"card of meter {info['meter_no']:012d}")),
        (state.has(records.CLOSED), (15, "the account is closed")),
        (
            opened and info["customer_no"] != CUSTOMER_NO,
            (12, f"card of customer {info['customer_no']:012d}"),
        ),
        (
            opened and state.card_serial and serial != state.card_serial and not replacement,
            (13, "not the card that this meter knows"),
        ),
        (not opened and kind == BUY, (15, "meter not opened")),
        (not opened and kind == REPLACE, (16, "meter not opened")),
        (kind == OPEN and count > 1, (17, f"open-account card with count {count}")),
        (count < state.count, "_REFRESH"),
        (count == state.count and blank, "_TAKE_OVER"),
        (count == state.count, "_REFRESH"),
        (count - state.count > 1, (17, f"card {count}, meter {state.count}")),
        (not blank, "_REFUSE"),
        (fen > 1000, (21, "balance would be too high")),
        (True, "CREDIT"),
    ]
    return next(said for fits, said in lines if fits)


@pytest.mark.parametrize("count", [0, 1, 2, 4, 300])
@pytest.mark.parametrize("opened", [False, True])
def test_the_first_line_that_fits_decides(opened: bool, count: int) -> None:
    said = set()
    for kind, ahead, blank, fen in product(range(5), range(-2, 4), (True, False), (1000, 1001)):
        if count + ahead < 0:
            continue
        for meter, customer, serial, known in product(NEAR, NEAR, NEAR, (SERIAL, 0)):
            state = make_meter(opened, count, known)
            before = records.pack(state)
            info = make_info(kind, METER_NO + meter, CUSTOMER_NO + customer)
            words = state, info, SERIAL + serial, fen, count + ahead, blank
            expected = follow_table(*words)
            assert judge(*words) == expected, (info, *words[2:])
            assert records.pack(state) == before, "a judgement changes nothing"
            said.add(expected if isinstance(expected, str) else expected[0])
    verdicts = {"CREDIT", "_TAKE_OVER", "_REFRESH", "_REFUSE", 12, 13, 21}
    assert said >= {8, 11, 17} | (verdicts if opened else {15, 16})


def test_a_closed_account_takes_no_card() -> None:
    for opened, kind in product((False, True), (OPEN, BUY, REPLACE)):
        state = make_meter(opened, 1, closed=True)
        assert judge(state, make_info(kind), SERIAL, 1, 2, True) == (15, "the account is closed")


def test_who_gives_the_meter_a_card_or_customer() -> None:
    state = make_meter(True, 1)
    for kind, serial in product((OPEN, BUY, REPLACE), NEAR):
        binding = card_user.is_binding(state, make_info(kind), SERIAL + serial)
        assert binding == (kind != BUY or serial != 0)


def test_flags_that_the_meter_may_obey() -> None:
    for flags, kind in product(range(256), (OPEN, BUY, REPLACE)):
        info = {"update_flag": flags, "card_type": kind}
        assert card_user.pick_flags(info) == (flags if kind == OPEN else flags & 0b1010)


@pytest.mark.parametrize(("balance_fen", "paid_fen", "owed_fen"), [(250, 250, 0), (-30, 0, 30)])
def test_run_info_is_the_state_s(balance_fen: int, paid_fen: int, owed_fen: int) -> None:
    state = make_meter(True, 7)
    state.balance_fen, state.illegal_cards = balance_fen, 4
    clock = SimpleNamespace(read_local_minute=lambda: 2601020304)
    info = {"user_type": 2, "ct_ratio": 5, "pt_ratio": 6, "meter_no": 0, "customer_no": 0}
    assert card_user.compose_run_info(state, clock, info) == {
        "user_type": 2,
        "ct_ratio": 5,
        "pt_ratio": 6,
        "meter_no": METER_NO,
        "customer_no": CUSTOMER_NO,
        "balance_fen": paid_fen,
        "count": 7,
        "overdraft_fen": owed_fen,
        "illegal_cards": 4,
        "time": 2601020304,
    }


def test_the_balances_are_shown_as_long_as_the_page_says() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    found = re.search(r"the old balance for (\d+) s, the new one for (\d+) s", page)
    assert found
    assert [1000 * int(word) for word in found.groups()] == [card_user._OLD_MS, card_user._NEW_MS]
