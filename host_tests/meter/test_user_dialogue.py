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
from parts import Parts
from sessions_document import Step, commands_of
from tariff_kit import sell_new

CHAIN = Parts().module("event_chain")
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
    kit.write(USER, {"update_flag": 0x0A})  # which nothing but a purchase obeys
    told, others = count_told(kit), [run(kit, [SETTLE, *RECEIPT])]
    kit.set_wallet(USER, 300, 3, False)
    others.append(run(kit, [SETTLE, *RECEIPT], code=18))
    assert last_words(others[1]).endswith("write-back of a new purchase is not blank")
    kit.write(USER, {"update_flag": 0})
    kit.set_wallet(USER, 300, 2, True)
    others.append(run(kit, [SETTLE, *RECEIPT]))
    assert (kit.state.bought_fen, count_told(kit)) == (800, told)
    assert not any("credited" in line for heard in others for line in heard.session.log)


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
    switch_time = kit.on_card().params["switch_time"]
    changes: dict[str, Any] = {"user_type": rates, "version": b"\x01\x02\x03\x04"}
    files = {} if in_force else {"CARD_TARIFF_1": wrong_price(kit)}
    kit.write(USER, changes, **files)
    plain = [SET_2_IN_PLAIN] if rates == 2 else []
    first = SET_1 if in_force else PRICE_IN_FORCE
    heard = run(kit, [SETTLE, CREDIT, *plain, *first, *SWITCH, *SET_2, *RECEIPT, *MIRROR])
    assert (kit.state.price_e4, kit.state.next_price_e4) == (5000, 6000)
    assert kit.state.switch_time == switch_time > 0
    said = "tariff set 1 of the card is not in force and was left out"
    assert any(said in line for line in heard.session.log) != in_force
    esam = kit.esam.state.files
    assert card_files.from_bcd(esam[card_files.ESAM_TARIFF_1][4:8]) == 5000
    assert card_files.from_bcd(esam[card_files.ESAM_TARIFF_2][4:8]) == 6000


def wrong_price(kit: MeterKit) -> bytes:
    from dianka.desk.issue import pack_user_tariff

    return pack_user_tariff([7000])


def expect_taking(flags: int, rates: int, in_force: bool = True) -> list[Step]:
    """The commands of step 7, by the flags that the meter may obey."""
    steps: list[Step] = [SET_2_IN_PLAIN] if flags & 2 and rates == 2 else []
    if flags & 2 and not flags & 0x80:
        first = (SET_1 if in_force else PRICE_IN_FORCE) if flags & 0x100 else []
        steps += [*first, *SWITCH]
    return [*steps, *(SET_1 if flags & 1 else []), *(SET_2 if flags & 2 else [])]


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x02, 0x80, 0x7C])
def test_what_an_opening_card_may_change(kit: MeterKit, flags: int) -> None:
    before = kit.state.alarm1_fen, kit.state.alarm2_fen
    kit.write(USER, {"update_flag": flags, "alarm1_fen": 7000, "alarm2_fen": 6000})
    kit.set_wallet(USER, 500, 1, True)
    told, first = count_told(kit), 0x100 if flags & 1 else 0
    credit = [*PURCHASE, SETTLE, CREDIT]
    run(kit, [*WHOLE, *credit, *expect_taking(flags | first, 1), *RECEIPT, *MIRROR])
    now = kit.state.alarm1_fen, kit.state.alarm2_fen
    assert now == ((7000, 6000) if flags & 0x80 else before)
    check_told(kit, told, flags)


def test_what_later_cards_may_change(kit: MeterKit) -> None:
    kit.sell(500)
    kit.run_session(USER)
    before = kit.state.alarm1_fen
    for flags in (0x00, 0x01, 0x02, 0x03, 0x08, 0x80, 0x83, 0xFC):
        for rates in (1, 2, 3) if flags & 2 else (1, 2):
            kit.write(
                USER,
                {"update_flag": flags, "user_type": rates, "alarm1_fen": 7000, "card_type": 2},
            )
            kit.set_wallet(USER, 10, kit.state.count + 1, True)
            obeyed, told = flags & 0x0A, count_told(kit)
            taking = expect_taking(obeyed | (0x100 if flags & 1 else 0), rates)
            run(kit, [SETTLE, CREDIT, *taking, *RECEIPT, *MIRROR])
            check_told(kit, told, obeyed)
    assert kit.state.alarm1_fen == before


def count_told(kit: MeterKit) -> int:
    return kit.meter.events.newest_number(CHAIN.PARAMETERS)


def last_told(kit: MeterKit) -> tuple[int, bytes]:
    """Who changed parameters last, and what the log of events says of it."""
    entry = kit.meter.events.read(CHAIN.PARAMETERS, count_told(kit))
    record = card_files.unpack(card_files.LOG_ENTRY, entry)
    return record["what"], record["detail"].rstrip(b"\0")


def check_told(kit: MeterKit, told: int, flags: int) -> None:
    """A session that obeyed flags has told of them and of its card, once; another of nothing."""
    assert count_told(kit) == told + bool(flags)
    if flags:
        with kit.open(USER) as file:
            serial = file.chip.state.serial
        assert last_told(kit) == (CHAIN.BY_USER_CARD, serial + bytes((flags,)))


# ****** What ends a session early ******


@pytest.mark.parametrize("state", [0, 2, 255])
def test_a_meter_whose_keys_are_not_private_takes_no_card(kit: MeterKit, state: int) -> None:
    kit.sell(500)
    info = card_files.pack(card_files.KEY_INFO, {"state": state})
    framed = card_files.frame(card_files.CMD_KEYS, info)
    kit.esam.state.files[card_files.ESAM_KEY_INFO] = framed
    session = kit.run_session(USER)
    assert session.code == 9 and kit.state.count == 0
    assert session.log[-1].endswith("user card, but the meter has public keys")


def answering(head: str, change: Any) -> Any:
    """Return what makes a card answer a command that begins so with (data, status)."""

    def spoil(chip: Any) -> None:
        process = chip.process

        def lie(apdu: bytes) -> tuple[bytes, int]:
            data, sw = process(apdu)
            return change(data) if bytes(apdu).hex().startswith(head) else (data, sw)

        chip.process = lie

    return spoil


@pytest.mark.parametrize("step", [-1, 1])
def test_a_card_that_does_not_know_the_key(kit: MeterKit, step: int) -> None:
    kit.sell(500)

    def wrong(data: bytes) -> tuple[bytes, int]:
        return bytes(((data[0] + step) % 256,)) + data[1:], 0x9000

    for change in (wrong, lambda _data: (b"", 0x6A88), lambda _data: (b"", 0x9302)):
        session = kit.run_session(USER, spoil=answering("00880001", change))
        assert session.code == 5 and kit.state.count == 0
        assert session.log[-1].endswith("code 5: card does not know the key")


@pytest.mark.parametrize("sw", [0x6300, 0x9302])
def test_a_card_that_refuses_the_meter(kit: MeterKit, sw: int) -> None:
    kit.sell(500)
    session = kit.run_session(USER, spoil=answering("00820002", lambda _data: (b"", sw)))
    assert session.code == 6 and kit.state.count == 0
    assert session.log[-1].endswith(f"code 6: card refuses the meter: {sw:04X}")


@pytest.mark.parametrize("name", ["CARD_TARIFF_1", "CARD_TARIFF_2"])
def test_a_set_that_is_no_tariff_leaves_the_purchase_good(kit: MeterKit, name: str) -> None:
    data = bytearray(card_files.TARIFF_SIZE)  # rate 1 has no price, and rate 2 has one
    data[7] = 1
    block = card_files.frame(card_files.CMD_USER, bytes(data))
    kit.write(USER, {"update_flag": 0x03}, **{name: block})
    kit.set_wallet(USER, 500, 1, True)
    before = kit.state.price_e4, kit.state.next_price_e4
    session = kit.run_session(USER)
    assert session.code == 14 and "code 14: tariff refused: " in session.log[-1]
    assert (kit.state.count, kit.state.bought_fen) == (1, 500)
    assert (kit.state.price_e4, kit.state.next_price_e4) == before
    assert kit.on_card().write_back["count"] == 1 and kit.state.customer_no == CUSTOMER_NO
