"""The history of the use against an oracle: days, months, days left, clocks that lie, cuts."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.fram import ADDRESS, Cut, Mb85rc256v
from parts import Parts

PARTS = Parts()
HISTORY, FRAM, DS3231 = (PARTS.module(name) for name in ("use_history", "fram", "ds3231"))
MAP = PARTS.module("fram_map")
I2C = PARTS.machine().I2C(0)
WH = HISTORY._PJ_PER_WH
DAY_S = 86_400
OFFSET_S = 8 * 3600
MONDAY = DS3231.count_days(26, 1, 5)
LINES: list[str] = []


class Meter:
    """What a history works with: a clock to be set at will, a state, and a memory that survives."""

    def __init__(self) -> None:
        self.chip = Mb85rc256v()
        self.seconds: int | None = MONDAY * DAY_S - OFFSET_S
        self.fault = 0
        self.offset_s = OFFSET_S
        self.state = SimpleNamespace(energy_pj=0, bought_fen=0, balance_fen=0)
        self.start()

    def start(self) -> None:
        """Start anew, as after a power cut."""
        PARTS.mcu.get_i2c_bus(0).devices[ADDRESS] = self.chip
        self.chip.power_on()
        store = SimpleNamespace(state=self.state, unread=False)
        self.history: Any = HISTORY.UseHistory(FRAM.Fram(I2C), store, self, LINES.append)
        self.look()

    def read_sure_seconds(self) -> int | None:
        return self.seconds

    def look(self) -> None:
        self.history.look()

    def lose_time(self, fault: int = 2) -> None:
        self.seconds, self.fault = None, fault
        self.look()

    def set_time(self, day: int, past_s: int = 0) -> None:
        self.seconds, self.fault = day * DAY_S + past_s - OFFSET_S, 0
        self.look()

    def use(self, wh: int, fen: int = 0) -> None:
        self.state.energy_pj += wh * WH
        self.state.balance_fen -= fen

    def buy(self, fen: int) -> None:
        self.state.bought_fen += fen
        self.state.balance_fen += fen

    def run_to(self, day: int, past_s: int = 0) -> None:
        """Let time pass with looks every half an hour."""
        assert self.seconds is not None
        end_s = day * DAY_S + past_s - OFFSET_S
        while self.seconds < end_s:
            self.seconds = min(self.seconds + 1800, end_s)
            self.look()


@pytest.fixture
def meter() -> Meter:
    return Meter()


def test_days_and_months_are_what_they_took(meter: Meter) -> None:
    meter.buy(100_000)
    for day in range(60):  # to 6 March
        meter.use(1000 + day, 500 + day)
        meter.run_to(MONDAY + day + 1)
    history = meter.history
    assert history.compute_use(0) == (0, 0)
    for back in range(1, 11):
        assert history.compute_use(back) == (1060 - back, 560 - back)
    assert history.compute_use(11) is None
    february = range(27, 55)
    assert history.compute_month_use(1) == (
        sum(1000 + day for day in february),
        sum(500 + day for day in february),
    )
    assert history.compute_month_use(0)[0] == sum(1000 + day for day in range(55, 60))
    assert history.compute_month_use(2) is None
    used = sum(560 - back for back in range(1, 8))
    assert history.compute_days_left() == meter.state.balance_fen * 7 // used


def test_a_new_meter_knows_its_first_month_and_one_in_use_does_not(meter: Meter) -> None:
    meter.use(70)
    assert meter.history.compute_month_use(0) == (70, 0) == meter.history.compute_use(0)
    meter.chip.load(bytes(32_768))
    meter.start()  # its memory was exchanged: what it took before today nobody knows
    meter.use(30)
    assert meter.history.compute_month_use(0) is None is meter.history.compute_use(0)
    meter.run_to(MONDAY + 1)
    assert meter.history.compute_use(1) is None and meter.history.compute_use(0) == (0, 0)


def test_days_left_from_fewer_days_and_none_without_use(meter: Meter) -> None:
    meter.buy(1000)
    assert meter.history.compute_days_left() is None
    meter.run_to(MONDAY + 1)
    assert meter.history.compute_days_left() is None
    meter.use(200, 100)
    assert meter.history.compute_days_left() is None  # no whole day has taken anything yet
    meter.run_to(MONDAY + 2)
    assert meter.history.compute_days_left() == 900 * 2 // 100
    meter.use(1, 900)
    assert meter.history.compute_days_left() == 0
    meter.buy(99_999_999)
    assert meter.history.compute_days_left() == 999


def test_days_without_supply_took_nothing(meter: Meter) -> None:
    meter.buy(10_000)
    meter.use(500, 250)
    meter.seconds = (MONDAY + 3) * DAY_S
    meter.start()
    history = meter.history
    assert [history.compute_use(back) for back in range(5)] == [
        (0, 0), (0, 0), (0, 0), (500, 250), None,
    ]  # fmt: skip
    assert history.compute_days_left() == 9750 * 3 // 250
    meter.seconds = (MONDAY + 90) * DAY_S  # dark through all of February and March
    meter.start()
    assert meter.history.compute_month_use(1) == (0, 0) == meter.history.compute_month_use(0)
    assert meter.history.compute_days_left() is None


@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_that_stopped_makes_nothing_up(meter: Meter, restart: bool) -> None:
    meter.buy(10_000)
    meter.use(500, 250)
    meter.run_to(MONDAY + 1)
    meter.use(100, 50)
    meter.lose_time()
    if restart:
        meter.start()
    history = meter.history
    assert history.compute_days_left() is None is history.compute_month_use(0)
    if not restart:
        assert history.compute_use(0) is None and history.compute_use(1) == (500, 250)
    meter.use(900, 450)
    meter.set_time(MONDAY + 5, 3600)
    assert [meter.history.compute_use(back) for back in range(6)] == [
        None, None, None, None, None, (500, 250),
    ]  # fmt: skip
    assert meter.history.compute_days_left() is None
    assert meter.history.compute_month_use(0) == (1500, 750)  # its first day is known
    meter.run_to(MONDAY + 6)
    meter.use(40, 20)
    meter.run_to(MONDAY + 7)
    assert meter.history.compute_use(1) == (40, 20) and meter.history.compute_use(2) is None
    # How the 750 fen are shared among five of the seven days is not known, and not needed.
    assert meter.history.compute_days_left() == meter.state.balance_fen * 7 // 770


def test_a_garbled_reading_is_no_stopped_clock(meter: Meter) -> None:
    meter.seconds = None
    meter.look()
    meter.set_time(MONDAY, 10)
    meter.run_to(MONDAY + 1)
    assert meter.history.compute_use(1) == (0, 0)


def test_a_leap_forward_while_it_runs_is_not_taken_for_days_without_supply(meter: Meter) -> None:
    meter.use(100)
    meter.run_to(MONDAY + 1)
    meter.use(500)
    meter.set_time(MONDAY + 4)
    assert [meter.history.compute_use(back) for back in range(5)] == [
        None, None, None, None, (100, 0),
    ]  # fmt: skip


def test_a_clock_wound_back_is_never_a_negative_day(meter: Meter) -> None:
    for day in range(5):
        meter.use(100)
        meter.run_to(MONDAY + day + 1)
    meter.use(30)
    meter.set_time(MONDAY + 4, 80_000)  # within a day: the history stays
    assert meter.history.today == MONDAY + 5
    assert meter.history.compute_use(1) == (100, 0) and meter.history.compute_use(0) is None
    meter.run_to(MONDAY + 6)
    assert meter.history.compute_use(1) is None and meter.history.compute_use(2) == (100, 0)
    meter.set_time(MONDAY + 2)  # by days: a new one
    assert meter.history.today == MONDAY + 2
    assert [meter.history.compute_use(back) for back in range(11)] == [None] * 11
    meter.start()
    meter.run_to(MONDAY + 3)
    meter.use(7)
    assert meter.history.compute_use(0) == (7, 0)


def test_totals_that_fell_begin_anew(meter: Meter) -> None:
    meter.use(500)
    meter.run_to(MONDAY + 1)
    meter.state.energy_pj = 0
    meter.look()
    assert meter.history.compute_use(0) == (0, 0) and meter.history.compute_use(1) is None


def test_a_silent_memory_costs_the_history_alone_and_is_told_once(meter: Meter) -> None:
    LINES.clear()
    meter.chip.mute = True
    meter.start()
    for _ in range(5):
        meter.look()
    assert len(LINES) == 1 and meter.history.today is None
    meter.chip.mute = False
    meter.look()
    assert meter.history.today == MONDAY


@pytest.mark.parametrize("cut", list(Cut))
def test_a_cut_at_any_byte_leaves_the_former_record_or_this(cut: Cut) -> None:
    meter = Meter()
    meter.use(100)
    meter.run_to(MONDAY + 1)
    meter.use(50)
    before = meter.chip.content
    for byte in range(1, 2 * HISTORY.SIZE + 1):
        meter.chip.load(before)
        meter.seconds = (MONDAY + 1) * DAY_S + 100 - OFFSET_S
        meter.start()
        meter.chip.cut_after(byte, lambda: None, cut)
        meter.run_to(MONDAY + 2)
        meter.use(11)
        meter.start()
        kept = byte > HISTORY.SIZE or (byte == HISTORY.SIZE and cut is Cut.AFTER)
        if byte != HISTORY.SIZE or cut is not Cut.TORN:
            assert meter.history.compute_use(1) == (50 if kept else 61, 0), byte
        assert meter.history.compute_use(2) == (100, 0), byte
        meter.state.energy_pj -= 11 * WH


def test_either_half_alone_has_everything() -> None:
    meter = Meter()
    meter.use(100)
    meter.run_to(MONDAY + 1)
    for half in MAP.HALVES:
        content = meter.chip.content
        meter.chip.destroy(half + MAP.HISTORY_AT, HISTORY.SIZE)
        meter.start()
        assert meter.history.compute_use(1) == (100, 0)
        meter.chip.load(content)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(0, 40)),  # hours
        st.tuples(st.just("dark"), st.integers(0, 200)),
        st.tuples(st.just("use"), st.integers(0, 5000)),
        st.tuples(st.just("set"), st.integers(-200, 200)),
        st.tuples(st.just("lose"), st.integers(1, 4)),
        st.tuples(st.just("tear"), st.integers(1, 400)),
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(ACTS)
def test_whatever_happens_no_day_is_negative_or_more_than_all(acts: list[tuple[str, int]]) -> None:
    meter = Meter()
    meter.buy(1_000_000)
    at_s = MONDAY * DAY_S - OFFSET_S
    for act, value in acts:
        if act == "use":
            meter.use(value, value // 2)
            continue
        if act == "tear":
            meter.chip.cut_after(value, lambda: None, Cut.TORN)
            continue
        if act == "lose":
            meter.lose_time(value)
            continue
        at_s = max(at_s + value * 3600, 0)
        if act == "run" and meter.seconds is not None:
            meter.run_to(0, at_s + OFFSET_S)
        meter.seconds, meter.fault = at_s, 0
        if act == "dark" or not meter.chip.powered:
            meter.chip.cut_after_bytes = None
            meter.start()
        meter.look()
    uses = [meter.history.compute_use(back) for back in range(12)]
    known = [use for use in uses if use]
    total_wh = meter.state.energy_pj // WH
    assert all(use[0] >= 0 and use[1] >= 0 for use in known)
    assert sum(use[0] for use in known) <= total_wh
    for back in (0, 1):
        month = meter.history.compute_month_use(back)
        assert month is None or 0 <= month[0] <= total_wh
    left = meter.history.compute_days_left()
    assert left is None or 0 <= left <= 999
