"""Every command of a user card's session, for each verdict and each thing that a card may bring.

docs/cards/sessions.md, User card. What is sealed for the ESAM is what it gets.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dianka.cardos.files import card_files
from heard_kit import Heard
from meter_kit import CUSTOMER_NO, USER, USER_DATA, MeterKit
from sessions_document import Step, commands_of
from tariff_kit import sell_new

OTHER = Path("other.card")
R4 = ("ESAM", "0084000004")
BEGIN = [("card", "00a4000002df01"), ("card", "00b081002d"), *commands_of("User card")[:7]]
PURCHASE = [R4, ("card", "04b0820009")]
BLANK = ("card", "00b0850001")
WHOLE = [R4, ("card", "04b0810409"), ("ESAM", "04d682002b")]
OWNER = [R4, ("card", "04b0811e09"), ("ESAM", "04d6821a11")]
SETTLE, CREDIT = ("ESAM", "00b2000c10"), ("ESAM", "8432010c0c")
PRICE_IN_FORCE = [R4, ("card", "04b0830009")]
SET_1 = [*PRICE_IN_FORCE, ("ESAM", "04d68300cb")]
SET_2_IN_PLAIN = ("card", "00b08400c7")
SWITCH = [R4, ("card", "04b0810509"), ("ESAM", "04d682010e")]
SET_2 = [R4, ("card", "04b0840009"), ("ESAM", "04d68400cb")]
RECEIPT = [
    ("card", "0084000004"),
    ("ESAM", "00d6870031"),
    ("ESAM", "04b0870011"),
    ("card", "04d6850035"),
]
MIRROR = commands_of("The mirror")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    yield kit
    assert not kit.list_violations()
    kit.close()


def run(kit: MeterKit, steps: list[Step], code: int = 0, card: Path = USER) -> Heard:
    """The session has these commands after its beginning, and the receipt tells the meter."""
    heard = Heard(kit, card)
    steps = [*BEGIN, *PURCHASE, BLANK, *steps]
    cut = [
        (chip, apdu[: len(step[1])]) for (chip, apdu), step in zip(heard.both, steps, strict=False)
    ]
    assert cut == steps and len(heard.both) == len(steps), heard.session.log
    assert heard.session.code == code, heard.session.log
    state, receipt = kit.state, kit.on_card(card).write_back
    told = receipt["count"], receipt["balance_fen"], receipt["customer_no"]
    assert told == (state.count, state.wallet_fen, state.customer_no)
    assert state.customer_no == CUSTOMER_NO
    return heard


def last_words(heard: Heard) -> str:
    return heard.session.log[-1].partition("] ")[2]


def test_an_opening_and_what_follows(kit: MeterKit) -> None:
    kit.sell(500)
    credit = [*PURCHASE, SETTLE, CREDIT]
    heard = run(kit, [*WHOLE, *credit, *SET_1, *SET_2, *RECEIPT, *MIRROR])
    assert heard.session.texts[-2:] == ["0.00", "5.00"]
    assert last_words(heard) == "credited 500 fen, count 1"
    kit.sell(300)
    heard = run(kit, [SETTLE, CREDIT, *RECEIPT, *MIRROR])
    assert heard.session.texts[-2:] == ["5.00", "8.00"]
    assert last_words(heard) == "credited 300 fen, count 2"
    run(kit, [SETTLE, *RECEIPT])
    kit.set_wallet(USER, 300, 2, True)
    run(kit, [SETTLE, *RECEIPT])
    kit.set_wallet(USER, 300, 3, False)
    heard = run(kit, [SETTLE, *RECEIPT], code=18)
    assert last_words(heard).endswith("write-back of a new purchase is not blank")
    assert kit.state.bought_fen == 800


def test_an_opening_without_money(kit: MeterKit) -> None:
    run(kit, [*WHOLE, SETTLE, *SET_1, *SET_2, *RECEIPT, *MIRROR])
    assert kit.state.count == 0


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_replacement_proves_its_owner(kit: MeterKit, ahead: int) -> None:
    kit.sell(500)
    kit.run_session(USER)
    kit.make_user(OTHER, USER_DATA)
    kit.write(OTHER, {"card_type": card_files.REPLACEMENT, "update_flag": 0x85})
    kit.set_wallet(OTHER, 100, 1 + ahead, True)
    credit = [*PURCHASE, SETTLE, CREDIT] if ahead else [SETTLE]
    run(kit, [*OWNER, *credit, *RECEIPT, *MIRROR], card=OTHER)
    assert kit.state.bought_fen == 500 + 100 * ahead
    with kit.open(OTHER) as file:
        serial = int.from_bytes(file.chip.state.serial, "big")
    assert kit.state.card_serial == serial


@pytest.mark.parametrize("rates", [1, 2])
@pytest.mark.parametrize("in_force", [True, False])
def test_a_purchase_that_brings_a_price(kit: MeterKit, rates: int, in_force: bool) -> None:
    """Set 1 goes to the ESAM if it is the price in force; a set of several rates is read first."""
    kit.sell(500)
    kit.run_session(USER)
    sell_new(kit, 6000, 60)
    changes: dict[str, Any] = {"user_type": rates}
    files = {} if in_force else {"CARD_TARIFF_1": wrong_price(kit)}
    kit.write(USER, changes, **files)
    plain = [SET_2_IN_PLAIN] if rates == 2 else []
    first = SET_1 if in_force else PRICE_IN_FORCE
    heard = run(kit, [SETTLE, CREDIT, *plain, *first, *SWITCH, *SET_2, *RECEIPT, *MIRROR])
    assert (kit.state.price_e4, kit.state.next_price_e4) == (5000, 6000)
    said = "tariff set 1 of the card is not in force and was left out"
    assert any(said in line for line in heard.session.log) != in_force
    esam = kit.esam.state.files
    assert card_files.from_bcd(esam[card_files.ESAM_TARIFF_1][4:8]) == 5000
    assert card_files.from_bcd(esam[card_files.ESAM_TARIFF_2][4:8]) == 6000


def wrong_price(kit: MeterKit) -> bytes:
    from dianka.desk.issue import pack_user_tariff

    return pack_user_tariff([7000])
