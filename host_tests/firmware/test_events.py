"""The chained log of events: cuts at every byte, rings that wrap, bits that flip, silent memory."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.fram import ADDRESS, Cut, Mb85rc256v
from dianka.cardos.files import card_files
from parts import Parts

PARTS = Parts()
CHAIN, MAP = PARTS.module("event_chain"), PARTS.module("fram_map")
EVENTS, FRAM = PARTS.module("events"), PARTS.module("fram")
I2C = PARTS.machine().I2C(0)
SLOT = MAP.EVENT_SLOT_BYTES
KINDS = range(1, CHAIN.KINDS + 1)
LINES: list[str] = []


class Clock:
    """A clock whose minutes go on."""

    def __init__(self) -> None:
        self.minute = 2_601_050_800

    def read_local_minute(self) -> int:
        return self.minute


def log_on(chip: Mb85rc256v) -> Any:
    """What a start of the firmware makes of this memory."""
    PARTS.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
    chip.power_on()
    LINES.clear()
    return EVENTS.Events(FRAM.Fram(I2C), Clock(), SimpleNamespace(unread=False), LINES.append)


def filled(kind: int, count: int, content: bytes | None = None) -> Mb85rc256v:
    chip = Mb85rc256v(content)
    log = log_on(chip)
    for number in range(1, count + 1):
        log.log(kind, number % 256, number.to_bytes(4, "big"))
    return chip


def entries(log: Any, kind: int) -> list[dict[str, Any]]:
    """All entries of a kind from the oldest promised one on, after a check of each link."""
    newest, oldest = log.newest_number(kind), log.oldest_number(kind)
    before = CHAIN.START
    if oldest > 1:
        anchor = log.read(kind, oldest - 1)
        before = anchor[-CHAIN.HASH :]
    found = []
    for number in range(oldest, newest + 1):
        entry = log.read(kind, number)
        assert entry is not None, number
        content, own = entry[: -CHAIN.HASH], entry[-CHAIN.HASH :]
        assert own == CHAIN.compute_hash(before, content), number
        before = own
        found.append(card_files.unpack(card_files.LOG_ENTRY, entry))
    return found


def slots_of(kind: int) -> int:
    return MAP.EVENT_SLOTS[kind - 1]


def test_every_kind_has_a_ring_for_what_it_promises() -> None:
    assert len(MAP.EVENT_SLOTS) == CHAIN.KINDS
    assert slots_of(CHAIN.PURCHASE) > 100 and min(MAP.EVENT_SLOTS) > 10
    assert card_files.size_of(card_files.LOG_ENTRY) + 4 == SLOT
    assert len(CHAIN.compute_hash(CHAIN.START, b"")) == CHAIN.HASH


def test_an_entry_says_what_time_and_detail_it_had() -> None:
    chip = Mb85rc256v()
    log_on(chip).log(CHAIN.SUPPLY, 7, b"\x01\x02")
    (entry,) = entries(log_on(chip), CHAIN.SUPPLY)
    assert (entry["number"], entry["time"], entry["what"]) == (1, 2_601_050_800, 7)
    assert entry["detail"] == b"\x01\x02" + bytes(11)


@pytest.mark.parametrize("kind", KINDS)
def test_each_ring_wraps_and_keeps_what_it_promises(kind: int) -> None:
    slots = slots_of(kind)
    for count in (0, 1, slots - 2, slots - 1, slots, slots + 1, 2 * slots, 2 * slots + 3):
        found = entries(log_on(filled(kind, count)), kind)
        first = max(1, count - slots + 2)
        assert [entry["number"] for entry in found] == list(range(first, count + 1))
        assert [int.from_bytes(entry["detail"][:4], "big") for entry in found] == list(
            range(first, count + 1)
        )


def test_many_of_one_kind_push_out_none_of_another() -> None:
    chip = Mb85rc256v()
    log = log_on(chip)
    for kind in KINDS:
        log.log(kind, 1)
    for kind in KINDS:
        if kind != CHAIN.CASE:
            for _ in range(2 * slots_of(kind)):
                log.log(kind, 2)
    log = log_on(chip)
    assert [entry["what"] for entry in entries(log, CHAIN.CASE)] == [1]
    for kind in KINDS:
        assert len(entries(log, kind)) >= min(1, slots_of(kind))


@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 12, 24])
def test_a_cut_at_every_byte_leaves_none_or_all_of_it(cut: Cut, count: int) -> None:
    content = filled(CHAIN.CASE, count).content
    for at in range(1, 2 * SLOT + 1):
        chip = Mb85rc256v(content, seed=at)
        log = log_on(chip)
        chip.cut_after(at, lambda: None, cut)
        log.log(CHAIN.CASE, 99)
        again = log_on(chip)
        found = entries(again, CHAIN.CASE)
        newest = found[-1]["number"] if found else 0
        assert newest in (count, count + 1)
        if at > SLOT:
            assert newest == count + 1
        assert len(found) >= min(count, slots_of(CHAIN.CASE) - 1)
        again.log(CHAIN.CASE, 98)
        assert [entry["what"] for entry in entries(log_on(chip), CHAIN.CASE)][-1] == 98


@pytest.mark.parametrize("at", [SLOT + 1, SLOT + 20, 2 * SLOT - 1])
@pytest.mark.parametrize("count", range(1, 25))
def test_an_entry_of_one_half_survives_a_second_cut_a_lap_later(count: int, at: int) -> None:
    """The entry cut at then has no second copy, and the later cut takes the first one."""
    kind = CHAIN.CASE
    chip = filled(kind, count - 1)
    log = log_on(chip)
    chip.cut_after(at, lambda: None, Cut.TORN)
    log.log(kind, 1)
    log = log_on(chip)
    for _ in range(slots_of(kind) - 1):
        log.log(kind, 2)
    chip.cut_after(20, lambda: None, Cut.TORN)
    log.log(kind, 3)
    found = entries(log_on(chip), kind)
    assert found[-1]["number"] == count + slots_of(kind) - 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_lives_with_cuts_keep_every_chain_whole(data: st.DataObject) -> None:
    chip = Mb85rc256v(seed=data.draw(st.integers(0, 99)))
    counts = dict.fromkeys(KINDS, 0)
    for _ in range(data.draw(st.integers(1, 4))):
        log = log_on(chip)
        for kind in KINDS:
            assert log.newest_number(kind) == counts[kind]
        for kind in data.draw(st.lists(st.sampled_from([2, 4, 10]), max_size=25)):
            log.log(kind, 1)
            counts[kind] += 1
        kind = data.draw(st.sampled_from([2, 4, 10]))
        chip.cut_after(data.draw(st.integers(1, 2 * SLOT)), lambda: None, Cut.TORN)
        log.log(kind, 3)
        counts[kind] = log_on(chip).newest_number(kind)
    log = log_on(chip)
    for kind in KINDS:
        entries(log, kind)


@pytest.mark.parametrize("half", [0, 1])
def test_a_destroyed_half_costs_nothing(half: int) -> None:
    chip = filled(CHAIN.PURCHASE, 130)
    chip.destroy(MAP.HALVES[half], 16_384 - MAP.ILLEGAL_BYTES)
    assert [entry["number"] for entry in entries(log_on(chip), CHAIN.PURCHASE)] == list(
        range(31, 131)
    )


@pytest.mark.parametrize("count", [1, 7, 11, 12, 20, 22, 23])
def test_an_entry_lost_in_both_halves_costs_itself_alone(count: int) -> None:
    kind = CHAIN.CASE
    slots = slots_of(kind)
    content = filled(kind, count).content
    for lost in range(max(1, count - slots + 1), count):
        chip = Mb85rc256v(content)
        for half in MAP.HALVES:
            at = EVENTS._address_of(half, kind, lost % slots)
            chip.memory[at + 12] ^= 1
        log = log_on(chip)
        assert log.newest_number(kind) == count and log.read(kind, lost) is None
        log.log(kind, 5)
        assert log_on(chip).newest_number(kind) == count + 1


def test_any_flipped_bit_is_an_entry_that_is_not_there() -> None:
    content = filled(CHAIN.CASE, 5).content
    at = EVENTS._address_of(0, CHAIN.CASE, 3)
    for bit in range(8 * SLOT):
        chip = Mb85rc256v(content)
        for half in MAP.HALVES:
            chip.memory[half + at + bit // 8] ^= 1 << bit % 8
        assert log_on(chip).read(CHAIN.CASE, 3) is None, bit


def test_a_purchase_is_logged_once_though_a_start_repeats_it() -> None:
    chip = Mb85rc256v()
    log_on(chip).log_purchase(1000, 1, -5, False)
    log_on(chip).log_purchase(1000, 1, -6, True)
    log_on(chip).log_purchase(1000, 2, 995, True)
    found = [entry["detail"] for entry in entries(log_on(chip), CHAIN.PURCHASE)]
    assert [detail[4:8] for detail in found] == [b"\0\0\0\x01", b"\0\0\0\x02"]
    assert found[0][8:] == b"\xff\xff\xff\xff\xfb"


def test_a_change_is_logged_once() -> None:
    chip = Mb85rc256v()
    for what in (0, 0, 4, 4, 0):
        log_on(chip).log_change(CHAIN.SUPPLY, what)
    assert [entry["what"] for entry in entries(log_on(chip), CHAIN.SUPPLY)] == [0, 4, 0]


def test_a_silent_memory_loses_the_entry_and_says_so() -> None:
    chip = Mb85rc256v()
    log = log_on(chip)
    chip.mute = True
    log.log(CHAIN.CASE, 0)
    log.log_change(CHAIN.SUPPLY, 1)
    log.log_purchase(1, 1, 1, False)
    assert LINES and set(LINES) == {"event not kept: the memory does not answer"}
    chip.mute = False
    log.log(CHAIN.CASE, 0)
    assert len(entries(log_on(chip), CHAIN.CASE)) == 1


def test_a_memory_full_of_nonsense_gets_a_chain() -> None:
    chip = Mb85rc256v(random.Random(5).randbytes(32_768))
    log_on(chip).log(CHAIN.PURCHASE, 0)
    assert [entry["number"] for entry in entries(log_on(chip), CHAIN.PURCHASE)] == [1]


def test_the_longest_search_looks_at_few_slots() -> None:
    for count in (0, 50, 100, 101, 150):
        chip = filled(CHAIN.PURCHASE, count)
        log = log_on(chip)
        reads = 0
        fram_read = log._memory.read

        def counted(address: int, size: int, read: Any = fram_read) -> bytes:
            nonlocal reads
            reads += 1
            return read(address, size)

        log._memory.read = counted
        assert log.newest_number(CHAIN.PURCHASE) == count
        assert reads <= 2 * 10  # halving, the entry itself, and whether both halves have it
