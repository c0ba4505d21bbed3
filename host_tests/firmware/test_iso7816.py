"""T=0 as a pure engine: against the card's side of T=0, and against any characters at all."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cards_kit as kit
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.t0 import Behaviour, T0Card
from parts import Parts

MODULE = Parts().module("iso7816")
Exchange = MODULE.Exchange


def card(behaviour: Behaviour | None = None, kind: str = kinds.USER) -> T0Card:
    made = T0Card(Chip.new(kind, bytes(range(8)), kit.seeded(1)), behaviour)
    made.reset()
    return made


def drive(exchange: object, to: T0Card, chunk: int = 1000) -> None:
    """Characters to and fro until the exchange is done.

    The reader never gets more than it wants at a time.
    """
    heard = bytearray()
    for _ in range(3000):
        if exchange.done:
            assert not exchange.want
            return
        for value in exchange.take():
            assert not heard, "the reader talks while the card does"
            heard += to.receive(value)
        heard += to.get_more() if not heard else b""
        assert exchange.want > 0
        if not heard:
            exchange.expire()
            continue
        count = min(exchange.want, chunk, len(heard))
        exchange.receive(bytes(heard[:count]))
        del heard[:count]
    raise AssertionError("never ends")


def ask(
    to: T0Card,
    cla: int,
    ins: int,
    p1: int,
    p2: int,
    data: bytes = b"",
    le: int = 0,
    chunk: int = 99,
) -> tuple[bytes, int]:
    exchange = Exchange(cla, ins, p1, p2, data, le)
    drive(exchange, to, chunk)
    assert exchange.error == ""
    return bytes(exchange.data), exchange.sw


GOOD = [
    Behaviour(),
    Behaviour(nulls=1),
    Behaviour(nulls=50),
    Behaviour(one_by_one=True),
    Behaviour(one_by_one=True, nulls=3),
]


@pytest.mark.parametrize("behaviour", GOOD)
@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_every_case_with_every_good_card(behaviour: Behaviour, chunk: int) -> None:
    to = card(behaviour)
    assert ask(to, 0x00, 0xA4, 0, 0, chunk=chunk) == (b"", 0x6700)  # case 1
    assert ask(to, 0x00, 0xA4, 0, 0, b"\xdf\x01", chunk=chunk) == (b"", 0x9000)  # case 3
    data, sw = ask(to, 0x00, 0x84, 0, 0, le=8, chunk=chunk)  # case 2
    assert (len(data), sw) == (8, 0x9000)
    # The card first answers 6C2D.
    assert ask(to, 0x00, 0xB0, 0x81, 0, le=256, chunk=chunk) == (bytes(45), 0x9000)
    assert ask(to, 0x00, 0xB0, 0x83, 0, le=199, chunk=chunk) == (bytes(199), 0x9000)
    assert ask(to, 0x00, 0xB0, 0x9E, 0, le=4, chunk=chunk) == (b"", 0x6A82)
    control = card(behaviour, kinds.CONTROL)
    assert ask(control, 0x80, 0xFA, 0, 0x81, bytes(8), chunk=chunk) == (b"", 0x9000)
    data, sw = ask(control, 0x80, 0xFA, 0, 0, bytes(8), chunk=chunk)  # case 4
    assert (len(data), sw) == (8, 0x9000)


BAD = [
    (Behaviour(mute=True), "no answer"),
    (Behaviour(null_forever=True), "NULL for ever"),
    (Behaviour(nulls=101), "NULL for ever"),
    (Behaviour(wrong_procedure=0x33), "no procedure byte"),
    *[(Behaviour(stops_after=13 + count), "no answer") for count in range(11)],
]


@pytest.mark.parametrize(("behaviour", "error"), BAD)
def test_bad_cards_end_in_an_error(behaviour: Behaviour, error: str) -> None:
    exchange = Exchange(0x00, 0x84, 0, 0, b"", 8)
    to = card(behaviour)
    drive(exchange, to)
    assert (exchange.error, exchange.sw) == (error, 0)
    before = bytes(exchange.data)
    exchange.receive(b"\x90\x00")
    exchange.expire()
    assert (exchange.error, exchange.sw, bytes(exchange.data)) == (error, 0, before)


def test_a_lying_status_is_the_caller_s_business() -> None:
    assert ask(card(Behaviour(lying_sw=0x6982)), 0x00, 0xA4, 0, 0, b"\xdf\x01") == (b"", 0x6982)
    exchange = Exchange(0x00, 0xA4, 0, 0, b"\xdf\x01")
    drive(exchange, card(Behaviour(lying_sw=0x6C02)))
    assert exchange.error
    exchange = Exchange(0x00, 0xA4, 0, 0, b"\xdf\x01")
    drive(exchange, card(Behaviour(lying_sw=0x6102)))
    assert exchange.error == "status that never ends"


def test_every_status_word_there_could_be() -> None:
    """61xx and 6Cxx go on, 6xxx and 9xxx end the command as they are; others are no status word."""
    for sw in range(0x10000):
        exchange = Exchange(0x00, 0xB0, 0x81, 0, b"", 4)
        exchange.take()
        exchange.receive(bytes((sw >> 8,)))
        exchange.receive(bytes((sw & 255,)))
        sw1 = sw >> 8
        if sw1 in (0x61, 0x6C):
            assert not exchange.done and exchange.want == 2 and exchange.take()[4] == sw & 255
        elif sw1 == 0x60:
            assert exchange.sw == 0  # a NULL, and a byte of its own
        elif sw1 >> 4 in (6, 9):
            assert (exchange.done, exchange.error, exchange.sw) == (True, "", sw)
        elif sw1 not in (0xB0, 0x4F):
            assert (exchange.done, exchange.error, exchange.sw) == (True, "no procedure byte", 0)


def test_headers_as_they_stand_on_the_line() -> None:
    assert Exchange(0x00, 0xA4, 1, 2).take() == bytes.fromhex("00a4010200")
    assert Exchange(0x00, 0xB0, 1, 2, b"", 256).take() == bytes.fromhex("00b0010200")
    assert Exchange(0x00, 0xB0, 1, 2, b"", 255).take() == bytes.fromhex("00b00102ff")
    exchange = Exchange(0x00, 0xD6, 1, 2, b"abc")
    assert (exchange.take(), exchange.take(), exchange.want) == (
        bytes.fromhex("00d6010203"),
        b"",
        1,
    )
    exchange.receive(b"\x60\x29")
    assert exchange.take() == b"a"
    exchange.receive(b"\xd6")
    assert exchange.take() == b"bc"
    exchange.receive(b"\x61\x05")
    assert exchange.take() == bytes.fromhex("00c0000005")
    exchange = Exchange(0x00, 0xD6, 1, 2, b"abc")
    exchange.receive(b"\x6c\x02")  # another length for data to the card: there is no such thing
    assert (exchange.error, exchange.done) == ("status that never ends", True)
    for wrong in ((b"x" * 256, 0), (b"", 257), (b"", -1), (b"x", 1)):
        with pytest.raises(ValueError, match="T=0"):
            Exchange(0, 0, 0, 0, *wrong)


COMMAND = st.one_of(
    st.tuples(st.binary(max_size=255), st.just(0)), st.tuples(st.just(b""), st.integers(0, 256))
)
# Bytes that mean something, and others.
CHARACTER = st.one_of(
    st.sampled_from((0x60, 0xB0, 0x4F, 0x61, 0x6C, 0x90, 0x00)), st.integers(0, 255)
)


@settings(max_examples=400)
@given(COMMAND, st.lists(CHARACTER, max_size=300), st.integers(1, 40))
@example((b"", 256), [0xB0] * 600, 40)
@example((b"", 256), [0x61, 0x00] * 300, 1)
def test_any_characters_end_within_bounds(
    command: tuple[bytes, int], characters: list[int], chunk: int
) -> None:
    exchange = Exchange(0x00, 0xB0, 0x81, 0, *command)
    sent = 0
    heard = bytearray(characters)
    while not exchange.done:
        out = exchange.take()
        sent += len(out)
        assert 1 <= exchange.want <= 258
        if heard:
            exchange.receive(bytes(heard[: min(chunk, exchange.want)]))
            del heard[: min(chunk, exchange.want)]
        else:
            exchange.expire()
    assert exchange.want == 0
    assert sent <= 5 * 9 + len(command[0])
    assert len(exchange.data) <= 256 * 9
    assert (
        bool(exchange.error) != bool(exchange.sw)
        or exchange.sw == 0x9000
        or exchange.sw >> 12 in (6, 9)
    )


@pytest.mark.parametrize(
    "babble", [b"\x60", b"\xb0", b"\x4f\x00", b"\x61\x00", b"\x6c\x10", b"\x60\x4f\x00"]
)
def test_no_babble_lasts_for_ever(babble: bytes) -> None:
    exchange = Exchange(0x00, 0xB0, 0x81, 0, b"", 256)
    taken = 0
    while not exchange.done:
        exchange.take()
        exchange.receive(babble[taken % len(babble) :][:1])
        taken += 1
        assert taken < 9 * 256 * 102


def test_characters_that_nobody_asked_for() -> None:
    exchange = Exchange(0x00, 0xB0, 0x81, 0, b"", 2)
    exchange.take()
    exchange.receive(b"\xb0ab\x90\x00\x00")
    assert (exchange.done, exchange.sw, bytes(exchange.data)) == (True, 0x9000, b"ab")
    exchange = Exchange(0x00, 0xB0, 0x81, 0)
    exchange.receive(b"\xb0")
    assert exchange.error == "procedure byte with nothing to transfer"
