"""The card operating system: rights granted and refused, authentication, sealed reading, faults."""

import pytest

import cards_kit as kit
from dianka.card_port import make_command, send
from dianka.cardos import kinds
from dianka.cardos.chip import COMMANDS, CardTorn, Chip
from dianka.cardos.core import Faults
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files
from dianka.cardos.keys import PUBLIC_ROOTS
from dianka.desk.session import Desk


@pytest.fixture(params=sorted(PROFILES))
def control(request: pytest.FixtureRequest) -> Chip:
    return kit.control_card(profile=request.param)


@pytest.fixture
def user(control: Chip) -> Chip:
    return kit.user_card(control)


@pytest.fixture
def esam(control: Chip) -> Chip:
    return kit.private_esam(control)


def test_atr_names_the_maker_and_the_serial() -> None:
    chip = Chip.new(kinds.USER, bytes.fromhex("0102030405060708"))
    assert chip.power_on().hex() == "3b690000410102030405060708"


def test_a_chip_without_power_does_not_answer(user: Chip) -> None:
    user.power_off()
    with pytest.raises(CardTorn):
        user.process(bytes.fromhex("0084000004"))


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("00", 0x6700),
        ("FF84000004", 0x6E00),
        ("0012000000", 0x6D00),
        ("8030000C0800000001FFFFFFFE", 0x6D00),  # a wallet command, but this is no ESAM
        ("0084010004", 0x6A86),
        ("0084000005", 0x6C08),
        ("00840000", 0x6700),
        ("00A40000023F00", 0x9000),
        ("00A4000002DF01", 0x9000),
        ("00A4000002DF02", 0x6A82),
        ("00A40000013F", 0x6700),
        ("00A40400023F00", 0x6A86),
        ("00B0810004", 0x9000),
        ("00B081002D", 0x9000),
        ("00B081002E", 0x6C2D),
        ("00B0810500", 0x6C28),
        ("00B0812D01", 0x6B00),
        ("00B0870001", 0x6A82),
        ("00B2010C04", 0x6D00),  # no record files on this card
        ("00B0010004", 0x6A86),
        ("00D685000100", 0x6982),
        ("04D685000500FFFFFFFF", 0x6982),
        ("04D6850004FFFFFFFF", 0x6982),
        ("0088000108" + "00" * 8, 0x9000),
        ("0088000508" + "00" * 8, 0x6982),
        ("0088000107" + "00" * 7, 0x6700),
        ("0082000108" + "00" * 8, 0x6982),
        ("0082000708" + "00" * 8, 0x6985),
        ("84D4010124" + "00" * 36, 0x6987),
        ("84D4010924" + "00" * 36, 0x6A88),
        ("84D4020124" + "00" * 36, 0x6A86),
    ],
)
def test_status_words_of_a_user_card(user: Chip, apdu: str, sw: int) -> None:
    if apdu.startswith("84D4") and user.state.profile == "3des":
        apdu = apdu[:8] + "1C" + "00" * 28  # a sealed key is shorter there
    kit.open_card(user)
    before = kit.snapshot(user)
    assert kit.sw_of(user, apdu) == sw
    assert user.state == before


def test_files_are_in_their_directory_alone(user: Chip) -> None:
    user.power_on()
    assert kit.sw_of(user, "00B0810004") == 0x6A82
    assert kit.sw_of(kit.control_card(), "00A4000002DF01") == 0x6A82


@pytest.mark.parametrize("kind", sorted(kinds.ALL))
def test_each_kind_has_its_commands_alone(kind: str) -> None:
    chip = Chip.new(kind, rng=kit.seeded(9))
    chip.power_on()
    for (cla, ins), (name, takes_data, _) in COMMANDS.items():
        sw = kit.sw_of(chip, bytes((cla, ins, 0, 0)) + (b"\x01\x00" if takes_data else b"\x04"))
        assert (sw == 0x6D00) == (name not in kinds.ALL[kind].commands), (kind, name)


def test_the_desk_may_write_every_file_and_only_with_its_mac(control: Chip, user: Chip) -> None:
    serial = kit.open_card(user)
    desk = Desk(control, user, serial)
    desk.authenticate()
    for sfi, spec in kinds.ALL[kinds.USER].files.items():
        desk.update(sfi, bytes(spec.size))
        kit.challenge(user)
        assert kit.sw_of(user, bytes((4, 0xD6, 0x80 | sfi, 0, 5)) + bytes(5)) == 0x6988
        assert kit.sw_of(user, bytes((4, 0xD6, 0x80 | sfi, 0, 5)) + bytes(5)) == 0x6987


def test_the_meter_may_write_the_write_back_alone(control: Chip, user: Chip, esam: Chip) -> None:
    serial = kit.open_card(user)
    kit.prove_meter(esam, user, serial)
    for sfi in (1, 2, 3, 4):
        kit.challenge(user)
        assert kit.sw_of(user, bytes((4, 0xD6, 0x80 | sfi, 0, 5)) + bytes(5)) == 0x6982
    kit.write_back(esam, user, serial)
    assert not card_files.is_blank(user.state.files[card_files.CARD_WRITE_BACK])


def test_authentication_ends_with_select_and_reset(control: Chip, user: Chip) -> None:
    for leave in (
        lambda: send(user, make_command("00A40000", b"\xdf\x01"), "open"),
        lambda: kit.open_card(user),
    ):
        serial = kit.open_card(user)
        Desk(control, user, serial).authenticate()
        leave()
        assert kit.sw_of(user, "04D685000500FFFFFFFF") == 0x6982


def test_six_wrong_ciphers_lock_the_key_and_a_right_one_resets_the_tries(
    control: Chip, user: Chip
) -> None:
    serial = kit.open_card(user)
    wrong = "0082000708" + "00" * 8
    for left in (5, 4, 3, 2, 1):
        kit.challenge(user, 8)
        assert kit.sw_of(user, wrong) == 0x63C0 | left
        kit.open_card(user)  # a reset gives no try back
    Desk(control, user, serial).authenticate()
    assert not user.state.tries
    for _ in range(6):
        kit.challenge(user, 8)
        assert kit.sw_of(user, wrong) & 0xFFF0 == 0x63C0
    kit.challenge(user, 8)
    assert kit.sw_of(user, wrong) == 0x6983
    user.process(bytes.fromhex("0084000008"))
    kit.prove_meter(kit.private_esam(control), user, serial)  # the other key is not locked


def test_a_challenge_is_good_once(control: Chip, user: Chip) -> None:
    kit.open_card(user)
    send(control, make_command("80FA0007", user.state.serial), "diversify")
    answer = send(control, make_command("80FA0000", kit.challenge(user, 8)), "encipher")
    assert kit.sw_of(user, make_command("00820007", answer)) == 0x9000
    assert kit.sw_of(user, make_command("00820007", answer)) == 0x6985
    kit.challenge(user, 8)
    assert kit.sw_of(user, make_command("00820007", answer)) == 0x63C5


def test_sealed_reading_is_bound_to_file_offset_and_command(user: Chip) -> None:
    kit.open_card(user)
    for where, target, sw in (
        ("04B08104", "04D682002B", 0x9000),
        ("04B08104", "04D682002E", 0x6700),
        ("04B08104", "04D6820004", 0x6700),
        ("04B08104", "04D6890010", 0x6982),  # parameters sealed as limits
        ("04B08110", "04D6820008", 0x6982),  # one field sealed for another's place
        ("04B08200", "8432010C0C", 0x9000),
        ("04B08200", "04DC010C08", 0x6982),
        ("04B08500", "04D6820010", 0x6982),
        ("04B0812D", "04D6822905", 0x6B00),
    ):
        assert kit.sw_of(user, make_command(where, bytes(4) + bytes.fromhex(target))) == sw, (
            where,
            target,
        )
    assert (
        kit.sw_of(user, make_command("04B08200", bytes(4) + bytes.fromhex("8432010C0C") + bytes(8)))
        == 0x6700
    )


def test_selected_faults(user: Chip) -> None:
    kit.open_card(user)
    read = make_command("04B08200", bytes(4) + bytes.fromhex("8432010C0C"))
    good = send(user, read, "read")
    user.faults = Faults(wrong_mac=True, refuse_at=2, refuse_sw=0x6F00)
    bad = send(user, read, "read")
    assert bad[:8] == good[:8] and bad[8:] != good[8:]
    assert kit.sw_of(user, read) == 0x6F00
    user.faults = Faults(locked_kids=frozenset({5}))
    assert kit.sw_of(user, read) == 0x6983


@pytest.mark.parametrize(
    ("fault", "stored"), [("memory_fails_at", False), ("torn_before", False), ("torn_after", True)]
)
def test_a_commit_that_fails_leaves_old_or_new(fault: str, stored: bool) -> None:
    esam = kit.factory_esam()
    esam.power_on()
    before = kit.snapshot(esam)
    esam.faults = Faults(**{fault: 1})
    apdu = bytes.fromhex("00D687000155")
    if fault == "memory_fails_at":
        assert kit.sw_of(esam, apdu) == 0x6581
    else:
        with pytest.raises(CardTorn):
            esam.process(apdu)
        with pytest.raises(CardTorn):
            esam.process(apdu)
    assert (esam.state != before) == stored
    esam.power_on()
    assert kit.sw_of(esam, apdu) == 0x9000


def test_what_cannot_be_stored_did_not_happen() -> None:
    esam = kit.factory_esam()
    esam.power_on()
    before = kit.snapshot(esam)

    def full(state: object) -> None:
        raise OSError("disk full")

    esam.on_commit = full
    assert kit.sw_of(esam, "00D687000155") == 0x6581
    assert esam.state == before


def test_control_card_macs_for_the_desk_alone(control: Chip) -> None:
    assert kit.sw_of(control, "80FA050009" + "00" * 9) == 0x6985
    for kid in (4, 5, 6):
        assert kit.sw_of(control, f"80FA000{kid}08" + "00" * 8) == 0x6982
    send(control, make_command("80FA0001", bytes(8)), "diversify")
    assert kit.sw_of(control, "80FA050009" + "00" * 9) == 0x6982
    send(control, make_command("80FA0087", bytes(8)), "diversify")
    made = send(control, make_command("80FA0500", b"abcd" + bytes(9)), "mac")
    profile = PROFILES[control.state.profile]
    assert made == profile.compute_mac(
        profile.derive_key(PUBLIC_ROOTS[7], bytes(8)), b"abcd", bytes(9)
    )
