"""Load and voltage against the rules: traces of readings, and a simple judge of the same traces."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parts import Parts

PARTS = Parts()
watching, rules_of = PARTS.module("load_watch"), PARTS.module("supply_rules")
step_watch = PARTS.module("step_watch")
records, card_files = PARTS.module("state"), PARTS.module("card_files")
STEP_MS = 200
WRAP_MS = 1 << 29  # ticks_ms comes round
DAY = 260105
OVERLOAD = {
    "overload_w": 3000, "overload_delay_s": 10, "overload_returns": 2, "overload_return_s": 60
}  # fmt: skip
STEPS = {
    "step_from_w": 300, "step_to_w": 2000, "step_pf_milli": 950, "step_return_s": 30,
    "step_returns": 1,
}  # fmt: skip
VOLTAGE = {"under_v": 180, "over_v": 250, "hysteresis_v": 5, "voltage_delay_s": 4}


def fill(rules: dict[str, int]) -> dict[str, int]:
    """All fields, as the meter reads them from the file."""
    packed = card_files.pack(card_files.SUPPLY, rules)
    filled = card_files.unpack(card_files.SUPPLY, packed)
    rules_of.check(filled)
    return filled


class Watched:
    """A load watch, fed as the meter feeds it; the contact follows within the next look."""

    def __init__(self, rules: dict[str, int], start_ms: int = 0) -> None:
        self.state = records.State()
        self.rules = fill(rules)
        self.ms = start_ms
        self.closed = True
        self.commits = 0
        self.restart()

    def restart(self) -> None:
        self.watch = watching.LoadWatch(self.rules)

    def feed(
        self,
        seconds: float,
        power_w: int = 0,
        pf_milli: int = 1000,
        mv: int = 220_000,
        day: int = DAY,
        silent: bool = False,
    ) -> list[int]:
        """Feed so long; return `tripped` whenever it has changed."""
        seen = []
        for _ in range(round(seconds * 1000 / STEP_MS)):
            drawn_mw = power_w * 1000 if self.closed else 0
            ma = drawn_mw * 1_000_000 // (mv * pf_milli) if mv else 0
            before = self.state.tripped
            reading = None if silent else (mv, ma, drawn_mw)
            ticks = self.ms % (2 * WRAP_MS)
            if self.watch.look(self.state, ticks, reading, self.closed, day):
                self.commits += 1
            if self.state.tripped != before:
                seen.append(self.state.tripped)
            off = self.state.tripped or self.watch.over or self.watch.under
            self.closed = not off
            self.ms += STEP_MS
        return seen


# ****** Overload ******


@pytest.mark.parametrize("start_ms", [0, 2 * WRAP_MS - 7_000, WRAP_MS - 3_000])
def test_an_overload_trips_after_its_delay_returns_and_is_locked(start_ms: int) -> None:
    watched = Watched(OVERLOAD, start_ms)
    assert watched.feed(60, 3000) == []  # at the limit is no overload
    assert watched.feed(9.8, 3001) == [] and watched.feed(9, 2999) == []
    assert watched.feed(10.2, 3001) == [records.OVERLOADED]
    assert watched.feed(59, 5000) == [] and 0 < watched.watch.left_s <= 2
    assert watched.feed(12, 5000) == [0, records.OVERLOADED]  # it returned, and again
    locked = records.OVERLOADED | records.OVERLOAD_LOCK
    assert watched.feed(72, 5000) == [0, locked]
    assert watched.feed(40_000, 5000) == [] and watched.watch.left_s == 0
    assert watched.state.overload_trips == 3


def test_no_return_at_all_locks_at_once() -> None:
    watched = Watched(OVERLOAD | {"overload_returns": 0, "overload_return_s": 0})
    assert watched.feed(11, 4000) == [records.OVERLOADED | records.OVERLOAD_LOCK]


def test_the_main_switch_resets_nothing() -> None:
    watched = Watched(OVERLOAD)
    watched.feed(11, 5000)
    watched.feed(50)
    watched.restart()
    assert watched.feed(59) == [] and watched.feed(2) == [0]
    watched.restart()
    assert watched.feed(11, 5000) == [records.OVERLOADED] and watched.state.overload_trips == 2


def test_an_hour_without_overload_forgives() -> None:
    watched = Watched(OVERLOAD)
    watched.feed(11, 5000)
    watched.feed(61)
    watched.feed(3590, 2000)
    assert watched.state.overload_trips == 1
    before = watched.commits
    watched.feed(30, 2000)
    assert watched.state.overload_trips == 0 and watched.commits == before + 1


def test_a_contact_that_stays_closed_does_not_wear_out_the_returns() -> None:
    watched = Watched(OVERLOAD)
    watched.feed(11, 5000)
    for _ in range(1000):
        watched.closed = True
        watched.feed(0.2, 5000)
    assert watched.state.overload_trips == 1 and watched.state.tripped == records.OVERLOADED


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 80), st.sampled_from((0, 2999, 3000, 3001, 66_000)))))
def test_overload_as_a_simple_judge_has_it(trace: list[tuple[int, int]]) -> None:
    """Tripped in the very look at which more than 3 kW has been drawn for 10 s."""
    watched, above_ms = Watched(OVERLOAD | {"overload_returns": 250}), 0
    for looks, power_w in trace:
        for _ in range(looks):
            closed = watched.closed
            above_ms = above_ms + STEP_MS if closed and power_w > 3000 else 0
            tripped = bool(watched.feed(0.2, power_w)) and not watched.closed
            assert tripped == (closed and above_ms > 10_000)
            above_ms = 0 if tripped else above_ms


# ****** Heating load ******


def rest(watched: Watched, power_w: int, pf_milli: int = 1000, **how: Any) -> list[int]:
    """Feed a steady load until its step has been judged."""
    return watched.feed(2.4, power_w, pf_milli, **how)


def test_a_resistive_step_trips_and_others_do_not() -> None:
    watched = Watched(STEPS)
    assert rest(watched, 5, 450) == [] == rest(watched, 150, 700) == rest(watched, 449, 950)
    assert rest(watched, 5, 450) == [] == rest(watched, 2006, 990)  # above the window
    assert rest(watched, 0) == [] == rest(watched, 1000, 700)  # a motor
    assert rest(watched, 0) == []
    assert watched.feed(2, 300) == [] and watched.feed(0.6, 300) == [records.STEPPED]


def test_the_steps_own_power_factor_counts_beside_a_motor() -> None:
    """The whole load has 0.87; the kettle that was added to the motor has 1."""
    watched = Watched(STEPS)
    assert rest(watched, 1000, 700) == []
    assert rest(watched, 1800, 870) == [records.STEPPED]
    watched = Watched(STEPS)
    assert rest(watched, 290) == []
    assert rest(watched, 1290, 785) == [], "a motor beside lamps"


def test_a_motors_start_is_not_taken_for_a_heater() -> None:
    watched = Watched(STEPS)
    assert watched.feed(0.6, 1700, 990) == [] and rest(watched, 130, 700) == []


def test_a_load_that_never_rests_is_judged_all_the_same() -> None:
    watched = Watched(STEPS)
    for _ in range(60):
        if watched.feed(1, 1000) or watched.feed(0.8, 0):
            break
    assert watched.state.tripped == records.STEPPED


def test_what_is_on_when_the_supply_comes_is_one_step() -> None:
    watched = Watched(STEPS)
    assert rest(watched, 1000) == [records.STEPPED]
    watched.feed(29, 1000)
    assert watched.feed(5, 1000) == [0, records.STEPPED | records.STEP_LOCK]
    watched.restart()
    assert watched.feed(3600, 1000) == []


def test_the_next_day_begins_anew_and_no_other_clock_does() -> None:
    watched = Watched(STEPS)
    locked = records.STEPPED | records.STEP_LOCK
    watched.feed(40, 1000)
    assert (watched.state.tripped, watched.state.step_trips) == (locked, 2)
    for day in (0, 260104, 260104, 0, 260104):  # unknown, wound back
        watched.feed(5, 1000, day=day)
        assert (watched.state.tripped, watched.state.step_trips) == (locked, 2), day
    assert watched.feed(1, 0, day=260105) == [0] and watched.state.step_trips == 0


def test_a_trip_without_a_clock_counts_for_the_day_that_is_told_first() -> None:
    watched = Watched(STEPS)
    watched.feed(40, 1000, day=0)
    assert (watched.state.step_trips, watched.state.step_day) == (2, 0)
    watched.feed(1, 0, day=DAY)
    assert (watched.state.step_trips, watched.state.step_day) == (2, DAY)
    watched.feed(1, 0, day=DAY + 1)
    assert watched.state.step_trips == 0


def test_a_chip_without_volts_judges_neither_step_nor_voltage() -> None:
    watched = Watched(STEPS | VOLTAGE | OVERLOAD)
    assert watched.feed(60, 1000, mv=0) == []
    assert not watched.watch.over and not watched.watch.under
    assert watched.feed(11, 4000, mv=0) == [records.OVERLOADED]


# ****** Voltage ******


def test_voltage_trips_after_its_delay_and_returns_inside() -> None:
    watched, watch = Watched(VOLTAGE), lambda: (watched.watch.over, watched.watch.under)
    watched.feed(5)
    for mv, seconds, seen in (
        (250_000, 10, (False, False)), (250_001, 4, (False, False)), (250_001, 1, (True, False)),
        (245_001, 60, (True, False)), (245_000, 4, (True, False)), (245_000, 1, (False, False)),
        (180_000, 60, (False, False)), (179_999, 4.4, (False, True)), (184_999, 60, (False, True)),
        (185_000, 4.4, (False, False)), (0, 60, (False, False)), (499_999, 4.4, (True, False)),
        (150_000, 4.4, (False, True)),
    ):  # fmt: skip
        watched.feed(seconds, mv=mv)
        assert watch() == seen, (mv, seconds)


def test_a_start_into_a_bad_voltage_does_not_close_first() -> None:
    watched = Watched(VOLTAGE)
    watched.feed(0.2, mv=260_000)
    assert watched.watch.over
    watched.feed(10, mv=0)  # then the volts are no longer told
    assert not watched.watch.over


def test_a_flickering_voltage_does_not_trip() -> None:
    watched = Watched(VOLTAGE)
    watched.feed(1)
    for _ in range(100):
        watched.feed(3.8, mv=260_000)
        watched.feed(0.2, mv=249_000)
    assert not watched.watch.over


def test_a_silent_chip_changes_nothing() -> None:
    watched = Watched(VOLTAGE | OVERLOAD | STEPS)
    watched.feed(9, 3500)
    for _ in range(3):
        watched.feed(200, 5000, silent=True)
        assert watched.state.tripped in (0, records.STEPPED)


# ****** Any ******

READING = st.tuples(
    st.sampled_from((0, 1, 85_000, 179_999, 220_000, 250_001, 500_000, 16_777_215)),
    st.integers(0, 400_000),
    st.one_of(st.integers(0, 100_000_000), st.just(0)),
)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(READING, st.integers(1, 30), st.booleans(), st.sampled_from((0, 1, DAY))))
)
@example([((16_777_215, 400_000, 0), 30, True, 0)])
def test_nothing_that_a_chip_can_say_breaks_the_watch(trace: list[Any]) -> None:
    """Registers at zero and full scale, and readings that contradict each other."""
    state, ms = records.State(), 0
    watch = watching.LoadWatch(fill(OVERLOAD | STEPS | VOLTAGE))
    for reading, looks, closed, day in trace:
        for _ in range(looks):
            before = (state.tripped, state.overload_trips, state.step_trips, state.step_day)
            changed = watch.look(state, ms, reading, closed, day)
            after = (state.tripped, state.overload_trips, state.step_trips, state.step_day)
            assert changed == (before != after)
            assert not state.tripped & records.OVERLOAD_LOCK or state.tripped & records.OVERLOADED
            assert not state.tripped & records.STEP_LOCK or state.tripped & records.STEPPED
            records.pack(state)
            ms += STEP_MS


@given(st.integers(0, 10**14))
@example(0)
@example(10**12 - 1)
def test_roots(value: int) -> None:
    root = step_watch.compute_root(value)
    assert root * root <= value < (root + 1) ** 2
