"""How much of a commit the journal reads back.

Enough that one half has it, and both where that is asked.
"""

import pytest

from parts import Parts

PAYLOAD = b"eight by"
SIZE = 32_768
SLOTS = 16  # of both halves: what a load reads
MODULE = Parts().module("journal")


class Memory:
    """Acknowledges everything and keeps nothing in the halves named."""

    size = SIZE

    def __init__(self, lost: tuple[int, ...]) -> None:
        self.lost = lost
        self.reads = 0
        self.data = bytearray(SIZE)

    def write(self, address: int, data: bytes) -> None:
        if address // (SIZE // 2) not in self.lost:
            self.data[address : address + len(data)] = data

    def read(self, address: int, count: int) -> bytes:
        self.reads += 1
        return bytes(self.data[address : address + count])


@pytest.mark.parametrize("prove", [False, True])
@pytest.mark.parametrize(
    ("lost", "reads", "kept"), [((), 1, 2), ((1,), 1, 1), ((0,), 2, 1), ((0, 1), 2, 0)]
)
def test_a_commit_is_read_back_until_one_half_has_it(
    lost: tuple[int, ...], reads: int, kept: int, prove: bool
) -> None:
    memory = Memory(lost)
    journal = MODULE.Journal(memory, len(PAYLOAD))
    assert journal.load() is None and memory.reads == SLOTS
    if kept:
        journal.commit(PAYLOAD, prove)
    else:
        with pytest.raises(MODULE.JournalError, match="keep"):
            journal.commit(PAYLOAD, prove)
    assert memory.reads - SLOTS == (2 if prove else reads)
    if prove:
        assert journal.written == kept
    assert MODULE.Journal(memory, len(PAYLOAD)).load() == (PAYLOAD if kept else None)
