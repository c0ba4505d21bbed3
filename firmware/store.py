"""The state in memory and its journal: read once at the start, committed whenever it must not be forgotten."""

import journal
import state as records


class Store:
    """`state` is what everybody works on; `fault` says whether the memory fails."""

    def __init__(self, memory) -> None:
        self._journal = journal.Journal(memory, records.SIZE)
        self.state = records.State()
        self.fault = False
        self.notes = []  # what was found at the start, for the log
        payload = self._journal.load()
        if payload is not None:
            try:
                self.state = records.unpack(payload)
            except ValueError as error:
                self.notes.append("journal: " + str(error))
        elif self._journal.answers:
            self.notes.append("journal: blank memory, starting anew")
        else:
            self.fault = True
            self.notes.append("journal: memory does not answer")
        if self._journal.damaged:
            self.notes.append("journal: one half of the memory was damaged, the other had everything")

    def commit(self) -> None:
        """Make the state safe; JournalError if the memory does not take it (the state in memory stands)."""
        try:
            self._journal.commit(records.pack(self.state))
        except journal.JournalError:
            self.fault = True
            raise
        self.fault = False
