"""The metering chip's driver between its model and the energy count.

No fault of the line or the chip costs a pulse.
"""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.hlw8032 import LINE, Hlw8032Model
from dianka.bench.models.hlw8032_frame import CAPTURED, PLANTED, Fault, Params
from dianka.bench.models.mains import Mains
from parts import Parts

COUNT_GOES_ON = [fault for fault in Fault if fault is not Fault.PARITY]


class Live:
    """Mains, model, port, driver and metering as the meter has them."""

    def __init__(self, params: Params = CAPTURED, power_mw: int = 2_200_000, seed: int = 1) -> None:
        self.parts = Parts()
        self.clock = self.parts.clock
        self.mains = Mains(self.clock)
        self.mains.set_load(power_mw)
        port = self.parts.mcu.get_uart(0)
        self.model = Hlw8032Model(self.clock, self.mains, port, None, params, seed)
        port.settle = self.model.settle
        machine = self.parts.machine()
        uart = machine.UART(
            0, baudrate=4800, bits=8, parity=0, stop=1, rx=machine.Pin(1), rxbuf=256
        )
        self.chip = self.parts.module("hlw8032").Hlw8032(uart, params.kv_milli, params.ki_milli)
        self.metering = self.parts.module("metering").Metering(self.chip, 0, 9_000_000, False)
        self.counted_pj = 0

    def run(self, ms: int, step_ms: int = 100) -> None:
        end_us = self.clock.now_us + ms * 1000
        while self.clock.now_us < end_us:
            self.clock.advance(min(self.clock.now_us + step_ms * 1000, end_us))
            self.counted_pj += self.metering.take_pj()

    def check(self) -> None:
        """All that the model's newest report told is counted, to the pulse.

        The model itself is at most 0.3 s ahead.
        """
        pulse_pj = self.model.params.pulse_pj
        pulses, rest = divmod(self.counted_pj, pulse_pj)
        assert rest == 0
        assert pulses % (1 << 17) == self.chip.register
        ahead = self.model.pulses - pulses
        assert 0 <= ahead <= self.mains.power_mw * 300 * 1_000_000 // pulse_pj + 1


def test_readings_are_those_of_the_mains() -> None:
    live = Live()
    live.run(1000)
    assert abs(live.chip.voltage_mv - 220_000) < 300
    assert abs(live.chip.power_mw - 2_200_000) < 2_200_000 // 4000  # the period is 4299 us
    assert abs(live.chip.current_ma - 10_000) <= 10
    assert (
        Fraction(3_600_000_000_000_000_000, live.chip.pulse_pj)
        == Fraction(3_600_000_000_000, 5_031_000 * 1880) * 1000
    )
    live.mains.switch(False)
    live.run(1000)
    assert (live.chip.voltage_mv, live.chip.power_mw, live.chip.current_ma) == (0, 0, 0)
    live.check()


def test_no_load_is_read_as_nothing_and_not_as_a_fault() -> None:
    live = Live(power_mw=0)
    live.run(2000)
    assert abs(live.chip.voltage_mv - 220_000) < 300
    assert (live.chip.power_mw, live.chip.current_ma, live.chip.register) == (0, 0, 0)
    assert live.chip.rejected == 2  # those it learned from


@pytest.mark.parametrize("power_mw", [1, 40_000, 2_200_000, 8_999_999])
@pytest.mark.parametrize("params", [CAPTURED, PLANTED, Params(kv_milli=1881, ki_milli=997)])
def test_energy_is_the_model_s_through_wraps(power_mw: int, params: Params) -> None:
    live = Live(params, power_mw)
    for _ in range(5):
        live.run(60_000, 250)
        live.check()


@pytest.mark.parametrize("fault", COUNT_GOES_ON)
@pytest.mark.parametrize("frames", [1, 7, 20])
def test_no_fault_costs_a_pulse(fault: Fault, frames: int) -> None:
    live = Live()
    live.run(3000)
    voltage_mv = live.chip.voltage_mv
    live.model.inject(fault, frames)
    live.run(frames * 105 + 200)
    assert live.chip.voltage_mv == voltage_mv
    live.run(1000)
    live.check()
    assert live.metering.restarts == live.metering.rejected_counts == 0


@pytest.mark.parametrize(
    "fault", [Fault.STATE_AA, Fault.PARAMS_UNUSABLE, Fault.ABSURD_VOLTAGE, Fault.WRONG_PPARAM]
)
def test_wrong_content_under_a_right_sum_is_rejected(fault: Fault) -> None:
    live = Live()
    live.run(3000)
    rejected, reports = live.chip.rejected, live.chip.reports
    live.model.inject(fault)
    live.run(1050)
    assert live.chip.rejected == rejected + 1
    assert live.chip.reports == reports + 9


@settings(max_examples=40)
@given(st.data())
def test_no_mixture_of_faults_costs_a_pulse(data: st.DataObject) -> None:
    live = Live(
        data.draw(st.sampled_from((CAPTURED, PLANTED))), seed=data.draw(st.integers(0, 999))
    )
    live.run(2000)
    for _ in range(data.draw(st.integers(1, 6))):
        live.mains.set_load(data.draw(st.sampled_from((0, 5000, 3_000_000, 9_000_000))))
        for fault in data.draw(st.sets(st.sampled_from(COUNT_GOES_ON))):
            live.model.inject(fault, data.draw(st.integers(1, 10)))
        live.run(data.draw(st.integers(100, 3000)), data.draw(st.sampled_from((40, 100, 170, 260))))
    live.run(2000)
    live.check()


def test_parity_errors_are_caught_by_sum_parameters_and_belief() -> None:
    """Three bits flipped somewhere pass an 8-bit sum once in a hundred or so.

    What passes must not stay in the count.
    """
    live = Live()
    live.run(2000)
    live.model.inject(Fault.PARITY, 2000)
    live.run(2000 * 105)
    live.run(60_000)
    live.check()


@pytest.mark.parametrize("before_ms", [500, 30_000])
def test_a_chip_that_restarts_loses_only_what_it_had_not_told(before_ms: int) -> None:
    live = Live(power_mw=9_000_000)
    live.run(before_ms)
    told_pj, lost = live.counted_pj, live.model.pulses
    live.model.restart()
    live.run(10_000)
    after = (live.counted_pj - told_pj) // live.model.params.pulse_pj
    assert live.metering.restarts == 1
    assert after == live.chip.register
    assert 0 <= live.model.pulses - after <= 300
    assert 0 <= lost - told_pj // live.model.params.pulse_pj <= 300


def test_a_misread_line_gives_nothing() -> None:
    live = Live()
    live.parts.mcu.get_uart(0).configure(type(LINE)(9600, 8, 0, 1))
    live.run(3000)
    assert (live.chip.reports, live.metering.silent) == (0, False)
    live.run(200)
    assert live.metering.silent


WRAP = 1 << 17


@pytest.mark.parametrize(
    ("count", "power_mw"), [(130_544, 0), (WRAP - 3, 0), (130_544, 100_000), (130_900, 6_600_000)]
)
def test_a_chip_that_restarts_near_its_wrap_charges_nothing_that_was_not_used(
    count: int, power_mw: int
) -> None:
    """The way round over the wrap would be up to 528 pulses, 1.385 Wh, that no load used."""
    live = Live(power_mw=power_mw)
    live.model.set_pulses(count)
    live.run(1000)
    told_pj, used_nj = live.counted_pj, live.mains.energy_nj
    live.model.restart()
    live.run(3000)
    used_pj = (live.mains.energy_nj - used_nj) * 1000
    assert live.metering.restarts == 1
    assert 0 <= live.counted_pj - told_pj <= used_pj
    assert (
        used_pj - (live.counted_pj - told_pj)
        <= power_mw * 300 * 1_000_000 + live.model.params.pulse_pj
    )


@settings(max_examples=60)
@given(
    st.integers(1, 1200),
    st.lists(
        st.tuples(st.sampled_from((0, 1, 300_000, 6_600_000, 9_000_000)), st.integers(300, 900)),
        min_size=2,
        max_size=8,
    ),
    st.sampled_from((70, 100, 170)),
)
def test_a_real_wrap_costs_no_pulse_whatever_the_load_does(
    short: int, loads: list[tuple[int, int]], step_ms: int
) -> None:
    """Each load lasts until a report has told its power."""
    live = Live(power_mw=0)
    live.model.set_pulses(WRAP - short)
    live.run(1000)
    begun_pj, begun = live.counted_pj, live.chip.register
    for power_mw, ms in loads:
        live.mains.set_load(power_mw)
        live.run(ms, step_ms)
    live.mains.set_load(0)
    live.run(1000)
    assert (live.counted_pj - begun_pj) // live.model.params.pulse_pj == live.model.pulses - begun
    assert live.metering.restarts == 0
