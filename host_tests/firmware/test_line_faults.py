"""T=0 on the contacts when things go wrong.

Every fault ends in an error, in bounded time, and the next card is served.
"""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.wires import Format
from dianka.cardos.t0 import Behaviour
from line_rig import READ, SELECT, LineRig


@pytest.mark.parametrize(
    ("atr", "why"),
    [("3f6525", "inverse convention"), ("00", "ATR cut short"), ("0011", "no ATR"),
     ("3b8001", "ATR cut short"), ("3b80018081", "ATR with a wrong TCK"),
     ("3b800101", "ATR with a wrong TCK"), ("3b800181", "no T=0")],
)  # fmt: skip
def test_bad_answers_to_reset(atr: str, why: str) -> None:
    rig = LineRig(Behaviour(atr=bytes.fromhex(atr)))
    assert rig.fails(rig.reset) == why
    rig.works_again()


def test_a_mute_card_and_an_empty_slot_are_given_up_after_one_waiting_time() -> None:
    rig = LineRig(Behaviour(mute=True))
    assert rig.fails(rig.reset) == "mute"
    assert 1_000_000 <= rig.parts.clock.now_us <= 1_050_000
    rig.socket.put(None)
    assert rig.fails(rig.reset) == "mute"
    rig.works_again()


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (Behaviour(wrong_procedure=0x33), "no procedure byte"),
        (Behaviour(nulls=101), "NULL for ever"),
    ],
)
def test_cards_that_do_not_keep_to_t0(behaviour: Behaviour, why: str) -> None:
    rig = LineRig(behaviour)
    rig.reset()
    assert rig.fails(lambda: rig.command(*SELECT)) == why
    rig.works_again()


def test_slow_nulls_end_with_the_deadline() -> None:
    rig = LineRig(Behaviour(null_forever=True))
    rig.reset()
    rig.channel.end_within(2500)
    assert rig.fails(lambda: rig.command(*SELECT)) in ("session took too long", "no answer")
    rig.works_again()


def test_a_card_that_says_null_for_ever_is_given_up_without_a_deadline_too() -> None:
    rig = LineRig(Behaviour(null_forever=True))
    rig.reset()
    rig.fails(lambda: rig.command(*SELECT, within_ms=120_000))


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_card_that_stops_after_any_character(one_by_one: bool) -> None:
    rig = LineRig()
    for count in range(50):
        rig.put(Behaviour(stops_after=count, one_by_one=one_by_one))
        why = rig.fails(lambda: rig.session(2500))
        assert why in ("mute", "ATR cut short", "no answer"), count
        assert (why == "mute") == (count == 0) and (why == "no answer") == (count >= 13)
    rig.works_again()


@pytest.mark.parametrize("at", range(60))
def test_a_card_pulled_at_any_character(at: int) -> None:
    rig = LineRig()
    rig.socket.on_character = lambda direction, index: rig.socket.put(None) if index == at else None
    assert rig.fails(lambda: rig.session(2500)) in ("mute", "ATR cut short", "no answer")
    rig.works_again()


@settings(max_examples=60)
@given(st.integers(0, 60), st.one_of(st.none(), st.integers(1, 255)), st.booleans())
def test_tampered_and_lost_characters_end_in_an_answer_or_an_error(
    at: int, flip: int | None, on: bool
) -> None:
    """One character, or every one from there on, in either direction."""
    rig = LineRig()

    def tamper(direction: str, index: int, value: int) -> int | None:
        hit = index >= at if on else index == at
        return value if not hit else None if flip is None else value ^ flip

    rig.socket.tamper = tamper
    try:
        answers = rig.session(4000)
        assert all(sw >> 12 in (6, 9) for _, sw in answers)
    except rig.error:
        pass
    rig.works_again()


def test_a_shorted_line_is_told_from_a_mute_card() -> None:
    rig = LineRig()
    rig.socket.shorted = True
    assert rig.fails(rig.reset) == "mute"
    rig.socket.shorted = False
    rig.reset()
    rig.socket.shorted = True
    assert rig.fails(lambda: rig.command(*SELECT)) == "line shorted"
    rig.socket.shorted = False
    rig.works_again()


class OwnSink(LineRig):
    """The contacts replaced: `echo` returns what is sent, and `answer` is given after a header."""

    def __init__(
        self, echo: Callable[[int], int | None], answer: bytes = b"", every_ms: int = 0
    ) -> None:
        super().__init__()
        self.reset()
        self._form = Format(9600, 8, 0, 2)
        self._heard = 0
        self._echo, self._answer, self._every_us = echo, answer, every_ms * 1000
        self.port.sink = self._sent

    def _sent(self, value: int, start_us: int, form: Format) -> None:
        came = self._echo(value)
        if came is not None:
            self.parts.clock.call_at(start_us + 1200, lambda: self.port.deliver(came, self._form))
        self._heard += 1
        if self._heard == 5:
            for i, byte in enumerate(self._answer):
                when_us = start_us + 2400 + (i + 1) * self._every_us
                self.parts.clock.call_at(
                    when_us, lambda byte=byte: self.port.deliver(byte, self._form)
                )


def test_an_echo_that_differs_or_is_cut_short() -> None:
    rig = OwnSink(lambda value: value ^ 1)
    assert rig.fails(lambda: rig.command(*SELECT)) == "echo differs"
    rig = OwnSink(lambda value: value if value != 2 else None)
    assert rig.fails(lambda: rig.command(*SELECT)) == "echo differs"


def test_a_card_that_trickles_is_bounded_by_the_deadline() -> None:
    """Each character comes just within the waiting time.

    All of them together would take three minutes.
    """
    rig = OwnSink(lambda value: value, b"\xb0" + bytes(199) + b"\x90\x00", 900)
    rig.channel.end_within(3000)
    assert rig.fails(lambda: rig.command(*READ, within_ms=3400)) in (
        "session took too long",
        "no answer",
    )


def test_a_deadline_that_has_passed_ends_every_command() -> None:
    rig = LineRig()
    rig.reset()
    rig.channel.end_within(0)
    for _ in range(3):
        assert rig.fails(lambda: rig.command(*SELECT, within_ms=100)) == "session took too long"
