"""Making the cards of the service staff: inspection, production test, and the card that gives a
meter its public keys back.

As in issue.py, a `make_` function works on a new chip behind any port. File 01 is written last.
"""

from dataclasses import dataclass

from dianka.card_port import CardError, CardPort, select_card
from dianka.cardos import desk_files, kinds
from dianka.cardos.files import card_files
from dianka.cardos.state import key_info
from dianka.desk.control import inspection_plan, production_plan, restore_plan
from dianka.desk.issue import check_uses, checked, load, write
from dianka.desk.session import Desk

ALL_TESTS = 0x3F
TEST_SECONDS = 10
MOST_TEST_SECONDS = 60  # a meter refuses a test that takes longer
HIGHEST_CREDIT_FEN = 10_000  # it is for a lamp on a test bench, not for anybody's kitchen


@dataclass(frozen=True)
class RestoreData:
    uses: int


@dataclass(frozen=True)
class InspectionData:
    copies: int = card_files.COPY_ALL


@dataclass(frozen=True)
class TestCreditData:
    __test__ = False  # no test class, whatever pytest thinks

    money_fen: int
    uses: int


@dataclass(frozen=True)
class TestData:
    __test__ = False

    uses: int
    tests: int = ALL_TESTS
    seconds: int = TEST_SECONDS
    pulses: int = 0


def make_restore(control: CardPort, card: CardPort, data: RestoreData) -> None:
    """A new chip becomes a card that gives the public keys back to this many meters of this system."""
    check_uses(data.uses, "a restore card")
    control.power_on()
    serial = select_card(card)
    load(control, card, restore_plan(serial))
    info = key_info(card_files.KEYS_PUBLIC, card_files.CMD_KEYS_RESTORE)
    write(
        Desk(control, card, serial),
        {desk_files.CARD_USES: data.uses.to_bytes(4, "big"), card_files.CARD_INFO: info},
    )


def make_inspection(control: CardPort, card: CardPort, data: InspectionData) -> None:
    """A new chip becomes an inspection card.

    It may be read out and used again as often as people like.
    """
    if not 0 < data.copies <= card_files.COPY_ALL:
        raise CardError(
            f"--copies is a sum of 1, 2, 4 and 8 (1 to {card_files.COPY_ALL}), not {data.copies}"
        )
    control.power_on()
    serial = select_card(card)
    load(control, card, inspection_plan(serial))
    order = card_files.pack(card_files.INSPECTION_ORDER, {"copies": data.copies})
    write(
        Desk(control, card, serial),
        {card_files.CARD_INFO: card_files.frame(card_files.CMD_INSPECTION, order)},
    )


def make_test_credit(control: CardPort, card: CardPort, data: TestCreditData) -> None:
    """A new chip becomes a production test card that gives a meter of the factory a little credit."""
    if not 0 < data.money_fen <= HIGHEST_CREDIT_FEN:
        raise CardError(
            f"test credit is 0.01 to {HIGHEST_CREDIT_FEN // 100}.00 yuan: give another amount"
        )
    order = card_files.pack(card_files.WALLET, {"money_fen": data.money_fen})
    _make_test(
        control,
        card,
        kinds.TEST_CREDIT,
        data.uses,
        card_files.frame(card_files.CMD_TEST_CREDIT, order),
    )


def make_test(control: CardPort, card: CardPort, data: TestData) -> None:
    """A new chip becomes a production test card for relay, segments, pulses and memory."""
    if not 0 < data.tests <= ALL_TESTS:
        raise CardError(
            f"--tests is a sum of 1, 2, 4, 8, 16 and 32 (1 to {ALL_TESTS}), not {data.tests}"
        )
    if not 1 <= data.seconds <= MOST_TEST_SECONDS:
        raise CardError(f"--seconds is 1 to {MOST_TEST_SECONDS}, not {data.seconds}")

    def pack(given: TestData) -> dict[int, bytes]:
        fields = {"tests": given.tests, "seconds": given.seconds, "pulses": given.pulses}
        return {card_files.CARD_INFO: card_files.pack(card_files.TEST_ORDER, fields)}

    order = checked(pack, data)[card_files.CARD_INFO]
    _make_test(
        control, card, kinds.TEST, data.uses, card_files.frame(card_files.CMD_TEST_RELAY, order)
    )


def _make_test(control: CardPort, card: CardPort, kind: str, uses: int, order: bytes) -> None:
    check_uses(uses, "a production test card")
    control.power_on()
    serial = select_card(card)
    load(control, card, production_plan(serial, purchase=kind == kinds.TEST_CREDIT))
    files = {desk_files.CARD_USES: uses.to_bytes(4, "big"), card_files.CARD_INFO: order}
    write(Desk(control, card, serial, public=True), files)
