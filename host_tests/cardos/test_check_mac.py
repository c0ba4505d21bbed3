"""CHECK of the control card, and reads that a user card proves to the desk."""

from collections.abc import Callable

import pytest

import cards_kit as kit
import quota_kit
from dianka.card_port import CardError, CardRefused, make_command, read_file, send
from dianka.cardos import keys
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files
from dianka.desk.sell import sell
from dianka.desk.session import Desk, NotProved

PROVED = {card_files.CARD_INFO: 45, card_files.CARD_WALLET: 8, card_files.CARD_WRITE_BACK: 49}


@pytest.fixture(params=sorted(PROFILES))
def control(request: pytest.FixtureRequest) -> Chip:
    return kit.control_card(profile=request.param)


@pytest.fixture
def user(control: Chip) -> Chip:
    """A card that has been in its meter and has a purchase since."""
    user, esam = kit.user_card(control), kit.private_esam(control)
    sell(control, user, 5_000)
    kit.use_in_meter(esam, user)
    return user


def session(control: Chip, user: object) -> Desk:
    desk = Desk(control, user, user.power_on()[-8:])  # type: ignore[attr-defined]
    send(user, make_command("00A40000", b"\xdf\x01"), "open")  # type: ignore[arg-type]
    desk.authenticate()
    return desk


# ****** The control card ******


def check(control: Chip, r4: bytes, message: bytes, mac: bytes) -> tuple[bytes, int]:
    return control.process(make_command("80FA0A00", r4 + message + mac))


def test_check_says_right_or_wrong_and_never_the_mac(control: Chip) -> None:
    for kid in (keys.DESK, keys.PUBLIC | keys.DESK):
        quota_kit.diversify(control, b"resident", kid)
        message = bytes.fromhex("04 B0 82 00 0C") + bytes(8)
        right, _ = quota_kit.mac(control, message, b"\1\2\3\4")
        assert check(control, b"\1\2\3\4", message, right) == (b"", 0x9000)
        for r4, said, mac in (
            (b"\1\2\3\5", message, right),
            (b"\1\2\3\4", message[:-1] + b"\1", right),
            (b"\1\2\3\4", message, right[:3] + bytes((right[3] ^ 1,))),
        ):
            assert check(control, r4, said, mac) == (b"", 0x6988)


def test_a_hundred_wrong_ones_lock_it_and_an_order_unlocks_it(control: Chip) -> None:
    system = quota_kit.founded(control.state.profile)
    control = system.control
    quota_kit.diversify(control, b"resident")
    right, _ = quota_kit.mac(control, bytes(13))
    wrong = bytes(value ^ 1 for value in right)
    for _ in range(keys.MAC_TRIES - 1):
        assert check(control, b"\1\2\3\4", bytes(13), wrong)[1] == 0x6988
    assert check(control, b"\1\2\3\4", bytes(13), right)[1] == 0x9000
    for _ in range(keys.MAC_TRIES):
        assert check(control, b"\1\2\3\4", bytes(13), wrong)[1] == 0x6988
    control.power_on()
    quota_kit.diversify(control, b"resident")
    assert check(control, b"\1\2\3\4", bytes(13), right)[1] == 0x6983
    system.refill(100)
    quota_kit.diversify(control, b"resident")
    assert check(control, b"\1\2\3\4", bytes(13), right)[1] == 0x9000


@pytest.mark.parametrize(
    ("kid", "data", "sw"),
    [
        (keys.IDENTITY, 17, 0x6982),
        (keys.EXTERNAL, 17, 0x6982),
        (None, 17, 0x6985),
        (keys.DESK, 8, 0x6700),
    ],
)
def test_what_check_refuses(control: Chip, kid: int | None, data: int, sw: int) -> None:
    control.power_on()
    if kid is not None:
        quota_kit.diversify(control, b"resident", kid)
    assert kit.sw_of(control, make_command("80FA0A00", bytes(data))) == sw
    assert kit.sw_of(control, make_command("80FA0A01", bytes(data))) == 0x6A86


# ****** Proved reads ******


def test_the_card_proves_what_it_holds(control: Chip, user: Chip) -> None:
    for again in (False, True):
        desk = session(control, user)
        for sfi, size in PROVED.items():
            assert desk.read_proved(sfi, size) == user.state.files[sfi], again
    assert not user.state.mac_tries and not control.state.mac_tries


def test_it_costs_no_quota_and_needs_none() -> None:
    system = quota_kit.founded()
    user = kit.user_card(system.control)
    sell(system.control, user, 5_000)
    system.refill(0)
    desk = session(system.control, user)
    assert desk.read_proved(card_files.CARD_WALLET, 8) == quota_kit.wallet(5_000, 1)


class Shim:
    """A device between card and reader that changes one answer."""

    def __init__(self, chip: Chip, change: Callable[[bytes], bytes]) -> None:
        self.chip, self.change = chip, change

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        data, sw = self.chip.process(apdu)
        return (self.change(data), sw) if apdu[:2] == b"\x04\xb0" else (data, sw)


def test_a_forged_answer_is_not_proved(control: Chip, user: Chip) -> None:
    for sfi, size in PROVED.items():
        for at in range(0, size + 4, 3):

            def change(data: bytes, at: int = at) -> bytes:
                return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]

            desk = session(control, Shim(user, change))
            with pytest.raises(NotProved, match="something between card and reader changes it"):
                desk.read_proved(sfi, size)
        for cut in (lambda _: b"", lambda data: data[:-1], lambda data: data + b"\0"):
            desk = session(control, Shim(user, cut))
            with pytest.raises(NotProved, match="something between"):
                desk.read_proved(sfi, size)
    session(control, user).read_proved(card_files.CARD_WALLET, 8)  # gives the tries back
    assert not control.state.mac_tries


def test_yesterday_s_proof_is_none_today(control: Chip, user: Chip) -> None:
    """A recorded answer, and the desk's own blanking of a write-back, under another challenge."""
    kept: list[bytes] = []
    session(control, Shim(user, lambda data: kept.append(data) or data)).read_proved(5, 49)
    session(control, user).update(card_files.CARD_WRITE_BACK, bytes(49))
    desk = session(control, Shim(user, lambda _: kept[0]))
    with pytest.raises(NotProved):
        desk.read_proved(card_files.CARD_WRITE_BACK, 49)
    assert session(control, user).read_proved(card_files.CARD_WRITE_BACK, 49) == bytes(49)


def test_another_card_s_proof_is_none(control: Chip, user: Chip) -> None:
    other = kit.user_card(control, seed=90)
    session(control, other)  # this one has the desk's proof as well

    class Swapped(Shim):
        def process(self, apdu: bytes) -> tuple[bytes, int]:
            return (other if apdu[:2] == b"\x04\xb0" else self.chip).process(apdu)

    desk = session(control, Swapped(user, bytes))
    kit.open_card(other)
    Desk(control, other, other.state.serial).authenticate()
    control.process(make_command("80FA0007", user.state.serial))
    with pytest.raises(NotProved):
        desk.read_proved(card_files.CARD_WALLET, 8)


def proof_of(sfi: int, header: str, r4: bytes = bytes(4)) -> bytes:
    return make_command(f"04B0{0x80 | sfi:02X}00", r4 + bytes.fromhex(header))


def test_nobody_but_the_desk_is_given_a_proof(control: Chip, user: Chip) -> None:
    esam = kit.private_esam(control)
    for prove in ("nobody", "meter"):
        serial = kit.open_card(user)
        if prove == "meter":
            kit.prove_meter(esam, user, serial)
        for sfi, size in PROVED.items():
            assert kit.sw_of(user, proof_of(sfi, f"04B08{sfi}00{size + 4:02X}")) == 0x6982
    desk = session(control, user)
    assert desk.read_proved(2, 8)
    send(user, make_command("00A40000", b"\xdf\x01"), "open")  # ends the authentication
    assert kit.sw_of(user, proof_of(2, "04B082000C")) == 0x6982


def test_the_desk_is_given_whole_files_for_their_own_read_alone(control: Chip, user: Chip) -> None:
    """A few bytes of a file under the desk's key could be brought into another one."""
    session(control, user)
    for sfi, header in (
        (2, "04B0820008"),  # a part of the wallet
        (2, "04B082040C"),
        (2, "04D682000C"),  # a write
        (2, "04B085000C"),  # another file's
        (1, "04B081000C"),  # eight bytes of the parameters
        (5, "04B085000C"),
        (3, "04B08300CB"),
        (6, "04B086000C"),
        (6, "04D686000C"),
    ):
        assert kit.sw_of(user, proof_of(sfi, header)) == 0x6982, (sfi, header)
    for sfi, offset, header in ((1, 4, "04B081002D"), (2, 4, "04B082000C"), (1, 37, "04B081000C")):
        apdu = make_command(f"04B0{0x80 | sfi:02X}{offset:02X}", bytes(4) + bytes.fromhex(header))
        assert kit.sw_of(user, apdu) == 0x6982, (sfi, offset)


def test_what_is_sealed_for_the_meter_is_sealed_as_before(control: Chip, user: Chip) -> None:
    """The same blocks with the desk's proof and without it."""
    orders = (
        (2, 0, "8432010C0C"),
        (6, 0, "8430020C0C"),
        (1, 4, "04D682002B"),
        (1, 30, "04D6821A11"),
        (3, 0, "04D68300CB"),
        (4, 0, "04D68400CB"),
    )
    given: list[list[bytes]] = []
    for prove in (False, True):
        kit.open_card(user)
        if prove:
            session(control, user)
        given.append([])
        for sfi, offset, header in orders:
            apdu = make_command(
                f"04B0{0x80 | sfi:02X}{offset:02X}", b"\1\2\3\4" + bytes.fromhex(header)
            )
            data, sw = user.process(apdu)
            assert sw == 0x9000
            given[-1].append(data)
    assert given[0] == given[1]


def test_a_proof_writes_nothing(control: Chip, user: Chip) -> None:
    """As it is to be sent, no chip takes it for a write."""
    session(control, user)
    for sfi, size in PROVED.items():
        block, sw = user.process(proof_of(sfi, f"04B08{sfi}00{size + 4:02X}", kit.challenge(user)))
        assert sw == 0x9000
        before = kit.snapshot(user)
        header = bytes((0x04, 0xB0, 0x80 | sfi, 0, size + 4))
        for chip in (user, kit.private_esam(control)):
            assert kit.sw_of(chip, header + block) != 0x9000
        assert user.state == before


class FormerCard(Shim):
    """A user card of an earlier make: it seals for the meter alone."""

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        if apdu[:2] == b"\x04\xb0" and apdu[9:11] == b"\x04\xb0":
            return b"", 0x6982
        return self.chip.process(apdu)


def test_a_user_card_of_an_earlier_make_is_told(control: Chip, user: Chip) -> None:
    desk = session(control, FormerCard(user, bytes))
    with pytest.raises(NotProved, match=r"put it into its meter and bring it back, or replace it"):
        desk.read_proved(card_files.CARD_WALLET, 8)
    assert issubclass(NotProved, CardError) and read_file(user, 2, 8)


def test_a_control_card_that_can_t_check_says_why(control: Chip, user: Chip) -> None:
    desk = session(control, user)
    control.state.mac_tries[keys.DESK] = 0
    with pytest.raises(CardRefused, match=r"refused to check a MAC \(status 6983\)"):
        desk.read_proved(card_files.CARD_WALLET, 8)
