"""Issuing of the cards of the service staff: inspection, production test and key restore.

As in issue.py, a `make_` function works on a new chip behind any port. File 01 is written last.
"""

from dataclasses import dataclass

from dianka.card_port import CardError, CardPort, select_card
from dianka.cardos import desk_files, kinds
from dianka.cardos.files import card_files, service_files
from dianka.cardos.state import make_key_info
from dianka.desk.control import plan_inspection_card, plan_production_card, plan_restore_card
from dianka.desk.issue import check_uses, load_card_keys, pack_data, write_files
from dianka.desk.quota import must_give_roots
from dianka.desk.session import Desk

ALL_TESTS = 0x3F
TEST_SECONDS = 10
MOST_TEST_SECONDS = 60  # a meter refuses a test that takes longer
HIGHEST_CREDIT_FEN = 10_000  # enough for a lamp on a test bench, too little to supply a home


@dataclass(frozen=True)
class RestoreData:
    """The number of meters that a restore card may be used on."""

    uses: int


@dataclass(frozen=True)
class InspectionData:
    """The parts of a meter's data that an inspection card copies: a sum of 1, 2, 4, 8 and 16."""

    copies: int = service_files.COPY_ALL


@dataclass(frozen=True)
class TestCreditData:
    """The credit in fen and the uses of a production test card."""

    __test__ = False  # pytest would take it for a test class by its name

    money_fen: int
    uses: int


@dataclass(frozen=True)
class TestData:
    """The tests that a production test card orders, and its uses."""

    __test__ = False

    uses: int
    tests: int = ALL_TESTS
    seconds: int = TEST_SECONDS
    pulses: int = 0


def make_restore(control: CardPort, card: CardPort, data: RestoreData) -> None:
    """Make a new chip a card that gives the public keys back to `uses` meters of this system."""
    check_uses(data.uses, "a restore card")
    control.power_on()
    must_give_roots(control, "restore card")
    serial = select_card(card)
    load_card_keys(control, card, plan_restore_card(serial))
    info = make_key_info(card_files.KEYS_PUBLIC, card_files.CMD_KEYS_RESTORE)
    write_files(
        Desk(control, card, serial),
        {desk_files.CARD_USES: data.uses.to_bytes(4, "big"), card_files.CARD_INFO: info},
    )


def make_inspection(control: CardPort, card: CardPort, data: InspectionData) -> None:
    """Make a new chip an inspection card.

    It may be read out and used again without limit.
    """
    if not 0 < data.copies <= service_files.COPY_ALL:
        raise CardError(
            f"--copies is a sum of 1, 2, 4, 8 and 16 (1 to {service_files.COPY_ALL}), "
            f"not {data.copies}"
        )
    control.power_on()
    serial = select_card(card)
    load_card_keys(control, card, plan_inspection_card(serial))
    order = card_files.pack(service_files.INSPECTION_ORDER, {"copies": data.copies})
    write_files(
        Desk(control, card, serial),
        {card_files.CARD_INFO: card_files.frame(card_files.CMD_INSPECTION, order)},
    )


def make_test_credit(control: CardPort, card: CardPort, data: TestCreditData) -> None:
    """Make a new chip a production test card that gives a small credit.

    It works in a meter that has the factory's keys.
    """
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
    """Make a new chip a production test card for relay, segments, pulses, memory, clock, ESAM."""
    if not 0 < data.tests <= ALL_TESTS:
        raise CardError(
            f"--tests is a sum of 1, 2, 4, 8, 16 and 32 (1 to {ALL_TESTS}), not {data.tests}"
        )
    if not 1 <= data.seconds <= MOST_TEST_SECONDS:
        raise CardError(f"--seconds is 1 to {MOST_TEST_SECONDS}, not {data.seconds}")

    def pack(given: TestData) -> dict[int, bytes]:
        fields = {"tests": given.tests, "seconds": given.seconds, "pulses": given.pulses}
        return {card_files.CARD_INFO: card_files.pack(service_files.TEST_ORDER, fields)}

    order = pack_data(pack, data)[card_files.CARD_INFO]
    _make_test(
        control, card, kinds.TEST, data.uses, card_files.frame(card_files.CMD_TEST_RELAY, order)
    )


def _make_test(control: CardPort, card: CardPort, kind: str, uses: int, order: bytes) -> None:
    check_uses(uses, "a production test card")
    control.power_on()
    serial = select_card(card)
    load_card_keys(control, card, plan_production_card(serial, purchase=kind == kinds.TEST_CREDIT))
    files = {desk_files.CARD_USES: uses.to_bytes(4, "big"), card_files.CARD_INFO: order}
    write_files(Desk(control, card, serial, public=True), files)
