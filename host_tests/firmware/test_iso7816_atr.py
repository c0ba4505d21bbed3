"""Answers to reset: known ones, every length, and any bytes at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parts import Parts

AtrReader = Parts().module("iso7816").AtrReader


def read(atr: bytes, chunk: int = 100) -> object:
    reader = AtrReader()
    at = 0
    while reader.want and at < len(atr):
        assert 1 <= reader.want <= 33 - len(reader.raw)
        count = min(reader.want, chunk)
        reader.receive(atr[at : at + count])
        at += count
    return reader


KNOWN = [
    # ATR, historical bytes, protocols, Fi, Di, extra guard, WI; from the ATRs that public lists
    # give for common cards
    ("3B69000041 0011223344556677", 9, [0], 372, 1, 0, 10),
    ("3B00", 0, [0], 372, 1, 0, 10),
    ("3B04A2131091", 4, [0], 372, 1, 0, 10),
    ("3B6500002063CB6A00", 5, [0], 372, 1, 0, 10),
    ("3B6D00000031C071D66438D00300849000", 13, [0], 372, 1, 0, 10),
    ("3B959540FFAE01030000", 5, [0], 512, 16, 0, 255),
    ("3BF81300008131FE454A434F5076323431B7", 8, [1], 372, 4, 0, 10),
    ("3BFF1800FF8131FE4565631105400250001055100303050043", 15, [1], 372, 12, 0, 10),
    ("3BE900008121455649535F494E46200678", 9, [1], 372, 1, 0, 10),
    ("3B9F96801FC78031A073BE21136743200718000001A5", 15, [0, 15], 512, 32, 0, 10),
    ("3F6525000000000000", 0, [], 372, 1, 0, 10),
]


@pytest.mark.parametrize(("text", "historical", "protocols", "fi", "di", "guard", "waiting"), KNOWN)
@pytest.mark.parametrize("chunk", [1, 100])
def test_known_atrs(
    text: str,
    historical: int,
    protocols: list,
    fi: int,
    di: int,
    guard: int,
    waiting: int,
    chunk: int,
) -> None:
    atr = bytes.fromhex(text)
    reader = read(atr + b"rest", chunk)
    if atr[0] == 0x3F:
        assert reader.error == "inverse convention"
        return
    assert (reader.error, reader.want, bytes(reader.raw)) == ("", 0, atr)
    assert (reader.fi, reader.di, reader.extra_guard_etu, reader.waiting_integer) == (
        fi,
        di,
        guard,
        waiting,
    )
    assert reader.protocols == protocols
    end = len(atr) - (protocols != [0])
    assert reader.historical == atr[end - historical : end]


@pytest.mark.parametrize("tck_off", range(1, 256, 17))
def test_a_wrong_tck_is_an_error(tck_off: int) -> None:
    atr = bytearray.fromhex("3BF81300008131FE454A434F5076323431B7")
    atr[-1] ^= tck_off
    assert read(bytes(atr)).error == "ATR with a wrong TCK"


@pytest.mark.parametrize(
    "text",
    ["3B69000041 0011223344556677", "3BF81300008131FE454A434F5076323431B7", "3B" + "FF" * 40],
)
@pytest.mark.parametrize("length", range(34))
def test_every_length(text: str, length: int) -> None:
    atr = bytes.fromhex(text)
    reader = read(atr[:length])
    if length < len(atr) and not reader.error:
        assert 1 <= reader.want <= len(atr) - length
    else:
        assert reader.want == 0


def test_guard_time_waiting_time_and_reserved_values() -> None:
    assert read(bytes.fromhex("3B4005")).extra_guard_etu == 5
    assert read(bytes.fromhex("3B40FF")).extra_guard_etu == 0
    reader = read(bytes.fromhex("3B804014"))
    assert (reader.waiting_integer, reader.protocols, reader.error) == (20, [0], "")
    for text in ("3B804000", "3B107D", "3B1090", "3B1071"):
        assert read(bytes.fromhex(text)).error == "ATR with reserved values", text
    assert read(b"\x03\x00").error == "inverse convention"
    assert read(b"\x00\x00").error == "no ATR"


@settings(max_examples=500)
@given(
    st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda rest: b"\x3b" + rest)),
    st.integers(1, 40),
)
def test_any_bytes_end_within_33_characters(atr: bytes, chunk: int) -> None:
    reader = read(atr, chunk)
    assert len(reader.raw) <= 33
    assert reader.want == 0 or (not reader.error and len(reader.raw) == len(atr))
    assert reader.fi >= 0 and reader.di >= 0
    if not reader.want and not reader.error:
        assert reader.protocols and reader.fi > 0 and reader.di > 0 and reader.waiting_integer > 0
        assert 0 <= reader.extra_guard_etu <= 254
        assert len(reader.historical) == atr[1] & 15
    before = bytes(reader.raw)
    if not reader.want:
        reader.receive(b"more")
        assert bytes(reader.raw) == before
