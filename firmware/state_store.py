"""Hold the state in memory, read it from the journal at the start, and commit it.

A memory that does not answer at the start is given up to 50 ms. If it stays unresponsive, the meter
works on a provisional state that is never committed; state_recovery.py exchanges it for the
memory's state as soon as that can be read.

A state of a former format is taken over whole. The first commit after that is of the present
format, and from formats 1 and 2 it goes to another ring (journal.py). A version on trial goes on in
the former format, for the version that takes over again if the trial fails.
"""

import time

from micropython import const

import journal
import state as records
import versions
from fram import Fram

# Results of `check`; 0 is good.
_KEEPS_HALF = const(1)  # one half of the memory does not keep what is written
_KEEPS_NOTHING = const(2)
SILENT = const(3)  # has not answered yet: the state was not read
_FOREIGN = const(4)  # held a state of another format

_WAKE_MS = const(50)
_PAUSE_MS = const(10)


class StateStore:
    """Holder of the meter's state.

    All parts work on `state`; `fault` is True while the memory fails.
    """

    def __init__(self, memory: "Fram", log) -> None:
        self._log = log
        self._journal = journal.Journal(
            memory,
            records.SIZE,
            former=(records.SIZES[2], records.SIZES[1]),
            sizes=(records.SIZES[3],),
        )
        self._format = records.FORMAT  # of the record in the memory
        self.state = self._provisional = records.State()
        self.fault = False
        self._anew = False
        self._kept_pj = 0  # energy in the newest commit
        self._trouble = ""  # error of the newest commit that `keep` has made
        self._held = False
        self._lost = 0  # reason why the memory's state can't be used
        self.notes = []  # findings when the memory was read, for the log
        start_ms = time.ticks_ms()
        while (
            not self.take((self.scan(0), self.scan(1)))
            and time.ticks_diff(time.ticks_ms(), start_ms) < _WAKE_MS
        ):
            time.sleep_ms(_PAUSE_MS)
        if self.unread:
            self.fault = True
            self.notes.append("journal: memory does not answer")
        for note in self.notes:
            log(note)

    def scan(self, half: int) -> tuple:
        """Return the content of one half of the memory, for `take`. Some 25 ms on the chip."""
        return self._journal.scan(half)

    def take(self, halves: tuple, add=None) -> bool:
        """Adopt the memory's state, if it holds one. Return False if the memory does not answer.

        Without an answer nothing changes. `add` is called with the state from the memory before any
        other part can see it, to complete it.
        """
        payload = self._journal.choose(halves)
        if not self._journal.answers:
            return False
        state, form, lost, anew, notes = self.state, records.FORMAT, 0, payload is None, []
        if payload is None:
            notes.append("journal: blank memory, starting anew")
        else:
            try:
                form = records.format_of(payload)
                state = records.unpack(payload)
            except ValueError as error:
                lost, anew = _FOREIGN, True
                notes.append("journal: " + str(error))
        kept_pj = 0 if anew else state.energy_pj
        if add and not anew:
            add(state)
        if self._journal.damaged:
            notes.append("journal: one half of the memory was damaged, the other had everything")
        if form != records.FORMAT:
            notes.append("journal: state of format %d taken over" % form)
        self.notes, self._anew, self._lost, self._format, self._kept_pj = (
            notes,
            anew,
            lost,
            form,
            kept_pj,
        )
        # Last, and in one step: an interruption finds either a memory that has not been read, to
        # which nothing is written, or everything done.
        if anew:
            self._provisional = None
        else:
            self.state = state
        return True

    @property
    def unread(self) -> bool:
        """Return whether the memory has not answered yet.

        Its state is unknown then, and nothing is committed.
        """
        return self.state is self._provisional

    def commit(self, prove: bool = False) -> None:
        """Commit the state; JournalError if the memory does not take it or was never read.

        The state in use stays as it is. `prove` reads back both halves of the memory.
        """
        try:
            if self.unread:
                raise journal.JournalError("memory has not been read yet")
            self._format, ring = (
                (self._format, self._journal.ring)
                if versions.on_trial
                else (records.FORMAT, journal.OWN)
            )
            self._journal.commit(records.pack(self.state, self._format), prove, ring)
        except journal.JournalError:
            self.fault = True
            raise
        self.fault = False
        self._kept_pj = self.state.energy_pj

    def keep(self) -> None:
        """Commit. A memory that fails is logged once and does not stop the meter."""
        trouble = ""
        try:
            self.commit()
        except journal.JournalError as error:
            trouble = "journal: " + str(error)
        if trouble and trouble != self._trouble:
            self._log(trouble)
        self._trouble = trouble

    @property
    def uncommitted_pj(self) -> int:
        """Return the energy counted since the newest commit."""
        return self.state.energy_pj - self._kept_pj

    def hold(self, on: bool) -> None:
        """Keep `state` the same object, for a card session, until called with False."""
        self._held = on

    @property
    def held(self) -> bool:
        return self._held

    @property
    def anew(self) -> bool:
        """Return whether the memory answered, but held nothing that this version can read.

        It was blank, or held another format.
        """
        return self._anew

    def check(self) -> int:
        """Return digit 1 of the self-check: 0 if both halves of the memory keep what is written."""
        if self.unread or self._lost:
            return self._lost or SILENT
        try:
            self.commit(True)
        except journal.JournalError:
            return _KEEPS_NOTHING
        return 0 if self._journal.written == 2 else _KEEPS_HALF
