"""The state's bytes and codes as meters in the field have them: none of them may ever change.

A new field gets a line in LAYOUT and a format of its own. What former formats become is in
test_formats.py.
"""

import random
from typing import Any

import pytest

from parts import Parts

records = Parts().module("state")

# (field, bytes, signed, formats that have it)
ALL, SINCE_2, SINCE_3, SINCE_4 = (1, 2, 3, 4), (2, 3, 4), (3, 4), (4,)
LAYOUT = [
    ("energy_pj", 12, False, ALL), ("remainder", 9, False, ALL), ("balance_fen", 5, True, ALL),
    ("bought_fen", 6, False, ALL), ("count", 4, False, ALL), ("price_e4", 4, False, ALL),
    ("next_price_e4", 4, False, SINCE_2), ("switch_time", 5, False, SINCE_2),
    ("alarm1_fen", 4, False, ALL), ("alarm2_fen", 4, False, ALL),
    ("overdraft_limit_fen", 4, False, ALL), ("hoard_limit_fen", 4, False, ALL),
    ("close_above_fen", 4, False, ALL), ("meter_no", 5, False, ALL),
    ("customer_no", 5, False, ALL), ("card_serial", 8, False, ALL), ("register", 4, False, ALL),
    ("flags", 1, False, ALL), ("intent", 1, False, ALL), ("intent_fen", 4, False, ALL),
    ("intent_count", 4, False, ALL), ("illegal_cards", 3, False, ALL),
    ("pulse_pj", 8, False, SINCE_3), ("uncharged_starts", 1, False, SINCE_3),
    ("silence_limit_s", 2, False, SINCE_3), ("difference_fen", 5, True, SINCE_3),
    ("earliest_s", 4, False, SINCE_3), ("set_crc", 4, False, SINCE_4),
    ("next_set_crc", 4, False, SINCE_4), ("dearest_e4", 4, False, SINCE_4),
    ("step_pj", 11, False, SINCE_4), ("step_since_s", 4, False, SINCE_4),
    ("supply_crc", 4, False, SINCE_4), ("tripped", 1, False, SINCE_4),
    ("overload_trips", 1, False, SINCE_4), ("step_trips", 1, False, SINCE_4),
    ("step_day", 3, False, SINCE_4), ("calibration_crc", 4, False, SINCE_4),
]  # fmt: skip
SIZES = {1: 97, 2: 106, 3: 126, 4: 167}
NAMES = [name for name, _, _, _ in LAYOUT]


def limits(size: int, signed: bool) -> tuple[int, int]:
    return (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)


def make_bytes(values: dict[str, int], form: int) -> bytes:
    out = form.to_bytes(2, "big")
    for name, size, signed, forms in LAYOUT:
        if form in forms:
            out += values[name].to_bytes(size, "big", signed=signed)
    return out


def make_state(values: dict[str, int]) -> Any:
    state = records.State()
    for name, value in values.items():
        setattr(state, name, value)
    return state


def draw_values(rng: random.Random) -> dict[str, int]:
    """Zeros, limits and anything between."""
    values = {}
    for name, size, signed, _ in LAYOUT:
        low, high = limits(size, signed)
        near = (0, low, low + 1, high - 1, high, 1, rng.randint(low, high), rng.randint(low, high))
        values[name] = rng.choice(near)
    return values


def test_a_new_state_is_all_zero() -> None:
    assert vars(records.State()) == dict.fromkeys(NAMES, 0)
    assert (records.FORMAT, records.OLDEST, records.SIZE, records.SIZES) == (4, 1, 167, SIZES)


@pytest.mark.parametrize("form", SIZES)
@pytest.mark.parametrize("seed", range(20))
def test_each_field_has_its_place_in_each_format(form: int, seed: int) -> None:
    values = draw_values(random.Random(seed))
    data = make_bytes(values, form)
    assert len(data) == SIZES[form]
    assert records.pack(make_state(values), form) == data
    kept = {name: values[name] if form in forms else 0 for name, _, _, forms in LAYOUT}
    assert vars(records.unpack(data)) == kept
    assert records.format_of(data) == form
    if form == 4:
        assert records.pack(make_state(values)) == data


@pytest.mark.parametrize("form", SIZES)
def test_a_former_format_takes_what_it_has_no_field_for(form: int) -> None:
    """A value too large for its field is named, unless the format lacks the field."""
    for name, size, signed, forms in LAYOUT:
        low, high = limits(size, signed)
        for beyond in (low - 2, low - 1, high + 1, high + 2):
            state = make_state({name: beyond})
            if form in forms:
                with pytest.raises(OverflowError, match=f"^{name}$"):
                    records.pack(state, form)
            else:
                assert records.pack(state, form) == records.pack(records.State(), form)


@pytest.mark.parametrize("form", [0, 1, 2, 3, 4, 5, 256, 257, 65_535])
def test_a_record_is_known_by_number_and_length(form: int) -> None:
    for size in (2, 96, 97, 98, 105, 106, 107, 125, 126, 127, 166, 167, 168):
        data = form.to_bytes(2, "big") + bytes(size - 2)
        if SIZES.get(form) == size:
            assert records.format_of(data) == form
            continue
        for read in (records.format_of, records.unpack):
            with pytest.raises(ValueError, match=r"^state of another format$"):
                read(data)
    for short in (b"", b"\x04"):
        with pytest.raises(ValueError, match="another format"):
            records.format_of(short)


CODES = {
    "INITIALISED": 1, "OPENED": 2, "RELEASED_ALARM2": 4, "RELEASED_ZERO": 8, "LOCKED": 16,
    "TEST_CREDIT": 32, "CLOSED": 64,
    "OVERLOADED": 1, "OVERLOAD_LOCK": 2, "STEPPED": 4, "STEP_LOCK": 8,
    "NOTHING": 0, "CREDIT": 1, "SETTLE": 2, "CLOSE": 3,
    "MOST_ILLEGAL": 999_999,
}  # fmt: skip


def test_codes_in_the_record_mean_what_they_meant() -> None:
    assert {name: getattr(records, name) for name in CODES} == CODES


@pytest.mark.parametrize("flag", [1, 2, 4, 8, 16, 32, 64])
@pytest.mark.parametrize("others", [0, 0x7F, 0x55, 0x2A])
def test_a_flag_is_set_and_cleared_alone(flag: int, others: int) -> None:
    state = records.State()
    state.flags = others
    assert state.has(flag) is bool(others & flag)
    state.set(flag)
    assert state.has(flag) is True and state.flags == others | flag
    state.set(flag)
    assert state.flags == others | flag
    state.set(flag, False)
    assert state.has(flag) is False and state.flags == others & ~flag
    state.set(flag, False)
    assert state.flags == others & ~flag


@pytest.mark.parametrize("balance_fen", [-500, -1, 0, 1, 500])
def test_a_balance_is_a_debt_or_what_the_wallet_holds(balance_fen: int) -> None:
    state = make_state({"balance_fen": balance_fen})
    assert state.overdraft_fen == max(0, -balance_fen)
    assert state.wallet_fen == max(0, balance_fen)
