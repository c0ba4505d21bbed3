"""What the watch of events logs of an update that failed: once, whoever was able to say it."""

from types import SimpleNamespace
from typing import Any

import pytest

from dianka.bench.models.fram import ADDRESS, Mb85rc256v
from dianka.cardos.files import card_files
from parts import Parts

PARTS = Parts()
CHAIN, EVENTS, FRAM = (PARTS.module(name) for name in ("event_chain", "events", "fram"))
WATCH, VERSIONS = PARTS.module("event_watch"), PARTS.module("versions")
I2C = PARTS.machine().I2C(0)
FAILED = "0.9.1+0123456789"


def start(chip: Mb85rc256v, unread: bool = False) -> tuple[Any, Any]:
    """Return log and watch of a start on this memory."""
    PARTS.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
    chip.power_on()
    store = SimpleNamespace(unread=unread, state=SimpleNamespace(balance_fen=100))
    clock = SimpleNamespace(read_local_minute=lambda: 2_601_050_800)
    memory = FRAM.Fram(I2C)
    events = EVENTS.Events(memory, clock, store, lambda text: None)
    pages = SimpleNamespace(compute_fault_bits=lambda: 0)
    metering = SimpleNamespace(chip=SimpleNamespace(reverse=0))
    made = WATCH.EventWatch(events, store, pages, memory, metering, lambda text: None, True)
    return store, made


def updates(chip: Mb85rc256v) -> list[tuple[int, bytes]]:
    """Return (what, version) of all entries of updates."""
    log = start(chip)[1]._events
    entries = [
        log.read(CHAIN.UPDATE, number) for number in range(1, log.newest_number(CHAIN.UPDATE) + 1)
    ]
    found = [card_files.unpack(card_files.LOG_ENTRY, entry) for entry in entries]
    return [(entry["what"], entry["detail"].rstrip(b"\0")) for entry in found]


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """This start has found that a trial failed."""
    monkeypatch.setattr(VERSIONS, "refused_version", lambda: FAILED)


def test_a_start_without_a_failed_trial_logs_no_update() -> None:
    chip = Mb85rc256v()
    start(chip)[1].look()
    assert updates(chip) == []


def test_a_trial_that_hung_is_logged_by_the_former_version(failed: None) -> None:
    chip = Mb85rc256v()
    store, watch = start(chip, unread=True)
    watch.look()
    assert updates(chip) == [], "nothing is logged before the state is the memory's"
    store.unread = False
    for _ in range(3):
        watch.look()
    assert updates(chip) == [(CHAIN.REFUSED, FAILED[:13].encode())]


def test_a_trial_that_logged_its_own_refusal_is_logged_once(
    failed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = Mb85rc256v()
    monkeypatch.setattr(VERSIONS, "version", lambda: FAILED)
    start(chip)[1].note_update(True)
    start(chip)[1].look()
    assert updates(chip) == [(CHAIN.REFUSED, FAILED[:13].encode())]


def test_a_version_that_was_kept_once_and_hangs_now_is_logged(
    failed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = Mb85rc256v()
    monkeypatch.setattr(VERSIONS, "version", lambda: FAILED)
    start(chip)[1].note_update(False)
    start(chip)[1].look()
    assert [what for what, _ in updates(chip)] == [0, CHAIN.REFUSED]


def test_another_version_s_refusal_hides_none(
    failed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = Mb85rc256v()
    monkeypatch.setattr(VERSIONS, "version", lambda: "0.9.0")
    start(chip)[1].note_update(True)
    start(chip)[1].look()
    assert updates(chip) == [(1, b"0.9.0"), (1, FAILED[:13].encode())]
