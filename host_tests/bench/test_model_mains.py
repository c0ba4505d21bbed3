"""The mains: power by the square of the voltage, current by the power factor, energy exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.models.clock import Clock
from dianka.bench.models.mains import Mains


def test_a_resistance_takes_a_quarter_at_half_the_voltage() -> None:
    mains = Mains(Clock())
    mains.set_load(2_200_000)
    assert (mains.power_mw, mains.current_ma) == (2_200_000, 10_000)
    mains.set_voltage(110_000)
    assert (mains.power_mw, mains.current_ma) == (550_000, 5_000)


def test_power_factor_raises_the_current_only() -> None:
    mains = Mains(Clock())
    mains.set_load(2_200_000, 500)
    assert (mains.power_mw, mains.current_ma) == (2_200_000, 20_000)


def test_open_contact_and_dead_mains_take_nothing() -> None:
    clock = Clock()
    mains = Mains(clock)
    mains.set_load(1_000_000)
    mains.move_contact(False)
    assert (mains.power_mw, mains.voltage_mv, mains.live) == (0, 220_000, False)
    mains.move_contact(True)
    mains.switch(False)
    assert (mains.power_mw, mains.voltage_mv, mains.current_ma, mains.live) == (0, 0, 0, False)
    clock.advance(5_000_000)
    assert mains.energy_nj == 0


def test_one_kilowatt_for_an_hour_is_one_kilowatt_hour() -> None:
    clock = Clock()
    mains = Mains(clock)
    mains.set_load(1_000_000)
    clock.advance(3_600_000_000)
    assert mains.energy_nj == 3_600_000 * 10**9  # 3.6 MJ


def test_nonsense_is_refused() -> None:
    mains = Mains(Clock())
    for wrong in (
        lambda: mains.set_load(-1),
        lambda: mains.set_load(1, 0),
        lambda: mains.set_load(1, 1001),
    ):
        with pytest.raises(ValueError, match="load must be"):
            wrong()
    with pytest.raises(ValueError, match="voltage must be"):
        mains.set_voltage(-1)


def test_listeners_hear_changes_and_nothing_else() -> None:
    mains = Mains(Clock())
    heard: list[int] = []
    mains.listeners.append(lambda: heard.append(mains.power_mw))
    mains.set_load(1000)
    mains.move_contact(True)
    mains.switch(True)
    mains.move_contact(False)
    assert heard == [1000, 0]


@given(
    st.lists(
        st.tuples(st.integers(0, 14_000_000), st.integers(0, 10**10), st.booleans()), max_size=30
    )
)
def test_energy_is_the_sum_of_all_steps(steps: list[tuple[int, int, bool]]) -> None:
    clock = Clock()
    mains = Mains(clock)
    expected = 0
    for power_mw, duration_us, closed in steps:
        mains.set_load(power_mw)
        mains.move_contact(closed)
        clock.advance(clock.now_us + duration_us // 2)
        assert mains.energy_nj >= expected  # looking changes nothing
        clock.advance(clock.now_us + duration_us - duration_us // 2)
        expected += power_mw * duration_us * closed
    assert mains.energy_nj == expected
