"""Cards for the card tests: one chip of each kind, and the meter's side of a session with them.

Random numbers are seeded. The meter's side only relays blocks, as docs/cards/protocol.md describes
step by step; it holds no key either.
"""

import random
from collections.abc import Callable

from dianka.cardos import kinds, visits
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.files import card_files
from dianka.cardos.keys import make_meter_factor
from dianka.cardos.state import State
from dianka.cardos.visits import carry as carry
from dianka.cardos.visits import challenge as challenge
from dianka.cardos.visits import credit as credit
from dianka.cardos.visits import identify as identify
from dianka.cardos.visits import open_card as open_card
from dianka.cardos.visits import prove_meter as prove_meter
from dianka.cardos.visits import wallet as wallet
from dianka.desk import control as sealing
from dianka.desk import issue, service

METER_NO = 123456789012
CUSTOMER_NO = 77
METER = make_meter_factor(card_files.to_bcd(METER_NO, 6))
USER_DATA = issue.UserData(METER_NO, CUSTOMER_NO, 2000, 500, [5000])
ALARMS = ("--alarm1", "20", "--alarm2", "5")
TERM_WORDS = ("--price", "0.5", *ALARMS)
# The options that `dianka card issue KIND` requires, by kind; the other kinds need none.
ISSUE_WORDS = {
    kinds.USER: ("--meter", "1", "--customer", "1", *TERM_WORDS),
    kinds.INIT: ("--meter", "1", *TERM_WORDS),
}
INIT_DATA = issue.InitData(METER_NO, 2000, 500, 1000, 0, 1, [5000])


class Pulled:
    """A card that is pulled from the desk's reader before its nth command, or before its answer."""

    def __init__(self, chip: Chip, at: int, done: bool) -> None:
        self.chip, self.left, self.done = chip, at, done

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        self.left -= 1
        if self.left > 0:
            return self.chip.process(apdu)
        if not self.left and self.done:
            self.chip.process(apdu)
        self.chip.power_off()
        raise CardTorn("pulled")


class Shim:
    """A foil on the contacts of a genuine card: it changes what plain reads say, by short id."""

    def __init__(self, chip: Chip, lies: dict[int, bytes]) -> None:
        self.chip, self.lies = chip, lies

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self.chip.process(apdu)
        if apdu[:2] == b"\x00\xb0" and apdu[2] & 0x1F in self.lies:
            return self.lies[apdu[2] & 0x1F][apdu[3] : apdu[3] + apdu[4]], 0x9000
        return answer


def seeded(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def control_card(seed: int = 1, profile: str = "sm4") -> Chip:
    chip = Chip.new(kinds.CONTROL, rng=seeded(seed), profile=profile)
    chip.power_on()
    return chip


def blank(kind: str, control: Chip, seed: int) -> Chip:
    """Return a chip of the control card's profile, as its maker delivers it."""
    return Chip.new(kind, rng=seeded(seed), profile=control.state.profile)


def user_card(control: Chip, seed: int = 2) -> Chip:
    chip = blank(kinds.USER, control, seed)
    issue.make_user(control, chip, USER_DATA)
    return chip


def init_card(control: Chip, seed: int = 3) -> Chip:
    chip = blank(kinds.INIT, control, seed)
    issue.make_init(control, chip, INIT_DATA)
    return chip


def keys_card(control: Chip, uses: int = 2, seed: int = 4) -> Chip:
    chip = blank(kinds.KEYS, control, seed)
    issue.make_keys(control, chip, uses)
    return chip


def restore_card(control: Chip, uses: int = 2, seed: int = 6) -> Chip:
    chip = blank(kinds.RESTORE, control, seed)
    service.make_restore(control, chip, service.RestoreData(uses))
    return chip


def inspection_card(control: Chip, seed: int = 7) -> Chip:
    chip = blank(kinds.INSPECTION, control, seed)
    service.make_inspection(control, chip, service.InspectionData())
    return chip


def test_credit_card(control: Chip, money_fen: int = 100, seed: int = 8) -> Chip:
    chip = blank(kinds.TEST_CREDIT, control, seed)
    service.make_test_credit(control, chip, service.TestCreditData(money_fen, 3))
    return chip


test_credit_card.__test__ = False  # type: ignore[attr-defined]


def production_card(control: Chip, seed: int = 9) -> Chip:
    chip = blank(kinds.TEST, control, seed)
    service.make_test(control, chip, service.TestData(3))
    return chip


def part_card(control: Chip, seed: int = 10) -> Chip:
    """Return a part card with its keys, and no part in it."""
    chip = blank(kinds.PART, control, seed)
    sealing.load_keys(control, chip, sealing.plan_part_card(open_card(chip)))
    return chip


def factory_esam(seed: int = 5, profile: str = "sm4") -> Chip:
    chip = Chip.new(kinds.ESAM, rng=seeded(seed), profile=profile)
    issue.make_esam(chip, profile)
    return chip


def private_esam(control: Chip) -> Chip:
    """Return an ESAM after an initialisation card and a master-key change card."""
    esam = factory_esam(profile=control.state.profile)
    initialise(esam, init_card(control))
    change_keys(esam, keys_card(control))
    return esam


def make_former(chip: Chip, sfi: int) -> Chip:
    """Return this chip as one of an earlier make, which lacks a file and all that came after it."""
    state = chip.state.copy()
    made = next(make for make in kinds.FORMER[chip.kind] if sfi not in make.files)
    state.files = {at: data for at, data in state.files.items() if at in made.files}
    return Chip(state, seeded(11))


def initialise(esam: Chip, card: Chip) -> None:
    serial = open_card(card)
    assert identify(esam, card, serial)
    prove_meter(esam, card, serial)
    for where, target in (
        ("04B08104", "04D682002B"),
        ("04B08604", "04D6890010"),
        ("04B08300", "04D68300CB"),
        ("04B08400", "04D68400CB"),
        ("04B08200", "04DC010C08"),
        ("04B08204", "04DC030C08"),
    ):
        carry(esam, card, where, target, bytes(8))


def change_keys(esam: Chip, card: Chip, meter: bytes = METER) -> None:
    serial = open_card(card)
    assert identify(esam, card, serial)
    master = sealing.Load(0, 0, bytes(8))
    sealing.load_keys(card, esam, sealing.plan_meter(meter), master)


def write_back(esam: Chip, card: Chip, serial: bytes) -> None:
    visits.write_back(esam, card, serial, METER_NO, CUSTOMER_NO)


def use_in_meter(esam: Chip, card: Chip) -> bool:
    """Run a user card's session with the kit's numbers; return whether it was credited."""
    return visits.visit(esam, card, METER_NO, CUSTOMER_NO)


def sw_of(chip: Chip, apdu: bytes | str) -> int:
    return chip.process(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)[1]


def snapshot(chip: Chip) -> State:
    return chip.state.copy()
