"""PPS as a pure engine, against the card's side of it and against any bytes.

And which rates an ATR lets us ask for.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.cardos import pps
from parts import Parts

PARTS = Parts()
PPS = PARTS.module("iso7816_pps")
AtrReader = PARTS.module("iso7816").AtrReader
SERIAL = bytes(range(8))
OWN = bytes.fromhex("3b69000041") + SERIAL


def atr_of(raw: bytes) -> object:
    reader = AtrReader()
    for value in raw:
        reader.receive(bytes((value,)))
    assert not reader.want
    return reader


def offer(ta1: int, ta2: int | None = None) -> object:
    return atr_of(pps.offer_rate(OWN, ta1, ta2))


def run(factor: int, asked: pps.Asked) -> object:
    engine = PPS.Pps(factor)
    heard = b"".join(asked.receive(value) for value in engine.take())
    for value in heard:
        engine.receive(bytes((value,)))
    if not engine.done:
        engine.expire()
    return engine


@pytest.mark.parametrize(
    ("factor", "request_hex"), [(2, "ff1012fd"), (4, "ff1013fc"), (8, "ff1014fb")]
)
def test_a_card_that_echoes_has_the_rate_and_so_have_we(factor: int, request_hex: str) -> None:
    asked = pps.Asked(0x18)
    engine = run(factor, asked)
    assert engine.request.hex() == request_hex
    assert (engine.error, engine.factor, asked.rate) == ("", factor, (372, factor))


@pytest.mark.parametrize(
    ("way", "error"),
    [
        (pps.DECLINE, ""),
        (pps.WRONG, "PPS answered wrongly"),
        (pps.BAD_PCK, "PPS answered wrongly"),
        (pps.SILENT, "no answer to PPS"),
        (pps.CUT, "no answer to PPS"),
    ],
)
def test_any_other_answer_leaves_the_first_rate(way: str, error: str) -> None:
    engine = run(4, pps.Asked(0x13, way))
    assert (engine.error, engine.factor, engine.done, engine.want) == (error, 1, True, 0)


def test_a_card_declines_more_than_it_offered() -> None:
    asked = pps.Asked(0x12)
    assert (run(4, asked).factor, asked.rate) == (1, (372, 1))


@settings(max_examples=500)
@given(
    st.sampled_from((2, 4, 8)),
    st.one_of(st.binary(max_size=8), st.binary(max_size=3).map(lambda rest: b"\xff\x10" + rest)),
)
def test_only_the_two_right_answers_are_taken(factor: int, answer: bytes) -> None:
    engine = PPS.Pps(factor)
    request = engine.take()
    for value in answer:
        assert engine.done or 1 <= engine.want <= 2
        engine.receive(bytes((value,)))
    engine.expire()
    assert engine.done and not engine.want and engine.take() == b""
    if answer[:4] == request:
        assert (engine.error, engine.factor) == ("", factor)
    elif answer[:3] == b"\xff\x00\xff":
        assert (engine.error, engine.factor) == ("", 1)
    else:
        assert engine.error and engine.factor == 1


@settings(max_examples=300)
@given(st.binary(max_size=8), st.integers(0, 255), st.sampled_from((pps.ECHO, pps.DECLINE)))
def test_the_card_takes_no_more_than_six_characters_and_no_rate_that_it_did_not_offer(
    data: bytes, ta1: int, way: str
) -> None:
    asked = pps.Asked(ta1, way)
    said, heard = b"", 0
    for value in b"\xff" + data:
        if asked.done:
            break
        said += asked.receive(value)
        heard += 1
    assert heard <= 6 and len(said) <= 4
    f, d = asked.rate
    assert asked.rate == pps.FIRST or (
        372 <= f <= pps.decode_rate(ta1)[0]
        and 1 <= d <= pps.decode_rate(ta1)[1]
        and way == pps.ECHO
    )


@pytest.mark.parametrize(
    ("ta1", "factor"),
    [
        (0x11, 1),
        (0x12, 2),
        (0x13, 4),
        (0x03, 4),
        (0x14, 4),
        (0x95, 4),
        (0x18, 4),
        (0x96, 4),
        (0x92, 2),
    ],
)
def test_what_is_asked_for(ta1: int, factor: int) -> None:
    atr = offer(ta1)
    assert (atr.error, PPS.find_offered_factor(atr, 4), PPS.find_imposed_factor(atr, 4)) == (
        "",
        factor,
        1,
    )
    assert (
        PPS.find_offered_factor(atr, 2) == min(factor, 2) and PPS.find_offered_factor(atr, 1) == 1
    )


@pytest.mark.parametrize("ta1", range(256))
def test_whatever_is_asked_for_the_card_may_agree_to(ta1: int) -> None:
    atr = offer(ta1)
    if atr.error:
        assert atr.error == "ATR with reserved values" and 0 in pps.decode_rate(ta1)
        return
    factor = PPS.find_offered_factor(atr, 8)
    assert factor in (1, 2, 4, 8)
    if factor > 1:
        assert run(factor, pps.Asked(ta1)).factor == factor


@pytest.mark.parametrize(
    ("ta1", "ta2", "factor"),
    [(0x11, 0x00, 1), (0x13, 0x00, 4), (0x13, 0x80, 4), (0x12, 0x00, 2),
     (0x14, 0x00, 0), (0x95, 0x00, 0), (0x13, 0x10, 0), (0x13, 0x01, 0)],
)  # fmt: skip
def test_specific_mode_is_honoured_or_refused(ta1: int, ta2: int, factor: int) -> None:
    atr = offer(ta1, ta2)
    assert (PPS.find_imposed_factor(atr, 4), PPS.find_offered_factor(atr, 4)) == (factor, 1)


def test_no_offer_without_ta1() -> None:
    atr = atr_of(OWN)
    assert (PPS.find_offered_factor(atr, 8), PPS.find_imposed_factor(atr, 8), atr.specific) == (
        1,
        1,
        -1,
    )


def test_our_own_chips_are_known_by_their_atr() -> None:
    assert atr_of(OWN).find_serial() == offer(0x13).find_serial() == SERIAL
    for foreign in ("3B00", "3B690001410001020304050607", "3B79130001410001020304050607",
                    "3B6800004100010203040506", "3B2900410001020304050607",
                    "3BF91300001000410001020304050607"):  # fmt: skip
        assert atr_of(bytes.fromhex(foreign)).find_serial() == b"", foreign
