"""Areas, premises and meters: added by the building, archived, never deleted."""

from pathlib import Path

import pytest

from dianka.card_port import CardError
from estate_kit import make_actor, make_contract


def test_a_building_at_once(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.estate.places import (
        add_area,
        add_premises,
        list_premises,
        spread_places,
    )

    actor = make_actor("technician")
    add_area(actor, " 东湖 花园 ")
    made = add_premises(actor, "东湖 花园", spread_places("1-6", "1-3", "101-604"))
    assert len(made) == 6 * 3 * 6 * 4
    assert str(made[0]) == "东湖 花园 1 1 101" and str(made[-1]) == "东湖 花园 6 3 604"
    assert "6 3 604" in Act.objects.get(kind="premises added").words
    assert len(list_premises(actor, "东湖 花园", "6")) == 72
    with pytest.raises(CardError, match="东湖 花园 6 3 604 is there already"):
        add_premises(actor, "东湖 花园", [("7", "", "1"), ("6", "3", "604")])
    with pytest.raises(CardError, match="东湖 花园 7 1 is there already, or named twice"):
        add_premises(actor, "东湖 花园", [("7", "", "1"), ("7", "", " 1 ")])
    assert list_premises(actor, "东湖 花园", "7") == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("3", "", "101"), [("3", "", "101")]),
        (("A-B", "甲-1", "shop"), [("A-B", "甲-1", "shop")]),
        (("1", "1-2", "1-2"), [("1", "1", "1"), ("1", "1", "2"), ("1", "2", "1"), ("1", "2", "2")]),
        (("1", "", "901-1002"), [("1", "", room) for room in ("901", "902", "1001", "1002")]),
    ],
)
def test_places_are_spread(office: Path, words: tuple, found: list) -> None:
    from dianka.desk.office.estate.places import spread_places

    assert list(spread_places(*words)) == found


@pytest.mark.parametrize("words", [("6-1", "", "1"), ("0-3", "", "1"), ("1-99999", "", "1")])
def test_no_such_range(office: Path, words: tuple) -> None:
    from dianka.desk.office.estate.places import spread_places

    with pytest.raises(CardError, match="is no range"):
        list(spread_places(*words))
    with pytest.raises(CardError, match="104-201 has no rooms"):
        list(spread_places("1", "", "104-201"))


def test_too_many_at_once(office: Path) -> None:
    from dianka.desk.office.estate.places import add_area, add_premises, spread_places

    actor = make_actor("technician")
    add_area(actor, "West")
    with pytest.raises(CardError, match="add 1 to 5000"):
        add_premises(actor, "West", spread_places("1-5", "1-5", "101-5005"))
    with pytest.raises(CardError, match="there is no area North"):
        add_premises(actor, "North", [("1", "", "1")])
    with pytest.raises(CardError, match="area West is there already"):
        add_area(actor, "West")


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "there is no area"), ("x" * 61, "61 signs"), ("a\u202eb", "a sign that is not seen")],
)
def test_names_that_can_t_be(office: Path, name: str, said: str) -> None:
    from dianka.desk.office.estate.places import add_area

    with pytest.raises(CardError, match=said):
        add_area(make_actor("technician"), name)


def test_what_is_in_use_is_not_archived(office: Path) -> None:
    from dianka.desk.office.estate import meters, places
    from dianka.desk.office.estate.models import Meter

    actor = make_actor("technician")
    places.add_area(actor, "West")
    (premise,) = places.add_premises(actor, "West", [("1", "", "101")])
    meters.add_meters(actor, 5, 2, "single phase")
    meters.install_meter(actor, 5, premise.pk)
    with pytest.raises(CardError, match="West 1 101 has meter 000000000005: remove it"):
        places.archive_premise(actor, premise.pk)
    with pytest.raises(CardError, match="West 1 101 has meter 000000000005"):
        meters.install_meter(actor, 6, premise.pk)
    with pytest.raises(CardError, match="area West has 1 premises"):
        places.archive_area(actor, "West")
    meters.remove_meter(actor, 5)
    places.archive_premise(actor, premise.pk)
    with pytest.raises(CardError, match="West 1 101 is archived"):
        meters.install_meter(actor, 6, premise.pk)
    places.archive_area(actor, "West")
    with pytest.raises(CardError, match="there is no area West"):
        places.add_premises(actor, "West", [("2", "", "1")])
    places.restore_area(actor, "West")
    places.restore_premise(actor, premise.pk)
    meters.install_meter(actor, 5, premise.pk)  # it never had a contract
    assert Meter.objects.get(number=5).premise == premise


def test_the_life_of_a_meter(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.estate import meters
    from dianka.desk.office.ledger import posting

    actor, contract = make_actor("technician"), make_contract(7)
    with pytest.raises(CardError, match="has a customer"):
        meters.remove_meter(actor, 7)
    with pytest.raises(CardError, match="is installed: remove it first"):
        meters.scrap_meter(actor, 7)
    Contract.objects.update(state="closed")
    sold = posting.Move(posting.cash("desk1"), posting.of_meter("transit", 7), 100)
    entry = posting.post("desk1", "lin", "sale", "7", [sold]).entry_set.get()
    with pytest.raises(CardError, match=r"still has money in the books \(transit -100 fen"):
        meters.remove_meter(actor, 7)
    posting.reverse("desk1", "lin", entry, "test")
    meters.remove_meter(actor, 7)
    with pytest.raises(CardError, match="is set up under a new number"):
        meters.install_meter(actor, 7, contract.premise.pk)
    meters.scrap_meter(actor, 7)
    with pytest.raises(CardError, match="is scrapped: remove it first"):
        meters.scrap_meter(actor, 7)
    told = [(act.kind, act.words) for act in Act.objects.filter(kind__startswith="meter ")]
    assert told == [
        ("meter removed", "installed > removed from East 1 7"),
        ("meter scrapped", "removed > scrapped"),
    ]


def test_meter_numbers(office: Path) -> None:
    from dianka.desk.office.estate import meters

    actor = make_actor("technician")
    for first, count in ((0, 1), (10**12, 1), (10**12 - 1, 2), (-3, 5)):
        with pytest.raises(CardError, match="up to 12 digits and is not zero"):
            meters.add_meters(actor, first, count)
    meters.add_meters(actor, 10**12 - 1)
    with pytest.raises(CardError, match="meter 999999999999 is there already"):
        meters.add_meters(actor, 10**12 - 3, 3)


def test_a_vacant_premise(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.estate import places

    actor, contract = make_actor("technician"), make_contract(7)
    for vacant in (True, True, False):
        places.set_vacant(actor, contract.premise.pk, vacant)
    kinds = list(Act.objects.filter(subject="East 1 7").values_list("kind", flat=True))
    assert kinds == ["premise vacant", "premise inhabited"]
    assert places.find_premise(actor, "East", "1", "", "7") == contract.premise
    with pytest.raises(CardError, match="there is no premise East 1 8"):
        places.find_premise(actor, "East", "1", "", "8")
