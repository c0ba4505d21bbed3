"""Cards of earlier makes go on as they are: images that the desk wrote before there was a PIN.

images/former/ holds a system of each cipher as `found_system` made it then: the control card, three
part cards of which two are needed, and a resident's card.
"""

from pathlib import Path

import pytest

import cards_kit as kit
import quota_kit
from dianka.card_port import CardError, make_command
from dianka.cardos import keys, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES
from dianka.cardos.image import dump, load
from dianka.desk import orders, system
from dianka.desk.pin import WithPin, change_pin
from dianka.desk.quota import FORMER_MAKE, read_quota
from dianka.desk.sell import sell
from dianka.desk.session import Desk
from dianka.desk.show import show
from dianka.desk.verify import verify

IMAGES = Path(__file__).parents[1] / "images" / "former"


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> str:
    return request.param


def chip(name: str, profile: str) -> Chip:
    made = Chip(load((IMAGES / f"{name}-{profile}.json").read_bytes()), kit.seeded(1))
    made.power_on()
    return made


def parts(profile: str, *numbers: int) -> list[Chip]:
    return [chip(f"backup-{number}", profile) for number in numbers or (1, 2, 3)]


def test_an_image_is_written_as_it_was_read(profile: str) -> None:
    for path in IMAGES.glob(f"*-{profile}.json"):
        assert dump(load(path.read_bytes())) == path.read_bytes()


def test_a_former_control_card_works_as_it_did(profile: str) -> None:
    control, user = chip("control", profile), chip("user", profile)
    files = dict(control.state.files)
    assert sell(control, user, 5_000).count == 1
    made = kit.user_card(control)
    assert sell(control, made, 1_000).opened
    assert kit.use_in_meter(kit.private_esam(control), made)
    assert kit.keys_card(control) and kit.restore_card(control) and kit.inspection_card(control)
    assert control.state.files == files and not [f for f in verify(control, None) if not f.good]


def test_a_former_control_card_answers_the_new_commands_as_an_older_chip(profile: str) -> None:
    control = chip("control", profile)
    quota_kit.diversify(control, b"resident")
    for apdu, sw in (
        ("0020000108" + "31" * 8, 0x6D00),
        ("0024010108" + "31" * 8, 0x6D00),
        ("80FA0A0011" + "00" * 17, 0x6A86),
        ("80FA0B0014" + "00" * 20, 0x6A86),
        ("80FA0C002C" + "00" * 44, 0x6A86),
        ("00B083000E", 0x6A82),
    ):
        assert kit.sw_of(control, apdu) == sw, apdu
    assert quota_kit.mac(control, bytes(1))[1] == 0x9000
    assert kinds.find_make(kinds.CONTROL, control.state.files) in kinds.FORMER[kinds.CONTROL]


def test_what_it_proves_is_compared_with_its_mac(profile: str) -> None:
    """It has no CHECK, and no quota that a MAC could cost."""
    control, user = chip("control", profile), chip("user", profile)
    sell(control, user, 5_000)
    desk = Desk(control, user, kit.open_card(user))
    desk.authenticate()
    assert desk.read_proved(2, 8) == quota_kit.wallet(5_000, 1)
    user.faults.wrong_mac = True
    with pytest.raises(CardError, match="something between card and reader"):
        desk.read_proved(2, 8)


def test_it_is_said_how_to_get_pin_and_quota(profile: str) -> None:
    control = chip("control", profile)
    assert read_quota(control) is None
    assert ("PIN and quota", FORMER_MAKE) in show(control)
    assert any(FORMER_MAKE in finding.text for finding in verify(control, None))
    with pytest.raises(CardError, match=r"of an earlier make.*`dianka keys restore NEW.card"):
        orders.write_order(control, orders.REFILL, 100)
    with pytest.raises(CardError, match="status 6D00"):
        change_pin(control, None, quota_kit.PIN)


def test_its_parts_make_a_control_card_with_both_and_approve_for_it(profile: str) -> None:
    former, user = chip("control", profile), chip("user", profile)
    control = system.make_blank_control(profile, kit.seeded(8))
    system.restore_on_chip(control, parts(profile, 1, 3))
    assert {kid: control.state.keys[kid] for kid in keys.ROOT_KIDS} == {
        kid: former.state.keys[kid] for kid in keys.ROOT_KIDS
    }
    made = quota_kit.System(control, parts(profile, 3, 1))
    made.refill(5_000)
    change_pin(control, None, quota_kit.PIN)
    assert sell(WithPin(control, quota_kit.PIN), user, 5_000).count == 1
    assert quota_kit.fields(control)["quota_fen"] == 0


def test_a_blank_control_card_of_before_takes_the_parts_of_today(profile: str) -> None:
    """It stays a card of its make: no quota, and so nothing to refill."""
    state = chip("control", profile).state
    for kid in keys.ROOT_KIDS:
        del state.keys[kid]
    blank = Chip(state, kit.seeded(3))
    today = quota_kit.founded(profile)
    system.restore_on_chip(blank, today.parts[1:])
    assert read_quota(blank) is None and quota_kit.diversify(blank, b"resident") == 0x9000
    assert quota_kit.charge(blank, 1_000_000) == 0x9000


class FormerPart:
    """A part card whose chip was made before it could approve."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        return (b"", 0x6D00) if apdu[:2] == b"\x80\xfa" else self.chip.process(apdu)


def test_a_part_chip_that_can_t_approve_is_told() -> None:
    made = quota_kit.founded()
    order = orders.write_order(made.control, orders.REFILL, 100)
    with pytest.raises(CardError, match="of an earlier make and approves nothing"):
        orders.approve(order, FormerPart(made.parts[0]))
    assert kit.sw_of(made.parts[0], make_command("80FA0600", bytes(30))) == 0x6A86
