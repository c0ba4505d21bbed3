"""Each error code of a card session, provoked as in the field, with its group on the display.

A card or a fault provokes it.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Behaviour
from dianka.desk import issue
from dianka.desk.issue import InitData, UserData
from ledger import Session
from meter_kit import CUSTOMER_NO, INIT, METER_NO, MS, PRICE_E4, USER, MeterKit, S
from parts import Parts

OTHER = Path("other.card")
HOARD_FEN = 5000
GROUPS = {1: 31, 2: 31, 3: 31} | dict.fromkeys(range(4, 11), 32) | dict.fromkeys(range(11, 14), 33)
GROUPS |= dict.fromkeys(range(14, 19), 34) | {19: 35, 20: 35, 21: 36, 22: 37}
ILLEGAL = {5, 6, 7, 10, 22}
LIMIT_US = 3_300 * MS + 2 * S  # the session's, and one command of the ESAM begun within it

# A meter in use, except for the two codes that are a new one's.
Provoke = Callable[[MeterKit], Session]


def supply_low(kit: MeterKit) -> Session:
    kit.rig.set_volts(140_000)
    kit.wait(1 * S)
    session = kit.run_session(USER)
    kit.rig.set_volts(220_000)
    kit.wait(1 * S)
    return session


def esam_silent(kit: MeterKit) -> Session:
    """It hears and says nothing more from here on."""
    esam = kit.rig.bench.esam
    esam.tamper = lambda direction, index, value: None if direction == "out" else value
    session = kit.run_session(USER)
    esam.tamper = None
    return session


def esam_gone(kit: MeterKit) -> Session:
    """Out of its socket when the power comes back."""
    kit.rig.cut_power()
    engine, kit.rig.bench.esam.engine = kit.rig.bench.esam.engine, None
    kit.restart(1 * S)
    session = kit.run_session(USER)
    kit.rig.cut_power()
    kit.rig.bench.esam.engine = engine
    kit.restart(1 * S)
    return session


def mute(kit: MeterKit) -> Session:
    return kit.run_session(USER, behaviour=Behaviour(mute=True))


def of_another_system(kit: MeterKit) -> Session:
    issue.issue_control(kit.folder / "thief.card")
    with CardFile.open(kit.folder / "thief.card") as thief:
        issue.issue_user(thief.chip, kit.folder / OTHER, METER_NO, CUSTOMER_NO, 100, 50, [PRICE_E4])
    return kit.run_session(OTHER)


def refuses_the_meter(kit: MeterKit) -> Session:
    def lock(chip: Chip) -> None:
        chip.faults.locked_kids = frozenset({2})

    return kit.run_session(USER, spoil=lock)


def not_ours(kit: MeterKit) -> Session:
    """Answers to reset as ours do, and knows no application."""
    return kit.run_session(USER, behaviour=Behaviour(lying_sw=0x6A82))


def of_type_nine(kit: MeterKit) -> Session:
    kit.write(USER, {"card_type": 9})
    return kit.run_session(USER)


def init_with_private_keys(kit: MeterKit) -> Session:
    return kit.run_session(INIT)


def wrong_mac(kit: MeterKit) -> Session:
    def spoil(chip: Chip) -> None:
        chip.faults.wrong_mac = True

    kit.sell(500)
    return kit.run_session(USER, spoil=spoil)


def of_another_meter(kit: MeterKit) -> Session:
    kit.make_user(OTHER, UserData(METER_NO + 1, CUSTOMER_NO, 100, 50, [PRICE_E4]))
    return kit.run_session(OTHER)


def of_another_customer(kit: MeterKit) -> Session:
    kit.make_user(OTHER, UserData(METER_NO, CUSTOMER_NO + 1, 100, 50, [PRICE_E4]))
    return kit.run_session(OTHER)


def second_card(kit: MeterKit) -> Session:
    kit.make_user(OTHER)
    kit.write(OTHER, {"card_type": card_files.PURCHASE})
    kit.set_wallet(OTHER, 500, 2)
    return kit.run_session(OTHER)


def wrong_sum(kit: MeterKit) -> Session:
    framed = card_files.frame(card_files.CMD_USER, bytes(39))
    kit.write(USER, CARD_INFO=framed[:-2] + bytes((framed[-2] ^ 1, framed[-1])))
    return kit.run_session(USER)


def purchase_on_a_new_meter(kit: MeterKit) -> Session:
    kit.write(USER, {"card_type": card_files.PURCHASE})
    return kit.run_session(USER)


def replacement_on_a_new_meter(kit: MeterKit) -> Session:
    kit.write(USER, {"card_type": card_files.REPLACEMENT})
    return kit.run_session(USER)


def a_purchase_left_out(kit: MeterKit) -> Session:
    kit.set_wallet(USER, 500, 4, True)
    return kit.run_session(USER)


def not_blank(kit: MeterKit) -> Session:
    kit.set_wallet(USER, 500, 2, False)
    kit.write(USER, {"card_type": card_files.PURCHASE})
    return kit.run_session(USER)


def falls_silent(kit: MeterKit) -> Session:
    return kit.run_session(USER, behaviour=Behaviour(stops_after=60))


def pulled(kit: MeterKit) -> Session:
    def hear(direction: str, index: int) -> None:
        if index == 60 and kit.rig.take_view().slot != "empty":
            kit.rig.pull()

    slot = kit.rig.bench.slot
    slot.on_character = hear
    session = kit.run_session(USER)
    slot.on_character = None
    return session


def too_much(kit: MeterKit) -> Session:
    kit.sell(HOARD_FEN)
    return kit.run_session(USER)


def control_card(kit: MeterKit) -> Session:
    CardFile.create(kit.folder / OTHER, kinds.CONTROL).close()
    return kit.run_session(OTHER)


TABLE: dict[int, Provoke] = {
    1: supply_low, 2: esam_silent, 3: esam_gone, 4: mute, 5: of_another_system,
    6: refuses_the_meter, 7: not_ours, 8: of_type_nine, 9: init_with_private_keys, 10: wrong_mac,
    11: of_another_meter, 12: of_another_customer, 13: second_card, 14: wrong_sum,
    15: purchase_on_a_new_meter, 16: replacement_on_a_new_meter, 17: a_purchase_left_out,
    18: not_blank, 19: falls_silent, 20: pulled, 21: too_much, 22: control_card,
}  # fmt: skip


def test_the_table_has_every_code_that_the_firmware_has() -> None:
    assert sorted(TABLE) == sorted(Parts().module("card_errors")._CODES.values()) == sorted(GROUPS)


@pytest.mark.slow
@pytest.mark.parametrize("code", TABLE)
def test_every_code_comes_from_the_field(tmp_path: Path, code: int) -> None:
    limits = InitData(METER_NO, 100, 50, 50, HOARD_FEN, 0, [PRICE_E4])
    kit = MeterKit.new(tmp_path, init=limits)
    new = code in (15, 16)
    if not new:
        kit.sell(1000)
        assert kit.run_session(USER).code == 0
        kit.rig.set_load(2_200_000)
        kit.wait(2 * S)
    bought, wallet = kit.state.bought_fen, kit.get_esam_wallet()
    session = TABLE[code](kit)
    assert session.code == code, session.log
    assert f"Err-{GROUPS[code]}" in session.texts
    told = Parts().module("card_words").compose_messages(f"Err-{GROUPS[code]}", code)
    if code != 3:  # whose ESAM is put back, with the power cut for it
        assert {text for text, _ in told[1:]} <= set(session.texts) | kit.watch_display(9 * S)
    assert session.over_us < LIMIT_US
    assert kit.state.illegal_cards == (code in ILLEGAL)
    logged = kit.meter.illegal.read_newest(20)
    assert [record[17] for record in logged] == [code] * (code in ILLEGAL)
    assert (kit.state.bought_fen, kit.state.count) == (bought, wallet[1]) and kit.get_esam_wallet()[
        1
    ] == wallet[1]
    kit.rig.set_load(0)
    kit.wait(1 * S)
    lost_pj = kit.ledger.energy_pj - kit.state.energy_pj
    assert lost_pj == 0 if code != 3 else 0 <= lost_pj < kit.meter.chip.pulse_pj * 400
    assert not [line for line in kit.lines if "restarts" in line]
    kit.close()
