"""The record of what the meter never forgets.

Bytes at the limits of each field, foreign formats, and the store in front.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.models.fram import ADDRESS, SIZE, Mb85rc256v
from parts import Parts

PARTS = Parts()
records = PARTS.module("state")


def limits(size: int, signed: bool) -> tuple[int, int]:
    return (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)


def near_limits(size: int, signed: bool) -> st.SearchStrategy[int]:
    low, high = limits(size, signed)
    return st.one_of(st.integers(low, low + 3), st.integers(high - 3, high), st.integers(low, high))


@st.composite
def states(draw: st.DrawFn) -> object:
    state = records.State()
    for name, size, signed in records.FIELDS:
        setattr(state, name, draw(near_limits(size, signed)))
    return state


def test_fields_cover_the_state_and_the_size_is_right() -> None:
    names = [name for name, _, _ in records.FIELDS]
    assert sorted(names) == sorted(vars(records.State()))
    assert len(set(names)) == len(names)
    assert 2 + sum(size for _, size, _ in records.FIELDS) == records.SIZE
    assert len(records.pack(records.State())) == records.SIZE


@given(states())
def test_what_is_packed_is_unpacked(state: object) -> None:
    data = records.pack(state)
    assert len(data) == records.SIZE
    assert vars(records.unpack(data)) == vars(state)
    assert vars(records.unpack(bytearray(data))) == vars(state)


@pytest.mark.parametrize(("name", "size", "signed"), records.FIELDS)
def test_a_field_that_has_outgrown_its_size_is_not_cut(name: str, size: int, signed: bool) -> None:
    low, high = limits(size, signed)
    for value in (low - 1, high + 1):
        state = records.State()
        setattr(state, name, value)
        with pytest.raises(OverflowError, match=name):
            records.pack(state)


def test_fields_hold_what_can_come_to_be() -> None:
    """The greatest values that other parts let through."""
    account = PARTS.module("account")
    state = records.State()
    state.remainder = account.FEN - 1
    state.balance_fen, state.bought_fen = -account.MAX_FEN, account.MAX_FEN * 10_000
    state.energy_pj = account.PJ_PER_KWH * 10_000_000
    state.meter_no = state.customer_no = 999_999_999_999
    state.card_serial = (1 << 64) - 1
    state.register = PARTS.module("hlw8032").Hlw8032.modulus - 1
    assert vars(records.unpack(records.pack(state))) == vars(state)


@given(st.binary(max_size=200))
def test_bytes_of_another_format_are_refused(data: bytes) -> None:
    if len(data) == records.SIZES.get(int.from_bytes(data[:2], "big")):
        return
    with pytest.raises(ValueError, match="another format"):
        records.unpack(data)


@pytest.mark.parametrize("number", [0, 1, 2, records.FORMAT + 1, 256, 0xFFFF])
def test_another_format_number_is_refused(number: int) -> None:
    data = number.to_bytes(2, "big") + records.pack(records.State())[2:]
    with pytest.raises(ValueError, match="another format"):
        records.unpack(data)


def test_flags_and_what_follows_from_the_balance() -> None:
    state = records.State()
    state.set(records.LOCKED)
    state.set(records.OPENED)
    state.set(records.LOCKED, False)
    assert (state.flags, state.has(records.OPENED), state.has(records.LOCKED)) == (
        records.OPENED,
        True,
        False,
    )
    state.balance_fen = -7
    assert (state.overdraft_fen, state.wallet_fen) == (7, 0)
    state.balance_fen = 7
    assert (state.overdraft_fen, state.wallet_fen) == (0, 7)


def store_on(chip: Mb85rc256v) -> tuple[Parts, object]:
    """A meter's start on this memory, through the bus."""
    parts = Parts()
    parts.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
    return parts, parts.module("state_store").StateStore(
        parts.module("fram").Fram(parts.machine().I2C(0)), parts.lines.append
    )


def test_the_store_brings_back_what_was_committed() -> None:
    chip = Mb85rc256v()
    _, store = store_on(chip)
    assert store.notes == ["journal: blank memory, starting anew"]
    store.state.balance_fen = -5
    store.commit()
    _, again = store_on(chip)
    assert (again.state.balance_fen, again.notes, again.fault) == (-5, [], False)
    chip.destroy(0, SIZE // 2)
    for _ in range(3):
        again.commit()
    chip.destroy(0, SIZE // 2)
    _, again = store_on(chip)
    assert again.state.balance_fen == -5
    assert again.notes == ["journal: one half of the memory was damaged, the other had everything"]


def test_the_store_tells_a_foreign_format_and_a_silent_memory_from_a_blank_one() -> None:
    chip = Mb85rc256v()
    parts, store = store_on(chip)
    store.state.energy_pj = 99
    store._journal.commit((records.FORMAT + 1).to_bytes(2, "big") + bytes(records.SIZE - 2))
    _, store = store_on(chip)
    assert (store.notes, store.state.energy_pj) == (["journal: state of another format"], 0)
    store.state.energy_pj = 100
    store.commit()
    chip.mute = True
    parts, store = store_on(chip)
    assert (store.notes, store.fault) == (["journal: memory does not answer"], True)
    with pytest.raises(parts.module("journal").JournalError):
        store.commit()
    assert store.fault
    chip.mute = False
    store.state.energy_pj = 101
    with pytest.raises(parts.module("journal").JournalError):
        store.commit()
    assert store.fault and store_on(chip)[1].state.energy_pj == 100, (
        "a state that was made up is never written over the true one"
    )
    assert (
        store.take((store.scan(0), store.scan(1)))
        and not store.unread
        and store.state.energy_pj == 100
    )
    store.state.energy_pj = 101
    store.commit()
    assert not store.fault
    assert store_on(chip)[1].state.energy_pj == 101


def test_a_memory_that_wakes_in_a_moment_is_waited_for() -> None:
    chip = Mb85rc256v()
    _, store = store_on(chip)
    store.state.energy_pj = 7
    store.commit()
    for after_us, energy_pj in ((40_000, 7), (150_000, 0)):
        chip.mute = True
        parts = Parts()
        parts.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
        parts.clock.call_after(after_us, lambda: setattr(chip, "mute", False))
        store = parts.module("state_store").StateStore(
            parts.module("fram").Fram(parts.machine().I2C(0)), parts.lines.append
        )
        assert (store.state.energy_pj, store.unread) == (energy_pj, not energy_pj)
        assert parts.clock.now_us < 130_000


def test_the_driver_refuses_what_is_outside_the_memory() -> None:
    PARTS.mcu.get_i2c_bus(0).devices[ADDRESS] = Mb85rc256v()
    memory = PARTS.module("fram").Fram(PARTS.machine().I2C(0))
    memory.write(SIZE - 2, b"ab")
    assert memory.read(SIZE - 2, 2) == b"ab"
    for address, count in ((SIZE - 1, 2), (-1, 1), (SIZE, 1)):
        with pytest.raises(ValueError, match="outside"):
            memory.read(address, count)
        with pytest.raises(ValueError, match="outside"):
            memory.write(address, bytes(count))
