"""A thin foil between a genuine card and the slot, which changes what is read in plain.

Nobody gets a meter by it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.bench.models.fram import SIZE
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.desk.issue import UserData
from meter_kit import CUSTOMER_NO, METER_NO, PRICE_E4, USER, USER_DATA, MeterKit, S, in_use

OTHER = Path("other.card")
STRANGER = UserData(99, 1, 100, 50, [PRICE_E4])  # a good card of another meter
INFO, PURCHASE, BLANK = bytes.fromhex("00B081"), bytes.fromhex("04B082"), bytes.fromhex("00B085")
SEALED_INFO = bytes.fromhex("04B081")
CODE_MAC = 10
Answers = dict[bytes, Callable[[bytes], bytes]]


def foil(answers: Answers) -> Callable[[Chip], None]:
    """Answers of the card to commands that begin so, as the reader gets them."""

    def spoil(chip: Chip) -> None:
        process = chip.process

        def lie(apdu: bytes) -> tuple[bytes, int]:
            data, sw = process(apdu)
            change = answers.get(bytes(apdu[:3]))
            return (change(data) if change and sw == 0x9000 else data), sw

        chip.process = lie

    return spoil


def reads(**changes: int) -> Callable[[bytes], bytes]:
    """File 01 with other fields, and a sum that is right."""

    def change(block: bytes) -> bytes:
        params = card_files.unpack(card_files.PARAMS, card_files.unframe(block)[1]) | changes
        return card_files.frame(card_files.CMD_USER, card_files.pack(card_files.PARAMS, params))

    return change


def count(number: int, money_fen: int = 0) -> Callable[[bytes], bytes]:
    return lambda _block: (
        card_files.pack(card_files.WALLET, {"money_fen": money_fen, "count": number}) + bytes(4)
    )


def blank(block: bytes) -> bytes:
    return bytes(len(block))


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    yield kit
    assert not kit.list_violations()
    kit.close()


def owner(kit: MeterKit) -> tuple[int, int, int, int]:
    state = kit.state
    return state.card_serial, state.customer_no, state.bought_fen, state.count


def esam_params(kit: MeterKit) -> bytes:
    return bytes(kit.esam.state.files[card_files.ESAM_PARAMS])


def refused(kit: MeterKit, card: Path, answers: Answers) -> None:
    before = owner(kit), esam_params(kit), kit.get_esam_wallet()
    session = kit.run_session(card, spoil=foil(answers))
    assert session.code == CODE_MAC, session.log
    assert (owner(kit), esam_params(kit), kit.get_esam_wallet()) == before


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_card_of_another_meter_does_not_become_the_replacement(kit: MeterKit, ahead: int) -> None:
    in_use(kit, 1000)
    kit.sell(5000)
    kit.make_user(OTHER, STRANGER)
    lie = {
        "meter_no": METER_NO,
        "customer_no": CUSTOMER_NO,
        "card_type": card_files.REPLACEMENT,
        "update_flag": 0,
    }
    refused(kit, OTHER, {INFO: reads(**lie), PURCHASE: count(1 + ahead)})
    # Nor with the same lie where the MAC stands: the ESAM knows better than the controller.
    owner_end = card_files.pack(card_files.PARAMS[-3:], lie)
    sealed = {SEALED_INFO: lambda block: owner_end + block[-4:]}
    refused(kit, OTHER, {INFO: reads(**lie), PURCHASE: count(1 + ahead), **sealed})
    assert kit.run_session(USER).code == 0 and kit.state.count == 2


@pytest.mark.parametrize("number", [0, 1])
def test_a_card_of_another_meter_opens_no_account(kit: MeterKit, number: int) -> None:
    kit.make_user(OTHER, STRANGER)
    lie = {"meter_no": METER_NO, "customer_no": 666, "card_type": card_files.OPEN}
    refused(kit, OTHER, {INFO: reads(**lie, update_flag=0), PURCHASE: count(number)})
    refused(kit, OTHER, {INFO: reads(**lie, update_flag=0x80), PURCHASE: count(number)})
    kit.sell(1000)
    assert kit.run_session(USER).code == 0 and kit.state.customer_no == CUSTOMER_NO


def test_a_former_card_does_not_come_back_as_a_replacement(kit: MeterKit) -> None:
    in_use(kit, 1000)
    kit.make_user(OTHER, USER_DATA)
    kit.write(OTHER, {"card_type": card_files.REPLACEMENT, "update_flag": 0})
    kit.set_wallet(OTHER, 0, 1, True)
    assert kit.run_session(OTHER).code == 0
    assert kit.run_session(USER).code == 13
    kit.write(USER, {"card_type": card_files.PURCHASE, "update_flag": 0})
    refused(kit, USER, {INFO: reads(card_type=card_files.REPLACEMENT), BLANK: blank})


def test_an_opening_is_taken_whole_or_not_at_all(kit: MeterKit) -> None:
    """Its flags among the rest: a price that came with it can't be hidden."""
    kit.sell(1000)
    refused(kit, USER, {INFO: reads(update_flag=0x80)})
    refused(kit, USER, {INFO: reads(alarm1_fen=1)})
    assert kit.run_session(USER).code == 0


def test_a_purchase_that_changes_between_its_two_seals_is_refused(kit: MeterKit) -> None:
    kit.sell(1000)
    asked: list[bytes] = []

    def more(block: bytes) -> bytes:
        asked.append(block)
        return count(1, 2000)(block) if len(asked) == 1 else block

    before = owner(kit), kit.get_esam_wallet()
    assert kit.run_session(USER, spoil=foil({PURCHASE: more})).code == CODE_MAC
    assert (owner(kit), kit.get_esam_wallet()) == before and len(asked) == 2


def test_after_a_lost_memory_the_first_card_is_proved(kit: MeterKit) -> None:
    """The meter knows customer and count from its ESAM, but no card, as that has no mirror yet."""
    in_use(kit, 1000)
    known = kit.state.card_serial
    kit.sell(300)
    lose_memory(kit)
    assert known and kit.state.card_serial == known
    kit.esam.state.files[card_files.ESAM_MIRROR] = bytes(
        card_files.MIRRORS * card_files.MIRROR_SIZE
    )
    lose_memory(kit)
    assert (kit.state.card_serial, kit.state.customer_no) == (0, CUSTOMER_NO)
    kit.make_user(OTHER, STRANGER)
    lie = {
        "meter_no": METER_NO,
        "customer_no": CUSTOMER_NO,
        "card_type": card_files.PURCHASE,
        "update_flag": 0,
    }
    refused(kit, OTHER, {INFO: reads(**lie), PURCHASE: count(1), BLANK: blank})
    assert kit.run_session(USER).code == 0 and kit.state.count == 2


def lose_memory(kit: MeterKit) -> None:
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(SIZE))
    kit.restart()
    kit.wait(5 * S)


def test_a_replacement_leaves_the_plan_in_the_esam(kit: MeterKit) -> None:
    """Only meter, customer and type of it get there.

    A meter that loses its memory still finds flags, time and alarms.
    """
    in_use(kit, 1000)
    before = esam_params(kit)
    kit.make_user(OTHER, USER_DATA)
    kit.write(OTHER, {"card_type": card_files.REPLACEMENT, "update_flag": 0, "alarm1_fen": 7})
    kit.set_wallet(OTHER, 500, 2, True)
    assert kit.run_session(OTHER).code == 0 and kit.state.bought_fen == 1500
    assert esam_params(kit) == before[:-1] + bytes((card_files.REPLACEMENT,))


def test_a_monthly_purchase_says_no_more_than_before(kit: MeterKit) -> None:
    in_use(kit, 1000)
    kit.sell(300)
    heard: list[str] = []
    spies: Answers = {
        head: lambda block, head=head: heard.append(head.hex()) or block
        for head in (SEALED_INFO, PURCHASE)
    }
    assert kit.run_session(USER, spoil=foil(spies)).code == 0
    assert heard == [PURCHASE.hex()]
