"""Wrong things in the slot: wrong and foreign cards, metal, bad talk, noise on both lines.

Always a defined code within the session's limit, nothing lost, and not a pulse missed meanwhile.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.bench.stage.rig import RigError
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Behaviour
from dianka.desk import issue
from dianka.desk.issue import UserData
from ledger import Session
from meter_kit import CUSTOMER_NO, METER_NO, MS, PRICE_E4, USER, MeterKit, S, tell
from sweeps import sweep

GROUPS = {
    last: f"Err-{group}"
    for group, codes in ((31, range(1, 4)), (32, range(4, 11)), (33, range(11, 14)),
                         (34, range(14, 19)), (35, range(19, 21)), (36, (21,)), (37, (22,)))
    for last in codes
}  # fmt: skip
LIMIT_US = 3_300 * MS  # 3 s, and the debouncing of the switch
OTHER = Path("other.card")

# Answers to reset of cards that people carry: SIMs, payment cards, identity and signature cards,
# JavaCards, memory cards.
FOREIGN = (
    "3B 3F 94 00 80 69 AF 03 07 01 59 00 00 0E 83 1E 9F 16",
    "3B 16 94 71 01 06 05 00",
    "3B 65 00 00 20 63 CB 68 00",
    "3B 68 00 00 00 73 C8 40 12 00 90 00",
    "3B 6D 00 00 00 31 80 71 8E 64 52 D9 04 00 81 90 00",
    "3B 98 13 40 0A A5 03 01 01 01 AD 13 11",
    "3B DA 18 FF 81 B1 FE 75 1F 03 00 31 C5 73 C0 01 40 00 90 00 0C",
    "3B FA 13 00 00 81 31 FE 45 4A 43 4F 50 34 31 56 32 33 31 98",
    "3F 65 25 00 2C 09 69 90 00",
    "A2 13 10 91",
)


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter in use, under load, with a purchase waiting on the resident's card."""
    kit = MeterKit.new(tmp_path)
    kit.sell(1000)
    assert kit.run_session(USER).code == 0
    kit.rig.set_load(2_200_000)
    kit.sell(500)
    yield kit
    kit.close()


def unharmed(kit: MeterKit, session: Session, code: int | None = None) -> None:
    """Defined and in time; then the waiting purchase is credited, and every pulse is counted."""
    assert session.code, session.log
    if code:
        assert session.code == code, session.log
    assert GROUPS[session.code] in session.texts, (session.texts, session.log)
    assert session.over_us < LIMIT_US
    still_well(kit)


def still_well(kit: MeterKit) -> None:
    """The card's purchase is good now if it was not before, never twice; nothing restarted."""
    again = kit.run_session(USER)
    assert again.code == 0, again.log
    assert (kit.state.bought_fen, kit.state.count, kit.get_esam_wallet()[1]) == (1500, 2, 2)
    kit.rig.set_load(0)
    kit.wait(1 * S)
    assert kit.state.energy_pj == kit.ledger.energy_pj > 0
    assert not [line for line in kit.lines if "restarts" in line]
    assert not kit.list_violations()


def test_upside_down_and_metal(kit: MeterKit) -> None:
    assert kit.run_session(None).code == 4
    assert kit.state.illegal_cards == 0
    unharmed(kit, kit.run_session(USER, "upside-down"), 4)


@pytest.mark.slow
@pytest.mark.parametrize("atr", FOREIGN)
def test_foreign_cards(kit: MeterKit, atr: str) -> None:
    unharmed(kit, kit.run_session(USER, behaviour=Behaviour(atr=bytes.fromhex(atr))), 4)


@pytest.mark.parametrize(("data", "code"), [
    (UserData(METER_NO + 1, CUSTOMER_NO, 100, 50, [PRICE_E4]), 11),
    (UserData(METER_NO, CUSTOMER_NO + 1, 100, 50, [PRICE_E4]), 12),
])  # fmt: skip
def test_cards_of_others(kit: MeterKit, data: UserData, code: int) -> None:
    kit.make_user(OTHER, data)
    kit.sell(9999, OTHER)
    unharmed(kit, kit.run_session(OTHER), code)


def test_a_card_of_another_system(kit: MeterKit, tmp_path: Path) -> None:
    issue.issue_control(tmp_path / "thief.card")
    with CardFile.open(tmp_path / "thief.card") as thief:
        issue.issue_user(thief.chip, tmp_path / OTHER, METER_NO, CUSTOMER_NO, 100, 50, [PRICE_E4])
    unharmed(kit, kit.run_session(OTHER), 5)
    assert kit.state.illegal_cards == 1
    assert kit.on_card().write_back["illegal_cards"] == 1  # the desk hears of it


def test_a_control_card_in_the_slot(kit: MeterKit, tmp_path: Path) -> None:
    issue.issue_control(tmp_path / OTHER)
    unharmed(kit, kit.run_session(OTHER), 22)
    assert kit.state.illegal_cards == 1


def test_a_card_that_was_never_issued(kit: MeterKit, tmp_path: Path) -> None:
    CardFile.create(tmp_path / OTHER, kinds.USER).close()
    unharmed(kit, kit.run_session(OTHER), 14)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (0x00, 8),
        (0x04, 8),
        (0x07, 8),
        (0x0A, 8),
        (0x11, 8),
        (0xFF, 8),
        (0x02, 9),
        (0x08, 9),
        (0x09, 9),
        (0x03, 19),
        (0x05, 14),
    ],
)
def test_cards_that_are_not_what_they_say(kit: MeterKit, command: int, code: int) -> None:
    kit.make_user(OTHER)
    kit.write(OTHER, CARD_INFO=card_files.frame(command, bytes(39)))
    unharmed(kit, kit.run_session(OTHER), code)


@pytest.mark.slow
@pytest.mark.parametrize("content", [
    b"\x68\x01\xff\xff" + bytes(41), b"\x68\x01\x00\x00" + bytes(41), bytes(45),
    card_files.frame(1, b"\xff" * 39), card_files.frame(6, bytes(39)),
    card_files.frame(1, bytes(38)) + b"\0", b"\xff" * 45,
])  # fmt: skip
def test_a_damaged_file_01(kit: MeterKit, content: bytes) -> None:
    kit.make_user(OTHER)
    kit.write(OTHER, CARD_INFO=content)
    session = kit.run_session(OTHER)
    assert session.code in (14, 19)
    unharmed(kit, session)


def test_a_damaged_card_file_is_one_line(kit: MeterKit, tmp_path: Path) -> None:
    (tmp_path / OTHER).write_bytes((tmp_path / USER).read_bytes()[:-40])
    with pytest.raises(RigError) as caught:
        kit.rig.insert(OTHER)
    assert "other.card" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(RigError, match=r"nobody\.card is no file"):
        kit.rig.insert(Path("nobody.card"))
    still_well(kit)


@pytest.mark.slow
@pytest.mark.parametrize(("behaviour", "codes"), [
    (Behaviour(mute=True), {4}),
    (Behaviour(null_forever=True), {19}),
    (Behaviour(nulls=200), {19}),
    (Behaviour(wrong_procedure=0x55), {19}),
    (Behaviour(wrong_procedure=0x60), {19}),
    (Behaviour(wrong_procedure=0x90), {7, 19}),
    (Behaviour(lying_sw=0x9000), {5, 14, 19}),
    (Behaviour(lying_sw=0x6F00), {7}),
    (Behaviour(lying_sw=0x6A82), {7}),
    (Behaviour(lying_sw=0x6C10), {19}),
    (Behaviour(lying_sw=0x6110), {19}),
    (Behaviour(lying_sw=0x6100), {19}),
    *((Behaviour(stops_after=count), {4} if count < 13 else {19})
      for count in (0, 1, 2, 5, 12, 13, 14, 15, 21, 40, 64, 75)),
])  # fmt: skip
def test_cards_that_talk_badly(kit: MeterKit, behaviour: Behaviour, codes: set[int]) -> None:
    session = kit.run_session(USER, behaviour=behaviour)
    assert session.code in codes, session.log
    unharmed(kit, session)


@pytest.mark.parametrize(
    "behaviour", [Behaviour(nulls=1), Behaviour(nulls=3), Behaviour(one_by_one=True)]
)
def test_cards_that_talk_strangely_but_well(kit: MeterKit, behaviour: Behaviour) -> None:
    session = kit.run_session(USER, behaviour=behaviour)
    assert session.code == 0 and session.over_us < LIMIT_US, session.log
    still_well(kit)


def _locked(chip: Chip) -> None:
    chip.faults.locked_kids = frozenset({2})


def _wrong_mac(chip: Chip) -> None:
    chip.faults.wrong_mac = True


def _worn_out(chip: Chip) -> None:
    chip.faults.memory_fails_at = chip.faults.commits + 1


def _torn(chip: Chip) -> None:
    chip.faults.torn_before = chip.faults.commits + 1


@pytest.mark.parametrize(
    ("spoil", "code"), [(_locked, 6), (_wrong_mac, 10), (_worn_out, 19), (_torn, 19)]
)
def test_cards_that_fail_within(kit: MeterKit, spoil: Callable[[Chip], None], code: int) -> None:
    session = kit.run_session(USER, spoil=spoil)
    assert kit.state.illegal_cards == (1 if code in (6, 10) else 0)
    unharmed(kit, session, code)


def test_mains_too_low_for_a_card(kit: MeterKit) -> None:
    kit.rig.set_volts(140_000)
    kit.wait(1 * S)
    session = kit.run_session(USER)
    kit.rig.set_volts(220_000)
    kit.wait(1 * S)
    unharmed(kit, session, 1)


@pytest.mark.slow
@sweep(5)
@pytest.mark.parametrize("line", ["slot", "esam"])
def test_flipped_bits_on_the_way_to_the_controller(kit: MeterKit, line: str, every: int) -> None:
    """A UART under MicroPython hands on characters with a wrong parity.

    Each third character, one bit, session by session.
    """
    socket, bought_fen, count, codes = getattr(kit.rig.bench, line), 1000, 1, set()
    for point in range(0, 330, 3 * every):
        start, passed = socket.characters if line == "esam" else 0, [0]

        def flip(
            direction: str,
            index: int,
            value: int,
            at: int = start + point,
            seen: list[int] = passed,
        ) -> int:
            if direction == "out" and index >= at and not seen[0]:
                seen[0] = 1
                return value ^ 1 << at % 8
            return value

        socket.tamper = flip
        session = kit.run_session(USER)
        socket.tamper = None
        codes.add(session.code)
        assert session.over_us < LIMIT_US + 2 * S
        assert kit.run_session(USER).code == 0, (point, session.log, kit.lines[-3:])
        bought_fen, count = bought_fen + 500, count + 1
        assert (kit.state.bought_fen, kit.state.count, kit.get_esam_wallet()[1]) == (
            bought_fen,
            count,
            count,
        ), point
        kit.sell(500)
    kit.rig.set_load(0)
    kit.wait(1 * S)
    assert kit.state.energy_pj == kit.ledger.energy_pj
    assert not [text for text in kit.lines if "restarts" in text or "restored" in text]
    tell(f"codes met with flipped bits on the {line}: {sorted(codes)}")
