"""Rung 3: PIO loses no pulse whatever the CPU does, Pin.irq does, and a wrong count is noticed.

The million of each rate are counted by `make figures`; here are fewer of them.
"""

from collections.abc import Iterator
from typing import Any

import pytest

import chip_bench  # noqa: F401  skips this module where the emulator is not here
from dianka.bench.measure.pulse_bench import (
    ALL,
    ERASE,
    GC_FULL,
    IDLE,
    PulseBench,
    find_highest_without_loss,
)

MEGAHERTZ = 1_000_000


class Generator(PulseBench):
    """One that can be told to cheat: at this edge, counted from the end of the train."""

    extra_at = missing_at = -1

    def set_output(self, level: bool) -> None:
        super().set_output(level and self._edges != self.missing_at)
        if self._edges == self.extra_at:
            super().set_output(not level)
            self.emulator.clock.create_alarm(
                lambda: super(Generator, self).set_output(level)
            ).schedule(80)


@pytest.fixture(scope="module")
def bench() -> Iterator[Generator]:
    yield Generator()


@pytest.mark.parametrize(
    ("pulses", "rate_hz", "meanwhile"),
    [(60_000, MEGAHERTZ, ALL), (20_000, 10 * MEGAHERTZ, GC_FULL), (20_000, 10 * MEGAHERTZ, ERASE)],
)
def test_pio_loses_nothing(
    bench: Generator, pulses: int, rate_hz: int, meanwhile: str, record_property: Any
) -> None:
    train = bench.count(pulses, rate_hz, meanwhile)
    record_property(
        "figure",
        f"PIO, {meanwhile}: {train.by_pio:,} of {train.sent:,} pulses at {rate_hz // MEGAHERTZ} "
        "MHz",
    )
    assert train.by_pio == train.sent == pulses


@pytest.mark.parametrize("meanwhile", [IDLE, ERASE])
@pytest.mark.parametrize("pulses", [1, 2, 999, 1000, 1001])
def test_one_pulse_more_or_less_is_one_more_or_less_counted(
    bench: Generator, pulses: int, meanwhile: str
) -> None:
    assert bench.count(pulses, MEGAHERTZ, meanwhile).by_pio == pulses


def test_a_pulse_that_the_generator_did_not_own_up_to_is_seen(bench: Generator) -> None:
    try:
        bench.extra_at = 1000
        assert bench.count(1000, MEGAHERTZ, ERASE).by_pio == 1001
        bench.extra_at, bench.missing_at = -1, 1001
        assert bench.count(1000, MEGAHERTZ, ERASE).by_pio == 999
    finally:
        bench.extra_at = bench.missing_at = -1


def test_the_emulated_pio_is_no_faster_than_three_cycles_a_pulse(bench: Generator) -> None:
    """A model that counted everything would prove nothing."""
    assert bench.count(5_000, 41 * MEGAHERTZ, IDLE).by_pio == 5_000
    too_fast = bench.count(5_000, 125 * MEGAHERTZ // 2, IDLE)
    assert too_fast.by_pio < 4_000


def test_handlers_beside_it_lose_where_pio_does_not(bench: Generator, record_property: Any) -> None:
    trains = [bench.count(100, rate_hz, GC_FULL, hard=False) for rate_hz in (2_000, 5_000, 20_000)]
    record_property(
        "figure",
        "soft Pin.irq under gc: "
        f"{', '.join(f'{t.by_irq} of 100 at {t.rate_hz} Hz' for t in trains)}",
    )
    assert [train.by_pio for train in trains] == [100] * 3
    # How many depends on where the collections fall, not on the rate alone.
    assert all(0 < train.by_irq < 100 for train in trains)
    for hard in (False, True):
        train = bench.count(450, 10_000, ERASE, hard)
        assert train.by_pio == 450
        assert 1 <= train.by_irq <= 30  # before the erase, and the one edge that the chip remembers


def test_the_highest_rate_without_loss_ends_at_the_first_loss() -> None:
    assert find_highest_without_loss([(10, 3, 3), (20, 3, 3)]) == 20
    assert find_highest_without_loss([(20, 3, 2), (10, 3, 3), (40, 3, 3)]) == 10
    assert find_highest_without_loss([(10, 3, 4)]) == 0
    assert find_highest_without_loss([]) == 0
