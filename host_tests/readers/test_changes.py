"""What is said of two snapshots of the readers: enough to know what is there, and nothing twice."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.readers.changes import NO_SNAPSHOT, Event, EventKind, Snapshot, compare_snapshots
from dianka.readers.pcsc import Seen

OURS = bytes.fromhex("3B69000041 0011223344556677")
FOREIGN = bytes.fromhex("3B 65 00 00 9C 02 02 07 02")
NAMES = ("Reader 00 00", "Reader 01 00", "Other 00 00")


@dataclass
class Listener:
    """What somebody knows who sees no reader and only hears the events."""

    trouble: str = ""
    readers: dict[str, str] = field(default_factory=dict)  # "there" or "broken"
    cards: dict[str, bytes] = field(default_factory=dict)  # empty for a mute card
    in_use: set[str] = field(default_factory=set)

    def hear(self, event: Event) -> None:
        name = event.reader
        match event.kind:
            case EventKind.SERVICE_GONE:
                self.__init__(event.line)
            case EventKind.SERVICE_BACK:
                assert self.trouble
                self.__init__()
            case EventKind.AWAKE:
                self.cards, self.in_use = {}, set()
            case EventKind.READER_CAME:
                assert self.readers.get(name) != "there"
                self.readers[name] = "there"
            case EventKind.READER_WENT | EventKind.READER_BROKEN:
                self.readers.pop(name, None)
                self.forget_card(name)
                if event.kind is EventKind.READER_BROKEN:
                    self.readers[name] = "broken"
            case EventKind.CARD_IN | EventKind.CARD_MUTE:
                assert name not in self.cards and self.readers[name] == "there"
                self.cards[name] = event.atr
            case EventKind.CARD_OUT:
                assert name in self.cards
                self.forget_card(name)
            case EventKind.IN_USE:
                assert name in self.cards and name not in self.in_use
                self.in_use.add(name)
            case EventKind.FREE:
                self.in_use.remove(name)

    def forget_card(self, name: str) -> None:
        self.cards.pop(name, None)
        self.in_use.discard(name)


def heard(*snapshots: Snapshot) -> Listener:
    listener, before = Listener(NO_SNAPSHOT.trouble), NO_SNAPSHOT
    for snapshot in snapshots:
        for event in compare_snapshots(before, snapshot):
            assert event.line and "\n" not in event.line
            listener.hear(event)
        before = snapshot
    return listener


def truth(snapshot: Snapshot) -> Listener:
    """What is to be known after a snapshot, made without `compare_snapshots`."""
    listener = Listener(snapshot.trouble)
    for seen in snapshot.seen:
        listener.readers[seen.name] = "broken" if seen.broken else "there"
        if not seen.broken and seen.present and (seen.atr or seen.mute):
            listener.cards[seen.name] = seen.atr
            if seen.in_use:
                listener.in_use.add(seen.name)
    return listener


@st.composite
def readers(draw: st.DrawFn, name: str) -> Seen:
    content = draw(st.sampled_from(["empty", "mute", "coming", "ours", "foreign"]))
    return Seen(
        name,
        content != "empty",
        {"ours": OURS, "foreign": FOREIGN}.get(content, b""),
        draw(st.integers(0, 3)),
        mute=content == "mute",
        in_use=draw(st.booleans()),
        broken=draw(st.integers(0, 5)) == 0,
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    if draw(st.integers(0, 4)) == 0:
        return Snapshot((), draw(st.sampled_from(["no service", "no pyscard"])))
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return Snapshot(
        tuple(draw(readers(name)) for name in names), sleeps=draw(st.sampled_from([0, 0, 1]))
    )


@given(st.lists(snapshots(), min_size=1, max_size=6))
def test_who_hears_the_events_knows_what_is_there(day: list[Snapshot]) -> None:
    assert heard(*day) == truth(day[-1])


@given(snapshots())
def test_a_snapshot_that_finds_the_same_says_nothing(snapshot: Snapshot) -> None:
    assert not list(compare_snapshots(snapshot, snapshot))


def say(before: Snapshot, after: Snapshot) -> list[tuple[EventKind, str]]:
    return [(event.kind, event.reader) for event in compare_snapshots(before, after)]


def test_a_card_exchanged_while_nobody_looked_is_another_card() -> None:
    first = Seen(NAMES[0], True, OURS, 1)
    assert say(Snapshot((first,)), Snapshot((replace(first, moves=3),))) == [
        (EventKind.CARD_OUT, NAMES[0]),
        (EventKind.CARD_IN, NAMES[0]),
    ]


def test_after_a_sleep_every_card_is_named_again() -> None:
    seen = Seen(NAMES[0], True, OURS, 1), Seen(NAMES[1], False, b"", 0)
    assert say(Snapshot(seen), Snapshot(seen, sleeps=1, slept_s=7)) == [
        (EventKind.AWAKE, ""),
        (EventKind.CARD_IN, NAMES[0]),
    ]


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (Seen("A", True, OURS, 1), "A: electricity meter card 0011223344556677"),
        (Seen("A", True, FOREIGN, 1), "A: foreign card 3B 65 00 00 9C 02 02 07 02"),
        (Seen("A", True, b"", 1, mute=True), "A: the card does not answer: turn it round"),
        (Seen("A", True, OURS, 1, in_use=True), "A is in use by another program"),
        (Seen("A", False, b"", 1, broken=True), "A does not answer: unplug it"),
    ],
)
def test_the_line_says_what_to_do(seen: Seen, line: str) -> None:
    assert list(compare_snapshots(NO_SNAPSHOT, Snapshot((seen,))))[-1].line.startswith(line)


def test_no_reader_at_all_is_said() -> None:
    assert "plug one in" in next(compare_snapshots(NO_SNAPSHOT, Snapshot())).line
