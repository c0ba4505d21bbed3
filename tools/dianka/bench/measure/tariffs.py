"""Compares the meter's debit by random tariff sets with an independent calculation in fractions.

A case is a set of rates, slots, rest days and steps, written to the 193 bytes of a card and read
back, with loads at the times of a calendar. The calculation knows none of the firmware's code: it
goes through each quarter of an hour with Python's own dates, and costs are `Fraction`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from dianka.bench.measure.figure import Figure
from dianka.cardos.files import card_files, pack_tariff
from dianka.firmware import load_shared

CASES = 10_000
_LOADS = 8
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # stands for local time
_DAY_S, _QUARTER_S = 86_400, 900
account, state_module = load_shared("account"), load_shared("state")
tariff_table, ds3231 = load_shared("tariff_table"), load_shared("ds3231")


@dataclass(frozen=True)
class Case:
    """A tariff set in plain numbers, and loads as (picojoules, from, to) in local seconds."""

    rates_e4: list[int]
    slots: list[tuple[int, int]]  # quarter of an hour, number of the rate
    rest_slots: list[tuple[int, int]]
    rest_days: set[int]  # 0 is Monday
    named_days: set[tuple[int, int]]
    limits: list[int]  # 0.01 kWh
    steps_e4: list[int]
    periods: list[tuple[int, int, int]]  # month, day, hour
    loads: list[tuple[int, int, int]] = field(default_factory=list)

    def pack(self) -> bytes:
        """Return the 193 bytes."""
        return pack_tariff(self.rates_e4, {
            "slots": [quarter * 100 + rate for quarter, rate in self.slots],
            "rest_slots": [quarter * 100 + rate for quarter, rate in self.rest_slots],
            "rest_days": [sum(1 << day for day in self.rest_days)],
            "named_days": sorted(month * 100 + day for month, day in self.named_days),
            "limits": self.limits,
            "steps_e4": self.steps_e4,
            "periods": [(m * 100 + d) * 100 + h for m, d, h in self.periods],
        })  # fmt: skip


def measure_tariffs(count: int = CASES, seed: int = 1) -> list[Figure]:
    """Return how many of `count` random cases differ by anything from the calculation."""
    wrong = sum(
        charge_by_firmware(case) != charge_by_fractions(case) for case in make_cases(count, seed)
    )
    name = f"debit by {count:,} random tariffs, differing from fractions"
    return [Figure(name, wrong, "cases", "exactly 0")]


def charge_by_firmware(case: Case) -> tuple[Fraction, int]:
    """Return the fen charged and the price at the end in 0.0001 yuan, by the meter's modules."""
    state = state_module.State()
    table = tariff_table.Table(card_files.unpack_tariff(case.pack()), ds3231)
    for energy_pj, from_s, to_s in case.loads:
        table.charge(state, energy_pj, from_s, to_s, account.debit)
    return -state.balance_fen + Fraction(state.remainder, account.FEN), state.price_e4


def charge_by_fractions(case: Case) -> tuple[Fraction, int]:
    """Return the same by the calculation."""
    used, period, cost_fen, now_s = Fraction(0), _EPOCH, Fraction(0), 0
    for energy_pj, from_s, to_s in case.loads:
        for part_pj, at_s in _cut(energy_pj, from_s, to_s):
            at = _EPOCH + timedelta(seconds=at_s)
            if _find_period(case, at) > period:
                period, used = _find_period(case, at), Fraction(0)
            left = Fraction(part_pj, account.PJ_PER_KWH)
            while left:
                room, step_e4 = _find_step(case, used)
                taken = left if room is None else min(left, room)
                cost_fen += taken * (_find_rate_e4(case, at) + step_e4) / 100
                used, left = used + taken, left - taken
        now_s = to_s
    at = _EPOCH + timedelta(seconds=now_s)
    return cost_fen, _find_rate_e4(case, at) + _find_step(case, used)[1]


def _cut(energy_pj: int, from_s: int, to_s: int) -> Iterator[tuple[int, int]]:
    """Yield (energy, its time) for each quarter of an hour, and (what is left, the end)."""
    done_pj, at_s = 0, from_s
    while at_s < to_s:
        end_s = min((at_s // _QUARTER_S + 1) * _QUARTER_S, to_s)
        upto_pj = energy_pj * (end_s - from_s) // (to_s - from_s)
        yield upto_pj - done_pj, at_s
        done_pj, at_s = upto_pj, end_s
    yield energy_pj - done_pj, to_s


def _find_rate_e4(case: Case, at: datetime) -> int:
    rest = at.weekday() in case.rest_days or (at.month, at.day) in case.named_days
    quarter = at.hour * 4 + at.minute // 15
    begun = [rate for begin, rate in (case.rest_slots if rest else case.slots) if begin <= quarter]
    return case.rates_e4[begun[-1] - 1 if begun else 0]


def _find_step(case: Case, used: Fraction) -> tuple[Fraction | None, int]:
    for limit, step_e4 in zip(case.limits, case.steps_e4, strict=False):
        if used < Fraction(limit, 100):
            return Fraction(limit, 100) - used, step_e4
    return None, case.steps_e4[len(case.limits)] if case.limits else 0


def _find_period(case: Case, at: datetime) -> datetime:
    if not case.limits:
        return _EPOCH
    if not case.periods:
        return datetime(at.year, at.month, 1, tzinfo=UTC)
    begins = [
        datetime(y, *each, tzinfo=UTC) for y in (at.year - 1, at.year) for each in case.periods
    ]
    return max(begin for begin in begins if begin <= at)


# ****** Random cases ******


def make_cases(count: int, seed: int) -> Iterator[Case]:
    """Yield random cases, the same ones for the same seed."""
    rng = random.Random(seed)
    for _ in range(count):
        yield _make_case(rng)


def _make_case(rng: random.Random) -> Case:
    by_time, by_use = rng.choice([(True, False), (False, True), (True, True), (False, False)])
    rest = by_time and rng.random() < 0.6
    week = set(rng.sample(range(7), rng.randrange(3))) if rest else set()
    named = {(rng.randrange(1, 13), rng.randrange(1, 29)) for _ in range(rng.randrange(16))}
    if rest and not week:
        named |= {(2, 29)}
    limits = sorted(rng.sample(range(1, 200_000), rng.randrange(1, 7))) if by_use else []
    periods = {(rng.randrange(1, 13), rng.randrange(1, 29), rng.randrange(24)) for _ in range(6)}
    return Case(
        [rng.randrange(1, 20_000) for _ in range(4)],
        _make_slots(rng) if by_time else [],
        _make_slots(rng) if rest else [],
        week,
        set(sorted(named)[:15]) if rest else set(),
        limits,
        [rng.randrange(5_000) for _ in range(len(limits) + 1)] if limits else [],
        sorted(periods)[: rng.randrange(7)] if by_use and rng.random() < 0.5 else [],
        _make_loads(rng),
    )


def _make_slots(rng: random.Random) -> list[tuple[int, int]]:
    begins = [0, *sorted(rng.sample(range(1, 96), rng.randrange(10)))]
    return [(begin, rng.randrange(1, 5)) for begin in begins]


def _make_loads(rng: random.Random) -> list[tuple[int, int, int]]:
    at_s, loads = rng.randrange(366 * _DAY_S, 94 * 365 * _DAY_S), []
    for _ in range(_LOADS):
        at_s += rng.choice([0, 1, 3_600, 20 * _DAY_S, 200 * _DAY_S])
        to_s = at_s + rng.choice([0, 1, 7, 1_000, 40_000, _DAY_S])
        loads.append((rng.randrange(rng.choice([10**13, 10**18, 4 * 10**21])), at_s, to_s))
        at_s = to_s
    return loads
