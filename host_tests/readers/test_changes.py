"""What is said of two looks at the readers: enough to know what is there, and nothing twice."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.readers.changes import NO_LOOK, Event, Look, What, compare
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
        match event.what:
            case What.SERVICE_GONE:
                self.__init__(event.line)
            case What.SERVICE_BACK:
                assert self.trouble
                self.__init__()
            case What.AWAKE:
                self.cards, self.in_use = {}, set()
            case What.READER_CAME:
                assert self.readers.get(name) != "there"
                self.readers[name] = "there"
            case What.READER_WENT | What.READER_BROKEN:
                self.readers.pop(name, None)
                self.forget_card(name)
                if event.what is What.READER_BROKEN:
                    self.readers[name] = "broken"
            case What.CARD_IN | What.CARD_MUTE:
                assert name not in self.cards and self.readers[name] == "there"
                self.cards[name] = event.atr
            case What.CARD_OUT:
                assert name in self.cards
                self.forget_card(name)
            case What.IN_USE:
                assert name in self.cards and name not in self.in_use
                self.in_use.add(name)
            case What.FREE:
                self.in_use.remove(name)

    def forget_card(self, name: str) -> None:
        self.cards.pop(name, None)
        self.in_use.discard(name)


def heard(*looks: Look) -> Listener:
    listener, before = Listener(NO_LOOK.trouble), NO_LOOK
    for look in looks:
        for event in compare(before, look):
            assert event.line and "\n" not in event.line
            listener.hear(event)
        before = look
    return listener


def truth(look: Look) -> Listener:
    """What is to be known after a look, made without `compare`."""
    listener = Listener(look.trouble)
    for seen in look.seen:
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
def looks(draw: st.DrawFn) -> Look:
    if draw(st.integers(0, 4)) == 0:
        return Look((), draw(st.sampled_from(["no service", "no pyscard"])))
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return Look(
        tuple(draw(readers(name)) for name in names), sleeps=draw(st.sampled_from([0, 0, 1]))
    )


@given(st.lists(looks(), min_size=1, max_size=6))
def test_who_hears_the_events_knows_what_is_there(day: list[Look]) -> None:
    assert heard(*day) == truth(day[-1])


@given(looks())
def test_a_look_that_finds_the_same_says_nothing(look: Look) -> None:
    assert not list(compare(look, look))


def say(before: Look, after: Look) -> list[tuple[What, str]]:
    return [(event.what, event.reader) for event in compare(before, after)]


def test_a_card_exchanged_while_nobody_looked_is_another_card() -> None:
    first = Seen(NAMES[0], True, OURS, 1)
    assert say(Look((first,)), Look((replace(first, moves=3),))) == [
        (What.CARD_OUT, NAMES[0]),
        (What.CARD_IN, NAMES[0]),
    ]


def test_after_a_sleep_every_card_is_named_again() -> None:
    seen = Seen(NAMES[0], True, OURS, 1), Seen(NAMES[1], False, b"", 0)
    assert say(Look(seen), Look(seen, sleeps=1, slept_s=7)) == [
        (What.AWAKE, ""),
        (What.CARD_IN, NAMES[0]),
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
    assert list(compare(NO_LOOK, Look((seen,))))[-1].line.startswith(line)


def test_no_reader_at_all_is_said() -> None:
    assert "plug one in" in next(compare(NO_LOOK, Look())).line
