"""Events at the readers, expected one after another and no others."""

from dianka.readers.changes import Event, EventKind
from pcsc_kit import until


class Heard:
    """The events that were said; somebody appends them from a thread."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._heard = 0

    def expect(self, *wanted: tuple[EventKind, str]) -> None:
        """Wait for these and no others, each a kind and a word of its line."""
        end = self._heard + len(wanted)
        until(lambda: len(self.events) >= end, f"only {self.events[self._heard :]} of {wanted}")
        said = self.events[self._heard :]
        assert [event.kind for event in said] == [kind for kind, _ in wanted]
        for event, (_, word) in zip(said, wanted, strict=True):
            assert word in event.line and "\n" not in event.line
        self._heard = end
