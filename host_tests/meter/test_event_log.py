"""What a whole meter keeps in its log of events, whatever becomes of it: each chain is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from closing_order_kit import order
from dianka.bench.models.fram import Cut
from dianka.bench.models.hlw8032_frame import Fault
from dianka.cardos.files import card_files
from dianka.desk.log_words import describe_entry
from meter_kit import KEYS, MS, USER, MeterKit, S, in_use
from parts import Parts

FOR_EVER = 1_000_000
CHAIN, MAP = Parts().module("event_chain"), Parts().module("fram_map")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    yield kit
    kit.close()


def entries(kit: MeterKit, kind: int) -> list[dict[str, Any]]:
    """All entries of a kind as a fresh start would read them, after a check of each link."""
    events = kit.meter.events
    log = type(events)(events._memory, None, kit.meter.store, kit.lines.append)
    before, found = CHAIN.START, []
    for number in range(1, log.newest_number(kind) + 1):
        entry = log.read(kind, number)
        assert entry is not None, (kind, number)
        assert entry[-CHAIN.HASH :] == CHAIN.compute_hash(before, entry[: -CHAIN.HASH])
        before = entry[-CHAIN.HASH :]
        found.append(card_files.unpack(card_files.LOG_ENTRY, entry))
    return found


def whats(kit: MeterKit, kind: int) -> list[int]:
    return [entry["what"] for entry in entries(kit, kind)]


def purchases(kit: MeterKit) -> list[tuple[int, int]]:
    """Return (amount, count) of each."""
    return [
        (int.from_bytes(entry["detail"][:4], "big"), int.from_bytes(entry["detail"][4:8], "big"))
        for entry in entries(kit, CHAIN.PURCHASE)
    ]


def test_setting_up_and_first_purchase(kit: MeterKit) -> None:
    assert purchases(kit) == [(1000, 1)]
    entry = entries(kit, CHAIN.PURCHASE)[0]
    assert int.from_bytes(entry["detail"][8:], "big") == 1000 and entry["time"] > 2601050000
    assert whats(kit, CHAIN.POWER)[0] == CHAIN.POWER_UP
    parameters = entries(kit, CHAIN.PARAMETERS)
    assert [entry["what"] for entry in parameters] == [
        CHAIN.BY_INITIALISATION,
        CHAIN.BY_KEY_CARD,
        CHAIN.BY_USER_CARD,
    ]
    assert parameters[2]["detail"][:8] == kit.read_card_state(USER).serial
    assert whats(kit, CHAIN.SUPPLY)[-1] == 0
    assert not whats(kit, CHAIN.CARD) and not whats(kit, CHAIN.UPDATE)


def test_a_second_visit_without_purchase_is_none(kit: MeterKit) -> None:
    assert kit.run_session(USER).code == 0
    assert purchases(kit) == [(1000, 1)] and len(entries(kit, CHAIN.PARAMETERS)) == 3


def test_an_equal_purchase_of_a_new_account_is_logged(kit: MeterKit) -> None:
    """Count and amount alone would make it a repetition of the former account's."""
    kit.meter.settlement._add(1000, 1)
    assert purchases(kit) == [(1000, 1), (1000, 1)]


def test_refused_cards_name_code_serial_and_command(kit: MeterKit) -> None:
    session = kit.run_session(KEYS)
    entry = entries(kit, CHAIN.CARD)[-1]
    assert entry["what"] == session.code
    assert entry["detail"][:8] == kit.read_card_state(KEYS).serial


def test_power_goes_and_comes(kit: MeterKit) -> None:
    count = len(whats(kit, CHAIN.POWER))
    kit.rig.switch_mains_off()
    kit.wait(1 * S)
    kit.restart()
    kit.wait(3 * S)
    assert whats(kit, CHAIN.POWER)[count:] == [CHAIN.POWER_DOWN, CHAIN.POWER_UP]


def test_a_power_fail_signal_that_chatters_costs_one_entry(kit: MeterKit) -> None:
    count = len(whats(kit, CHAIN.POWER))
    for _ in range(10):
        kit.rig.switch_mains_off()
        kit.wait(20 * MS)
        kit.rig.switch_mains_on()
        kit.wait(1 * S)
    assert whats(kit, CHAIN.POWER)[count:] == [CHAIN.POWER_DOWN]


def test_power_down_is_logged_after_the_commit_within_few_milliseconds(kit: MeterKit) -> None:
    """The supply holds up for 50 ms at least; the balance comes first."""
    kit.rig.set_load(4_400_000)
    kit.wait(5 * S)
    kit.rig.switch_mains_off()
    kit.wait(20 * MS)
    kit.rig.cut_power()
    kit.restart()
    kit.wait(3 * S)
    assert whats(kit, CHAIN.POWER)[-2:] == [CHAIN.POWER_DOWN, CHAIN.POWER_UP]


def test_supply_changes_have_their_cause_and_an_outage_adds_none(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 60)
    count = len(whats(kit, CHAIN.SUPPLY))
    kit.rig.cut_power()
    kit.restart()
    kit.wait(70 * S)
    assert whats(kit, CHAIN.SUPPLY)[count:] == []
    kit.rig.set_load(6_600_000)
    for _ in range(300):
        kit.wait(1 * S)
        if not kit.relay_closed:
            break
    assert whats(kit, CHAIN.SUPPLY)[count:] == [8], "alarm 2"
    kit.rig.set_load(0)
    kit.rig.set_volts(150_000)  # too low to switch: it waits its turn from then on
    assert kit.run_session(USER).code == 0
    kit.wait(2 * S)
    assert whats(kit, CHAIN.SUPPLY)[count:] == [8]
    kit.rig.set_volts(220_000)
    kit.wait(62 * S)
    told = [line.split("supply: ")[1] for line in kit.lines if "supply: " in line]
    assert told[-2:] == ["waits its turn after an outage", "on"]
    assert whats(kit, CHAIN.SUPPLY)[count:] == [8, 0]
    kit.close()


def test_a_cause_decided_before_the_memory_answers_is_logged_when_it_does(kit: MeterKit) -> None:
    count = len(whats(kit, CHAIN.SUPPLY))
    kit.rig.cut_power()
    kit.rig.bench.fram.mute = True
    kit.rig.bench.chip.inject(Fault.FROZEN, FOR_EVER)
    kit.restart()
    kit.wait(80 * S)
    told = [line.split("supply: ")[1] for line in kit.lines if "supply: " in line]
    assert told[-1] == "metering chip silent"
    kit.rig.bench.fram.mute = False
    kit.wait(10 * S)
    assert whats(kit, CHAIN.SUPPLY)[count:] == [15]
    assert [line for line in kit.lines if "supply: " in line][-1].endswith(told[-1])


def test_clock_faults_begin_and_end(kit: MeterKit) -> None:
    count, now_s = len(whats(kit, CHAIN.FAULT)), kit.rig.bench.clock_chip.time_s
    kit.rig.bench.clock_chip.battery = False
    kit.rig.cut_power()
    kit.restart()
    kit.wait(60 * S)
    assert whats(kit, CHAIN.FAULT)[count:] == [4]
    former, done = kit.meter.set_clock(now_s + 60)
    assert done and former is None
    kit.wait(5 * S)
    assert whats(kit, CHAIN.FAULT)[count:] == [4, 4 | CHAIN.GONE]
    detail = entries(kit, CHAIN.CLOCK)[-1]["detail"]
    assert detail[:8] == bytes(4) + (now_s + 60).to_bytes(4, "big")


def test_a_clock_that_is_not_set_is_not_logged(kit: MeterKit) -> None:
    count = len(entries(kit, CHAIN.CLOCK))
    now_s = kit.rig.bench.clock_chip.time_s
    assert not kit.meter.set_clock(now_s - 4000)[1]
    assert len(entries(kit, CHAIN.CLOCK)) == count


@pytest.mark.slow
@pytest.mark.parametrize("cut", list(Cut))
def test_a_cut_in_a_purchase_leaves_exactly_one_entry_for_each(kit: MeterKit, cut: Cut) -> None:
    fram, wanted = kit.rig.bench.fram, [(1000, 1)]
    begun = fram.writes
    kit.sell(100)
    assert kit.run_session(USER).code == 0
    most, step = fram.writes - begun, 83 + 6 * list(Cut).index(cut)
    wanted.append((100, 2))
    for point in range(1, most + step, step):
        kit.sell(100)
        fram.cut_after(point, kit.cut_now, cut)
        kit.run_session(USER)
        fram.cut_after_bytes = None
        if not kit.rig.take_view().powered:
            kit.restart(1 * S)
            kit.wait(10 * S)
        assert kit.run_session(USER).code == 0, (point, kit.lines[-5:])
        wanted.append((100, kit.state.count))
        assert purchases(kit) == wanted, point
        assert kit.state.bought_fen == sum(amount for amount, _ in wanted)


def test_a_cut_in_any_entry_of_a_start_leaves_every_chain_whole(kit: MeterKit) -> None:
    fram = kit.rig.bench.fram
    for point in range(5, 700, 61):
        kit.rig.cut_power()
        fram.cut_after(point, kit.cut_now, Cut.TORN)
        kit.restart(1 * S)
        kit.wait(4 * S)
        fram.cut_after_bytes = None
        if not kit.rig.take_view().powered:
            kit.restart(1 * S)
            kit.wait(12 * S)
        for kind in range(1, CHAIN.KINDS + 1):
            entries(kit, kind)
        assert (kit.state.bought_fen, kit.state.count) == (1000, 1)
    assert len(entries(kit, CHAIN.POWER)) > 5


def test_a_memory_of_the_former_version_has_no_entry_and_keeps_its_illegal_cards(
    kit: MeterKit,
) -> None:
    """Its layout has zeros where the rings are."""
    assert kit.run_session(None).code
    illegal = [bytes(record) for record in kit.meter.illegal.read_newest(20)]
    kit.rig.cut_power()
    size = sum(MAP.EVENT_SLOTS) * MAP.EVENT_SLOT_BYTES
    for half in MAP.HALVES:
        at = half + MAP.EVENTS_AT
        kit.rig.bench.fram.memory[at : at + size] = bytes(size)
    kit.restart()
    kit.wait(3 * S)
    assert whats(kit, CHAIN.POWER) == [CHAIN.POWER_UP] and not purchases(kit)
    assert [bytes(record) for record in kit.meter.illegal.read_newest(20)] == illegal
    assert (kit.state.bought_fen, kit.state.count) == (1000, 1)


def test_a_memory_that_fails_stops_nothing(kit: MeterKit) -> None:
    kit.rig.bench.fram.mute = True
    assert kit.run_session(KEYS).code
    kit.wait(30 * S)
    kit.rig.bench.fram.mute = False
    kit.wait(10 * S)
    assert kit.run_session(USER).code == 0
    assert not [line for line in kit.lines if "restarts" in line]
    for kind in range(1, CHAIN.KINDS + 1):
        entries(kit, kind)


def test_a_closing_order_is_logged_once_however_often_it_is_put_in(kit: MeterKit) -> None:
    """And in words; a cut before the entry is made good by the card's next visit."""
    assert order(kit) == 2
    for _ in range(2):
        assert kit.run_session(USER).code == 0
    newest = entries(kit, CHAIN.PARAMETERS)[3:]
    assert [entry["what"] for entry in newest] == [CHAIN.BY_CLOSING]
    assert newest[0]["detail"].rstrip(b"\0").hex() == "00000002" + "00000003e8"
    words = describe_entry(kit.meter.events.read(CHAIN.PARAMETERS, 4))
    assert words == "account closed by order 2 with 10.00 yuan; 2026-01-05 08:00"


def test_a_state_that_was_taken_back_is_told_with_its_figures(kit: MeterKit) -> None:
    kit.meter.events.log_restored(-512, 1234 * 3_600 * 10**12)
    words = describe_entry(kit.meter.events.read(CHAIN.PARAMETERS, 4))
    assert words.startswith("memory lost, -5.12 yuan and 1234 Wh taken back from the ESAM; ")
