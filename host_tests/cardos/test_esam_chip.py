"""The ESAM: its rights, its wallet, and what reaches it from cards."""

import pytest

import cards_kit as kit
from dianka.card_port import CardRefused, make_command, send
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files
from dianka.cardos.keys import MAC_TRIES, MASTER, PRIVATE_SET, PURCHASE
from dianka.desk.control import Load, load_keys, plan_meter
from dianka.desk.sell import sell


@pytest.fixture(params=sorted(PROFILES))
def control(request: pytest.FixtureRequest) -> Chip:
    return kit.control_card(profile=request.param)


@pytest.fixture
def user(control: Chip) -> Chip:
    return kit.user_card(control)


@pytest.fixture
def esam(control: Chip) -> Chip:
    return kit.private_esam(control)


def test_the_esams_rights(esam: Chip) -> None:
    esam.power_on()
    for apdu, sw in (
        ("00B0810008", 0x6981),
        ("00B0820027", 0x9000),
        ("00B2020C04", 0x6A83),
        ("00B2011404", 0x6981),
        ("00B2013404", 0x6A82),
        ("00B2010804", 0x6A86),
        ("00B2010C05", 0x6C04),
        ("00D682000100", 0x6982),
        ("00D685000100", 0x6982),
        ("00D687000100", 0x9000),
        ("00D687310100", 0x6B00),
        ("00D68730020000", 0x6700),
        ("04D682000500FFFFFFFF", 0x6987),
        ("04D685000500FFFFFFFF", 0x6982),
        ("80FA000008" + "00" * 8, 0x6985),
        ("80FA000608" + "00" * 8, 0x6982),
        ("80FA050009" + "00" * 9, 0x6A86),
        ("80FA06011E" + "00" * 30, 0x6A86),
        ("8030010C0800000000FFFFFFFF", 0x6A86),
        ("8030000C0801000000FEFFFFFF", 0x9401),
        ("04DC010C0800000000FFFFFFFF", 0x6982),  # private keys: no more initialising
        ("04B0820011" + "00" * 4 + "04D6850005" + "00" * 8, 0x6982),
    ):
        assert kit.sw_of(esam, apdu) == sw, apdu


def test_a_purchase_is_credited_once(control: Chip, user: Chip, esam: Chip) -> None:
    sell(control, user, 5000)
    serial = kit.open_card(user)
    esam.power_on()
    kit.prove_meter(esam, user, serial)
    sent = kit.credit(esam, user)
    assert kit.wallet(esam) == (5000, 1)
    assert kit.sw_of(esam, sent) == 0x6987
    kit.challenge(esam)
    assert kit.sw_of(esam, sent) == 0x6988
    again = send(
        user,
        make_command("04B08200", kit.challenge(esam) + bytes.fromhex("8432010C0C")),
        "read sealed",
    )
    assert kit.sw_of(esam, bytes.fromhex("8432010C0C") + again) == 0x6985
    assert kit.wallet(esam) == (5000, 1)
    assert kit.sw_of(esam, "8030000C0800000001FFFFFFFE") == 0x9000
    assert kit.wallet(esam) == (4999, 1)


@pytest.mark.parametrize("bit", range(0, 96, 7))
def test_a_purchase_with_a_changed_bit_is_refused(
    control: Chip, user: Chip, esam: Chip, bit: int
) -> None:
    sell(control, user, 5000)
    kit.open_card(user)
    target = bytes.fromhex("8432010C0C")
    block = bytearray(
        send(user, make_command("04B08200", kit.challenge(esam) + target), "read sealed")
    )
    block[bit // 8] ^= 1 << bit % 8
    assert kit.sw_of(esam, target + bytes(block)) == 0x6988
    assert kit.wallet(esam) == (0, 0)


def test_another_meter_or_another_system_takes_no_money(
    control: Chip, user: Chip, esam: Chip
) -> None:
    sell(control, user, 5000)
    serial = kit.open_card(user)
    stranger = kit.private_esam(kit.control_card(99, control.state.profile))
    assert not kit.identify(stranger, user, serial)
    target = bytes.fromhex("8432010C0C")
    block = send(user, make_command("04B08200", kit.challenge(stranger) + target), "read sealed")
    assert kit.sw_of(stranger, target + block) == 0x6988


def test_initialising_fills_the_esam(control: Chip) -> None:
    esam = kit.factory_esam(profile=control.state.profile)
    esam.power_on()
    kit.initialise(esam, kit.init_card(control))
    params = card_files.unpack(card_files.PARAMS, esam.state.files[card_files.ESAM_PARAMS])
    assert (params["meter_no"], params["alarm1_fen"]) == (kit.METER_NO, 2000)
    limits = card_files.unpack(card_files.LIMITS, esam.state.files[card_files.ESAM_LIMITS])
    assert limits["overdraft_limit_fen"] == 1000
    tariff = card_files.unframe(esam.state.files[card_files.ESAM_TARIFF_1])[1]
    assert card_files.unpack_tariff(tariff)["rates_e4"] == [5000] * 12


def test_parameters_and_tariffs_of_a_user_card_reach_the_esam(user: Chip, esam: Chip) -> None:
    kit.open_card(user)
    for where, target in (
        ("04B08104", "04D682002B"),
        ("04B08300", "04D68300CB"),
        ("04B08400", "04D68400CB"),
    ):
        kit.carry(esam, user, where, target)
    assert esam.state.files[card_files.ESAM_PARAMS] == user.state.files[card_files.CARD_INFO][4:43]
    assert esam.state.files[card_files.ESAM_TARIFF_2] == user.state.files[card_files.CARD_TARIFF_2]


def test_a_key_locked_by_wrong_macs_works_again_with_new_keys(
    control: Chip, user: Chip, esam: Chip
) -> None:
    """Whoever reaches the ESAM's wires can lock it, but the utility can open it again."""
    sell(control, user, 5000)
    for left in range(MAC_TRIES - 1, -1, -1):
        kit.challenge(esam)
        assert kit.sw_of(esam, "8432010C0C" + "00" * 12) == 0x6988
        assert esam.state.mac_tries[PURCHASE] == left
    kit.challenge(esam)
    assert kit.sw_of(esam, "8432010C0C" + "00" * 12) == 0x6983
    kit.open_card(user)
    with pytest.raises(CardRefused):
        kit.credit(esam, user)
    load_keys(control, esam, plan_meter(kit.METER), Load(MASTER, PRIVATE_SET, kit.METER))
    kit.credit(esam, user)
    assert kit.wallet(esam) == (5000, 1)


def test_money_and_count_at_their_limits(control: Chip, user: Chip, esam: Chip) -> None:
    """A wallet full to the brim takes no more, and one debit too many takes nothing."""
    sell(control, user, 5000)
    kit.open_card(user)
    brim = (1 << 32) - 5000
    esam.state.files[card_files.ESAM_WALLET] = brim.to_bytes(4, "big") + bytes(4)
    with pytest.raises(CardRefused) as refused:
        kit.credit(esam, user)
    assert refused.value.sw == 0x6985 and kit.wallet(esam) == (brim, 0)
    assert kit.sw_of(esam, "8030000C0800000001FFFFFFFE") == 0x9000
    kit.credit(esam, user)
    assert kit.wallet(esam) == ((1 << 32) - 1, 1)


def test_a_debit_with_garbled_bits_takes_nothing(control: Chip, user: Chip, esam: Chip) -> None:
    """Two flipped bits in any character of amount or inverse.

    Wallet and counter stay as they were.
    """
    sell(control, user, 50_000)
    serial = kit.open_card(user)
    esam.power_on()
    kit.prove_meter(esam, user, serial)
    kit.credit(esam, user)
    card = kit.production_card(control)
    kit.prove_meter(kit.factory_esam(profile=control.state.profile), card, kit.open_card(card))
    for chip, header in ((esam, "8030000C"), (card, "80300014")):
        before = kit.snapshot(chip)
        good = card_files.with_inverse((1).to_bytes(4, "big"))
        for at in range(len(good)):
            for pair in (1 << one | 1 << other for one in range(8) for other in range(one)):
                garbled = bytearray(good)
                garbled[at] ^= pair
                assert kit.sw_of(chip, make_command(header, garbled)) == 0x6A80, (at, pair)
        assert (
            kit.sw_of(chip, make_command(header, good[:4])) == 0x6700
        )  # no amount without its inverse
        assert kit.snapshot(chip) == before
        assert kit.sw_of(chip, make_command(header, good)) == 0x9000
