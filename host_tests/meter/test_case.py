"""Openings of the case on the whole meter: each is logged, none floods the log, nothing is cut."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dianka.bench.stage.rig import RigError
from dianka.bench.stage.stand import Stand
from dianka.cardos.files import card_files
from dianka.firmware import BOARDS
from meter_kit import MS, MeterKit, S, in_use
from parts import Parts

CHAIN = Parts().module("event_chain")
OPENED, CLOSED = CHAIN.CASE_OPENED, CHAIN.CASE_CLOSED


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    kit.wait(10 * S)
    yield kit
    kit.close()


def entries(kit: MeterKit) -> list[dict[str, Any]]:
    """All entries of openings, as the running meter reads them."""
    events = kit.meter.events
    numbers = range(1, events.newest_number(CHAIN.CASE) + 1)
    return [
        card_files.unpack(card_files.LOG_ENTRY, entry)
        for number in numbers
        if (entry := events.read(CHAIN.CASE, number))
    ]


def told(kit: MeterKit) -> list[tuple[int, int]]:
    """Return (what, found at the start) of each."""
    return [(entry["what"], entry["detail"][0]) for entry in entries(kit)]


def test_a_case_that_was_never_opened_has_no_entry(kit: MeterKit) -> None:
    assert told(kit) == []
    kit.rig.cut_power()
    kit.restart()
    kit.wait(70 * S)
    assert told(kit) == [] and not [line for line in kit.lines if "case" in line]


def test_opened_and_closed_with_their_time_and_nothing_is_cut(kit: MeterKit) -> None:
    kit.rig.open_case()
    kit.wait(1 * S)
    assert told(kit) == [(OPENED, 0)] and entries(kit)[0]["time"] // 100 == 26010508
    assert kit.relay_closed and kit.lines[-1].endswith("] case opened")
    kit.wait(120 * S)
    kit.rig.open_case(False)
    kit.wait(1 * S)
    assert told(kit) == [(OPENED, 0), (CLOSED, 0)] and kit.lines[-1].endswith("] case closed")
    kit.wait(600 * S)
    assert len(told(kit)) == 2 and kit.relay_closed and not kit.list_violations()


def test_a_case_opened_in_the_dark_is_found_at_the_start(kit: MeterKit) -> None:
    for opened in (True, False):
        kit.rig.cut_power()
        kit.wait(5 * S)
        kit.rig.open_case(opened)
        kit.restart()
        kit.wait(2 * S)
        what = OPENED if opened else CLOSED
        assert told(kit)[-1] == (what, 1) and "found at the start" in "".join(kit.lines[-6:])
    kit.rig.cut_power()
    kit.restart()
    kit.wait(70 * S)
    assert told(kit) == [(OPENED, 1), (CLOSED, 1)], "a start without a change adds none"


def test_a_case_opened_and_closed_again_in_the_dark_leaves_nothing(kit: MeterKit) -> None:
    """Nothing watches then: the contact is no seal. The page says so."""
    kit.rig.cut_power()
    kit.rig.open_case()
    kit.wait(60 * S)
    kit.rig.open_case(False)
    kit.restart()
    kit.wait(2 * S)
    assert told(kit) == []


def test_an_opening_within_the_minute_is_logged_when_that_is_over(kit: MeterKit) -> None:
    kit.rig.open_case()
    kit.wait(1 * S)
    kit.rig.open_case(False)
    kit.wait(58 * S)
    assert told(kit) == [(OPENED, 0)]
    kit.wait(3 * S)
    assert told(kit) == [(OPENED, 0), (CLOSED, 0)]
    kit.rig.open_case()
    kit.wait(2 * S)
    kit.rig.open_case(False)
    kit.wait(50 * S)
    assert len(told(kit)) == 2
    kit.wait(10 * S)
    assert told(kit)[2:] == [(OPENED, 0)], "closed by now, and not hidden"
    kit.wait(60 * S)
    assert told(kit)[2:] == [(OPENED, 0), (CLOSED, 0)]


@pytest.mark.parametrize("period_ms", [30, 110, 190])
def test_a_contact_that_chatters_is_neither(kit: MeterKit, period_ms: int) -> None:
    for _ in range(20_000 // period_ms):
        kit.rig.open_case()
        kit.wait(period_ms * MS // 2)
        kit.rig.open_case(False)
        kit.wait(period_ms * MS // 2)
    assert len(told(kit)) <= 1


def test_a_contact_that_chatters_for_ever_costs_one_entry_a_minute(kit: MeterKit) -> None:
    rng, begun_us = random.Random(7), kit.now_us
    while kit.now_us < begun_us + 600 * S:
        kit.rig.open_case(rng.random() < 0.5)
        kit.wait(rng.randrange(20, 2_000) * MS)
    assert 8 <= len(told(kit)) <= 11
    assert kit.relay_closed and not [line for line in kit.lines if "restarts" in line]


def test_a_memory_that_is_silent_meanwhile_loses_no_opening(kit: MeterKit) -> None:
    kit.rig.bench.fram.mute = True
    kit.rig.open_case()
    kit.wait(5 * S)
    kit.rig.open_case(False)
    kit.wait(5 * S)
    kit.rig.bench.fram.mute = False
    kit.wait(130 * S)
    assert [what for what, _ in told(kit)] == [OPENED, CLOSED]


def test_a_meter_keeps_its_open_case_in_its_folder(tmp_path: Path) -> None:
    with MeterKit.new(tmp_path) as kit:
        kit.rig.open_case()
        kit.wait(1 * S)
        assert told(kit) == [(OPENED, 0)]
    with MeterKit(tmp_path) as again:
        again.switch_mains_on()
        again.wait(70 * S)
        assert told(again) == [(OPENED, 0)]
        again.rig.open_case(False)
        again.wait(2 * S)
        assert told(again) == [(OPENED, 0), (CLOSED, 0)]


def test_a_board_without_the_contact_goes_on(tmp_path: Path) -> None:
    board = tmp_path / "board"
    board.mkdir()
    text = (BOARDS / "rp2_pico" / "board.py").read_text(encoding="utf-8")
    before, _, behind = text.replace("_CASE_CONTACT = const(13)\n", "").partition(
        "def case_contact"
    )
    (board / "board.py").write_text(before + "def " + behind.partition("\ndef ")[2], "utf-8")
    with Stand(tmp_path, board=board) as stand:
        stand.set_up()
        stand.wait(5 * S)
        with pytest.raises(RigError, match="no contact at its case"):
            stand.rig.open_case()
        assert stand.meter.events.newest_number(CHAIN.CASE) == 0
        assert not [line for line in stand.lines if "restarts" in line or "case" in line]
