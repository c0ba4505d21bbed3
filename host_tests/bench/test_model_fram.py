"""The FRAM model: addressing, what a cut leaves at each byte, and memory that has gone bad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.models.fram import ADDRESS, SIZE, Cut, Mb85rc256v
from dianka.bench.models.i2c import I2cBus


def rig(content: bytes | None = None) -> tuple[I2cBus, Mb85rc256v]:
    bus, chip = I2cBus(), Mb85rc256v(content)
    bus.devices[ADDRESS] = chip
    return bus, chip


def put(bus: I2cBus, at: int, data: bytes) -> int:
    return bus.write(ADDRESS, at.to_bytes(2, "big") + data)


def get(bus: I2cBus, at: int, count: int) -> bytes | None:
    bus.write(ADDRESS, at.to_bytes(2, "big"), stop=False)
    return bus.read(ADDRESS, count)


@given(st.integers(0, 0xFFFF), st.binary(max_size=40))
def test_what_was_written_is_read_across_the_wrap(at: int, data: bytes) -> None:
    bus, chip = rig()
    assert put(bus, at, data) == len(data) + 2
    assert get(bus, at, len(data)) == data
    assert chip.writes == len(data)


def test_the_end_wraps_to_the_beginning_and_reading_goes_on() -> None:
    bus, chip = rig()
    put(bus, SIZE - 2, b"abcd")
    assert (chip.content[-2:], chip.content[:2]) == (b"ab", b"cd")
    assert get(bus, SIZE - 1, 2) == b"bc"
    assert bus.read(ADDRESS, 1) == b"d"
    assert get(bus, 0x8000, 1) == b"c"  # the top address bit is ignored


@pytest.mark.parametrize(
    ("cut", "landed", "acked"), [(Cut.AFTER, b"abc\0\0", 5), (Cut.BEFORE, b"ab\0\0\0", 4)]
)
def test_a_cut_strikes_at_its_byte_and_nothing_lands_after_it(
    cut: Cut, landed: bytes, acked: int
) -> None:
    bus, chip = rig()
    cuts: list[bytes] = []
    chip.cut_after(3, lambda: cuts.append(chip.content[:5]), cut)
    assert put(bus, 0, b"abcde") == acked
    assert cuts == [landed]
    assert put(bus, 0, b"x") == -1
    assert bus.read(ADDRESS, 1) is None
    chip.power_on()
    assert get(bus, 0, 5) == landed
    put(bus, 0, b"ABCDE")
    assert (chip.content[:5], len(cuts)) == (b"ABCDE", 1)


def test_a_cut_counts_over_several_writes_and_may_raise() -> None:
    class Gone(BaseException):
        pass

    def gone() -> None:
        raise Gone

    bus, chip = rig()
    chip.cut_after(3, gone)
    put(bus, 0, b"ab")
    assert chip.cut_after_bytes == 1
    with pytest.raises(Gone):
        put(bus, 10, b"cd")
    assert (chip.content[:2], chip.content[10:12], chip.writes) == (b"ab", b"c\0", 3)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 99))
def test_a_torn_byte_mixes_old_and_new_bits_only(old: int, new: int, seed: int) -> None:
    chip = Mb85rc256v(bytes([old]) * SIZE, seed)
    bus = I2cBus()
    bus.devices[ADDRESS] = chip
    chip.cut_after(1, lambda: None, Cut.TORN)
    assert put(bus, 7, bytes([new, new])) == 2
    assert (chip.memory[7] ^ old) & ~(old ^ new) == 0
    assert chip.memory[8] == old


def test_torn_bytes_are_torn() -> None:
    left = set()
    for seed in range(50):
        chip = Mb85rc256v(seed=seed)
        chip.cut_after(1, lambda: None, Cut.TORN)
        chip.start(False)
        for value in (0, 0, 0xFF):
            chip.write(value)
        left.add(chip.memory[0])
    assert len(left) > 20


def test_mute_protected_stuck_and_destroyed() -> None:
    bus, chip = rig()
    put(bus, 0, b"abcd")
    chip.mute = True
    assert put(bus, 0, b"x") == -1
    assert bus.read(ADDRESS, 1) is None
    chip.mute = False
    chip.protected = True
    assert put(bus, 0, b"xx") == 4
    chip.protected = False
    assert get(bus, 0, 4) == b"abcd"
    chip.stuck[1] = 0xA5
    put(bus, 0, b"ABCD")
    assert get(bus, 0, 4) == b"A\xa5CD"
    chip.destroy(100, 50)
    assert any(chip.content[100:150])
    assert not any(chip.content[4:100])
    assert not any(chip.content[150:])


def test_content_goes_out_and_in() -> None:
    bus, chip = rig()
    put(bus, 1234, b"kept")
    other_bus, other = rig(chip.content)
    assert get(other_bus, 1234, 4) == b"kept"
    assert other.writes == 0


def test_nonsense_is_refused() -> None:
    chip = Mb85rc256v()
    with pytest.raises(ValueError, match="it must have 32768"):
        chip.load(b"short")
    with pytest.raises(ValueError, match="at least one byte"):
        chip.cut_after(0, lambda: None)
    with pytest.raises(ValueError, match="within 32768"):
        chip.destroy(SIZE - 1, 2)


def test_who_watches_each_byte_sees_each_byte() -> None:
    """The campaigns put their own function in place of `write` or `read`, and cut at any byte."""
    bus, chip = rig()
    seen: list[int] = []
    write, read = chip.write, chip.read
    chip.write = lambda value: (seen.append(value), write(value))[1]  # type: ignore[method-assign]
    chip.read = lambda: (seen.append(-1), read())[1]  # type: ignore[method-assign]
    assert put(bus, 0x0102, b"\3\4\5") == 5
    assert get(bus, 0x0102, 3) == b"\3\4\5"
    assert seen == [1, 2, 3, 4, 5, 1, 2, -1, -1, -1]


def test_who_watches_the_stop_alone_sees_it_once_for_each_transfer() -> None:
    bus, chip = rig()
    stops: list[int] = []
    stop = chip.stop
    chip.stop = lambda: (stops.append(chip.at), stop())[1]  # type: ignore[method-assign]
    put(bus, 0x0102, b"\3\4\5")
    get(bus, 0x0102, 2)
    assert stops == [0x0105, 0x0104]
