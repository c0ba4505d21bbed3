"""A pulse source alone, from the load to the energy count: every pulse once, and no noise."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dianka.bench.models.mains import Mains
from dianka.bench.models.pulse_source import PulseSource
from parts import Parts

MAX_MW = 9_000_000
PULSE = 3


class PulseRig:
    def __init__(self, imp_per_kwh: int = 1600, load_mw: int = 0) -> None:
        self.parts = Parts()
        self.clock = self.parts.clock
        self.mains = Mains(self.clock)
        self.mains.set_load(load_mw)
        self.imp_per_kwh = imp_per_kwh
        self.wire = self.parts.mcu.get_pin(PULSE)
        self.source = PulseSource(self.clock, self.mains, self.wire, imp_per_kwh)
        self.counted = 0
        self.start()

    def start(self, register: int = 0, warm: bool = False) -> None:
        machine, module = self.parts.machine(), self.parts.module
        counter = module("pulse_counter").PulseCounter(machine.Pin(PULSE), 0, 1_000)
        self.chip = module("pulse_meter").PulseMeter(counter, self.imp_per_kwh, MAX_MW)
        self.metering = module("metering").Metering(self.chip, register, MAX_MW, warm)

    def run(self, ms: int, step_ms: int = 100) -> int:
        end_us, charged = self.clock.now_us + ms * 1000, 0
        while self.clock.now_us < end_us:
            self.clock.advance(min(self.clock.now_us + step_ms * 1000, end_us))
            pulses, rest = divmod(self.metering.take_pj(), self.chip.pulse_pj)
            assert rest == 0
            charged += pulses
        self.counted += charged
        return charged


@pytest.mark.parametrize("imp_per_kwh", [400, 1200, 3200, 6400])
def test_pulses_are_the_energy(imp_per_kwh: int) -> None:
    rig = PulseRig(imp_per_kwh, 9_000_000)
    rig.run(400_010)  # a filter hides the last edge for 12 us
    assert rig.counted == rig.source.pulses == imp_per_kwh
    assert rig.chip.pulse_pj * imp_per_kwh == 3_600_000_000_000_000_000
    assert (rig.chip.rejected, rig.chip.skipped) == (0, 0)


@settings(max_examples=30)
@given(
    st.sampled_from((400, 1600, 6400)),
    st.lists(
        st.tuples(st.sampled_from((0, 30_000, 2_200_000, 9_000_000)), st.integers(50, 60_000)),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from((40, 100, 260)),
)
@example(  # the load grows while a long pulse lasts
    6400,
    [(2_200_000, 100), (9_000_000, 204), (2_200_000, 1367), (9_000_000, 63)],
    40,
)
def test_every_pulse_is_charged_once(
    imp_per_kwh: int, loads: list[tuple[int, int]], step_ms: int
) -> None:
    rig = PulseRig(imp_per_kwh)
    for load_mw, ms in loads:
        rig.mains.set_load(load_mw)
        rig.run(ms, step_ms)
    rig.mains.set_load(0)
    rig.run(500)
    assert rig.counted == rig.source.pulses
    energy = rig.mains.energy_nj * imp_per_kwh // 3_600_000_000_000_000
    assert rig.counted == energy
    assert rig.chip.rejected == 0


@pytest.mark.parametrize("power_mw", [100_000, 2_200_000, 9_000_000])
def test_power_follows_from_the_time_between_pulses(power_mw: int) -> None:
    rig = PulseRig(3200, power_mw)
    rig.run(120_000)
    assert abs(rig.chip.power_mw - power_mw) <= power_mw // 8
    assert (rig.chip.voltage_mv, rig.chip.current_ma) == (None, None)
    rig.mains.set_load(0)
    rig.run(60_000)
    assert rig.chip.power_mw <= 40_000  # no pulse for a minute: less than one a minute
    rig.run(86_400_000 * 14, 3_600_000)  # the ticks wrap after 12 days
    assert 0 <= rig.chip.power_mw <= 700 and not rig.metering.silent


# ****** Noise ******


def test_spikes_are_no_pulses() -> None:
    rig = PulseRig(load_mw=4_000_000)
    rig.run(5_000)
    rig.source.make_noise(500, 8, 300)
    rig.run(10_000)
    assert rig.counted == rig.source.pulses
    assert rig.chip.rejected == 0


@pytest.mark.parametrize("gap_us", [500, 20_000])
def test_pulses_faster_than_the_mains_can_make_them_are_not_charged(gap_us: int) -> None:
    rig = PulseRig(load_mw=0)
    rig.run(5_000)
    rig.source.make_noise(5, 200, gap_us)
    assert rig.run(1_000) <= (1 if gap_us == 20_000 else 0)
    assert rig.chip.rejected >= 1 and rig.chip.skipped >= 3


def test_noise_that_goes_on_is_an_unresponsive_chip() -> None:
    rig = PulseRig(load_mw=2_200_000)
    rig.run(5_000)
    rig.source.make_noise(200_000, 200, 500)
    assert rig.run(10_000) == 0
    assert rig.metering.silent and rig.chip.rejected > 90
    rig.run(140_000)
    assert not rig.metering.silent, "the noise is over"
    pulses = rig.source.pulses
    assert rig.run(60_000) in (rig.source.pulses - pulses, rig.source.pulses - pulses - 1)


@settings(max_examples=30)
@given(st.integers(0, 30), st.integers(13, 50_000), st.integers(13, 200_000))
def test_noise_never_costs_more_than_the_mains_can_deliver(
    count: int, width_us: int, gap_us: int
) -> None:
    rig = PulseRig(6400, 0)
    rig.run(2_000)
    rig.source.make_noise(count, width_us, gap_us)
    charged = rig.run(30_000)
    assert charged * rig.chip.pulse_pj <= MAX_MW * 32_000 * 1_000_000 + 2 * rig.chip.pulse_pj


# ****** Starts ******


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("kept", [0, 2, 5, 5000])
def test_a_count_that_was_kept_tells_nothing_after_a_start(kept: int, warm: bool) -> None:
    """The counter is the controller's: it has begun at zero."""
    rig = PulseRig(6400, 9_000_000)
    rig.start(kept, warm)
    before = rig.source.pulses
    charged = rig.run(1_000, 1_000)  # more than some of what was kept, when it is first read
    assert charged + rig.run(4_050) == rig.source.pulses - before > 70
    assert rig.metering.rejected_counts == 0
    assert rig.metering.correct_pj(kept) == 0


def test_a_broken_wire_is_no_load() -> None:
    """Nothing else can be told of it; the page says so."""
    rig = PulseRig(load_mw=2_200_000)
    rig.source.cut = True
    assert rig.run(10_000) == 0
    assert not rig.metering.silent


def test_a_pulse_that_is_no_whole_number_is_refused() -> None:
    rig = PulseRig()
    for wrong in (0, -1, 7, 6401):
        with pytest.raises(ValueError, match="whole number"):
            rig.parts.module("pulse_meter").PulseMeter(None, wrong, MAX_MW)
