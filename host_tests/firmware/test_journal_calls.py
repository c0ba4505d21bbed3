"""The journal byte by byte: each call that reaches the memory, against rules written once more.

`Model` follows docs/journal.md and not the code. Former rings, lengths and sequence numbers are
small here, so that thousands of lives take a second.
"""

import random
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from parts import Parts

PARTS = Parts()
MODULE, MAP = PARTS.module("journal"), PARTS.module("fram_map")
HALVES, SLOTS, SLOT = (0, 16_384), 8, 256
AT, FORMER_AT = 1024, 0
SIZE, OTHER_SIZE, FORMER = 8, 5, (7, 3)
TRIES = 3  # of a read
MOST = SLOT - 8 - 4  # bytes of a payload
Call = tuple[str, int, Any]


class Memory:
    """Keeps each call. `fails` has the numbers of calls that are not answered."""

    def __init__(self, data: bytes = bytes(32_768)) -> None:
        self.data = bytearray(data)
        self.calls: list[Call] = []
        self.fails: set[int] = set()
        self.deaf: set[int] = set()  # halves that keep nothing of what they acknowledge

    def read(self, address: int, count: int) -> bytes:
        self.calls.append(("read", address, count))
        self._answer()
        return bytes(self.data[address : address + count])

    def write(self, address: int, data: bytes) -> None:
        self.calls.append(("write", address, bytes(data)))
        self._answer()
        if address // HALVES[1] not in self.deaf:
            self.data[address : address + len(data)] = data

    def _answer(self) -> None:
        if len(self.calls) - 1 in self.fails:
            raise OSError(5)


def make_journal(memory: Memory) -> Any:
    return MODULE.Journal(memory, SIZE, former=FORMER, sizes=(OTHER_SIZE,))


def make_record(number: int, payload: bytes, ring: int = 0) -> bytes:
    head = number.to_bytes(6, "big") + (b"" if ring else len(payload).to_bytes(2, "big"))
    return head + payload + zlib.crc32(head + payload).to_bytes(4, "big")


def find_slot(half: int, slot: int, ring: int = 0) -> int:
    """Return the address of a slot."""
    if ring:
        return HALVES[half] + FORMER_AT + slot * (6 + FORMER[ring - 1] + 4)
    return HALVES[half] + AT + slot * SLOT


def put(memory: Memory, half: int, slot: int, record: bytes, ring: int = 0) -> None:
    at = find_slot(half, slot, ring)
    memory.data[at : at + len(record)] = record


def test_the_map_is_that_of_the_memory() -> None:
    assert (MAP.HALVES, MAP.JOURNAL_SLOTS, MAP.JOURNAL_SLOT_BYTES) == (HALVES, SLOTS, SLOT)
    assert (MAP.JOURNAL_AT, MAP.FORMER_JOURNAL_AT) == (AT, FORMER_AT)


# ****** What a load reads ******


def list_heads(half: int, ring: int) -> list[Call]:
    return [("read", find_slot(half, slot, ring), 6 if ring else 8) for slot in range(SLOTS)]


def read_record(half: int, slot: int, ring: int = 0, size: int = SIZE) -> Call:
    size = FORMER[ring - 1] if ring else size
    return ("read", find_slot(half, slot, ring), (6 if ring else 8) + size + 4)


def test_a_blank_memory_is_read_once_in_each_ring() -> None:
    """A slot of the present ring has no length, so it has no record; a former one is read whole."""
    memory = Memory()
    journal = make_journal(memory)
    assert journal.load() is None and journal.answers
    expected: list[Call] = []
    for half in (0, 1):
        expected += list_heads(half, 0)
        for ring in (1, 2):
            expected += list_heads(half, ring)
            expected += [read_record(half, slot, ring) for slot in range(SLOTS)]
    assert memory.calls == expected


@pytest.mark.parametrize("ring", [0, 1, 2])
def test_the_highest_number_is_read_first_and_no_other(ring: int) -> None:
    memory = Memory()
    size = FORMER[ring - 1] if ring else SIZE
    numbers = (2**40 + 3, 5, 2**47, 7, 255, 2**47 - 1, 256, 2**47)
    for slot, number in enumerate(numbers):
        for half in (0, 1):
            put(memory, half, slot, make_record(number, bytes([slot]) * size, ring), ring)
    journal = make_journal(memory)
    assert journal.load() == bytes([2]) * size  # of equal numbers the first slot
    assert (journal.ring, journal.damaged) == (ring, 0)
    expected: list[Call] = []
    for half in (0, 1):
        for newer in range(ring):
            expected += list_heads(half, newer)
        expected += [*list_heads(half, ring), read_record(half, 2, ring)]
    if ring < 2:  # the slots of the two former rings overlap: it finds some to look into
        assert memory.calls == expected
    scanned = journal.scan(1)
    assert scanned == (True, ring, 2**47, 2, bytes([2]) * size)


@pytest.mark.parametrize("at", [0, 5, 8, 9, 15, 16, 19])
def test_a_record_with_a_wrong_byte_is_none(at: int) -> None:
    """Of the number, of the payload or of the sum; a wrong length is another size."""
    memory = Memory()
    for half in (0, 1):
        put(memory, half, 3, make_record(4, b"the last"))
        put(memory, half, 4, make_record(5, b"the next"))
        memory.data[find_slot(half, 4) + at] ^= 1
    assert make_journal(memory).load() == b"the last"


@pytest.mark.parametrize("garbled", [3, 7])
def test_a_number_that_is_garbled_in_the_head_alone_is_none(garbled: int) -> None:
    """The record itself is read well, and is not what its head has promised."""
    memory = Memory()
    put(memory, 0, 0, make_record(5, b"the next"))
    put(memory, 0, 1, make_record(1, b"the last"))
    read = memory.read

    def garble(address: int, count: int) -> bytes:
        data = read(address, count)
        return garbled.to_bytes(6, "big") + data[6:] if len(memory.calls) == 1 else data

    memory.read = garble  # type: ignore[method-assign]
    assert make_journal(memory).scan(0) == (True, 0, 1, 1, b"the last")


@pytest.mark.parametrize(
    ("size", "there"), [(1, True), (MOST, True), (MOST + 1, False), (256, False), (0, False)]
)
def test_a_payload_fills_its_slot_at_most(size: int, there: bool) -> None:
    memory = Memory()
    payload = bytes(range(256))[:size]
    put(memory, 0, 0, make_record(1, payload))
    assert make_journal(memory).load() == (payload if there else None)
    record = ("read", find_slot(0, 0), 8 + size + 4)
    assert (record in memory.calls) == there


@pytest.mark.parametrize("unanswered", [1, 2, 3])
def test_a_read_is_tried_three_times(unanswered: int) -> None:
    """The head of the first slot, and the record."""
    for first in (0, 8):
        memory = Memory()
        for half in (0, 1):
            put(memory, half, 0, make_record(1, b"the last"))
        memory.fails = set(range(first, first + unanswered))
        journal = make_journal(memory)
        scanned = journal.scan(0)
        answered = unanswered < TRIES
        assert scanned[0] == answered and (scanned[4] is not None) == answered
        assert answered or scanned[1:] == (0, 0, SLOTS - 1, None)
        assert memory.calls[first : first + unanswered] == [memory.calls[first]] * unanswered
        assert len(memory.calls) == (9 + unanswered if answered else first + TRIES)


@pytest.mark.parametrize("ring", [0, 1])
def test_a_half_that_falls_silent_is_left_at_once(ring: int) -> None:
    """In the first ring or in a former one: the rings behind it are not read."""
    memory = Memory()
    silent_from = 0 if ring == 0 else SLOTS
    memory.fails = set(range(silent_from, 1000))
    assert make_journal(memory).scan(1)[0] is False
    assert len(memory.calls) == silent_from + TRIES
    assert memory.calls[-1] == ("read", find_slot(1, 0, ring), 6 if ring else 8)


# ****** Which half counts ******


def test_of_two_halves_the_newest_counts_and_the_other_is_damaged_if_it_lacks_two() -> None:
    """Every pair of small numbers, slots, rings and answers."""
    scans = [
        (answers, ring, number, slot, payload)
        for answers in (True, False)
        for ring in (0, 1)
        for number in (0, 1, 2, 3, 4)
        for slot in (0, 1, 7)
        for payload in (None, b"p")
        if bool(number) == bool(payload) and (payload or (ring, slot) == (0, 7))
    ]
    for first in scans:
        for second in scans:
            first_, second_ = first, (*second[:4], second[4] and b"q")
            judge_pair(first_, second_)


def judge_pair(first: tuple, second: tuple) -> None:
    journal = make_journal(Memory())
    found = journal.choose((first, second))
    here = [scan for scan in (first, second) if scan[4]]
    # Newest: of the present ring before a former one, then the higher number, then the first half.
    order = {id(scan): (-scan[1], scan[2]) for scan in here}
    best = max(here, key=lambda scan: order[id(scan)]) if here else first
    assert journal.answers == (first[0] or second[0])
    assert found == (best[4] if journal.answers else None), (first, second)
    assert (journal.ring, journal._sequence, journal._newest) == best[1:4]
    lacking = [scan for scan in (first, second) if scan[1] != best[1] or scan[2] < best[2] - 1]
    assert journal.damaged == len(lacking), (first, second)


# ****** What a commit writes ******


@dataclass
class Model:
    """Where the next commit goes and what it does, by the rules."""

    ring: int = 0
    newest: int = SLOTS - 1
    last: tuple[int, int] = (0, SLOTS - 1)
    number: int = 0
    calls: list[Call] = field(default_factory=list)

    def pick(self, ring: int) -> int:
        """Return the slot after the last one of this ring, never that of the newest record."""
        slot = (self.last[1] + 1) % SLOTS if self.last[0] == ring else 0
        if (ring, slot) == (self.ring, self.newest):
            slot = (slot + 1) % SLOTS
        self.last = ring, slot
        return slot

    def commit(self, payload: bytes, prove: bool, ring: int, fates: str) -> int:
        """Return how many halves have taken it. Of each half: k keeps, d is deaf, s is silent."""
        self.number += 1
        slot, record = self.pick(ring), make_record(self.number, payload, ring)
        self.calls = [("write", find_slot(half, slot, ring), record) for half in (0, 1)]
        taken = [fate != "s" for fate in fates]
        for half in (0, 1):
            if taken[half] and (prove or half == 0 or not taken[0]):
                self.calls.append(("read", find_slot(half, slot, ring), len(record)))
                taken[half] = fates[half] == "k"
        if any(taken):
            self.ring, self.newest = ring, slot
        return sum(taken)


@pytest.mark.parametrize("seed", range(40))
def test_each_commit_is_that_of_the_model(seed: int) -> None:
    rng, memory, model = random.Random(seed), Memory(), Model()
    journal = make_journal(memory)
    journal.load()
    for _ in range(40):
        ring = rng.choice((0, 0, 0, 1, 2)) if seed % 2 else 0
        size = FORMER[ring - 1] if ring else rng.choice((SIZE, OTHER_SIZE))
        payload, prove = rng.randbytes(size), rng.random() < 0.3
        fates = rng.choice(("kk", "kk", "kk", "ks", "kd", "sk", "dk", "sd", "ds", "dd", "ss"))
        taken = model.commit(payload, prove, ring, fates)
        memory.calls.clear()
        memory.fails = {half for half in (0, 1) if fates[half] == "s"}
        memory.deaf = {half for half in (0, 1) if fates[half] == "d"}
        if taken:
            journal.commit(payload, prove, ring)
        else:
            with pytest.raises(MODULE.JournalError, match=r"^memory does not keep"):
                journal.commit(payload, prove, ring)
        assert memory.calls == model.calls
        assert (journal.written, journal.ring) == (taken, model.ring)
        memory.fails, memory.deaf = set(), set()


@pytest.mark.parametrize("ring", [0, 1, 2])
def test_a_load_goes_on_where_the_last_life_ended(ring: int) -> None:
    """Its next commit has the next number and the next slot."""
    memory = Memory()
    size = FORMER[ring - 1] if ring else SIZE
    for count in range(1, 20):
        journal = make_journal(memory)
        journal.load()
        memory.calls.clear()
        journal.commit(bytes([count]) * size, ring=ring)
        record = make_record(count, bytes([count]) * size, ring)
        at = [find_slot(half, (count - 1) % SLOTS, ring) for half in (0, 1)]
        assert memory.calls[:2] == [("write", at[0], record), ("write", at[1], record)]
        assert memory.calls[2:] == [("read", at[0], len(record))]
    again = make_journal(memory)
    assert again.load() == bytes([19]) * size and again.damaged == 0


def test_a_read_back_that_is_not_answered_does_not_count() -> None:
    memory = Memory()
    journal = make_journal(memory)
    journal.load()
    start = len(memory.calls)
    memory.fails = {start + 2}
    journal.commit(b"eight by")
    assert memory.calls[start + 2 :] == [read_record(0, 0), read_record(1, 0)]
    assert journal.written == 1
    memory.fails = {start + 6, start + 7}
    with pytest.raises(MODULE.JournalError, match="keep"):
        journal.commit(b"eight by")


@pytest.mark.parametrize(
    ("size", "ring", "good"),
    [(SIZE, 0, True), (OTHER_SIZE, 0, True), (7, 0, False), (3, 0, False), (9, 0, False),
     (7, 1, True), (8, 1, False), (5, 1, False), (3, 2, True), (7, 2, False)],
)  # fmt: skip
def test_a_ring_takes_payloads_of_its_sizes_alone(size: int, ring: int, good: bool) -> None:
    memory = Memory()
    journal = make_journal(memory)
    assert (journal.written, journal.damaged, journal.ring) == (0, 0, 0)
    payload = bytes(size)
    if good:  # nothing is written to a memory that was never read
        with pytest.raises(MODULE.JournalError, match=r"^memory has not been read yet$"):
            journal.commit(payload, ring=ring)
        assert memory.calls == []
        journal.load()
        journal.commit(payload, ring=ring)
    else:
        journal.load()
        with pytest.raises(ValueError, match=r"^payload has the wrong length$"):
            journal.commit(payload, ring=ring)
