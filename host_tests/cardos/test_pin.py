"""The PIN of a control card: what waits for it, and tries that no power cut gives back."""

from dataclasses import replace

import pytest

import cards_kit as kit
import quota_kit
from dianka.card_port import CardError, make_command
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.core import Faults
from dianka.cardos.crypto import PROFILES
from dianka.cardos.orders import NEW_PIN
from dianka.desk import orders
from dianka.desk.control import Load, make_seal_command
from dianka.desk.pin import WithPin, WrongPin, change_pin, encode_pin, give_pin
from quota_kit import OTHER_PIN, PIN, System

VERIFY, FIRST, CHANGE = "00200001", "00240101", "00240001"
SERIAL = bytes(range(1, 9))
SEAL = make_seal_command(Load(keys.IDENTITY, factor=SERIAL), Load(0, keys.PUBLIC_SET), bytes(4))


@pytest.fixture(params=sorted(PROFILES))
def system(request: pytest.FixtureRequest) -> System:
    return quota_kit.founded(request.param)


@pytest.fixture
def control(system: System) -> Chip:
    """A control card with a PIN, just powered on."""
    change_pin(system.control, None, PIN)
    system.control.power_on()
    return system.control


def verify(control: Chip, pin: str = PIN) -> int:
    return kit.sw_of(control, make_command(VERIFY, encode_pin(pin)))


def private(control: Chip) -> dict[str, int]:
    """Return the status word of each command that the private keys make work."""
    return {
        "derive identity": quota_kit.diversify(control, SERIAL, keys.IDENTITY),
        "derive": quota_kit.diversify(control, SERIAL),
        "MAC": quota_kit.charge(control, 1),
        "check": kit.sw_of(control, make_command("80FA0A00", bytes(9))),
        "seal": kit.sw_of(control, SEAL),
        "split": kit.sw_of(control, "80FA0700020203"),
        "hand out": kit.sw_of(control, "80FA07010C" + "00" * 12),
    }


def test_without_a_pin_all_goes_on_as_before(system: System) -> None:
    system.control.power_on()
    found = private(system.control)
    assert 0x6982 not in found.values() and found["MAC"] == found["seal"] == 0x9000
    assert verify(system.control) == 0x6985
    assert kit.sw_of(system.control, make_command(CHANGE, bytes(16))) in (0x6985, 0x6A80)


def test_private_keys_wait_for_the_pin_after_each_power_on(control: Chip) -> None:
    for _ in range(2):
        assert set(private(control).values()) == {0x6982}
        assert quota_kit.diversify(control, SERIAL, 0x87) == 0x9000  # the public set
        assert quota_kit.charge(control, 1) == 0x6982  # and yet no MAC
        assert verify(control) == 0x9000
        found = private(control)
        assert 0x6982 not in found.values() and found["MAC"] == found["seal"] == 0x9000
        control.power_on()


def test_a_wrong_pin_ends_what_a_right_one_began(control: Chip) -> None:
    assert verify(control) == 0x9000 and quota_kit.diversify(control, SERIAL) == 0x9000
    assert verify(control, OTHER_PIN) == 0x63C2
    assert kit.sw_of(control, "80FA000008" + "00" * 8) == 0x6985
    assert set(private(control).values()) == {0x6982}


def test_three_wrong_pins_block_it_and_a_right_one_gives_the_tries_back(control: Chip) -> None:
    for _ in range(3):
        assert [verify(control, OTHER_PIN) for _ in range(2)] == [0x63C2, 0x63C1]
        assert verify(control) == 0x9000
    assert [verify(control, OTHER_PIN) for _ in range(3)] == [0x63C2, 0x63C1, 0x63C0]
    control.power_on()
    assert verify(control) == 0x6983
    assert kit.sw_of(control, make_command(CHANGE, encode_pin(PIN) * 2)) == 0x6983
    assert set(private(control).values()) == {0x6982}
    control.state.check()


def test_more_failures_than_tries_are_no_chip_s_state(control: Chip) -> None:
    block = control.state.files[desk_files.CONTROL_QUOTA]
    control.state.files[desk_files.CONTROL_QUOTA] = block[:-1] + b"\4"
    with pytest.raises(ValueError, match="wrong tries"):
        control.state.check()


@pytest.mark.parametrize("fault", ["torn_before", "torn_after", "memory_fails_at"])
def test_no_power_cut_gives_a_try_back_or_tells_that_a_pin_was_wrong(
    control: Chip, fault: str
) -> None:
    """Nobody hears that it was wrong before it is counted, whether by VERIFY or by a change."""
    changed = make_command(CHANGE, encode_pin(OTHER_PIN) + encode_pin(PIN))
    for apdu in (make_command(VERIFY, encode_pin(OTHER_PIN)), changed):
        before = quota_kit.fields(control)["pin_failures"]
        control.faults = replace(Faults(), **{fault: 1})
        if fault == "memory_fails_at":
            assert kit.sw_of(control, apdu) == 0x6581
        else:
            with pytest.raises(CardTorn):
                control.process(apdu)
            control.power_on()
        counted = quota_kit.fields(control)["pin_failures"] - before
        assert counted == (fault == "torn_after")
        control.faults = Faults()
        assert kit.sw_of(control, SEAL) == 0x6982


def test_a_try_torn_away_for_ever_opens_nothing(control: Chip) -> None:
    """The thief cuts the power before each store: he never learns more, and never gets in."""
    for guess in range(50):
        control.faults = Faults(torn_before=1)
        with pytest.raises(CardTorn):
            verify(control, f"{guess:06d}")
        control.faults = Faults()
        control.power_on()
    assert verify(control) == 0x9000


@pytest.mark.parametrize("fault", ["torn_before", "torn_after"])
def test_a_change_torn_anywhere_leaves_the_old_pin_or_the_new(control: Chip, fault: str) -> None:
    control.faults = replace(Faults(), **{fault: 1})
    with pytest.raises(CardTorn):
        control.process(make_command(CHANGE, encode_pin(PIN) + encode_pin(OTHER_PIN)))
    control.faults = Faults()
    control.power_on()
    holds, not_held = (PIN, OTHER_PIN) if fault == "torn_before" else (OTHER_PIN, PIN)
    assert (verify(control, not_held), verify(control, holds)) == (0x63C2, 0x9000)


def test_changing_takes_the_former_pin_and_nobody_sets_a_second_first_one(control: Chip) -> None:
    assert kit.sw_of(control, make_command(FIRST, encode_pin(OTHER_PIN))) == 0x6985
    with pytest.raises(WrongPin, match="2 tries left"):
        change_pin(control, OTHER_PIN, "123456")
    change_pin(control, PIN, OTHER_PIN)
    control.power_on()
    with pytest.raises(WrongPin, match="2 tries left"):
        give_pin(control, PIN)
    with pytest.raises(WrongPin, match="1 try left"):
        give_pin(control, PIN)
    with pytest.raises(WrongPin, match="is blocked: `dianka keys pin`"):
        give_pin(control, PIN)
    with pytest.raises(WrongPin, match="is blocked"):
        give_pin(control, OTHER_PIN)


def test_nobody_can_read_the_pin(control: Chip) -> None:
    pin = encode_pin(PIN)
    assert control.state.files[desk_files.CONTROL_PIN] == pin
    for _ in range(2):
        for sfi in range(1, 31):
            for apdu in (f"00B0{0x80 | sfi:02X}0008", f"00B201{sfi << 3 | 4:02X}08"):
                data, _ = control.process(bytes.fromhex(apdu))
                assert pin not in data
        assert kit.sw_of(control, f"00B0{0x80 | desk_files.CONTROL_PIN:02X}0008") == 0x6982
        assert verify(control) == 0x9000


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        (f"{VERIFY}08" + "31" * 3 + "FF" * 5, 0x6A80),  # three digits
        (f"{VERIFY}08" + "31" * 4 + "FF" * 4, 0x63C2),
        (f"{VERIFY}08" + "00" * 8, 0x6A80),
        (f"{VERIFY}08" + "31" * 4 + "FF3131FF", 0x6A80),
        (f"{VERIFY}07" + "31" * 7, 0x6700),
        ("0020000208" + "31" * 8, 0x6A86),
        ("0020010108" + "31" * 8, 0x6A86),
        ("0024020108" + "31" * 8, 0x6A86),
        (f"{CHANGE}08" + "31" * 8, 0x6700),
        (f"{CHANGE}10" + "31" * 15 + "00", 0x6A80),
        ("0020000100", 0x6700),
    ],
)
def test_what_is_no_pin_costs_no_try(control: Chip, apdu: str, sw: int) -> None:
    assert kit.sw_of(control, apdu) == sw
    assert quota_kit.fields(control)["pin_failures"] == (sw == 0x63C2)
    assert verify(control) == 0x9000


def test_a_blank_control_card_takes_no_pin() -> None:
    blank = Chip(quota_kit.system.make_blank_control("sm4", kit.seeded(5)).state)
    blank.power_on()
    assert kit.sw_of(blank, make_command(FIRST, encode_pin(PIN))) == 0x6985


@pytest.mark.parametrize("kind", sorted(set(kinds.ALL) - {kinds.CONTROL}))
def test_no_other_kind_has_a_pin(kind: str) -> None:
    chip = Chip.new(kind)
    chip.power_on()
    assert kit.sw_of(chip, make_command(VERIFY, encode_pin(PIN))) == 0x6D00


def test_two_people_set_a_new_pin_on_a_blocked_card(system: System, control: Chip) -> None:
    for _ in range(3):
        verify(control, OTHER_PIN)
    order = system.order(NEW_PIN)
    with pytest.raises(CardError, match="6 to 8 digits"):
        orders.carry_out(control, order, "1234")
    orders.carry_out(control, order, OTHER_PIN)
    control.power_on()
    assert (verify(control), verify(control, OTHER_PIN)) == (0x63C2, 0x9000)
    with pytest.raises(CardError, match="this is order 1, the card takes 2"):
        orders.carry_out(control, order, PIN)


def test_the_pin_is_given_after_each_power_on(control: Chip) -> None:
    port = WithPin(control, PIN)
    for _ in range(3):
        port.power_on()
        assert port.process(SEAL)[1] == 0x9000
    with pytest.raises(WrongPin):
        WithPin(control, OTHER_PIN).power_on()


@pytest.mark.parametrize("pin", ["12345", "123456789", "12345a", "", "１２３４５６", "123456\n"])
def test_what_the_desk_takes_for_no_new_pin(system: System, pin: str) -> None:
    with pytest.raises(CardError, match="6 to 8 digits"):
        change_pin(system.control, None, pin)
    assert not quota_kit.fields(system.control)["pin_set"]
