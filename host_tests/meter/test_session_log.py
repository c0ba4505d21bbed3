"""The log of illegal cards: a ring that a cut, a worn memory or a great many cards can't spoil."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.fram import ADDRESS, SIZE, Mb85rc256v
from dianka.cardos import kinds
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from meter_kit import USER, MeterKit, S, in_use
from parts import Parts

PARTS = Parts()
illegal, journal, records = (PARTS.module(name) for name in ("illegal_cards", "journal", "state"))
BODY = card_files.size_of(illegal.FIELDS)
OTHER = Path("other.card")


class Memory:
    """Bytes that can be cut off in the middle of a write, as the bus is when the power goes."""

    size = SIZE

    def __init__(self, content: bytes = bytes(SIZE)) -> None:
        self.content = bytearray(content)
        self.left = 1 << 30

    def read(self, address: int, count: int) -> bytes:
        return bytes(self.content[address : address + count])

    def write(self, address: int, data: bytes) -> None:
        kept = data[: max(0, self.left)]
        self.left -= len(data)
        self.content[address : address + len(kept)] = kept


def packed(mark: int) -> bytes:
    return mark.to_bytes(BODY - 4, "big")


def marks(log: Any, most: int = 20) -> list[int]:
    return [int.from_bytes(body[4:], "big") for body in log.read_newest(most)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 70), st.integers(0, 40), st.integers(0, 25))
def test_a_cut_at_any_byte_costs_that_record_and_the_oldest(
    before: int, cut_at: int, most: int
) -> None:
    memory = Memory()
    log = illegal.IllegalCards(memory)
    for mark in range(before):
        log.add(packed(mark))
    memory.left = cut_at
    log.add(packed(before))
    memory.left = 1 << 30
    again = illegal.IllegalCards(memory)
    kept = list(range(before))[-illegal.RECORDS :]
    whole = [*range(before + 1)][-illegal.RECORDS :]
    found = marks(again)
    assert found in (kept, kept[1:], whole), (found, kept)
    assert found == whole or cut_at < 33
    assert marks(again, most) == (found[-most:] if most else [])
    again.add(packed(1000))
    assert marks(illegal.IllegalCards(memory))[-1] == 1000


@settings(max_examples=100)
@given(st.binary(min_size=1024, max_size=1024))
def test_what_is_no_record_is_not_told(noise: bytes) -> None:
    memory = Memory(bytes(SIZE - 1024) + noise)
    log = illegal.IllegalCards(memory)
    assert marks(log) == []
    log.add(packed(7))
    assert marks(illegal.IllegalCards(memory)) == [7]


def test_journal_and_log_do_not_meet() -> None:
    memory = Memory()
    journal_of = journal.Journal(memory, records.SIZE)
    journal_of.load()
    log = illegal.IllegalCards(memory)
    for number in range(50):
        journal_of.commit(number.to_bytes(records.SIZE, "big"))
        log.add(packed(number))
    again = journal.Journal(memory, records.SIZE)
    assert again.load() == (49).to_bytes(records.SIZE, "big") and not again.damaged
    assert marks(illegal.IllegalCards(memory)) == list(range(30, 50))


def test_a_memory_that_does_not_answer_is_an_error_and_no_empty_log() -> None:
    parts, chip = Parts(), Mb85rc256v()
    parts.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
    log = parts.module("illegal_cards").IllegalCards(
        parts.module("fram").Fram(parts.machine().I2C(0))
    )
    chip.mute = True
    with pytest.raises(OSError):
        log.read_newest(5)
    chip.mute = False
    log.add(packed(1))
    assert marks(log) == [1]


def test_counter_and_log_live_through_power_cuts_and_reach_their_ends(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    CardFile.create(tmp_path / OTHER, kinds.CONTROL).close()
    for _ in range(22):
        assert kit.run_session(OTHER).code == 22
    kit.rig.cut_power()
    kit.restart(1 * S)
    assert kit.state.illegal_cards == 22
    logged = [int.from_bytes(body[:4], "big") for body in kit.meter.illegal.read_newest(20)]
    assert logged == list(range(3, 23))
    kit.state.illegal_cards = 999_998
    for expected in (999_999, 999_999):
        assert kit.run_session(OTHER).code == 22
        assert kit.state.illegal_cards == expected
    assert kit.run_session(USER).code == 0 and kit.on_card().write_back["illegal_cards"] == 999_999
    kit.close()


def test_a_broken_memory_stops_neither_session_nor_meter(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    CardFile.create(tmp_path / OTHER, kinds.CONTROL).close()
    kit.rig.bench.fram.mute = True
    session = kit.run_session(OTHER)
    assert session.code == 22 and "Err-37" in session.texts
    assert any("illegal card not kept" in line for line in session.log)
    kit.rig.bench.fram.mute = False
    assert kit.run_session(OTHER).code == 22 and kit.state.illegal_cards == 2
    assert len(kit.meter.illegal.read_newest(20)) == 1
    assert not [line for line in kit.lines if "restarts" in line]
    kit.close()


@pytest.mark.parametrize(
    "thrown", [MemoryError("memory allocation failed"), ValueError("count does not fit its field")]
)
def test_whatever_keeping_an_illegal_card_throws_the_meter_goes_on(
    tmp_path: Path, thrown: Exception
) -> None:
    """It ended main, and so the meter restarted for as long as the card was in the slot."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    CardFile.create(tmp_path / OTHER, kinds.CONTROL).close()

    def refuses(_packed: bytes) -> None:
        raise thrown

    kit.meter.illegal.add = refuses
    session = kit.run_session(OTHER)
    assert session.code == 22 and "Err-37" in session.texts
    assert [line for line in session.log if "illegal card not kept: " + str(thrown) in line]
    assert kit.run_session(USER).code == 0 and kit.state.illegal_cards == 1
    assert not [line for line in kit.lines if "restarts" in line]
    kit.close()
