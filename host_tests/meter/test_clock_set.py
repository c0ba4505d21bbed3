"""A whole meter whose clock chip comes as its maker delivers it: without a time.

Who sets it, and what is not believed.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dianka.bench.stage.rig import EPOCH, START, Rig
from dianka.desk.prices import NewPrice
from meter_kit import INIT, INIT_DATA, KEYS, USER, USER_DATA, MeterKit, S, in_use
from service_kit import files_of

# Local, at the desk; half an hour before the bench's world begins.
MADE = datetime(2026, 1, 5, 7, 30)
MADE_S = int((MADE - timedelta(hours=8) - EPOCH).total_seconds())
LOST, NO_DATE, BEHIND = "00020", "00030", "00040"


def stamp(at: datetime) -> int:
    return int(at.strftime("%y%m%d%H%M"))


def delivered(folder: Path, made: int = stamp(MADE)) -> MeterKit:
    """A meter on the mains whose clock nobody has set, and its cards beside it."""
    kit = MeterKit(folder, clock_set=False)
    kit.make_init(INIT, replace(INIT_DATA, desk_time=made))
    kit.make_keys(KEYS)
    kit.make_user(USER, USER_DATA)
    kit.rig.switch_mains_on()
    kit.wait(3 * S)
    return kit


def set_chip(kit: MeterKit, off: timedelta) -> None:
    """The chip's time, off the true one by this."""
    kit.rig.set_clock()
    kit.rig.bench.clock_chip.set(kit.rig.bench.clock_chip.time_s + int(off.total_seconds()))


def looks_at_itself(kit: MeterKit) -> str:
    """The self-check's parts after a restart."""
    kit.rig.cut_power()
    kit.restart()
    kit.wait(5 * S)
    return kit.meter.self_check.code[:5]


def test_a_clock_as_delivered_has_no_time_and_the_meter_says_so(tmp_path: Path) -> None:
    kit = delivered(tmp_path)
    kit.wait(5 * S)
    assert kit.meter.self_check.code[:5] == LOST and kit.rig.bench.clock_chip.osf
    assert kit.meter.pages.list_faults() == ["Err-04"] and "Err-04" in kit.watch_display(10 * S)
    kit.close()


def test_the_initialisation_card_brings_the_time_and_what_needs_it_works(tmp_path: Path) -> None:
    kit = delivered(tmp_path)
    log = kit.run_session(INIT).log
    assert [line.partition("] ")[2] for line in log if "clock" in line] == [
        "clock: 2026-01-04 23:30:00 UTC, was unknown"
    ]
    assert MADE_S <= kit.rig.bench.clock_chip.time_s <= MADE_S + 20
    assert (kit.meter.pages.list_faults(), kit.state.earliest_s) == ([], MADE_S)
    assert kit.run_session(KEYS).code == 0
    kit.sell(1000, new=NewPrice(6000, stamp(MADE + timedelta(minutes=10)), at_once=True))
    kit.ledger.bought_fen = 1000
    assert kit.run_session(USER).code == 0
    assert kit.on_card().write_back["time"] in range(stamp(MADE), stamp(MADE) + 3)
    assert kit.state.price_e4 == 5000
    kit.wait(600 * S)
    assert kit.state.price_e4 == 6000
    assert looks_at_itself(kit) == "00000" and kit.state.earliest_s == MADE_S
    kit.close()


@pytest.mark.parametrize("off", [timedelta(seconds=1), timedelta(days=1000)])
def test_a_clock_that_is_ahead_is_left_alone(tmp_path: Path, off: timedelta) -> None:
    kit = delivered(tmp_path)
    set_chip(kit, MADE - timedelta(hours=8) - START - timedelta(seconds=3) + off)
    before_s = kit.rig.bench.clock_chip.time_s - kit.rig.clock.now_us // S
    assert not [line for line in kit.run_session(INIT).log if "clock" in line]
    assert kit.rig.bench.clock_chip.time_s - kit.rig.clock.now_us // S == before_s
    assert kit.state.earliest_s == MADE_S
    kit.close()


def test_a_clock_that_is_behind_is_set_to_the_desks_time(tmp_path: Path) -> None:
    kit = delivered(tmp_path)
    set_chip(kit, timedelta(days=-3))
    assert [
        line
        for line in kit.run_session(INIT).log
        if "clock: 2026-01-04 23:30:00 UTC, was 2026-01-02" in line
    ]
    assert MADE_S <= kit.rig.bench.clock_chip.time_s <= MADE_S + 20
    kit.close()


def test_a_card_without_a_time_changes_none(tmp_path: Path) -> None:
    """As cards were made before; one put in later does not take back what another has brought."""
    kit = delivered(tmp_path, made=0)
    kit.run_session(INIT)
    assert (kit.rig.bench.clock_chip.osf, kit.state.earliest_s, kit.meter.pages.list_faults()) == (
        True,
        0,
        ["Err-04"],
    )
    later = Path("later.card")
    kit.make_init(later, replace(INIT_DATA, desk_time=stamp(MADE)))
    for card in (later, INIT):
        kit.run_session(card)
        assert (kit.rig.bench.clock_chip.osf, kit.state.earliest_s) == (False, MADE_S)
    kit.close()


def test_a_card_whose_time_is_none_is_refused_before_anything_changes(tmp_path: Path) -> None:
    kit = delivered(tmp_path, made=2602300800)
    assert kit.run_session(INIT).code == 14
    assert (kit.state.meter_no, kit.state.earliest_s, kit.rig.bench.clock_chip.osf) == (0, 0, True)
    kit.close()


@pytest.mark.slow
def test_a_time_before_the_earliest_is_not_believed(tmp_path: Path) -> None:
    """A new battery, and somebody's wrong setting.

    No receipt has that time, and no price follows it.
    """
    kit = delivered(tmp_path)
    kit.run_session(INIT), kit.run_session(KEYS)
    in_use(kit, 1000)
    set_chip(kit, timedelta(days=-40))
    kit.sell(100, new=NewPrice(6000, stamp(MADE - timedelta(days=39, hours=23)), at_once=True))
    kit.ledger.bought_fen += 100
    assert kit.run_session(USER).code == 0
    assert kit.on_card().write_back["time"] == 0
    kit.wait(3700 * S)
    assert (kit.state.price_e4, kit.state.next_price_e4) == (5000, 6000)
    assert kit.meter.pages.list_faults() == ["Err-04"]
    assert looks_at_itself(kit) == BEHIND
    kit.close()


def test_an_installer_sets_the_clock_and_may_take_it_back(tmp_path: Path) -> None:
    """What `dianka clock` calls on the meter."""
    kit = delivered(tmp_path)
    kit.run_session(INIT)
    now_s = kit.rig.bench.clock_chip.time_s
    assert kit.meter.set_clock(now_s + 3600) == (now_s, True)
    assert kit.meter.set_clock(now_s) == (now_s + 3600, False)
    wrong_s = MADE_S - 86_400
    assert kit.meter.set_clock(wrong_s)[1] is False and kit.state.earliest_s == MADE_S
    assert kit.meter.set_clock(wrong_s, True) == (now_s + 3600, True)
    assert [
        line for line in kit.lines if "clock: 2026-01-03 23:30:00 UTC, was 2026-01-05 00:30" in line
    ]
    assert (kit.meter.clock.fault, kit.state.earliest_s) == (0, wrong_s)
    assert kit.meter.clock.read_seconds() == wrong_s
    assert looks_at_itself(kit) == "00000" and kit.state.earliest_s == wrong_s
    kit.close()


def test_a_meters_folder_keeps_what_its_clock_has(tmp_path: Path) -> None:
    """The bench: as delivered, then set, then off by an hour, each time found again."""
    for off_s in (None, 0, 3600):
        rig = Rig(tmp_path, "host")
        if off_s is not None:
            rig.set_clock()
            rig.bench.clock_chip.set(rig.bench.clock_chip.time_s + off_s)
        rig.close()
        again = Rig(tmp_path, "host")
        assert again.bench.clock_chip.osf == (off_s is None)
        if off_s is not None:
            assert again.bench.clock_chip.time_s == int((START - EPOCH).total_seconds()) + off_s
        again.close()


def test_the_cards_parameters_say_when_it_was_made(tmp_path: Path) -> None:
    kit = delivered(tmp_path)
    assert files_of(kit, INIT)[1][4 + 6 : 4 + 11].hex() == str(stamp(MADE))
    kit.close()
