"""A sample of `dianka bench figures --only energy`: what is charged is what the chip counted."""

import pytest

from dianka.bench.measure.energy import TITLES, Comparison
from dianka.bench.measure.limit import is_met
from dianka.bench.measure.parts import PLANS


@pytest.mark.parametrize("name", list(TITLES))
@pytest.mark.parametrize("seed", [2, 3])
def test_24_hours_of_random_load_cost_no_pulse(name: str, seed: int) -> None:
    figures = Comparison(name, seed).run(24)
    assert [figure.value for figure in figures] == [0] * len(figures)
    assert {figure.name for figure in figures} <= set(PLANS["energy"].owed)
    assert all(is_met(figure) for figure in figures)


@pytest.mark.parametrize("name", list(TITLES))
def test_a_pulse_too_many_is_seen(name: str) -> None:
    comparison = Comparison(name)
    take_pj = comparison.metering.take_pj
    extra: list[int] = []

    def take() -> int:
        energy_pj = take_pj()
        if energy_pj and not extra:
            extra.append(comparison.chip.pulse_pj)
            return energy_pj + extra[0]
        return energy_pj

    comparison.metering.take_pj = take
    assert comparison.run(1)[0].value == 1
