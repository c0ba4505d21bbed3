"""Tariff sets of several prices: cases worked by hand, sets that are none, and fractions.

tariff_cases.toml has the cases and how each was worked.
"""

import tomllib
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.measure.tariffs import charge_by_firmware, charge_by_fractions, make_cases
from dianka.cardos.files import pack_tariff
from parts import Parts
from sweeps import sweep

PARTS = Parts()
account, records, ds3231, files = (
    PARTS.module(name) for name in ("account", "state", "ds3231", "card_files")
)
Table = PARTS.module("tariff_table").Table
GIVEN = tomllib.loads((Path(__file__).parent / "tariff_cases.toml").read_text())
CASES, REFUSED, SETS = GIVEN["cases"], GIVEN["refused"], GIVEN["sets"]
DAY_S = 86_400
LAST_S = 36_525 * DAY_S - 1  # 2099-12-31 23:59:59


def make_table(fields: dict[str, list[int]]) -> Any:
    """The table of a set that went through its 193 bytes."""
    data = pack_tariff(fields["rates_e4"], fields)
    return Table(files.unpack_tariff(data), ds3231)


def local_s(at: datetime) -> int:
    return int((at - datetime(2000, 1, 1)).total_seconds())


def pj(kwh: str) -> int:
    energy = Fraction(kwh) * account.PJ_PER_KWH
    assert energy.denominator == 1
    return int(energy)


def cost_fen(state: Any) -> Fraction:
    return -state.balance_fen + Fraction(state.remainder, account.FEN)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_worked_by_hand(case: dict[str, Any]) -> None:
    table, state = make_table(SETS[case["set"]]), records.State()
    if "used_kwh" in case:
        at_s = local_s(case["used_at"])
        table.charge(state, pj(case["used_kwh"]), at_s, at_s, account.debit)
    before_fen = cost_fen(state)
    table.charge(state, pj(case["kwh"]), local_s(case["from"]), local_s(case["to"]), account.debit)
    assert cost_fen(state) - before_fen == Fraction(case["fen"])
    assert state.price_e4 == case["price_e4"]
    assert state.energy_pj == pj(case["kwh"]) + pj(case.get("used_kwh", "0"))


@pytest.mark.parametrize("case", REFUSED, ids=[case["reason"] for case in REFUSED])
def test_a_set_that_is_none_is_refused_with_its_reason(case: dict[str, Any]) -> None:
    changes = {name: value for name, value in case.items() if name not in ("set", "reason")}
    make_table(SETS[case["set"]])
    with pytest.raises(ValueError, match=f"^{case['reason']}$"):
        make_table(SETS[case["set"]] | changes)


@sweep(20)
def test_no_fen_of_difference_from_fractions(every: int) -> None:
    """0 of 10,000 random sets, calendars and loads; `dianka bench figures` plays them all."""
    for case in make_cases(10_000 // every, seed=every):
        assert charge_by_firmware(case) == charge_by_fractions(case), case


PIECES = st.lists(st.integers(0, 50_000), min_size=1, max_size=8)


@given(st.sampled_from(sorted(SETS)), st.integers(0, LAST_S - 400_000), PIECES, st.integers(0, 9))
def test_energy_is_never_lost_and_never_free(
    name: str, at_s: int, spans_s: list[int], size: int
) -> None:
    """Whatever is charged, at any time: the cost lies between the lowest and the highest price."""
    table, state, total_pj = make_table(SETS[name]), records.State(), 0
    lowest_e4 = min(table.rates_e4) + min(table.steps_e4)
    for span_s in spans_s:
        energy_pj = (span_s + 1) * 7**size * 10**13 + 1
        table.charge(state, energy_pj, at_s, at_s + span_s, account.debit)
        at_s, total_pj = at_s + span_s, total_pj + energy_pj
        assert state.energy_pj == total_pj and 0 <= state.remainder < account.FEN
        assert lowest_e4 <= state.price_e4 <= table.dearest_e4
    kwh = Fraction(total_pj, account.PJ_PER_KWH)
    assert kwh * lowest_e4 / 100 <= cost_fen(state) <= kwh * table.dearest_e4 / 100


@given(st.sampled_from(sorted(SETS)), st.integers(0, 10**20), st.integers(0, 10**20))
def test_without_the_time_nothing_is_cheaper(name: str, used_pj: int, energy_pj: int) -> None:
    """At any moment of two days: what is charged without the time costs at least as much."""
    table = make_table(SETS[name])
    for at_s in range(820_500_000, 820_500_000 + 2 * DAY_S, 3_600):
        known, unknown = records.State(), records.State()
        for state in (known, unknown):
            table.charge(state, used_pj, at_s, at_s, lambda *_: None)
        table.charge(known, energy_pj, at_s, at_s, account.debit)
        table.charge_timeless(unknown, energy_pj, account.debit)
        assert cost_fen(unknown) >= cost_fen(known) and unknown.step_pj == known.step_pj


def test_a_period_that_is_past_never_comes_back() -> None:
    """A clock that is set back to the former month takes no use off the steps."""
    table, state = make_table(SETS["month"]), records.State()
    february, january = local_s(datetime(2026, 2, 1)), local_s(datetime(2026, 1, 31))
    table.charge(state, pj("300"), february, february, account.debit)
    for at_s in (january, february, january, february + DAY_S):
        table.charge(state, 0, at_s, at_s, account.debit)
        assert state.step_pj == pj("300") and state.price_e4 == 5500


def test_a_price_that_is_looked_up_changes_nothing_and_knows_that_the_period_is_past() -> None:
    table, state = make_table(SETS["month"]), records.State()
    january = local_s(datetime(2026, 1, 31, 23, 59, 59))
    assert table.find_price_e4(state, january) == 5000  # before the first charge
    table.charge(state, pj("450"), january, january, account.debit)
    before = records.pack(state)
    assert [table.find_price_e4(state, january + past_s) for past_s in (0, 1)] == [8000, 5000]
    assert records.pack(state) == before
    state.step_since_s = 0  # the period's beginning is not known: the use counts on
    assert table.find_price_e4(state, january + 1) == 8000


@pytest.mark.parametrize("at_s", [0, 59 * DAY_S, LAST_S - DAY_S, LAST_S])
def test_the_ends_of_the_calendar(at_s: int) -> None:
    """The first second of 2000, 29 February 2000, and the last day of 2099."""
    for fields in SETS.values():
        table, state = make_table(fields), records.State()
        table.charge(state, 10**18, at_s, at_s, account.debit)
        rate, until_s = table.find_rate(at_s)
        assert at_s < until_s <= at_s + DAY_S and 1 <= rate <= 4
        begin_s, end_s = table.find_period(at_s)
        assert begin_s <= at_s < end_s and cost_fen(state) > 0
