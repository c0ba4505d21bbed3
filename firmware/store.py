"""The state in memory and its journal: read once at the start, committed whenever it must not be forgotten."""

from micropython import const

import journal
import state as records

# What `check` finds; 0 is good.
KEEPS_HALF = const(1)  # one half of the memory does not keep what is written
KEEPS_NOTHING = const(2)
SILENT = const(3)  # did not answer at the start: the state was not read
FOREIGN = const(4)  # held a state of another format


class Store:
    """`state` is what everybody works on; `fault` says whether the memory fails."""

    def __init__(self, memory) -> None:
        self._journal = journal.Journal(memory, records.SIZE)
        self.state = records.State()
        self.fault = False
        self._anew = False
        self._lost = 0  # why the state could not be read at the start
        self.notes = []  # what was found at the start, for the log
        payload = self._journal.load()
        if payload is not None:
            try:
                self.state = records.unpack(payload)
            except ValueError as error:
                self._anew, self._lost = True, FOREIGN
                self.notes.append("journal: " + str(error))
        elif self._journal.answers:
            self._anew = True
            self.notes.append("journal: blank memory, starting anew")
        else:
            self.fault = True
            self._lost = SILENT
            self.notes.append("journal: memory does not answer")
        if self._journal.damaged:
            self.notes.append("journal: one half of the memory was damaged, the other had everything")

    def commit(self, prove: bool = False) -> None:
        """Make the state safe; JournalError if the memory does not take it (the state in memory stands)."""
        try:
            self._journal.commit(records.pack(self.state), prove)
        except journal.JournalError:
            self.fault = True
            raise
        self.fault = False

    @property
    def anew(self) -> bool:
        """Whether the memory answered and held nothing that this version can read: blank, or of another format."""
        return self._anew

    def check(self) -> int:
        """Digit 1 of the self-check: whether both halves of the memory keep what is written."""
        if self._lost:
            return self._lost
        try:
            self.commit(True)
        except journal.JournalError:
            return KEEPS_NOTHING
        return 0 if self._journal.written == 2 else KEEPS_HALF
