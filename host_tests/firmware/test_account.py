"""Credit and debit against fractions, and no float near money or energy."""

import ast
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.hlw8032_frame import CAPTURED, PLANTED, Params
from dianka.firmware import FIRMWARE
from parts import Parts

PARTS = Parts()
account, records = PARTS.module("account"), PARTS.module("state")

MONEY_MODULES = (
    "account",
    "metering",
    "journal",
    "card_files",
    "esam",
    "state",
    "supply",
    "settlement",
    "hlw8032",
    "state_store",
    "parameters",
    "tariff",
    "parameter_memory",
    "tariff_table",
    "tariff_timed",
    "fram",
    "card_user",
    "ds3231",
)
PULSES_PJ = (
    CAPTURED.pulse_pj,
    PLANTED.pulse_pj,
    Params(power=0x4CC459, kv_milli=1881, ki_milli=999).pulse_pj,
    Params(power=1, kv_milli=1, ki_milli=1).pulse_pj,
    account.PJ_PER_KWH // 3200,  # a meter that gives 3200 pulses per kWh
)
PRICE = st.one_of(st.sampled_from((0, 1, 5000, 99_999_999)), st.integers(0, 99_999_999))
STEP = st.one_of(
    st.tuples(st.just("debit"), st.sampled_from(PULSES_PJ), st.integers(0, 131_071)),
    st.tuples(st.just("price"), PRICE, st.none()),
    st.tuples(st.just("credit"), st.integers(0, 99_999_999), st.none()),
)


@settings(max_examples=300)
@given(PRICE, st.lists(STEP, max_size=30))
def test_bought_is_used_plus_balance_to_the_last_fraction(
    price_e4: int, steps: list[tuple]
) -> None:
    state = records.State()
    state.price_e4 = price_e4
    bought_fen, used_fen, energy_pj = 0, Fraction(0), 0
    for kind, value, pulses in steps:
        if kind == "debit":
            before_fen = state.balance_fen
            taken_fen = account.debit(state, value * pulses)
            assert before_fen - taken_fen == state.balance_fen
            energy_pj += value * pulses
            used_fen += Fraction(value * pulses, 3_600_000_000_000_000_000) * Fraction(
                state.price_e4, 100
            )
        elif kind == "price":
            state.price_e4 = value
        else:
            account.credit(state, value)
            bought_fen += value
        assert (state.bought_fen, state.energy_pj) == (bought_fen, energy_pj)
        assert 0 <= state.remainder < account.FEN
        assert bought_fen == used_fen + state.balance_fen - Fraction(state.remainder, account.FEN)
        assert records.unpack(records.pack(state)).remainder == state.remainder


@given(st.sampled_from(PULSES_PJ), st.lists(st.integers(0, 5000), max_size=20), PRICE)
def test_it_is_all_one_how_energy_is_cut_into_pieces(
    pulse_pj: int, pieces: list[int], price_e4: int
) -> None:
    one, many = records.State(), records.State()
    one.price_e4 = many.price_e4 = price_e4
    account.debit(one, sum(pieces) * pulse_pj)
    for pulses in pieces:
        account.debit(many, pulses * pulse_pj)
    assert records.pack(one) == records.pack(many)


def test_one_kilowatt_hour_costs_its_price() -> None:
    state = records.State()
    state.price_e4, state.balance_fen = 5000, 100
    assert account.debit(state, account.PJ_PER_KWH) == 50
    assert (state.balance_fen, state.remainder, account.compute_kwh_x100(state)) == (50, 0, 100)
    assert account.debit(state, account.PJ_PER_KWH // 50 - 1) == 0
    assert account.debit(state, 1) == 1
    account.debit(state, 2 * account.PJ_PER_KWH)
    assert state.balance_fen == -51
    account.credit(state, 50)
    assert (state.balance_fen, state.overdraft_fen, state.wallet_fen) == (-1, 1, 0)
    account.credit(state, 3)
    assert (state.balance_fen, state.overdraft_fen, state.wallet_fen) == (2, 0, 2)


def test_what_runs_backwards_is_refused_and_changes_nothing() -> None:
    state = records.State()
    before = records.pack(state)
    with pytest.raises(ValueError, match="backwards"):
        account.debit(state, -1)
    with pytest.raises(ValueError, match="adds"):
        account.credit(state, -1)
    assert records.pack(state) == before


@given(st.integers(-5000, 99_999_999), st.integers(0, 120_000_000), st.integers(-2, 2))
def test_hoard_limit_holds_to_the_fen(balance_fen: int, limit_fen: int, beside: int) -> None:
    state = records.State()
    state.balance_fen, state.hoard_limit_fen = balance_fen, limit_fen
    most_fen = min(limit_fen or 99_999_999, 99_999_999)
    amount_fen = most_fen - balance_fen + beside
    assert account.may_credit(state, amount_fen) == (beside <= 0)


@pytest.mark.parametrize("name", MONEY_MODULES)
def test_no_float_near_money_or_energy(name: str) -> None:
    tree = ast.parse((FIRMWARE / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        line = f"{name}.py:{getattr(node, 'lineno', 0)}"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float | complex)), (
            line
        )
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)), (
            line
        )
        assert not (isinstance(node, ast.Name) and node.id in ("float", "round", "math")), line
        # A negative power is a float.
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            assert isinstance(node.right, ast.Constant) and node.right.value >= 0, line


@pytest.mark.parametrize(("minute", "switched"), [(0, 0), (99, 0), (100, 1), (101, 1), (10**9, 1)])
def test_a_planned_set_comes_into_force_at_its_minute(minute: int, switched: bool) -> None:
    state = records.State()
    account.enter_set(state, 5000, 0)
    state.next_price_e4, state.next_set_crc, state.switch_time = 7000, 77, 100
    state.step_pj, state.step_since_s = 5, 6
    assert account.switch_price(state, minute) is bool(switched)
    there = state.price_e4, state.set_crc, state.dearest_e4
    planned = state.next_price_e4, state.next_set_crc, state.switch_time
    assert there == ((7000, 77, 7000) if switched else (5000, 0, 0))
    assert planned == ((0, 0, 0) if switched else (7000, 77, 100))
    assert (state.step_pj, state.step_since_s) == (5, 6)  # steps to steps count on


def test_the_most_is_what_cards_and_display_hold() -> None:
    state = records.State()
    assert account.may_credit(state, 99_999_999) and not account.may_credit(state, 100_000_000)


def test_without_a_plan_nothing_switches_and_a_flat_set_ends_the_steps() -> None:
    state = records.State()
    account.enter_set(state, 7000, 77)
    state.step_pj, state.step_since_s = 5, 6
    assert account.switch_price(state, 10**9) is False
    assert (state.price_e4, state.set_crc, state.dearest_e4) == (7000, 77, 7000)
    account.enter_set(state, 5000, 0)
    assert (state.price_e4, state.set_crc, state.dearest_e4) == (5000, 0, 0)
    assert (state.step_pj, state.step_since_s) == (0, 0)
