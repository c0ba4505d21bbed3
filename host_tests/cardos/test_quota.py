"""The quota of a control card against who has the card, its PIN and its PC.

The attacks are played on the wire first against a card without a quota, where they work: so each of
these tests would see it if a card with a quota gave way.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cards_kit as kit
import quota_kit
from dianka.card_port import CardError, make_command
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.core import Faults
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files
from dianka.desk import issue
from dianka.desk.control import Load, make_seal_command, plan_meter
from dianka.desk.replace import LastPurchase, make_replacement
from dianka.desk.sell import SaleError, sell
from dianka.desk.session import Desk
from quota_kit import NEXT_WALLET, System, charge, fields

PUBLIC_MASTER = Load(keys.MASTER, keys.PUBLIC_SET)
SERIAL, OTHER = b"resident", b"another."


@pytest.fixture(params=sorted(PROFILES))
def system(request: pytest.FixtureRequest) -> System:
    return quota_kit.founded(request.param)


def limited(system: System, fen: int = 10_000, issues: int = 0) -> Chip:
    system.refill(fen, issues)
    quota_kit.diversify(system.control, SERIAL)
    return system.control


# ****** Money ******


def test_each_sealed_purchase_lowers_it_and_then_there_is_no_mac(system: System) -> None:
    control = limited(system, 10_000)
    assert charge(control, 4_000, 1) == 0x9000 and fields(control)["quota_fen"] == 6_000
    assert charge(control, 6_000, 2) == 0x9000 and fields(control)["quota_fen"] == 0
    data, sw = quota_kit.mac(control, NEXT_WALLET + quota_kit.wallet(1, 3))
    assert (data, sw) == (b"", 0x9401)
    assert charge(control, 0, 3) == 0x9000  # a card is cleared


def test_a_sale_that_is_repeated_is_charged_once(system: System) -> None:
    """As after a pulled card; and only the last one, of the very card."""
    control = limited(system, 10_000)
    for _ in range(3):
        assert charge(control, 4_000, 1) == 0x9000
        assert charge(control, 0, 0) == 0x9000
    assert fields(control)["quota_fen"] == 6_000
    quota_kit.diversify(control, OTHER)
    assert charge(control, 4_000, 1) == 0x9000 and fields(control)["quota_fen"] == 2_000
    quota_kit.diversify(control, SERIAL)
    assert charge(control, 4_000, 1) == 0x9401
    assert charge(control, 1_000, 2) == 0x9000 and charge(control, 1_000, 3) == 0x9000
    assert fields(control)["quota_fen"] == 0


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7])
def test_parts_of_a_wallet_get_no_mac(system: System, size: int) -> None:
    control = limited(system)
    header = NEXT_WALLET[:4] + bytes((size + 4,))
    assert quota_kit.mac(control, header + bytes(size))[1] == 0x6982
    for wrong in (size + 3, size + 5, 0x0C, 0x0D, 0):
        assert quota_kit.mac(control, NEXT_WALLET[:4] + bytes((wrong,)) + bytes(size))[1] == 0x6982
    assert quota_kit.mac(control, NEXT_WALLET[:4])[1] == 0x6982


def test_longer_files_cost_nothing_and_have_their_own_length(system: System) -> None:
    control = limited(system)
    for size in (9, 10, 45, 49, 199):
        message = bytes.fromhex("04 D6 83 00") + bytes((size + 4,)) + b"\xff" * size
        assert quota_kit.mac(control, message)[1] == 0x9000
        for wrong in (0x0C, size + 3, size + 5):
            message = bytes.fromhex("04 D6 83 00") + bytes((wrong,)) + b"\xff" * size
            assert quota_kit.mac(control, message)[1] == 0x6982
    assert fields(control)["quota_fen"] == 10_000


def test_public_keys_are_not_counted(system: System) -> None:
    control = limited(system, 0)
    quota_kit.diversify(control, SERIAL, keys.PUBLIC | keys.DESK)
    assert charge(control, 5_000) == 0x9000
    assert quota_kit.mac(control, NEXT_WALLET[:4] + b"\x08" + bytes(4))[1] == 0x9000


def in_session(control: Chip, user: Chip) -> None:
    """Prove the desk to the card, as the thief's program does."""
    Desk(control, user, kit.open_card(user)).authenticate()


def write_by_cipher(control: Chip, user: Chip, size: int, data: bytes) -> int:
    """Write the last bytes of the count without a MAC command: by ENCIPHER of what a MAC begins."""
    in_session(control, user)
    r4 = kit.challenge(user)
    header = bytes((0x04, 0xD6, 0x82, 8 - size))
    block = bytes(a ^ b for a, b in zip(r4, header, strict=True)) + bytes((size + 4,)) + data
    cipher, sw = control.process(make_command("80FA0000", block + b"\x80" * (8 - len(block))))
    if sw != 0x9000:
        return sw
    return kit.sw_of(user, header + bytes((size + 4,)) + data + cipher[:4])


def test_encipher_makes_no_mac_of_a_short_write(system: System) -> None:
    """The same money under the next count: a purchase for nothing, in a card without a quota."""
    control, user = system.control, kit.user_card(system.control)
    esam = kit.private_esam(control)
    size = {"sm4": 3, "3des": 2}[control.state.profile]
    sell(control, user, 5_000)
    assert kit.use_in_meter(esam, user)
    assert write_by_cipher(control, user, size, (2).to_bytes(size, "big")) == 0x9000
    desk = Desk(control, user, kit.open_card(user))
    desk.authenticate()
    desk.update(card_files.CARD_WRITE_BACK, bytes(card_files.WRITE_BACK_SIZE))
    assert kit.use_in_meter(esam, user) and kit.wallet(esam) == (10_000, 2)
    system.refill(0)
    assert write_by_cipher(control, user, size, (3).to_bytes(size, "big")) == 0x6A80


def test_a_count_alone_makes_no_money_good_once_more(system: System) -> None:
    control, user = system.control, kit.user_card(system.control)
    sell(control, user, 5_000)
    for sw in (0x9000, 0x6982):
        in_session(control, user)
        r4 = kit.challenge(user)
        message = bytes.fromhex("04 D6 82 04 08") + (2).to_bytes(4, "big")
        made, found = quota_kit.mac(control, message, r4)
        assert found == sw
        if sw == 0x9000:
            assert kit.sw_of(user, message + made) == 0x9000
        system.refill(1_000_000)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_desk_asks_for_another_challenge(profile: str) -> None:
    system = quota_kit.founded(profile)
    user = kit.user_card(system.control)
    control = limited(system)
    bad = bytes(4) + (b"\x07\1\2\3" if profile == "sm4" else b"\x06\1\2\x80")
    given = iter([bad, bad, bytes(8)])
    user.rng = lambda count: next(given)
    desk = Desk(control, user, kit.open_card(user))
    desk.authenticate()
    given = iter([bad] * 9)
    with pytest.raises(CardError, match=r"refused to encipher \(status 6A80\)"):
        desk.authenticate()


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_hardly_a_challenge_is_refused(profile: str) -> None:
    control = limited(quota_kit.founded(profile))
    rng, refused = kit.seeded(9), 0
    for _ in range(3000):
        refused += kit.sw_of(control, make_command("80FA0000", rng(8))) == 0x6A80
    assert refused < {"sm4": 40, "3des": 2}[profile] and (refused or profile == "3des")


# ****** Whatever the thief asks for ******


def command_of(block: bytes) -> int:
    """Return how many bytes of data the command has of which this block is all, or 0.

    The first four bytes are any header, as r4 is chosen. Spelt out here once more, apart from the
    card's own rule.
    """
    sizes = [
        size
        for size in range(1, len(block) - 5)
        if block[4] == size + 4
        and block[5 + size :] == bytes((0x80,)).ljust(len(block) - 5 - size, b"\0")
    ]
    return sizes[0] if sizes else 0


sizes = st.sampled_from([8, 8, 8, 4, 3, 2, 7, 9, 49]) | st.integers(0, 20)
amounts = st.integers(0, 3_000) | st.integers(0, 2**32 - 1)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    size = draw(sizes)
    data = draw(amounts).to_bytes(4, "big") + draw(st.integers(0, 3)).to_bytes(4, "big")
    lc = draw(st.sampled_from([size + 4, size + 4, 0x0C, 0x08]) | st.integers(0, 255))
    header = draw(
        st.sampled_from([b"\x04\xd6\x82\0", bytes(4)]) | st.binary(min_size=4, max_size=4)
    )
    return header + bytes((lc,)) + data.ljust(size, b"\1")[:size]


ciphers = (
    st.builds(
        lambda head, lc, tail: head + bytes((lc,)) + tail,
        st.binary(min_size=4, max_size=4),
        st.sampled_from([5, 6, 7, 8]),
        st.sampled_from([b"\1\2\3", b"\1\2\x80", b"\1\x80\0", b"\x80\0\0"]),
    )
    | st.binary(min_size=8, max_size=8)
    | st.sampled_from(keys.APPROVAL_HALVES)
)
asked = st.lists(
    st.tuples(
        st.sampled_from([SERIAL, OTHER]),
        st.sampled_from(["mac", "mac", "cipher", "cipher at once"]),
        messages(),
        ciphers,
        st.binary(min_size=4, max_size=4),
    ),
    max_size=30,
)


@pytest.mark.parametrize("profile", sorted(PROFILES))
@settings(max_examples=60, deadline=None)
@given(fen=st.integers(0, 10_000), asked=asked)
def test_no_more_money_is_sealed_than_the_quota(
    profile: str, fen: int, asked: list[tuple[bytes, str, bytes, bytes, bytes]]
) -> None:
    """Each answer counts as the MAC of every command that it could be the MAC of."""
    control, cipher = _copy(profile), PROFILES[profile]
    give_quota(control, fen)
    sealed: dict[tuple[bytes, bytes], int] = {}
    for serial, how, message, data8, r4 in asked:
        quota_kit.diversify(control, serial)
        if how == "mac":
            _, sw = quota_kit.mac(control, message, r4)
            data = message[5:]
            if sw == 0x9000 and len(message) > 5 and message[4] == len(data) + 4:
                assert len(data) >= 8, "a part of a wallet"
                if len(data) == 8:
                    sealed[serial, data] = int.from_bytes(data[:4], "big")
        else:
            factor = serial if how == "cipher at once" else b""
            apdu = make_command("80FA0007" if factor else "80FA0000", factor + data8)
            if kit.sw_of(control, apdu) == 0x9000:
                block = data8 if cipher.block_bytes == 8 else data8 + b"\x80" + bytes(7)
                assert not command_of(block), "a short write"
                assert data8 not in keys.APPROVAL_HALVES
    assert sum(sealed.values()) <= fen - fields(control)["quota_fen"] <= fen


_FOUNDED = {profile: quota_kit.founded(profile) for profile in PROFILES}


def _copy(profile: str) -> Chip:
    chip = Chip(_FOUNDED[profile].control.state.copy(), kit.seeded(4))
    chip.power_on()
    return chip


def give_quota(control: Chip, fen: int, issues: int = 0) -> None:
    """Give this copy of a control card a quota."""
    System(control, _FOUNDED[control.state.profile].parts).refill(fen, issues)


def test_the_thief_s_words_find_short_writes_on_a_card_without_a_quota() -> None:
    """The property above can fail: its own rule knows the commands that the attacks use."""
    assert command_of(bytes(4) + b"\x07\1\2\3\x80" + bytes(7)) == 3
    assert command_of(bytes(4) + b"\x06\1\2\x80") == 2
    assert command_of(bytes(4) + b"\x05\1\x80\0") == 1
    assert command_of(bytes(4) + b"\x07\1\2\3") == 0
    control = _copy("sm4")
    quota_kit.diversify(control, SERIAL)
    assert kit.sw_of(control, make_command("80FA0000", bytes(4) + b"\x07\1\2\3")) == 0x9000


# ****** Cards ******


def seal(control: Chip, load: Load, master: Load = PUBLIC_MASTER) -> int:
    return kit.sw_of(control, make_seal_command(load, master, bytes(4)))


def private(kid: int, factor: bytes) -> Load:
    return Load(kid, factor=factor)


def test_an_issue_is_one_serial_and_one_meter(system: System) -> None:
    control = limited(system, issues=2)
    meter, next_meter = bytes(7) + b"\1", bytes(7) + b"\2"
    for kid in (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK, keys.DESK):
        assert seal(control, private(kid, SERIAL)) == 0x9000
    for kid in (keys.PARAMETERS, keys.PURCHASE):
        assert seal(control, private(kid, meter)) == 0x9000
    assert seal(control, private(keys.MASTER, SERIAL)) == 0x9000
    assert fields(control)["issues"] == 1
    assert seal(control, private(keys.IDENTITY, SERIAL)) == 0x9000  # done once more
    assert fields(control)["issues"] == 1
    assert seal(control, private(keys.PURCHASE, next_meter)) == 0x9000
    assert fields(control)["issues"] == 0
    # The serial of this issue, until its card has its master key.
    assert seal(control, private(keys.DESK, SERIAL)) == 0x9000
    assert seal(control, private(keys.DESK, OTHER)) == 0x6985
    assert seal(control, private(keys.PURCHASE, meter)) == 0x6985


def test_a_card_that_is_made_leaves_no_meter_to_a_thief(system: System) -> None:
    """An inspection card takes a serial and no meter; after it nothing is left of its issue."""
    system.refill(0, 1)
    control = system.control
    card = kit.inspection_card(control)
    assert fields(control)["issues"] == 0
    serial, meter = card.state.serial, bytes(7) + b"\1"
    assert seal(control, private(keys.PURCHASE, meter)) == 0x6985
    assert seal(control, private(keys.PURCHASE, b"\xff" * 8)) == 0x6982
    assert seal(control, private(keys.IDENTITY, serial)) == 0x9000  # made once more
    assert seal(control, private(keys.PURCHASE, meter)) == 0x6985


def test_what_a_known_master_would_open_is_counted_too(system: System) -> None:
    """Once one card's master key is known, all that is sealed under it is known."""
    control = limited(system, issues=1)
    assert seal(control, private(keys.IDENTITY, SERIAL)) == 0x9000
    master = private(keys.MASTER, SERIAL)
    meters = [bytes(6) + bytes((1, number)) for number in range(3)]
    found = [seal(control, private(keys.PURCHASE, meter), master) for meter in meters]
    assert found == [0x9000, 0x6985, 0x6985]
    # And public keys under the master key of a meter would make it public.
    public = Load(keys.PURCHASE, keys.PUBLIC_SET, keys.NO_FACTOR)
    assert seal(control, public, private(keys.MASTER, meters[1])) == 0x6985
    assert seal(control, public, Load(keys.MASTER)) == 0x6982
    assert seal(control, public) == 0x9000


def test_no_root_leaves_a_card_with_a_quota(system: System) -> None:
    control = limited(system, issues=50)
    masters = (PUBLIC_MASTER, private(keys.MASTER, SERIAL), Load(keys.MASTER))
    for kid in (*keys.ROOT_KIDS, *(keys.BESIDE + kid for kid in keys.ROOT_KIDS)):
        for master in masters:
            assert seal(control, Load(kid), master) == 0x6982, kid
    assert fields(control)["issues"] == 50


def test_no_factor_and_part_cards_get_no_keys(system: System) -> None:
    control = limited(system, issues=50)
    for part in system.parts:
        for kid in keys.ROOT_KIDS:
            assert seal(control, private(kid, part.state.serial)) == 0x6982
        assert seal(control, private(1, SERIAL), private(0, part.state.serial)) == 0x6982
    assert seal(control, private(keys.PURCHASE, keys.NO_FACTOR)) == 0x6982
    assert seal(control, private(keys.DESK, keys.NO_FACTOR)) == 0x6982


def test_a_card_with_a_quota_makes_no_backup() -> None:
    """A trial card has made none yet: its parts would be the whole system."""
    system = quota_kit.founded()
    state = system.control.state
    state.files[desk_files.CARD_USES] = (1).to_bytes(4, "big")
    control = limited(system, issues=9)
    assert kit.sw_of(control, "80FA0700020203") == 0x6985


@pytest.mark.parametrize("profile", sorted(PROFILES))
@settings(max_examples=40, deadline=None)
@given(
    issues=st.integers(0, 3),
    asked=st.lists(
        st.tuples(
            st.sampled_from([*keys.ROOT_KIDS, 0x15]),
            st.sampled_from([None, *(bytes(7) + bytes((number,)) for number in range(5))]),
            st.sampled_from([keys.PUBLIC_SET, keys.PRIVATE_SET]),
            st.sampled_from([None, *(bytes(7) + bytes((number,)) for number in range(5))]),
            st.sampled_from([keys.PUBLIC_SET, keys.PRIVATE_SET]),
        ),
        max_size=40,
    ),
)
def test_no_more_keys_leave_than_issues_allow(profile: str, issues: int, asked: list) -> None:
    """Each issue lets the keys of one serial and one meter number go, whatever the order."""
    control = _copy(profile)
    give_quota(control, 0, issues)
    serials, meters = set(), set()
    for kid, factor, key_set, master_factor, master_set in asked:
        load, master = Load(kid, key_set, factor), Load(keys.MASTER, master_set, master_factor)
        if seal(control, load, master) != 0x9000:
            continue
        if key_set == keys.PRIVATE_SET:
            assert factor is not None and any(factor)
            (meters if kid & 0x0F in (4, 5) else serials).add(factor)
        if master_set == keys.PRIVATE_SET:
            assert master_factor is not None and any(master_factor)
            serials.add(master_factor)
    assert len(serials) <= issues and len(meters) <= issues


# ****** Power cuts ******


@pytest.mark.parametrize("fault", ["torn_before", "torn_after", "memory_fails_at"])
@pytest.mark.parametrize("what", ["sale", "card"])
def test_nothing_leaves_before_it_is_counted(system: System, what: str, fault: str) -> None:
    control = limited(system, 100, 1)
    before = kit.snapshot(control)
    apdu = (
        make_command("80FA0500", bytes(4) + NEXT_WALLET + quota_kit.wallet(100, 1))
        if what == "sale"
        else make_seal_command(private(keys.DESK, SERIAL), PUBLIC_MASTER, bytes(4))
    )
    control.faults = replace(Faults(), **{fault: 1})
    if fault == "memory_fails_at":
        assert control.process(apdu) == (b"", 0x6581)
    else:
        with pytest.raises(CardTorn):
            control.process(apdu)
    control.faults = Faults()
    control.power_on()
    quota_kit.diversify(control, SERIAL)
    left = (fields(control)["quota_fen"], fields(control)["issues"])
    if fault == "torn_after":
        assert left == ((0, 1) if what == "sale" else (100, 0))
    else:
        assert control.state == before
    data, sw = control.process(apdu)  # the same once more, and it is counted once
    assert sw == 0x9000 and data
    left = (fields(control)["quota_fen"], fields(control)["issues"])
    assert left == ((0, 1) if what == "sale" else (100, 0))


# ****** Whole sessions ******


def test_sales_and_cards_go_on_until_the_quota_is_used(system: System) -> None:
    system.refill(10_000, 1)
    control, user = system.control, kit.blank(kinds.USER, system.control, 20)
    issue.make_user(control, user, kit.USER_DATA)
    assert (fields(control)["quota_fen"], fields(control)["issues"]) == (10_000, 0)
    before = kit.snapshot(user)
    with pytest.raises(
        CardError, match=r"may seal 100\.00 yuan more, not 100\.01: have it refilled"
    ):
        sell(control, user, 10_001)
    assert user.state == before
    assert sell(control, user, 10_000).count == 1
    other = kit.blank(kinds.USER, system.control, 21)
    with pytest.raises(CardError, match="may make 0 more cards, and this is a new one"):
        issue.make_user(control, other, kit.USER_DATA)
    assert other.state.keys == Chip.new(kinds.USER).state.keys


def test_a_broken_sale_is_completed_though_the_quota_is_used_up(system: System) -> None:
    user = kit.user_card(system.control)
    esam = kit.private_esam(system.control)
    sell(system.control, user, 100)
    kit.use_in_meter(esam, user)
    system.refill(5_000)
    user.faults = Faults(torn_after=2)  # the parameters, then the wallet
    with pytest.raises(SaleError, match="keep the money"):
        sell(system.control, user, 5_000)
    assert fields(system.control)["quota_fen"] == 0
    receipt = sell(system.control, user, 5_000)
    assert receipt.completes and kit.use_in_meter(esam, user)
    assert kit.wallet(esam) == (5_100, 2)


def test_a_control_card_that_refuses_at_the_last_moment(system: System) -> None:
    """Somebody else has used the quota between the desk's look and the MAC: nothing was sent."""
    user = kit.user_card(system.control)
    system.refill(5_000)

    class Used:
        power_on = staticmethod(system.control.power_on)

        @staticmethod
        def process(apdu: bytes) -> tuple[bytes, int]:
            if apdu[:4] == bytes.fromhex("80FA0500") and apdu[9:14] == NEXT_WALLET:
                quota_kit.diversify(system.control, OTHER)
                assert charge(system.control, 1) == 0x9000
                quota_kit.diversify(system.control, user.state.serial)
            return system.control.process(apdu)

    with pytest.raises(SaleError, match=r"quota does not suffice, have it refilled.*nothing was"):
        sell(Used(), user, 5_000)
    assert user.state.files[card_files.CARD_WALLET] == bytes(8)


def test_each_card_that_is_made_takes_one_issue(system: System) -> None:
    system.refill(0, 5)
    for number, left in ((1, 4), (2, 3), (2, 2)):  # the third is a replacement
        card = kit.blank(kinds.USER, system.control, 30 + left)
        issue.make_user(system.control, card, replace(kit.USER_DATA, meter_no=number))
        assert fields(system.control)["issues"] == left
    kit.inspection_card(system.control)
    assert fields(system.control)["issues"] == 1
    issue.make_init(system.control, kit.blank(kinds.INIT, system.control, 50), kit.INIT_DATA)
    assert fields(system.control)["issues"] == 1


def test_a_replacement_brings_its_purchase_out_of_the_quota(system: System) -> None:
    system.refill(5_000, 5)
    last = LastPurchase(3, 5_001, in_meter=False)
    chip = kit.blank(kinds.USER, system.control, 70)
    with pytest.raises(CardError, match=r"may seal 50\.00 yuan more, not 50\.01"):
        make_replacement(system.control, chip, kit.USER_DATA, last)
    assert list(chip.state.keys) == [keys.MASTER] and fields(system.control)["issues"] == 5
    make_replacement(system.control, chip, kit.USER_DATA, replace(last, amount_fen=5_000))
    assert fields(system.control)["quota_fen"] == 0


def test_key_cards_are_made_without_a_quota(system: System) -> None:
    system.refill(10_000, 10)
    for make in (kit.keys_card, kit.restore_card):
        with pytest.raises(CardError, match=r"with a quota makes no .* card: use one without"):
            make(system.control)
    assert kit.inspection_card(system.control) and kit.init_card(system.control)
    assert plan_meter(kit.METER) and fields(system.control)["issues"] == 9
