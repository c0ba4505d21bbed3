"""The log of events that an inspection card carries away: all of it, or known to be a part."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.cardos import kinds
from dianka.cardos.files import service_files
from dianka.cardos.image import dump, load
from dianka.cardos.t0 import Behaviour
from dianka.desk.event_log import MeterLog, belongs_to, event_chain, read_log, read_totals
from dianka.desk.log_check import find_break, find_difference
from dianka.desk.reading import read_kind
from meter_kit import USER, MeterKit, S, in_use, tell
from parts import Parts
from service_kit import INSPECTION, files_of, make_inspection, totals

MAP = Parts().module("fram_map")
RECORD_US = 6 * S  # what the card took along before there was a log: 3 s, and 3 s for illegal cards
LOG_US = 45 * S


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    make_inspection(kit)
    yield kit
    kit.close()


def fill_rings(kit: MeterKit, laps: int = 1) -> None:
    """Log so many events of each kind that each ring has gone round."""
    rng = random.Random(3)
    for kind, slots in enumerate(MAP.EVENT_SLOTS, 1):
        for number in range(slots * laps + 3):
            kit.meter.events.log(kind, number % 3, rng.randbytes(13))


def carried(kit: MeterKit, card: Path = INSPECTION) -> tuple[MeterLog | None, bool]:
    """Return the log on the card, and whether it is that of its newest visit."""
    with kit.open(card) as file:
        assert read_kind(file.chip)[0] == kinds.INSPECTION
        log = read_log(file.chip)
        return log, log is not None and belongs_to(log, read_totals(file.chip))


def check_whole(kit: MeterKit, card: Path = INSPECTION) -> MeterLog:
    log, belongs = carried(kit, card)
    assert log and belongs and find_break(log) == ""
    return log


def check_as_in_memory(kit: MeterKit, log: MeterLog) -> None:
    """The memory has what the card has, and maybe more that came later."""
    for (ring, number), entry in zip(log.list_places(), log.entries, strict=True):
        assert entry == kit.meter.events.read(ring.kind, number)


def test_a_young_meter_s_log_is_carried_whole(kit: MeterKit) -> None:
    session = kit.run_session(INSPECTION)
    assert session.code == 0, session.log
    log = check_whole(kit)
    assert [ring.kind for ring in log.rings] == list(range(event_chain.KINDS, 0, -1))
    assert all(ring.first == 1 for ring in log.rings) and log.meter_no == kit.state.meter_no
    assert log.time == totals(kit)["time"] and log.version == "unflashed"
    check_as_in_memory(kit, log)
    assert len(log.entries) == sum(
        kit.meter.events.newest_number(kind) for kind in range(1, event_chain.KINDS + 1)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "behaviour", "limit_us"),
    [
        ("9600 baud", Behaviour(), 13 * S),
        ("38400 baud", Behaviour(ta1=0x13), 6 * S),
        ("one by one", Behaviour(one_by_one=True), RECORD_US + LOG_US),
        ("20 ms for an answer", Behaviour(nulls=16), RECORD_US + LOG_US),
    ],
)
def test_full_rings_fit_with_a_slow_card(
    kit: MeterKit, name: str, behaviour: Behaviour, limit_us: int
) -> None:
    fill_rings(kit)
    restarts = len([line for line in kit.lines if "restarts" in line])
    session = kit.run_session(INSPECTION, behaviour=behaviour, limit_us=60 * S)
    tell(f"inspection with full rings, {name}: {session.took_us} us")
    assert session.code == 0, session.log
    assert session.took_us < limit_us
    log = check_whole(kit)
    check_as_in_memory(kit, log)
    counts = {ring.kind: ring.count for ring in log.rings}
    assert counts[event_chain.PURCHASE] == 100 and min(counts.values()) >= 10
    assert [ring.first > 1 for ring in log.rings] == [True] * event_chain.KINDS
    assert len([line for line in kit.lines if "restarts" in line]) == restarts
    assert not kit.list_violations()


def test_the_next_visit_goes_on_from_the_first(kit: MeterKit) -> None:
    fill_rings(kit)
    assert kit.run_session(INSPECTION).code == 0
    older = check_whole(kit)
    kit.meter.events.log(event_chain.CASE, 1)
    kit.sell(500)
    assert kit.run_session(USER).code == 0
    assert kit.run_session(INSPECTION).code == 0
    newer = check_whole(kit)
    assert find_difference(newer, older) == "" and len(newer.entries) == len(older.entries)
    newest = {ring.kind: ring.newest for ring in older.rings}
    assert {ring.kind: ring.newest - newest[ring.kind] for ring in newer.rings} == {
        kind: int(kind in (event_chain.CASE, event_chain.PURCHASE)) for kind in newest
    }


def test_a_card_of_an_earlier_make_goes_on_as_before(kit: MeterKit) -> None:
    path = kit.folder / INSPECTION
    state = load(path.read_bytes())
    del state.files[service_files.INSPECTION_LOG]
    path.write_bytes(dump(state))
    session = kit.run_session(INSPECTION)
    assert session.code == 0, session.log
    assert totals(kit)["copied"] == service_files.COPY_ALL & ~service_files.COPY_LOG
    assert carried(kit) == (None, False)
    assert not [line for line in session.log if "log copied" in line]


def test_an_order_without_the_log_brings_none(kit: MeterKit) -> None:
    card = Path("less.card")
    make_inspection(kit, card, copies=service_files.COPY_ALL & ~service_files.COPY_LOG)
    assert kit.run_session(card).code == 0
    assert totals(kit, card)["meter_no"] == kit.state.meter_no
    assert not any(files_of(kit, card)[service_files.INSPECTION_LOG])


@pytest.mark.slow
def test_a_card_pulled_before_every_command_is_known_to_have_a_part(kit: MeterKit) -> None:
    """What was carried before the log is not touched by what becomes of the log."""
    assert kit.run_session(INSPECTION).code == 0
    check_whole(kit)
    kit.wait(70 * S)  # another minute, so that the former visit can be told from this one
    seen = set()
    for point in range(1, 200):
        heard = [0]

        def hear(direction: str, index: int, heard: list[int] = heard, point: int = point) -> None:
            heard[0] += 1
            if heard[0] == point * 37 and kit.rig.card is not None:
                kit.rig.pull()

        before = files_of(kit, INSPECTION)[service_files.INSPECTION_TOTALS]
        kit.rig.bench.slot.on_character = hear
        session = kit.run_session(INSPECTION)
        kit.rig.bench.slot.on_character = None
        if session.code == 0:
            break
        after = files_of(kit, INSPECTION)[service_files.INSPECTION_TOTALS]
        if after == before:
            continue  # pulled before anything was written
        log, belongs = carried(kit)
        assert log
        broken = find_break(log)
        assert not (belongs and not broken), "pulled in the middle, and nobody can tell"
        if belongs:
            assert log.is_partial and "entries are there" in broken
        seen.add((any(after[:1]), belongs))
    assert session.code == 0 and seen == {(False, False), (True, True), (True, False)}
    check_whole(kit)


def test_a_card_that_stalls_in_the_log_loses_the_log_alone(kit: MeterKit) -> None:
    fill_rings(kit)

    def stall(direction: str, index: int, value: int) -> int | None:
        return value if kit.rig.bench.slot.characters < 2_500 else None

    kit.rig.bench.slot.tamper = stall
    session = kit.run_session(INSPECTION)
    kit.rig.bench.slot.tamper = None
    assert session.code == 19, session.log
    assert totals(kit)["copied"] == service_files.COPY_ALL & ~service_files.COPY_LOG
    log, belongs = carried(kit)
    assert log and belongs and log.is_partial
    assert not [line for line in kit.lines if "restarts" in line]


def test_a_memory_that_falls_silent_leaves_a_part_and_a_good_session(kit: MeterKit) -> None:
    fill_rings(kit)

    def mute(direction: str, index: int) -> None:
        if kit.rig.bench.slot.characters > 2_500:
            kit.rig.bench.fram.mute = True

    kit.rig.bench.slot.on_character = mute
    session = kit.run_session(INSPECTION)
    kit.rig.bench.slot.on_character = None
    kit.rig.bench.fram.mute = False
    assert session.code == 0 and "log not copied whole" in "".join(session.log)
    log, belongs = carried(kit)
    assert log and belongs and log.is_partial


def test_an_entry_that_the_memory_has_lost_is_named(kit: MeterKit) -> None:
    fill_rings(kit)
    events = kit.meter.events
    number, before = events.oldest_number(event_chain.FAULT) + 2, sum(MAP.EVENT_SLOTS[:7])
    slot = number % MAP.EVENT_SLOTS[event_chain.FAULT - 1]
    for half in MAP.HALVES:
        at = half + MAP.EVENTS_AT + (before + slot) * MAP.EVENT_SLOT_BYTES
        kit.rig.bench.fram.memory[at] ^= 1
    assert kit.run_session(INSPECTION).code == 0
    log, belongs = carried(kit)
    assert log and belongs and not log.is_partial
    assert find_break(log) == f"fault {number}: the meter's memory has lost it"
