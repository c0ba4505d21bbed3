"""What a master-key change card gives away.

The keys of one meter for each use, whatever it is asked for and in which order.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cards_kit as kit
from dianka.cardos import desk_files, keys
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES
from dianka.desk import control as sealing
from dianka.desk.control import Load

FACTORY = Load(keys.MASTER, keys.PUBLIC_SET, keys.NO_FACTOR)
METERS = [keys.make_meter_factor(bytes(5) + bytes((number,))) for number in range(1, 5)]
USES = 2
_CARD = kit.keys_card(kit.control_card(), USES).state


def left(card: Chip) -> int:
    return int.from_bytes(card.state.files[desk_files.CARD_USES], "big")


def seal(card: Chip, kid: int, factor: bytes | None) -> int:
    return kit.sw_of(card, sealing.make_seal_command(Load(kid, factor=factor), FACTORY, bytes(4)))


kids = st.sampled_from((*keys.FOR_ESAM, keys.PARAMETERS, keys.PURCHASE, keys.MASTER))
asked = st.tuples(kids, st.sampled_from((None, *METERS)), st.booleans())


@settings(max_examples=150, deadline=None)
@given(st.lists(asked, max_size=16))
def test_no_more_meters_than_uses(orders: list[tuple[int, bytes | None, bool]]) -> None:
    card = Chip(_CARD.copy(), kit.seeded(1))
    kit.open_card(card)
    opened: set[bytes] = set()
    for kid, factor, reset in orders:
        if reset:
            kit.open_card(card)
        if seal(card, kid, factor) == 0x9000 and factor:
            opened.add(factor)
    assert len(opened) <= USES - left(card)


@pytest.mark.parametrize("profile", list(PROFILES))
def test_one_use_covers_one_whole_meter(profile: str) -> None:
    control = kit.control_card(profile=profile)
    card, esam = kit.keys_card(control, uses=1), kit.factory_esam(profile=profile)
    esam.power_on()
    kit.initialise(esam, kit.init_card(control))
    kit.change_keys(esam, card)
    assert left(card) == 0
    for _ in range(2):
        assert seal(card, keys.PURCHASE, METERS[0]) == 0x6985
        # The meter whose keys it has given already: no use is counted, also after a reset.
        assert seal(card, keys.PURCHASE, kit.METER) == 0x9000
        assert seal(card, keys.IDENTITY, None) == 0x9000
        assert seal(card, keys.PURCHASE, METERS[0]) == 0x6985
        kit.open_card(card)
        assert seal(card, keys.IDENTITY, None) == 0x6985  # nobody knows yet which meter it is for
    assert left(card) == 0


def test_meter_number_zero_is_no_meter_that_was_served() -> None:
    """A card that has sealed nothing holds zeros where it notes the meter; they open nothing."""
    card = kit.keys_card(kit.control_card(), uses=1)
    kit.open_card(card)
    assert seal(card, keys.PURCHASE, keys.NO_FACTOR) == 0x9000 and left(card) == 0
    kit.open_card(card)
    assert seal(card, keys.PURCHASE, keys.NO_FACTOR) == 0x6985
