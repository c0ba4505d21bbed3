"""A meter with 3DES ESAM and cards: same firmware, same sessions, other ciphers' cards refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_sessions import bought

from dianka.bench.stage.rig import ESAM_FILE
from dianka.cardos.crypto import PROFILES, SM4, TDES
from dianka.cardos.image import CardFile
from dianka.desk import issue
from meter_kit import CONTROL, CUSTOMER_NO, KEYS, USER, MeterKit, tell

STRANGER = Path("stranger.card")


def founded(folder: Path, profile: str) -> MeterKit:
    """A meter whose ESAM and cards are of this profile from the beginning."""
    issue.issue_control(folder / CONTROL, profile=profile)
    issue.issue_esam(folder / ESAM_FILE, profile=profile)
    return MeterKit.new(folder)


@pytest.fixture(params=sorted(PROFILES))
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MeterKit]:
    kit = founded(tmp_path, request.param)
    yield kit
    kit.close()


def test_opening_and_purchase_are_the_same_in_both_profiles(kit: MeterKit) -> None:
    kit.sell(200)
    opening = kit.run_session(USER)
    assert opening.texts[-3:] == ["rEAd", "0.00", "2.00"], opening.log
    assert kit.relay_closed and kit.state.customer_no == CUSTOMER_NO
    kit.sell(300)
    purchase = kit.run_session(USER)
    assert purchase.texts[-3:] == ["rEAd", "2.00", "5.00"], purchase.log
    again = kit.run_session(USER)
    assert again.code == 0 and kit.get_esam_wallet() == (500, 2)
    back = kit.on_card().write_back
    assert (back["balance_fen"], back["count"], back["customer_no"]) == (500, 2, CUSTOMER_NO)
    profile = kit.control.chip.state.profile
    assert {esam_of(kit), profile_of(kit, USER), profile_of(kit, KEYS)} == {profile}
    tell(
        f"{profile}: opening {opening.slot_characters}, "
        f"purchase {purchase.slot_characters} characters"
    )
    assert not kit.list_violations()


@pytest.mark.parametrize(("meter", "card"), [(SM4.name, TDES.name), (TDES.name, SM4.name)])
def test_a_card_of_the_other_profile_is_refused_as_a_stranger(
    tmp_path: Path, meter: str, card: str
) -> None:
    """Both key sets begin from the same numbers where they are public.

    The cipher alone must make the difference.
    """
    kit = founded(tmp_path, meter)
    bought(kit)
    other = tmp_path / "other.card"
    issue.issue_control(other, profile=card)
    with CardFile.open(other) as control:
        # The very same roots: nothing but the cipher is another one.
        control.chip.state.keys = dict(kit.control.chip.state.keys)
        number = kit.state.meter_no
        issue.issue_user(control.chip, tmp_path / STRANGER, number, CUSTOMER_NO, 100, 50, [5000])
    before = kit.get_esam_wallet(), kit.state.balance_fen, kit.state.illegal_cards
    session = kit.run_session(STRANGER)
    assert session.code == 5, session.log
    assert "Err-32" in session.texts
    assert (kit.get_esam_wallet(), kit.state.balance_fen) == before[:2]
    assert kit.state.illegal_cards == before[2] + 1
    kit.close()


def esam_of(kit: MeterKit) -> str:
    return kit.esam.state.profile


def profile_of(kit: MeterKit, card: Path) -> str:
    with CardFile.open(kit.folder / card) as file:
        return file.chip.state.profile
