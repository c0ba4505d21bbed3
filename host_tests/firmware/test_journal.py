"""The journal: two rings, cuts at every byte, memories that lose, fall silent or wake up."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.fram import ADDRESS, SIZE, Cut, Mb85rc256v
from parts import Parts

# ****** Against a dictionary: a cut at each byte, half the memory lost, wrong answers ******

# The journal is driven through the memory chip's driver, the bus and the model; only where
# the model cannot fail as wanted stands a plain memory of the test's own.


PAYLOAD = 8
RECORD = 6 + 2 + PAYLOAD + 4
BASE, SLOT = 1024, 256  # of the ring in each half
HALF = SIZE // 2
PARTS = Parts()
MODULE = PARTS.module("journal")
FRAM = PARTS.module("fram")
I2C = PARTS.machine().I2C(0)


def journal_on(chip: Mb85rc256v, slots: int = 8) -> object:
    """What a start of the firmware makes of this memory."""
    PARTS.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
    chip.power_on()
    return MODULE.Journal(FRAM.Fram(I2C), PAYLOAD, slots)


def payload(number: int) -> bytes:
    return random.Random(number).randbytes(PAYLOAD)


def loaded(chip: Mb85rc256v) -> bytes | None:
    return journal_on(chip).load()


def filled(commits: int, content: bytes | None = None) -> Mb85rc256v:
    chip = Mb85rc256v(content)
    journal = journal_on(chip)
    journal.load()
    for number in range(commits):
        journal.commit(payload(number))
    return chip


@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("commits", [0, 1, 7, 8, 9, 30])
def test_a_cut_at_every_byte_leaves_the_old_or_the_new(cut: Cut, commits: int) -> None:
    content = filled(commits).content
    old = payload(commits - 1) if commits else None
    new = payload(1000)
    for at in range(1, 2 * RECORD + 1):
        chip = Mb85rc256v(content, seed=at)
        journal = journal_on(chip)
        assert journal.load() == old
        chip.cut_after(at, lambda: None, cut)
        try:
            journal.commit(new)
            kept = True
        except MODULE.JournalError:
            kept = False
        assert not chip.powered
        after = loaded(chip)
        assert after in (old, new)
        assert not kept or after == new
        if at < RECORD - 4:  # a byte of the sum may by chance be right already
            assert after == old
        if at > RECORD:
            assert after == new


@settings(max_examples=60)
@given(st.data())
def test_random_lives_with_cuts(data: st.DataObject) -> None:
    """The dictionary holds what a start may find.

    Every commit that returned must be found from then on.
    """
    chip = Mb85rc256v(seed=data.draw(st.integers(0, 999)))
    may_find: dict[str, bytes | None] = {"old": None, "new": None}
    number = 0
    for _ in range(data.draw(st.integers(1, 8))):
        journal = journal_on(chip)
        found = journal.load()
        assert found in may_find.values()
        may_find = {"old": found, "new": found}
        chip.cut_after(
            data.draw(st.integers(1, 12 * RECORD)), lambda: None, data.draw(st.sampled_from(Cut))
        )
        while chip.powered:
            number += 1
            may_find["new"] = payload(number)
            try:
                journal.commit(payload(number))
                may_find["old"] = payload(number)
            except MODULE.JournalError:
                assert not chip.powered


@given(st.integers(1, 40), st.booleans(), st.integers(0, 999))
def test_either_half_can_be_destroyed(commits: int, second: bool, seed: int) -> None:
    chip = Mb85rc256v(filled(commits).content, seed)
    chip.destroy(HALF if second else 0, HALF)
    journal = journal_on(chip)
    assert journal.load() == payload(commits - 1)
    assert journal.damaged == (1 if commits > 1 else 0)
    for number in range(100, 109):
        journal.commit(payload(number))
        assert loaded(chip) == payload(number)
    chip.destroy(0 if second else HALF, HALF)
    assert loaded(chip) == payload(108)


@settings(max_examples=30)
@given(st.integers(1, 20), st.data())
def test_any_damage_within_one_half_costs_nothing(commits: int, data: st.DataObject) -> None:
    chip = Mb85rc256v(filled(commits).content)
    base = data.draw(st.sampled_from((0, HALF)))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, 8 * SLOT - 1))
        chip.memory[base + BASE + at] ^= data.draw(st.integers(1, 255))
    assert loaded(chip) == payload(commits - 1)


@pytest.mark.parametrize(
    "content",
    [bytes(SIZE), b"\xff" * SIZE, *(random.Random(seed).randbytes(SIZE) for seed in range(8))],
)
@pytest.mark.parametrize("size", [PAYLOAD, 97])
def test_a_blank_memory_has_nothing_and_takes_everything(content: bytes, size: int) -> None:
    chip = Mb85rc256v(content)
    journal_on(chip)
    assert MODULE.Journal(FRAM.Fram(I2C), size).load() is None
    journal = journal_on(chip)
    assert journal.load() is None
    assert (journal.answers, journal.damaged) == (True, 0)
    for number in range(20):
        journal.commit(payload(number))
        assert loaded(chip) == payload(number)


def test_stuck_bytes_never_cost_a_commit() -> None:
    """A dead byte in either half, or one in each at the same slot.

    What cannot be kept is noticed, and kept elsewhere.
    """
    for stuck in (
        (3,),
        (HALF + SLOT + 9,),
        (2 * SLOT + 8, HALF + 2 * SLOT + 8),
        (*range(RECORD - 4, RECORD), HALF + 1),
    ):
        chip = filled(5)
        for at in (BASE + at for at in stuck):
            chip.stuck[at] = chip.memory[at] ^ 0x55
        journal = journal_on(chip)
        assert journal.load() == payload(4)
        for number in range(50, 80):
            try:
                journal.commit(payload(number))
            except MODULE.JournalError:
                journal.commit(payload(number))
            assert loaded(chip) == payload(number)


def test_a_silent_memory_is_an_error_and_nothing_is_lost() -> None:
    chip = filled(5)
    journal = journal_on(chip)
    assert journal.load() == payload(4)
    chip.mute = True
    for number in range(20):
        with pytest.raises(MODULE.JournalError):
            journal.commit(payload(100 + number))
    chip.mute = False
    assert loaded(chip) == payload(4)
    journal.commit(payload(50))
    assert loaded(chip) == payload(50)


def test_a_write_protected_memory_is_noticed() -> None:
    chip = filled(5)
    journal = journal_on(chip)
    journal.load()
    chip.protected = True
    for _ in range(10):
        with pytest.raises(MODULE.JournalError, match="keep"):
            journal.commit(payload(100))
    chip.protected = False
    assert loaded(chip) == payload(4)
    journal.commit(payload(101))
    assert loaded(chip) == payload(101)


class Breaking:
    """A memory whose bus breaks in the middle of a write, `bad` times, after some bytes."""

    size = SIZE

    def __init__(self) -> None:
        self.data = bytearray(self.size)
        self.bad = 0
        self.lands = 0
        self.unreadable = range(0)
        self.hiccups = 0  # reads that will not be answered

    def read(self, address: int, count: int) -> bytes:
        if self.hiccups or address in self.unreadable:
            self.hiccups = max(0, self.hiccups - 1)
            raise OSError(5)
        return bytes(self.data[address : address + count])

    def write(self, address: int, data: bytes) -> None:
        if self.bad:
            self.bad -= 1
            data = data[: self.lands]
        self.data[address : address + len(data)] = data
        if len(data) < RECORD:
            raise OSError(5)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, RECORD - 1)), max_size=20))
def test_a_bus_that_breaks_again_and_again_never_costs_the_last_good_record(
    breaks: list[tuple[int, int]],
) -> None:
    memory = Breaking()
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None
    journal.commit(payload(0))
    kept = payload(0)
    for number, (bad, lands) in enumerate(breaks, 1):
        memory.bad, memory.lands = bad, lands
        while memory.bad > 1:
            with pytest.raises(MODULE.JournalError):
                journal.commit(payload(number))
            # The sum's last byte may by chance have been right already: then the failed commit is
            # there after all.
            assert MODULE.Journal(memory, PAYLOAD).load() in (kept, payload(number))
        journal.commit(payload(number))  # the first half may still fail
        kept = payload(number)
        assert MODULE.Journal(memory, PAYLOAD).load() == kept


def test_a_read_that_is_not_answered_is_repeated_and_a_silent_half_is_lived_with() -> None:
    memory = Breaking()
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None
    journal.commit(payload(1))
    memory.data[memory.size // 2 :] = bytes(memory.size // 2)
    memory.hiccups = 2
    assert MODULE.Journal(memory, PAYLOAD).load() == payload(1)
    journal = MODULE.Journal(memory, PAYLOAD)
    journal.load()
    journal.commit(payload(1))
    memory.unreadable = range(memory.size // 2)
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() == payload(1)
    journal.commit(payload(2))
    memory.unreadable = range(0)
    assert MODULE.Journal(memory, PAYLOAD).load() == payload(2)


def test_a_payload_of_the_wrong_length_is_refused() -> None:
    journal = journal_on(Mb85rc256v())
    for wrong in (b"", bytes(PAYLOAD - 1), bytes(PAYLOAD + 1)):
        with pytest.raises(ValueError, match="wrong length"):
            journal.commit(wrong)


# ****** How much of a commit the journal reads back ******

# Enough that one half has it, and both where that is asked.


EIGHT = b"eight by"
READS = 16  # of both halves: what a load reads


class Losing:
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
    memory = Losing(lost)
    journal = MODULE.Journal(memory, len(EIGHT))
    assert journal.load() is None and memory.reads == READS
    if kept:
        journal.commit(EIGHT, prove)
    else:
        with pytest.raises(MODULE.JournalError, match="keep"):
            journal.commit(EIGHT, prove)
    assert memory.reads - READS == (2 if prove else reads)
    if prove:
        assert journal.written == kept
    assert MODULE.Journal(memory, len(EIGHT)).load() == (EIGHT if kept else None)


@pytest.mark.parametrize(("torn", "records"), [(0, 2), (1, 3), (3, 5)])
def test_a_start_reads_every_head_and_no_more_records_than_it_must(torn: int, records: int) -> None:
    """The newest of each half; and one more for each that turns out to be torn."""
    memory = Losing(())
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None
    for number in range(20):
        journal.commit(payload(number))
    for number in range(torn):
        memory.data[BASE + (19 - number) % 8 * SLOT + RECORD - 1] ^= 1
    memory.reads = 0
    assert MODULE.Journal(memory, PAYLOAD).load() == payload(19)
    assert memory.reads == READS + records


def test_a_head_that_is_garbled_on_the_bus_is_no_newer_record() -> None:
    memory = Losing(())
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None
    for number in range(3):
        journal.commit(payload(number))
    read = memory.read

    def garble(address: int, count: int) -> bytes:
        data = bytearray(read(address, count))
        if memory.reads == 1:
            data[0] ^= 0x80
        return bytes(data)

    memory.reads, memory.read = 0, garble
    found = MODULE.Journal(memory, PAYLOAD)
    assert found.load() == payload(2) and found._sequence == 3


# ****** A memory that falls silent or wakes up while it is read ******

# The newest record, or nothing, and never an older one.


TRIES = 3


class Waking:
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


def waking(commits: int) -> Waking:
    memory = Waking()
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None
    for number in range(commits):
        journal.commit(number.to_bytes(PAYLOAD, "big"))
    memory.reads = 0
    return memory


@settings(max_examples=400)
@given(st.integers(1, 30), st.integers(0, 60), st.integers(0, 120))
def test_what_is_found_is_the_newest_or_nothing(commits: int, start: int, length: int) -> None:
    memory = waking(commits)
    before = bytes(memory.data)
    memory.silent = range(start, start + length)
    journal = MODULE.Journal(memory, PAYLOAD)
    found = journal.load()
    newest = (commits - 1).to_bytes(PAYLOAD, "big")
    assert found == (newest if journal.answers else None)
    if start == 0 and length >= 2 * 8 * TRIES:
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
    memory = waking(3)
    memory.silent = range(1000)
    journal = MODULE.Journal(memory, PAYLOAD)
    assert journal.load() is None and memory.reads == 2 * TRIES
