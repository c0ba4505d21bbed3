"""A memory that falls silent or wakes up while it is read.

The newest record, or nothing, and never an older one.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parts import Parts

SIZE, PAYLOAD, SLOTS, TRIES = 8192, 8, 8, 3
MODULE = Parts().module("journal")


class Memory:
    """Does not answer the reads whose numbers lie in `silent`."""

    size = SIZE

    def __init__(self) -> None:
        self.data = bytearray(SIZE)
        self.silent = range(0)
        self.reads = 0

    def read(self, address: int, count: int) -> bytes:
        self.reads += 1
        if self.reads - 1 in self.silent:
            raise OSError(5)
        return bytes(self.data[address : address + count])

    def write(self, address: int, data: bytes) -> None:
        self.data[address : address + len(data)] = data


def filled(commits: int) -> Memory:
    memory = Memory()
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None
    for number in range(commits):
        journal.commit(number.to_bytes(PAYLOAD, "big"))
    memory.reads = 0
    return memory


@settings(max_examples=400)
@given(st.integers(1, 30), st.integers(0, 60), st.integers(0, 120))
def test_what_is_found_is_the_newest_or_nothing(commits: int, start: int, length: int) -> None:
    memory = filled(commits)
    before = bytes(memory.data)
    memory.silent = range(start, start + length)
    journal = MODULE.Journal(memory, PAYLOAD)
    found = journal.load()
    newest = (commits - 1).to_bytes(PAYLOAD, "big")
    assert found == (newest if journal.answers else None)
    if start == 0 and length >= 2 * SLOTS * TRIES:
        assert not journal.answers
    if length < TRIES:
        assert journal.answers
    if not journal.answers:
        with pytest.raises(MODULE.JournalError, match="not been read"):
            journal.commit(b"made up!")
        assert bytes(memory.data) == before
    memory.silent = range(0)
    assert journal.load() == newest
    journal.commit(b"the next")
    assert MODULE.Journal(memory, PAYLOAD).load() == b"the next"


def test_silence_is_noticed_soon() -> None:
    """A poll each second of a memory that never answers costs a few reads, not all slots'."""
    memory = filled(3)
    memory.silent = range(1000)
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None and memory.reads == 2 * TRIES
