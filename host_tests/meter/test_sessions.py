"""Every session of a meter's life on the whole meter.

Judging rules with their codes, stages with the relay, time and wire.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.cardos.files import card_files
from dianka.desk.issue import InitData, UserData
from ledger import compute_used_fen
from meter_kit import (
    CUSTOMER_NO,
    INIT,
    INIT_DATA,
    KEYS,
    METER_NO,
    PRICE_E4,
    USER,
    USER_DATA,
    MeterKit,
    S,
    tell,
)

OTHER = Path("other.card")
GROUPS = {11: "Err-33", 12: "Err-33", 13: "Err-33", 8: "Err-32", 9: "Err-32"} | dict.fromkeys(
    range(14, 19), "Err-34"
)
GROUPS |= {21: "Err-36"}
LIMIT_US = 3 * S


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    yield kit
    kit.close()


def bought(kit: MeterKit, amount_fen: int = 1000) -> None:
    kit.sell(amount_fen)
    session = kit.run_session(USER)
    assert session.code == 0, session.log


def refused(kit: MeterKit, card: Path, code: int) -> None:
    """This code, its display group, and nothing changed."""
    before = dict(vars(kit.state)), kit.get_esam_wallet()
    session = kit.run_session(card)
    assert session.code == code, (session.code, session.log)
    assert GROUPS[code] in session.texts
    assert (dict(vars(kit.state)), kit.get_esam_wallet()) == before
    assert not kit.list_violations()


def test_open_purchase_repeat_and_refresh(kit: MeterKit) -> None:
    kit.sell(200)
    opening = kit.run_session(USER)
    assert opening.texts[-3:] == ["rEAd", "0.00", "2.00"]
    assert (kit.state.customer_no, kit.state.count, kit.state.balance_fen) == (CUSTOMER_NO, 1, 200)
    assert kit.relay_closed
    kit.sell(300)
    purchase = kit.run_session(USER)
    assert purchase.texts[-3:] == ["rEAd", "2.00", "5.00"]
    again = kit.run_session(USER)
    assert again.texts[-2:] == ["rEAd", "5.00"] and again.code == 0
    assert kit.get_esam_wallet() == (500, 2)
    receipt = kit.on_card().write_back
    assert (receipt["balance_fen"], receipt["count"], receipt["customer_no"]) == (
        500,
        2,
        CUSTOMER_NO,
    )
    assert receipt["time"] // 10000 == 260105  # the desk sees when
    kit.rig.set_load(2_200_000)
    kit.wait(600 * S)
    kit.run_session(USER)
    assert kit.on_card().write_back["balance_fen"] == kit.state.balance_fen < 500
    for name, session in (("opening", opening), ("purchase", purchase), ("refresh", again)):
        wire = (
            f"{session.slot_characters} + {session.esam_characters} characters, "
            f"no faster than {session.floor_us} us"
        )
        tell(f"{name}: {session.took_us} us from the switch to the last character; {wire}")
        assert session.floor_us < session.took_us < LIMIT_US
    assert not kit.list_violations()


def test_a_meter_before_its_cards(tmp_path: Path) -> None:
    """Only the initialisation card works on a new meter, and only until the keys are private."""
    kit = MeterKit.before_cards(tmp_path)
    refused(kit, USER, 9)
    refused(kit, KEYS, 9)
    assert not kit.relay_closed
    assert kit.run_session(INIT).texts[-1] == "no000012"
    refused(kit, USER, 9)
    assert kit.run_session(INIT).texts[-1] == "no000012"  # again, as long as the keys are public
    assert kit.run_session(KEYS).texts[-1] == "donE"
    refused(kit, INIT, 9)
    refused(kit, KEYS, 9)
    kit.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "count", "blank", "code"),
    [
        ({"card_type": 0}, 1, True, 8),
        ({"card_type": 4}, 1, True, 8),
        ({"meter_no": METER_NO + 1}, 1, True, 11),
        ({"card_type": card_files.PURCHASE}, 1, True, 15),
        ({"card_type": card_files.REPLACEMENT}, 1, True, 16),
        ({}, 2, True, 17),
        ({}, 1, False, 18),
    ],
)
def test_a_meter_that_is_not_opened(
    kit: MeterKit, changes: dict[str, int], count: int, blank: bool, code: int
) -> None:
    kit.write(USER, changes)
    kit.set_wallet(USER, 500, count, blank)
    refused(kit, USER, code)


def test_an_account_opened_without_money(kit: MeterKit) -> None:
    """Count 0 equals the meter's: nothing to credit, but the meter has its customer."""
    assert kit.run_session(USER).code == 0
    assert (kit.state.customer_no, kit.state.balance_fen, kit.get_esam_wallet()) == (
        CUSTOMER_NO,
        0,
        (0, 0),
    )


@pytest.mark.parametrize(
    ("changes", "count", "blank", "code"),
    [
        ({"card_type": 9}, 2, True, 8),
        ({"meter_no": 1}, 2, True, 11),
        ({"customer_no": CUSTOMER_NO + 1}, 2, True, 12),
        ({"card_type": card_files.PURCHASE}, 3, True, 17),
        ({"card_type": card_files.OPEN}, 2, True, 17),
        ({"card_type": card_files.PURCHASE}, 2, False, 18),
    ],
)
def test_a_meter_in_use(
    kit: MeterKit, changes: dict[str, int], count: int, blank: bool, code: int
) -> None:
    bought(kit)
    kit.write(USER, changes)
    kit.set_wallet(USER, 500, count, blank)
    refused(kit, USER, code)


def test_a_used_card_gets_its_receipt_with_error_18(kit: MeterKit) -> None:
    bought(kit)
    kit.write(USER, {"card_type": card_files.PURCHASE})
    kit.set_wallet(USER, 500, 2, False)
    refused(kit, USER, 18)
    # The desk insists on the same sale again.
    assert kit.on_card().write_back["count"] == 1 and kit.sell(500) == 2


@pytest.mark.parametrize(("count", "blank"), [(2, False), (1, True), (0, True)])
def test_an_older_or_equal_count_credits_nothing(kit: MeterKit, count: int, blank: bool) -> None:
    bought(kit)
    bought(kit)
    kit.write(USER, {"card_type": card_files.PURCHASE})
    kit.set_wallet(USER, 5000, count, blank)
    assert kit.run_session(USER).code == 0
    assert kit.get_esam_wallet() == (2000, 2) and kit.state.balance_fen == 2000
    assert kit.on_card().write_back["count"] == 2


def test_a_replacement_takes_the_place_of_the_lost_card(kit: MeterKit) -> None:
    bought(kit)
    kit.make_user(OTHER)
    kit.set_wallet(OTHER, 700, 2)
    refused(kit, OTHER, 13)  # as an open-account card
    kit.write(OTHER, {"card_type": card_files.PURCHASE})
    refused(kit, OTHER, 13)
    kit.write(OTHER, {"card_type": card_files.REPLACEMENT})
    assert kit.run_session(OTHER).code == 0
    assert kit.get_esam_wallet() == (1700, 2)
    refused(kit, USER, 13)  # the lost card is found again
    kit.sell(100, OTHER)
    assert kit.run_session(OTHER).code == 0 and kit.state.balance_fen == 1800


def test_hoard_limit(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path, init=InitData(METER_NO, 100, 50, 50, 1500, 0, [PRICE_E4]))
    bought(kit)
    kit.sell(501)
    refused(kit, USER, 21)
    kit.rig.set_load(2_200_000)
    kit.wait(120 * S)
    assert kit.run_session(USER).code == 0  # some of the credit is used up by now
    assert 1490 < kit.state.balance_fen <= 1500
    kit.close()


def test_parameters_come_with_the_opening_and_no_later(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path, user=UserData(METER_NO, CUSTOMER_NO, 700, 300, [6100]))
    assert kit.state.price_e4 == PRICE_E4
    bought(kit)
    assert (kit.state.alarm1_fen, kit.state.alarm2_fen, kit.state.price_e4) == (700, 300, 6100)
    kit.write(USER, {"alarm1_fen": 1})
    bought(kit)
    assert kit.state.alarm1_fen == 700
    kit.close()


def until(kit: MeterKit, closed: bool, limit_s: int) -> None:
    for _ in range(limit_s):
        if kit.relay_closed == closed:
            kit.wait(1 * S)
            return
        kit.wait(1 * S)
    raise AssertionError("the relay stays " + ("open" if closed else "closed"))


def test_all_stages_of_a_falling_balance(tmp_path: Path) -> None:
    """Alarm, trip, release, zero, overdraft, lock; a purchase must lift the balance high enough."""
    limits = InitData(METER_NO, 100, 50, 30, 0, 20, [PRICE_E4])
    kit = MeterKit.new(tmp_path, init=limits, user=USER_DATA)
    bought(kit, 120)
    kit.rig.set_load(6_600_000)
    assert not kit.rig.take_view().lamps["alarm"]
    until(kit, False, 1000)
    assert (
        kit.state.balance_fen == 50
        and kit.rig.take_view().lamps["alarm"]
        and kit.rig.take_view().lamps["trip"]
    )
    assert kit.run_session(USER).code == 0
    until(kit, True, 8)
    until(kit, False, 1000)
    assert kit.state.balance_fen == 0
    assert kit.run_session(USER).code == 0
    until(kit, True, 8)
    kit.wait(60 * S)
    assert kit.rig.take_view().lamps["overdraft"] and kit.state.balance_fen < 0
    until(kit, False, 1000)
    assert kit.state.balance_fen == -30 and kit.run_session(USER).code == 0
    kit.wait(10 * S)
    assert not kit.relay_closed
    kit.sell(40)
    assert kit.run_session(USER).texts[-2:] == ["-0.30", "0.10"]
    kit.wait(10 * S)
    assert not kit.relay_closed and kit.get_esam_wallet()[0] >= 10  # 0.20 yuan are asked for
    kit.sell(11)
    assert kit.run_session(USER).code == 0
    until(kit, True, 8)
    assert kit.state.balance_fen == 21 and kit.state.bought_fen == 171
    kit.wait(1 * S)
    assert 171 - 21 <= compute_used_fen(kit.state) < 172
    assert not kit.list_violations()
    kit.close()


def test_init_data_is_the_meter_s(kit: MeterKit) -> None:
    state = kit.state
    assert (state.meter_no, state.alarm1_fen, state.overdraft_limit_fen) == (
        METER_NO,
        100,
        INIT_DATA.overdraft_limit_fen,
    )
    assert state.customer_no == state.count == state.balance_fen == 0
