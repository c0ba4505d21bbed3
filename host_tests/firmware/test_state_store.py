"""The holder of the state: what it makes of a memory at the start, and what a commit leaves."""

from typing import Any

import pytest

from dianka.bench.models.fram import ADDRESS, SIZE, Mb85rc256v
from parts import Parts

SILENT_NOTE = "journal: memory does not answer"
BLANK_NOTE = "journal: blank memory, starting anew"
FOREIGN_NOTE = "journal: state of another format"
DAMAGE_NOTE = "journal: one half of the memory was damaged, the other had everything"
KEEPS_NOT = "memory does not keep what is written"
HALF = SIZE // 2
STARTS = 6  # of transfers, in a look at a memory that is silent: each half is tried three times
OWN_AT, SLOT = 1024, 256  # of the ring in each half


class Start:
    """One start of a meter's memory."""

    def __init__(
        self,
        chip: Mb85rc256v | None = None,
        wakes_ms: int = 0,
        trial: bool = False,
        look_us: int = 0,
    ) -> None:
        self.parts = parts = Parts()
        self.chip = chip = chip or Mb85rc256v()
        parts.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
        parts.module("versions").on_trial = trial
        self.records, self.error = parts.module("state"), parts.module("journal").JournalError
        if wakes_ms:
            chip.mute = True
            parts.clock.call_after(wakes_ms * 1000, lambda: setattr(chip, "mute", False))
        if look_us:
            self._take_time(look_us // STARTS)
        self.lines: list[str] = []
        driver = parts.module("fram").Fram(parts.machine().I2C(0))
        self.store = parts.module("state_store").StateStore(driver, self.lines.append)

    def _take_time(self, us: int) -> None:
        """Let each transfer take this long."""
        begin, clock = self.chip.start, self.parts.clock

        def begin_slowly(read: bool) -> bool:
            clock.advance(clock.now_us + us)
            return begin(read)

        self.chip.start = begin_slowly  # type: ignore[method-assign]

    @property
    def state(self) -> Any:
        return self.store.state

    def take(self, add: Any = None) -> bool:
        return self.store.take((self.store.scan(0), self.store.scan(1)), add)


def keep_energy(energy_pj: int, form: int = 4) -> Mb85rc256v:
    """A memory with a state of this energy."""
    start = Start()
    start.state.energy_pj = energy_pj
    if form != start.records.FORMAT:
        ring = 0 if form == 3 else 3 - form
        data = start.records.pack(start.state, form)
        start.store._journal.commit(data, True, ring)
    else:
        start.store.commit(True)
    return start.chip


# ****** The start ******


def test_a_blank_memory_begins_anew() -> None:
    start = Start()
    store = start.store
    assert (store.notes, start.lines) == ([BLANK_NOTE], [BLANK_NOTE])
    assert (store.anew, store.unread, store.fault, store.held) == (True, False, False, False)
    assert store.uncommitted_pj == 0 and start.parts.clock.now_us == 0
    assert vars(start.state) == vars(start.records.State())
    assert store.check() == 0  # it may be written to


def test_a_kept_state_is_there_at_once() -> None:
    start = Start(keep_energy(7))
    store = start.store
    assert (store.notes, start.lines, store.anew, store.unread) == ([], [], False, False)
    assert (start.state.energy_pj, store.uncommitted_pj, store.fault) == (7, 0, False)
    assert start.parts.clock.now_us == 0
    start.state.energy_pj = 10
    assert store.uncommitted_pj == 3
    store.commit()
    assert store.uncommitted_pj == 0


@pytest.mark.parametrize(("wakes_ms", "ready_ms"), [(5, 10), (15, 20), (45, 50)])
def test_a_memory_that_wakes_is_waited_for(wakes_ms: int, ready_ms: int) -> None:
    start = Start(keep_energy(7), wakes_ms)
    assert (start.state.energy_pj, start.store.notes) == (7, [])
    assert start.parts.clock.now_us == ready_ms * 1000


def test_a_memory_that_stays_silent_is_given_50_ms() -> None:
    start = Start(keep_energy(7), 55)
    store = start.store
    assert start.parts.clock.now_us == 50_000
    assert (store.unread, store.fault, store.anew) == (True, True, False)
    assert store.notes == start.lines == [SILENT_NOTE]
    assert (start.state.energy_pj, store.uncommitted_pj) == (0, 0)
    assert store.check() == 3


def test_looks_at_a_slow_memory_end_with_the_first_after_50_ms() -> None:
    """Five looks of 1.9 ms and four pauses are 49.5 ms: there is one more."""
    chip = keep_energy(7)
    chip.mute = True
    start = Start(chip, look_us=1_900)
    assert start.store.unread and 61_000 <= start.parts.clock.now_us <= 61_400


@pytest.mark.parametrize("form", [1, 2, 3])
def test_a_former_format_is_taken_over(form: int) -> None:
    start = Start(keep_energy(7, form))
    store = start.store
    note = f"journal: state of format {form} taken over"
    assert (store.notes, start.lines, store.anew) == ([note], [note], False)
    assert (start.state.energy_pj, store.uncommitted_pj) == (7, 0)
    start.state.energy_pj = 8
    store.commit()
    again = Start(start.chip)
    assert (again.state.energy_pj, again.store.notes) == (8, [])


def test_a_damaged_half_is_noted() -> None:
    chip = keep_energy(7)
    for _ in range(2):
        Start(chip).store.commit(True)
    chip.destroy(0, HALF)
    start = Start(chip)
    assert (start.store.notes, start.state.energy_pj) == ([DAMAGE_NOTE], 7)


def make_foreign() -> Mb85rc256v:
    start = Start()
    data = start.records.pack(start.state)
    start.store._journal.commit(b"\x00\x05" + data[2:], True)
    return start.chip


def test_a_state_of_a_later_version_is_left_alone() -> None:
    start = Start(make_foreign())
    store = start.store
    assert (store.notes, store.anew, store.unread) == ([FOREIGN_NOTE], True, False)
    before = start.chip.content
    assert store.check() == 4 and start.chip.content == before


# ****** A memory that answers later ******


def wake(chip: Mb85rc256v) -> Start:
    """A start without its memory, that has counted 5 pJ since, and the memory is back."""
    chip.mute = True
    start = Start(chip)
    start.state.energy_pj = 5
    assert not start.take() and start.store.unread and start.store.notes == [SILENT_NOTE]
    chip.mute = False
    return start


def test_the_memorys_state_is_completed_before_anybody_sees_it() -> None:
    start = wake(keep_energy(7))
    store, provisional, seen = start.store, start.state, []

    def add(state: Any) -> None:
        seen.append((state.energy_pj, store.state is provisional, store.unread))
        state.energy_pj += 5

    assert start.take(add) and seen == [(7, True, True)]
    assert store.state is not provisional and not store.unread and not store.anew
    assert (start.state.energy_pj, store.uncommitted_pj, store.notes) == (12, 5, [])
    store.commit()
    assert Start(start.chip).state.energy_pj == 12 and not store.fault


@pytest.mark.parametrize("chip", [Mb85rc256v, make_foreign])
def test_the_provisional_state_stays_where_the_memory_has_none(chip: Any) -> None:
    start = wake(chip())
    provisional, seen = start.state, []
    assert start.take(seen.append) and seen == []
    assert start.state is provisional and not start.store.unread and start.store.anew
    assert (start.store.uncommitted_pj, start.store._lost) == (5, 4 if chip is make_foreign else 0)


def test_a_state_that_was_never_read_is_not_committed() -> None:
    start = wake(keep_energy(7))
    before = start.chip.content
    with pytest.raises(start.error, match=r"^memory has not been read yet$"):
        start.store.commit()
    start.store.keep()
    assert start.lines == [SILENT_NOTE, "journal: memory has not been read yet"]
    assert start.store.check() == 3 and start.chip.content == before and start.store.fault


# ****** Commits ******


def test_a_memory_that_fails_is_logged_once_and_again_after_it_was_good() -> None:
    start = Start(keep_energy(7))
    store = start.store
    start.state.energy_pj = 9
    start.chip.protected = True
    for _ in range(2):
        store.keep()
        assert store.fault and store.uncommitted_pj == 2
    with pytest.raises(start.error, match=f"^{KEEPS_NOT}$"):
        store.commit()
    assert start.lines == ["journal: " + KEEPS_NOT]
    start.chip.protected = False
    store.keep()
    assert not store.fault and store.uncommitted_pj == 0
    start.chip.protected = True
    store.keep()
    assert start.lines == ["journal: " + KEEPS_NOT] * 2


def test_another_trouble_is_logged_too() -> None:
    """First it was not read, then it keeps nothing."""
    start = wake(keep_energy(7))
    start.store.keep()
    assert start.take()
    start.chip.protected = True
    start.store.keep()
    assert start.lines[1:] == [
        "journal: memory has not been read yet",
        "journal: " + KEEPS_NOT,
    ]


def test_the_self_check_proves_both_halves() -> None:
    start = Start(keep_energy(7))
    chip, before = start.chip, start.chip.writes
    assert start.store.check() == 0 and chip.writes > before
    for half in (0, HALF):
        chip.stuck = {half + OWN_AT + slot * SLOT: 0xAA for slot in range(8)}
        assert start.store.check() == 1
    chip.stuck = {}
    chip.protected = True
    assert start.store.check() == 2
    chip.protected = False
    assert start.store.check() == 0


def test_a_commit_reads_one_half_back_and_both_to_prove() -> None:
    start = Start(keep_energy(7))
    start.chip.stuck = {HALF + OWN_AT + slot * SLOT: 0xAA for slot in range(8)}
    start.store.commit()
    assert start.store._journal.written == 2  # it has not looked
    start.store.commit(True)
    assert start.store._journal.written == 1
    start.store.keep()
    assert start.store._journal.written == 2


def test_a_session_holds_the_state() -> None:
    store = Start().store
    for on in (True, False):
        store.hold(on)
        assert store.held is on


# ****** A version on trial ******


@pytest.mark.parametrize("form", [1, 2, 3, 4])
def test_a_trial_goes_on_in_the_format_and_the_ring_that_it_has_found(form: int) -> None:
    start = Start(keep_energy(7, form), trial=True)
    for energy_pj in range(8, 20):
        start.state.energy_pj = energy_pj
        start.store.commit()
        again = Start(start.chip, trial=True)
        notes = [] if form == 4 else [f"journal: state of format {form} taken over"]
        assert (again.state.energy_pj, again.store.notes) == (energy_pj, notes)
        assert again.store._journal.ring == (0 if form > 2 else 3 - form)
    start.parts.module("versions").on_trial = False
    start.store.commit()
    again = Start(start.chip)
    assert (again.state.energy_pj, again.store.notes, again.store._journal.ring) == (19, [], 0)
    again.store.commit()
    assert Start(start.chip).store.notes == []


def test_a_trial_on_a_blank_memory_keeps_the_present_format() -> None:
    start = Start(trial=True)
    start.state.energy_pj = 3
    start.store.commit()
    assert (Start(start.chip).state.energy_pj, Start(start.chip).store.notes) == (3, [])
