"""What a bad chip may say on the contacts, at the first rate and at four times that.

A defined end each, in bounded time.
"""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.cardos.t0 import Behaviour
from line_rig import CHALLENGE, READ, SELECT, LineRig

RATES = (None, 0x13)
ONE_WAIT_US = 1_100_000
ERRORS = (
    "no answer",
    "no procedure byte",
    "status that never ends",
    "NULL for ever",
    "echo differs",
    "characters that nobody asked for",
    "procedure byte with nothing to transfer",
)


def ends(rig: LineRig, command: tuple, within_us: int) -> tuple[bytes, int] | str:
    """The answer or the error, whichever; it must come in time."""
    began_us = rig.parts.clock.now_us
    try:
        outcome = rig.command(*command, within_ms=5000)
    except rig.error as error:
        outcome = str(error)
        assert outcome in ERRORS
    assert rig.parts.clock.now_us - began_us <= within_us
    return outcome


@pytest.mark.parametrize("ta1", RATES)
def test_every_procedure_byte_there_could_be(ta1: int | None) -> None:
    rig = LineRig()
    for value in range(256):
        rig.put(Behaviour(ta1=ta1, wrong_procedure=value))
        rig.reset()
        outcome = ends(rig, SELECT, ONE_WAIT_US)
        if value == 0xA4:
            assert outcome == (b"", 0x9000)
        elif value == 0x60 or value == 0x5B or value >> 4 in (6, 9):
            assert outcome == "no answer"  # it waits for what such a byte announces
        else:
            assert outcome == "no procedure byte"
    rig.works_again()


@pytest.mark.parametrize("ta1", RATES)
@pytest.mark.parametrize(
    "sw",
    [
        0x0000,
        0x6000,
        0x60FF,
        0x6100,
        0x61FF,
        0x6C00,
        0x6CFF,
        0x6F00,
        0x6DFF,
        0x8000,
        0x9999,
        0xFFFF,
    ],
)
def test_status_words_that_nobody_knows(ta1: int | None, sw: int) -> None:
    rig = LineRig(Behaviour(ta1=ta1, lying_sw=sw))
    rig.reset()
    for command in (SELECT, CHALLENGE):
        outcome = ends(rig, command, 2 * ONE_WAIT_US)
        if sw in (0x6F00, 0x6DFF, 0x9999):
            assert outcome[1] == sw
        else:
            assert isinstance(outcome, str)
        rig.reset()
    rig.works_again()


@pytest.mark.parametrize("ta1", RATES)
@pytest.mark.parametrize("surplus", [1, 2, 3, 10, 60])
@pytest.mark.parametrize("command", [CHALLENGE, READ])
def test_an_answer_that_is_too_long_is_an_error(
    ta1: int | None, surplus: int, command: tuple
) -> None:
    rig = LineRig(Behaviour(ta1=ta1, surplus=surplus))
    rig.reset()
    rig.command(*SELECT)
    assert ends(rig, command, ONE_WAIT_US) == "no procedure byte"
    rig.works_again()


@pytest.mark.parametrize("ta1", RATES)
@pytest.mark.parametrize(
    "babble", [b"\x60", b"\x90\x00", bytes(5), b"\xa4" * 20, bytes(range(200))]
)
def test_babble_behind_an_answer_is_neither_taken_for_the_next_one_nor_endless(
    ta1: int | None, babble: bytes
) -> None:
    rig = LineRig(Behaviour(ta1=ta1, babble=babble))
    rig.reset()
    assert ends(rig, SELECT, ONE_WAIT_US) == (b"", 0x9000)
    for _ in range(4):
        outcome = ends(rig, CHALLENGE, ONE_WAIT_US)
        assert isinstance(outcome, str) or (len(outcome[0]), outcome[1]) == (8, 0x9000)
    rig.works_again()


@pytest.mark.parametrize("ta1", RATES)
def test_null_for_ever_ends_with_the_deadline_and_without_one(ta1: int | None) -> None:
    rig = LineRig(Behaviour(ta1=ta1, null_forever=True))
    rig.reset()
    rig.channel.end_within(2500)
    assert rig.fails(lambda: rig.command(*SELECT, within_ms=2600)) in (
        "session took too long",
        "no answer",
    )
    rig.channel._deadline_ms = None
    rig.reset()
    assert rig.fails(lambda: rig.command(*SELECT, within_ms=110_000)) in (
        "NULL for ever",
        "no answer",
    )
    rig.works_again()


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.binary(max_size=33), st.binary(max_size=32).map(lambda rest: b"\x3b" + rest)))
def test_any_atr_ends_in_an_answer_or_an_error(atr: bytes) -> None:
    rig = LineRig(Behaviour(atr=atr))
    with contextlib.suppress(rig.error):
        rig.reset(within_ms=3000)
    rig.works_again()


@pytest.mark.parametrize("length", range(34))
@pytest.mark.parametrize("filler", [0x00, 0x10, 0x3B, 0x3F, 0xF0, 0xFF])
def test_atrs_of_every_length(length: int, filler: int) -> None:
    rig = LineRig(Behaviour(atr=(b"\x3b" + bytes((filler,)) * 32)[:length]))
    try:
        rig.reset(within_ms=3000)
    except rig.error as error:
        known = ("mute", "ATR cut short", "ATR too long", "ATR with a wrong TCK", "no T=0",
                 "ATR with reserved values", "rate that this line does not have")  # fmt: skip
        assert str(error) in known
        assert (str(error) == "mute") == (length == 0)
