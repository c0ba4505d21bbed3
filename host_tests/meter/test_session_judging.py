"""What a user card is worth, near the meter's own count, against rules written a second time.

The rules are those of docs/cards/sessions.md, User card, step 4.

The oracle is the rules in the order in which people would tell them; it shares nothing with the
firmware but the numbers.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from meter_kit import CUSTOMER_NO, METER_NO, USER, USER_DATA, MeterKit, tell
from parts import Parts

PARTS = Parts()
usercard, records, cardfault = (
    PARTS.module("card_user"),
    PARTS.module("state"),
    PARTS.module("card_errors"),
)
OPEN, BUY, REPLACE = 1, 2, 3
SERIAL, STRANGER = 0x1122334455667788, 0x99AABBCCDDEEFF00
CREDIT, TAKE_OVER, RECEIPT, RECEIPT_18 = "credit", "take over", "receipt", "receipt, then 18"


@dataclass(frozen=True)
class Case:
    opened: bool
    meter_count: int
    balance_fen: int
    hoard_fen: int
    card_type: int
    meter_no: int
    customer_no: int
    serial: int
    amount_fen: int
    count: int
    blank: bool


@st.composite
def cases(draw: st.DrawFn) -> Case:
    opened = draw(st.booleans())
    meter_count = draw(st.sampled_from((0, 1, 2, 7, (1 << 32) - 3)))
    if not opened:
        meter_count = draw(st.sampled_from((0, 0, 0, 1)))  # 1: cut between credit and take-over
    hoard_fen = draw(st.sampled_from((0, 1000)))
    return Case(
        opened,
        meter_count,
        draw(st.sampled_from((-50, 0, 1, 500, 1000, 99_999_999))),
        hoard_fen,
        draw(st.sampled_from((OPEN, BUY, REPLACE, OPEN, BUY, REPLACE, 0, 4, 255))),
        draw(st.sampled_from((METER_NO,) * 6 + (METER_NO + 1, 0))),
        draw(st.sampled_from((CUSTOMER_NO,) * 6 + (CUSTOMER_NO + 1, 0))),
        draw(st.sampled_from((SERIAL, SERIAL, STRANGER))),
        draw(st.sampled_from((0, 1, 500, 501, 999, 1000, 99_999_999))),
        max(0, meter_count + draw(st.sampled_from((-1, 0, 1, 2)))),
        draw(st.booleans()),
    )


def rules(case: Case) -> str | int:
    """What is done, or the code."""
    if case.card_type not in (OPEN, BUY, REPLACE):
        return 8
    if case.meter_no != METER_NO:
        return 11
    if not case.opened and case.card_type == BUY:
        return 15
    if not case.opened and case.card_type == REPLACE:
        return 16
    if case.opened and case.customer_no != CUSTOMER_NO:
        return 12
    known = not case.opened or case.serial == SERIAL
    if not known and not (
        case.card_type == REPLACE and case.blank and case.count >= case.meter_count
    ):
        return 13
    if case.card_type == OPEN and case.count not in (0, 1):
        return 17
    ahead = case.count - case.meter_count
    if ahead > 1:
        return 17
    if ahead < 0:
        return RECEIPT
    if ahead == 0:
        return TAKE_OVER if case.blank else RECEIPT
    if not case.blank:
        return RECEIPT_18
    most_fen = case.hoard_fen or 99_999_999
    return CREDIT if case.balance_fen + case.amount_fen <= most_fen else 21


def judged(case: Case) -> str | int:
    state = records.State()
    state.meter_no, state.count = METER_NO, case.meter_count
    state.balance_fen, state.hoard_limit_fen = case.balance_fen, case.hoard_fen
    if case.opened:
        state.set(records.OPENED)
        state.customer_no, state.card_serial = CUSTOMER_NO, SERIAL
    before = records.pack(state)
    info = {"card_type": case.card_type, "meter_no": case.meter_no, "customer_no": case.customer_no}
    words = {
        usercard.CREDIT: CREDIT,
        usercard._TAKE_OVER: TAKE_OVER,
        usercard._REFRESH: RECEIPT,
        usercard._REFUSE: RECEIPT_18,
    }
    try:
        return words[
            usercard.judge(state, info, case.serial, case.amount_fen, case.count, case.blank)
        ]
    except cardfault.CardError as error:
        return error.code
    finally:
        assert records.pack(state) == before  # it decides and changes nothing


@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_the_firmware_judges_as_the_rules_do(case: Case) -> None:
    expected = rules(case)
    event(str(expected))
    assert judged(case) == expected


def test_every_verdict_is_drawn_from_somewhere() -> None:
    """The oracle is no constant: one change each from a purchase that is good."""
    good = Case(True, 7, 0, 0, BUY, METER_NO, CUSTOMER_NO, SERIAL, 100, 8, True)
    changes: list[tuple[dict[str, int | bool], str | int]] = [
        ({}, CREDIT), ({"count": 7}, TAKE_OVER), ({"count": 6}, RECEIPT),
        ({"blank": False}, RECEIPT_18), ({"card_type": 4}, 8), ({"meter_no": 1}, 11),
        ({"customer_no": 1}, 12), ({"serial": 1}, 13), ({"opened": False, "card_type": BUY}, 15),
        ({"opened": False, "card_type": REPLACE}, 16), ({"count": 9}, 17),
        ({"card_type": OPEN}, 17), ({"hoard_fen": 99}, 21),
        ({"serial": 1, "card_type": REPLACE}, CREDIT),
    ]  # fmt: skip
    for change, expected in changes:
        case = replace(good, **change)  # type: ignore[arg-type]
        assert rules(case) == expected == judged(case)


@pytest.mark.slow
def test_the_same_on_the_whole_meter_and_card(tmp_path: Path) -> None:
    """Cards of all kinds around a meter with count 2, really put in.

    After each the money is what the rules make of it.
    """
    kit = MeterKit.new(tmp_path)
    for _ in range(2):
        kit.sell(100)
        assert kit.run_session(USER).code == 0
    other, cards, served = Path("other.card"), 0, 0
    for card_type in (OPEN, BUY, REPLACE):
        for ahead in (-1, 0, 1, 2):
            for blank in (True, False):
                for stranger in (False, True):
                    state = kit.state
                    if stranger:
                        (tmp_path / other).unlink(missing_ok=True)
                        kit.make_user(other, USER_DATA)
                    card = other if stranger else USER
                    count = state.count + ahead
                    known = int.from_bytes(serial_of(kit, card), "big") == state.card_serial
                    kit.write(card, {"card_type": card_type, "update_flag": 0})
                    kit.set_wallet(card, 10, count, blank)
                    expected = rules(Case(
                        True, state.count, state.balance_fen, 0, card_type, METER_NO, CUSTOMER_NO,
                        SERIAL if known else STRANGER, 10, count, blank,
                    ))  # fmt: skip
                    before = state.bought_fen, state.count, state.card_serial
                    session = kit.run_session(card)
                    case = (card_type, ahead, blank, stranger, expected, session.log)
                    credited, bound = expected == CREDIT, expected in (CREDIT, TAKE_OVER)
                    assert kit.state.bought_fen == before[0] + 10 * credited, case
                    assert kit.state.count == before[1] + credited == kit.get_esam_wallet()[1], case
                    code = (
                        expected
                        if isinstance(expected, int)
                        else 18
                        if expected == RECEIPT_18
                        else 0
                    )
                    assert session.code == code, case
                    assert (kit.state.card_serial == before[2]) or (
                        bound and card_type == REPLACE
                    ), case
                    receipt = kit.on_card(card).write_back
                    if not isinstance(expected, int):
                        assert receipt["count"] == kit.state.count, case
                        served += 1
                    if bound and not known:
                        former = kit.run_session(USER).code if card != USER else 0
                        assert former == 13 or card == USER, case  # the former card, from now on
                        kit.write(USER, {"card_type": REPLACE, "update_flag": 0})
                        kit.set_wallet(USER, 10, kit.state.count, True)
                        assert kit.run_session(USER).code == 0  # back to it
                    cards += 1
    assert not kit.list_violations()
    kit.close()
    tell(f"{cards} cards on a whole meter as the rules say, {served} of them with a receipt")


def serial_of(kit: MeterKit, card: Path) -> bytes:
    with CardFile.open(kit.folder / card, kit.rng) as file:
        return file.chip.state.serial


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 255), st.sampled_from((OPEN, BUY, REPLACE)))
def test_later_cards_change_only_what_is_not_yet_in_force(flags: int, card_type: int) -> None:
    """An opening may change everything, a purchase or replacement the second set alone.

    The masks are in docs/cards/sessions.md, User card, step 7.
    """
    allowed = flags if card_type == OPEN else flags & 0x0A
    assert usercard.pick_flags({"update_flag": flags, "card_type": card_type}) == allowed
    assert not allowed & card_files.UPDATE_OTHER or card_type == OPEN
