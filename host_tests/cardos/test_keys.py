"""Loading keys: who may seal what for whom, all or none, and a master-key change card's uses."""

import pytest

import cards_kit as kit
from dianka.card_port import CardRefused, make_command, send
from dianka.cardos import keys, kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.core import Faults
from dianka.cardos.crypto import PROFILES, Profile
from dianka.cardos.files import card_files
from dianka.desk import control as sealing
from dianka.desk.control import Load


@pytest.fixture(params=sorted(PROFILES))
def control(request: pytest.FixtureRequest) -> Chip:
    return kit.control_card(profile=request.param)


@pytest.fixture
def cipher(control: Chip) -> Profile:
    return PROFILES[control.state.profile]


@pytest.fixture
def factory(control: Chip) -> Chip:
    """An ESAM as it leaves the factory, under power."""
    esam = kit.factory_esam(profile=control.state.profile)
    esam.power_on()
    return esam


FACTORY_MASTER = Load(keys.MASTER, keys.PUBLIC_SET, keys.NO_FACTOR)


def is_private(esam: Chip) -> bool:
    return (
        card_files.unframe(esam.state.files[card_files.ESAM_KEY_INFO])[1][0]
        == card_files.KEYS_PRIVATE
    )


def seal(chip: Chip, load: Load, master: Load) -> int:
    return kit.sw_of(chip, sealing.make_seal_command(load, master, bytes(4)))


def test_keys_are_those_of_the_table(control: Chip, cipher: Profile) -> None:
    user = kit.user_card(control)
    root, serial = control.state.keys, user.state.serial
    expected = {kid: cipher.derive_key(root[kid], serial) for kid in (0, 1, 2, 6, 7)}
    expected |= {kid: cipher.derive_key(root[kid], kit.METER) for kid in (4, 5)}
    assert user.state.keys == expected
    init = kit.init_card(control)
    public, serial = keys.PUBLIC_ROOTS, init.state.serial
    expected = {kid: cipher.derive_key(public[kid], serial) for kid in (0, 1, 2, 6, 7)} | {
        kid: public[kid] for kid in (4, 5)
    }
    assert init.state.keys == expected
    esam = kit.private_esam(control)
    expected = {kid: root[kid] for kid in (1, 2, 6)} | {
        kid: cipher.derive_key(root[kid], kit.METER) for kid in (0, 4, 5)
    }
    assert esam.state.keys == expected


def test_two_systems_share_no_root() -> None:
    first, second = (Chip.new(kinds.CONTROL) for _ in range(2))
    assert not {first.state.keys[kid] for kid in keys.ROOT_KIDS} & {
        second.state.keys[kid] for kid in keys.ROOT_KIDS
    }


def test_a_factory_esam_is_public_and_knows_it(factory: Chip, cipher: Profile) -> None:
    assert not is_private(factory)
    assert factory.state.keys[keys.MASTER] == cipher.derive_key(
        keys.PUBLIC_ROOTS[keys.MASTER], bytes(8)
    )


@pytest.mark.parametrize("fault", ["torn_before", "torn_after"])
@pytest.mark.parametrize("at", range(1, 7))
def test_a_key_change_torn_anywhere_leaves_one_whole_set(
    control: Chip, factory: Chip, fault: str, at: int
) -> None:
    esam, card = factory, kit.keys_card(control)
    kit.initialise(esam, kit.init_card(control))
    before = dict(esam.state.keys)
    esam.faults = Faults(**{fault: at})
    with pytest.raises(CardTorn):
        kit.change_keys(esam, card)
    esam.power_on()
    if at == 6 and fault == "torn_after":
        assert is_private(esam) and esam.state.keys != before
        return
    assert esam.state.keys == before and not is_private(esam)
    kit.change_keys(esam, card)
    assert esam.state.keys == kit.private_esam(control).state.keys


def test_the_key_card_counts_its_uses(control: Chip, factory: Chip) -> None:
    card = kit.keys_card(control, uses=1)
    kit.change_keys(factory, card)
    assert card.state.files[card_files.CARD_WALLET] == bytes(4)
    second = kit.factory_esam(6, control.state.profile)
    second.power_on()
    with pytest.raises(CardRefused) as refused:
        kit.change_keys(second, card, keys.make_meter_factor(bytes.fromhex("000000000077")))
    assert refused.value.sw == 0x6985
    assert not is_private(second)
    # An ESAM of the meter that it has served already: uses count meters, not tries.
    kit.change_keys(second, card)


def test_a_sealed_key_is_good_for_one_challenge_one_kid_and_one_master(
    control: Chip, factory: Chip
) -> None:
    esam = factory
    load = Load(keys.IDENTITY)
    block = send(
        control, sealing.make_seal_command(load, FACTORY_MASTER, kit.challenge(esam)), "seal"
    )
    assert kit.sw_of(esam, make_command("84D40102", block)) == 0x6988
    kit.challenge(esam)
    assert kit.sw_of(esam, make_command("84D40101", block)) == 0x6988
    block = send(
        control,
        sealing.make_seal_command(load, Load(0, keys.PUBLIC_SET), kit.challenge(esam)),
        "seal",
    )
    assert kit.sw_of(esam, make_command("84D40101", block)) == 0x6988
    block = send(
        control, sealing.make_seal_command(load, FACTORY_MASTER, kit.challenge(esam)), "seal"
    )
    assert kit.sw_of(esam, make_command("84D40101", block)) == 0x9000
    assert kit.sw_of(esam, make_command("84D40101", block)) == 0x6987


def test_a_wrong_seal_of_a_good_mac_is_refused(factory: Chip, cipher: Profile) -> None:
    master = cipher.derive_key(keys.PUBLIC_ROOTS[0], bytes(8))
    r4, block = kit.challenge(factory), bytes(cipher.wrapped_bytes)
    mac = cipher.compute_mac(
        master, r4, bytes.fromhex("84D40101") + bytes((len(block) + 4,)) + block
    )
    assert kit.sw_of(factory, make_command("84D40101", block + mac)) == 0x6A80


def test_no_private_root_leaves_but_those_an_esam_needs(control: Chip) -> None:
    everybody_knows = Load(keys.MASTER, keys.PUBLIC_SET)
    for kid in (*keys.ROOT_KIDS, *(keys.BESIDE + kid for kid in keys.ROOT_KIDS)):
        allowed = kid in (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK)
        assert seal(control, Load(kid), everybody_knows) == (0x9000 if allowed else 0x6982), kid
    assert seal(control, Load(keys.PURCHASE, factor=kit.METER), everybody_knows) == 0x9000
    assert seal(control, Load(3, factor=kit.METER), everybody_knows) == 0x6A88


def test_a_key_card_seals_private_keys_alone_and_no_desk_key(control: Chip) -> None:
    card = kit.keys_card(control)
    assert seal(card, Load(keys.IDENTITY, keys.PUBLIC_SET), FACTORY_MASTER) == 0x6A88
    assert seal(card, Load(keys.DESK, factor=bytes(8)), FACTORY_MASTER) == 0x6A88
    assert seal(card, Load(keys.PURCHASE), FACTORY_MASTER) == 0x6982


def test_malformed_seal_commands(control: Chip) -> None:
    good = sealing.make_seal_command(Load(keys.IDENTITY), FACTORY_MASTER, bytes(4))
    assert kit.sw_of(control, good) == 0x9000
    for at in (5, 6, 15, 28, 34):
        bad = bytearray(good)
        bad[at] = 2
        assert kit.sw_of(control, bytes(bad)) == 0x6A80, at
    assert kit.sw_of(control, make_command("80FA0601", bytes(29))) == 0x6700


def test_public_control_card_has_no_private_key() -> None:
    public = sealing.make_public_control()
    assert seal(public, Load(keys.IDENTITY, factor=bytes(8)), FACTORY_MASTER) == 0x6A88
    assert kit.sw_of(public, make_command("80FA0007", bytes(8))) == 0x6A88
