"""Inspection cards in the books: copied by the whole meter, taken in once, to the fen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counter_kit import Clerk
from dianka.card_port import CardError
from estate_kit import make_actor, make_contract
from meter_kit import CUSTOMER_NO, METER_NO, USER, MeterKit, S
from service_kit import INSPECTION, make_inspection


@pytest.fixture
def kit(office: Path, tmp_path: Path) -> Iterator[MeterKit]:
    """A meter whose first purchase is in the books of the office."""
    from dianka.desk.office.vending import counter

    with MeterKit.new(tmp_path) as kit:
        make_contract(METER_NO, CUSTOMER_NO)
        clerk = Clerk(kit.control.chip)
        with kit.open(USER) as card:
            counter.sell(clerk.actor, kit.control.chip, card, 5000)
        assert kit.run_session(USER).code == 0
        kit.rig.set_load(6_000_000)
        kit.wait(90 * S)
        kit.rig.set_load(0)
        kit.wait(2 * S)
        make_inspection(kit)
        yield kit


def take(kit: MeterKit, card: Path = INSPECTION, role: str = "technician") -> object:
    from dianka.desk.office.vending.inspection_cards import take_inspection

    with kit.open(card) as file:
        return take_inspection(make_actor(role, "counter"), kit.control.chip, file)[1]


def test_what_the_meter_copied_is_taken_in_once(kit: MeterKit) -> None:
    from dianka.desk.office import checking
    from dianka.desk.office.ledger.models import Account
    from dianka.desk.office.vending.inspection_cards import PJ_PER_WH
    from dianka.desk.office.vending.models import Sale

    assert kit.run_session(INSPECTION).code == 0
    reading = take(kit)
    left_fen = kit.state.balance_fen
    assert 0 < left_fen < 5000
    told = reading.source, reading.balance_fen, reading.used_fen, reading.loaded_fen
    assert told == ("inspection", left_fen, 5000 - left_fen, 5000)
    assert reading.energy_wh == kit.state.energy_pj // PJ_PER_WH > 100
    assert reading.price_e4 == 5000
    balances = {
        account.kind: account.balance_fen
        for account in Account.objects.filter(owner=f"{METER_NO:012d}")
    }
    assert balances == {"transit": 0, "meter": -left_fen, "used": left_fen - 5000}
    assert Sale.objects.get().state == "loaded"
    assert take(kit) is None, "the same copy tells nothing new"
    assert list(checking.find_faults()) == []


def test_cards_that_are_no_whole_copy(kit: MeterKit, tmp_path: Path) -> None:
    from dianka.desk.office.estate.models import Reading

    with pytest.raises(CardError, match="no whole copy of a meter"):
        take(kit)
    with pytest.raises(CardError, match="this is no inspection card"):
        take(kit, USER)
    assert kit.run_session(INSPECTION).code == 0
    with pytest.raises(CardError, match="may not record an inspection"):
        take(kit, role="clerk")
    make_inspection(kit, Path("less.card"), copies=0x08)
    assert kit.run_session(Path("less.card")).code == 0
    with pytest.raises(CardError, match=r"no whole copy|not of its last meter"):
        take(kit, Path("less.card"))
    assert not Reading.objects.exists()


def keep(kit: MeterKit, office: Path, card: Path = INSPECTION) -> str:
    from dianka.desk.office.vending.inspection_logs import keep_log

    with kit.open(card) as file:
        return keep_log(office, file)


def test_logs_of_events_are_kept_and_compared(kit: MeterKit, tmp_path: Path) -> None:
    folder = tmp_path / "office"
    folder.mkdir()
    assert keep(kit, folder).startswith("no log of events on the card")
    assert kit.run_session(INSPECTION).code == 0
    said = keep(kit, folder)
    (file,) = (folder / "logs").iterdir()
    assert said.startswith("log of events: ") and said.endswith(f"each chain is whole; {file}")
    assert file.stat().st_mode & 0o777 == 0o600 and keep(kit, folder) == said
    fram = bytes(kit.rig.bench.fram.content)
    kit.wait(60 * S)
    kit.meter.events.log(10, 1)
    assert kit.run_session(INSPECTION).code == 0
    assert "each chain is whole" in keep(kit, folder)
    kit.rig.cut_power()
    kit.rig.bench.fram.load(fram)  # who has a copy of the memory takes the last entries off
    kit.restart()
    kit.wait(120 * S)
    assert kit.run_session(INSPECTION).code == 0
    assert "BROKEN against" in (said := keep(kit, folder)) and "case 1: the newer file" in said
    assert len(list((folder / "logs").iterdir())) == 3


def test_logs_that_are_not_whole_are_said(kit: MeterKit, tmp_path: Path) -> None:
    def pull(direction: str, index: int) -> None:
        if index == 1000:
            kit.rig.pull()

    kit.rig.bench.slot.on_character = pull
    assert kit.run_session(INSPECTION).code == 20
    kit.rig.bench.slot.on_character = None
    assert keep(kit, tmp_path).startswith("log of events not all there (")
    kit.rig.bench.fram.memory[6144 + 36 * 101 + 36 + 12] ^= 1  # supply 1 in the first half
    kit.rig.bench.fram.memory[22528 + 36 * 101 + 36 + 12] ^= 1
    assert kit.run_session(INSPECTION).code == 0
    told = keep(kit, tmp_path)
    assert told.startswith("log of events: BROKEN at supply 1: the meter's memory has lost it")
    assert take(kit) is not None, "the reading is good"


def test_a_card_of_another_system(kit: MeterKit, tmp_path: Path) -> None:
    from cards_kit import control_card
    from dianka.desk.office.vending.inspection_cards import take_inspection

    assert kit.run_session(INSPECTION).code == 0
    with kit.open(INSPECTION) as file, pytest.raises(CardError, match="not issued with this"):
        take_inspection(make_actor("technician"), control_card(7), file)
