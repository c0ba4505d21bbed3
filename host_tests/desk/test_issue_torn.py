"""Making a card in a reader, pulled before or after any of its commands.

The same chip can be made into that card again.
"""

from collections.abc import Callable

import pytest

import cards_kit as kit
from dianka.card_port import CardError, CardPort
from dianka.cardos import kinds
from dianka.cardos.chip import CardTorn
from dianka.cardos.crypto import PROFILES
from dianka.desk import issue, replace, service
from dianka.desk.in_reader import make_in_reader
from dianka.desk.sell import read_user_card, sell
from dianka.desk.show import show
from dianka.desk.verify import verify

Make = Callable[[CardPort, CardPort], None]
LAST = replace.LastPurchase(2, 3000, in_meter=False)
MAKE: dict[str, Make] = {
    kinds.USER: lambda control, card: issue.make_user(control, card, kit.USER_DATA),
    kinds.INIT: lambda control, card: issue.make_init(control, card, kit.INIT_DATA),
    kinds.KEYS: lambda control, card: issue.make_keys(control, card, 3),
    kinds.RESTORE: lambda control, card: service.make_restore(
        control, card, service.RestoreData(3)
    ),
    kinds.INSPECTION: lambda control, card: service.make_inspection(
        control, card, service.InspectionData()
    ),
    kinds.TEST_CREDIT: lambda control, card: service.make_test_credit(
        control, card, service.TestCreditData(100, 3)
    ),
    kinds.TEST: lambda control, card: service.make_test(control, card, service.TestData(3)),
}


def pulled_everywhere(kind: str, profile: str, make: Make) -> int:
    """Every point of making the card; then it is made, unless it was whole already.

    How many points there were.
    """
    control, points = kit.control_card(profile=profile), 0
    for done in (False, True):
        at = 0
        while True:
            at += 1
            chip = kit.blank(kind, control, 40)
            try:
                make_in_reader(kit.Pulled(chip, at, done), kind, lambda card: make(control, card))
                break
            except CardTorn:
                points += 1
            control.power_on()
            if dict(show(chip))["kind"] == "not issued yet":
                make_in_reader(chip, kind, lambda card: make(control, card))
            assert [finding.text for finding in verify(chip, control) if not finding.good] == [], (
                at,
                done,
            )
    return points


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("kind", sorted(MAKE))
def test_a_card_pulled_while_it_is_made_can_be_made_again(
    kind: str, profile: str, record_property: Callable[[str, object], None]
) -> None:
    points = pulled_everywhere(kind, profile, MAKE[kind])
    assert points > 30
    if profile == "sm4":
        record_property(
            "figure",
            f"{kind} card pulled while it is made, at {points} points: "
            "whole or made again on the same chip",
        )


def test_a_replacement_that_was_broken_off_leaves_no_money_on_the_chip() -> None:
    """The chip becomes another resident's card next: whatever stood on it before is gone."""
    control = kit.control_card()
    other = issue.UserData(7, 8, 100, 50, [5000])
    points = 0
    for done in (False, True):
        at = 0
        while True:
            at += 1
            chip = kit.blank(kinds.USER, control, 41)
            try:
                torn = kit.Pulled(chip, at, done)
                make_in_reader(
                    torn,
                    kinds.USER,
                    lambda card: replace.make_replacement(control, card, kit.USER_DATA, LAST),
                )
                break
            except CardTorn:
                control.power_on()
            if dict(show(chip))["kind"] != "not issued yet":
                continue
            make_in_reader(chip, kinds.USER, lambda card: issue.make_user(control, card, other))
            found = read_user_card(chip)
            assert (found.money_fen, found.count, found.write_back) == (0, 0, None)
            assert (found.params["meter_no"], found.params["customer_no"]) == (7, 8)
            points += 1
    assert points > 30


def test_a_cleared_card_is_issued_again_by_its_own_system_alone() -> None:
    control, thief = kit.control_card(), kit.control_card(seed=9)
    card, esam = kit.user_card(control), kit.private_esam(control)
    sell(control, card, 500)
    assert kit.use_in_meter(esam, card)
    sell(control, card, 700)
    replace.clear_card(control, card)
    with pytest.raises(CardError, match="do not belong together"):
        make_in_reader(card, kinds.USER, lambda chip: issue.make_user(thief, chip, kit.USER_DATA))
    make_in_reader(card, kinds.USER, lambda chip: issue.make_user(control, chip, kit.USER_DATA))
    found = read_user_card(card)
    assert (found.money_fen, found.count, found.write_back) == (0, 0, None)
    assert not [finding for finding in verify(card, control) if not finding.good]
