"""The places of cards: each card at exactly one, moved whole, copied without its keys."""

from pathlib import Path

import pytest

from dianka.bench.panel.founding import BIN, SLOT, TRAY, found_panel
from dianka.bench.panel.places import SUFFIX, Card, Places, copy_chip
from dianka.bench.panel.refusals import Refusal
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.image import CardFile
from dianka.cardos.visits import identify, open_card
from dianka.desk.sell import sell


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found_panel(tmp_path, 2)
    return tmp_path


def make_places(root: Path) -> Places:
    (root / "reader").mkdir(exist_ok=True)
    return Places(root, 2, {"counter": root / "reader"})


def count_files(root: Path, name: str) -> int:
    return len(list(root.rglob(name)))


def refused(act: object, *args: object) -> str:
    with pytest.raises(Refusal) as caught:
        act(*args)  # type: ignore[operator]
    return caught.value.key


def test_a_founded_panel_has_a_card_for_each_meter(root: Path) -> None:
    cards = make_places(root).list_cards()
    assert [(card.name, card.kind, card.meter_no, card.place) for card in cards] == [
        (f"resident-{number}.card", kinds.USER, number, TRAY) for number in (1, 2)
    ]
    found_panel(root, 2)  # again: nothing new
    assert make_places(root).list_cards() == cards


def test_a_card_is_at_one_place_wherever_it_goes(root: Path) -> None:
    places = make_places(root)
    for place in ("meter1", "counter", BIN, "meter2", TRAY):
        places.move(places.find("resident-1.card"), place)
        assert places.find("resident-1.card").place == place
        assert count_files(root, "resident-1.card") == 1
    assert not list((root / "meter1" / SLOT).glob(f"*{SUFFIX}"))


def test_slot_and_reader_take_one_card(root: Path) -> None:
    places = make_places(root)
    for place in ("meter1", "counter"):
        places.move(places.find("resident-1.card"), place)
        assert refused(places.move, places.find("resident-2.card"), place) == "refuse.full"
        places.move(places.find("resident-1.card"), TRAY)
    assert refused(places.move, places.find("resident-1.card"), "elsewhere") == "refuse.no-place"


def test_a_card_that_is_talked_to_stays(root: Path) -> None:
    places = make_places(root)
    card = places.find("resident-1.card")
    with CardFile.open(places.get_path(card)):
        assert refused(places.move, card, "meter1") == "refuse.in-use"
        assert refused(places.copy, card) == "refuse.in-use"
    assert places.move(card, "meter1").place == "meter1"


def test_a_card_that_has_gone_meanwhile_is_refused(root: Path) -> None:
    places = make_places(root)
    card = places.find("resident-1.card")
    places.move(card, BIN)
    assert refused(places.move, card, "meter1") == "refuse.no-card"
    assert refused(places.find, "../desk/control.card") == "refuse.no-card"
    assert refused(places.copy, card) in ("refuse.in-use", "refuse.no-card", "refuse.no-copy")


def test_a_copy_has_all_that_the_chip_gives_away_and_no_key(root: Path) -> None:
    places = make_places(root)
    original = places.find("resident-1.card")
    copy = places.copy(original)
    assert (copy.name, copy.place) == ("resident-1-copy1.card", TRAY)
    assert (copy.serial, copy.kind, copy.meter_no) == (original.serial, kinds.USER, 1)
    with (
        CardFile.open(places.get_path(original)) as mine,
        CardFile.open(places.get_path(copy)) as thiefs,
    ):
        assert thiefs.chip.state.files == mine.chip.state.files
        assert set(mine.chip.state.keys) == set(thiefs.chip.state.keys)
        assert not set(mine.chip.state.keys.values()) & set(thiefs.chip.state.keys.values())


def test_a_copy_proves_itself_to_no_esam_and_no_desk(root: Path) -> None:
    """The chips refuse it: not a rule of the panel."""
    from dianka.cardos import keys
    from dianka.desk import issue

    places = make_places(root)
    card = places.find("resident-1.card")
    copy = places.copy(card)
    with CardFile.open(root / "desk" / "control.card") as control:
        for each, taken in ((card, True), (copy, False)):
            with CardFile.open(places.get_path(each)) as held:
                if taken:
                    assert held.chip.state.serial.hex() == each.serial
                    continue
                with pytest.raises(CardError):
                    sell(control, held, 100)
    esam = Chip.new(kinds.ESAM)
    issue.make_esam(esam)
    esam.power_on()
    genuine = make_public_card()
    serial = open_card(genuine)
    assert identify(esam, genuine, serial)
    thiefs = Chip(copy_chip(genuine))
    assert open_card(thiefs) == serial
    assert not identify(esam, thiefs, serial)
    assert keys.IDENTITY in thiefs.state.keys


def make_public_card() -> Chip:
    """Return a card with the public set's keys, which a new ESAM knows."""
    from dianka.desk.control import make_public_control
    from dianka.desk.issue import InitData, make_init

    chip = Chip.new(kinds.INIT)
    make_init(make_public_control(), chip, InitData(1, 100, 50, 50, 0, 0, [5000]))
    return chip


def test_a_file_that_is_no_card_is_shown_as_such(root: Path) -> None:
    (root / TRAY / "junk.card").write_text("hello", encoding="utf-8")
    places = make_places(root)
    junk = places.find("junk.card")
    assert junk == Card("junk.card", "unknown", "", 0, TRAY)
    assert refused(places.copy, junk) == "refuse.in-use"


def test_copies_have_an_end(root: Path) -> None:
    places = make_places(root)
    for _ in range(58):
        places.copy(places.find("resident-1.card"))
    assert refused(places.copy, places.find("resident-1.card")) == "refuse.too-many"
