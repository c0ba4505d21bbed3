"""Frames of DL/T 645-2007: the meter's codec against captured frames and the master's own codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.firmware import load_shared
from dianka.reading.frames import Frame, FrameError, count_missing, decode
from dianka.reading.items import BY_NAME
from port_frames import ADDRESSES, ASK_ADDRESS, CAPTURED, NO_DATA

DLT645 = load_shared("dlt645")
EVERY = [raw for request, answer, _, _ in CAPTURED for raw in (request, answer)]
EVERY += [ASK_ADDRESS, NO_DATA, *(raw for raw, _ in ADDRESSES)]

frames = st.builds(
    Frame,
    st.text("0123456789", min_size=12, max_size=12) | st.just("AAAAAAAAAAAA"),
    st.integers(0, 255),
    st.binary(max_size=200),
)
chunks = st.lists(st.integers(1, 60), min_size=1, max_size=20)


def found_in(text: bytes, sizes: list[int]) -> list[tuple[bytes, int, bytes]]:
    """All frames that the meter finds in this text, which comes in chunks of these sizes."""
    reader, found, at, turn = DLT645.Frames(), [], 0, 0
    while at < len(text):
        size = min(sizes[turn % len(sizes)], reader.room)
        assert size > 0, "no room, and no frame"
        reader.feed(text[at : at + size])
        at, turn = at + size, turn + 1
        while frame := reader.take():
            found.append(frame)
    return found


@pytest.mark.parametrize("raw", EVERY)
def test_captured_frames_are_understood_alike_and_written_as_they_were(raw: str) -> None:
    text = bytes.fromhex(raw)
    frame = decode(text)
    address = bytes(reversed(bytes.fromhex(frame.address)))
    assert found_in(text, [7]) == [(address, frame.control, frame.data)]
    assert DLT645.wrap(address, frame.control, frame.data) == text.lstrip(b"\xfe")
    assert frame.encode() == text.lstrip(b"\xfe")
    assert count_missing(text) == 0


@pytest.mark.parametrize(("request_", "answer", "name", "value"), CAPTURED)
def test_captured_answers_say_what_their_sources_say(
    request_: str, answer: str, name: str, value: str
) -> None:
    item, said = BY_NAME[name], decode(bytes.fromhex(answer))
    assert decode(bytes.fromhex(request_)).data == item.identifier.to_bytes(4, "little")
    assert said.data[:4] == item.identifier.to_bytes(4, "little")
    assert item.decode(said.data[4:]) == value


@given(frames, st.integers(0, 8), chunks)
def test_every_frame_of_the_other_codec_arrives_as_it_was(
    frame: Frame, wakes: int, sizes: list[int]
) -> None:
    text = b"\xfe" * wakes + frame.encode()
    address = bytes(reversed(bytes.fromhex(frame.address)))
    assert found_in(text, sizes) == [(address, frame.control, frame.data)]
    assert decode(DLT645.wrap(address, frame.control, frame.data)) == frame


@given(st.binary(max_size=600), chunks, chunks)
def test_it_is_all_one_how_bytes_are_cut_and_nothing_is_found_that_is_not_there(
    text: bytes, sizes: list[int], others: list[int]
) -> None:
    found = found_in(text, sizes)
    assert found == found_in(text, others)
    for frame in found:
        assert DLT645.wrap(*frame) in text


@given(st.binary(max_size=80).filter(lambda text: b"\x16" not in text), frames, chunks)
def test_a_frame_behind_rubbish_is_found_when_enough_has_come(
    rubbish: bytes, frame: Frame, sizes: list[int]
) -> None:
    """A beginning without an end costs its own byte alone."""
    address = bytes(reversed(bytes.fromhex(frame.address)))
    text = rubbish + frame.encode() + bytes(DLT645.MOST)
    assert (address, frame.control, frame.data) in found_in(text, sizes)


@given(frames, st.data())
def test_a_frame_with_one_bit_wrong_is_none(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(frame.encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    address = bytes(reversed(bytes.fromhex(frame.address)))
    assert (address, frame.control, frame.data) not in found_in(bytes(raw), [64])
    with pytest.raises(FrameError):
        decode(bytes(raw))


def test_a_length_beyond_the_standard_s_is_none() -> None:
    raw = Frame("000000000012", 0x11, bytes(200)).encode()
    assert found_in(raw, [64])
    longer = bytearray(raw[:9] + bytes((201,)) + raw[10:-2] + b"\x33")
    longer += bytes((sum(longer) & 0xFF, 0x16))
    assert not found_in(bytes(longer), [64])
    with pytest.raises(FrameError):
        Frame("000000000012", 0x11, bytes(201)).encode()
