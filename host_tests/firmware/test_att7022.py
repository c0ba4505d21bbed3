"""The ATT7022's driver on the chip's model: exact counts, verified transfers, every way to fail."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from att_rig import AttRig
from dianka.bench.models.att7022 import WRAP
from dianka.bench.models.att7022_link import Fault

PULSE_MWH = 156.25


def test_readings_are_those_of_the_mains() -> None:
    rig = AttRig((2_200_000, 1_100_000, 550_000))
    rig.phases[1].set_voltage(110_000)
    rig.run(2000)
    assert [round(volts / 100) for volts in rig.chip.voltages_mv] == [2200, 1100, 2200]
    assert abs(rig.chip.currents_ma[0] - 10_000) <= 10
    assert abs(rig.chip.powers_mw[0] - 2_200_000) < 2_200
    assert abs(rig.chip.powers_mw[1] - 275_000) < 1_000  # a resistance at half its voltage
    assert rig.chip.voltage_mv == max(rig.chip.voltages_mv)
    assert rig.chip.power_mw == sum(rig.chip.powers_mw)
    assert rig.chip.phases[2] == (
        rig.chip.voltages_mv[2], rig.chip.currents_ma[2], rig.chip.powers_mw[2],
    )  # fmt: skip
    assert (rig.chip.rejected, rig.chip.skipped, rig.model.violations) == (0, 0, [])


def test_the_default_constants_make_the_pulse_what_it_is_said_to_be() -> None:
    rig = AttRig((6_600_000, 3_300_000, 0))
    rig.run(100)
    before, energy_nj = rig.forward, sum(mains.energy_nj for mains in rig.phases)
    rig.run(600_000, 1000)
    passed_nj = sum(mains.energy_nj for mains in rig.phases) - energy_nj
    expected = passed_nj * 6400 / 3_600_000_000_000_000
    assert abs(rig.forward - before - expected) < expected / 10_000 + 3


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0, 5_000, 40_000, 2_200_000, 9_000_000)),
            st.sampled_from((0, 40_000, 9_000_000)),
            st.integers(300, 30_000),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from((70, 100, 250)),
)
def test_every_count_is_charged_once(loads: list[tuple[int, int, int]], step_ms: int) -> None:
    rig = AttRig((0, 0, 0))
    rig.run(200)
    for first_mw, third_mw, ms in loads:
        rig.phases[0].set_load(first_mw)
        rig.phases[2].set_load(third_mw)
        rig.run(ms, step_ms)
    for mains in rig.phases:
        mains.set_load(0)
    rig.run(step_ms, step_ms)
    assert rig.counted == rig.forward
    assert rig.chip.rejected == rig.chip.reverse == 0


def test_the_registers_wrap_one_by_one_without_a_loss() -> None:
    rig = AttRig((9_000_000, 6_000_000, 3_000_000))
    rig.run(300)
    rig.model.set_counts(WRAP - 20, WRAP - 5, 7)
    rig.start(register=(WRAP - 25 + 7) % WRAP, warm=True)
    assert rig.run(100) in range(8)
    before = rig.forward
    assert rig.run(20_000) == rig.forward - before
    assert rig.metering.restarts == rig.metering.rejected_counts == 0


def test_what_flows_backwards_over_the_wrap_is_counted_too() -> None:
    rig = AttRig((0, 4_400_000, 0))
    rig.model.turn(1)
    rig.run(2_000)
    rig.model.set_counts(0, WRAP - 20, 0)
    rig.start(register=WRAP - 20, warm=True)
    rig.run(500)
    backward, reverse = rig.backward, rig.chip.reverse
    rig.counted = 0
    rig.run(20_000)
    assert rig.model.counts[1] < 200
    assert rig.chip.reverse - reverse == rig.backward - backward > 100
    assert rig.counted == rig.metering.restarts == rig.metering.rejected_counts == 0


def test_what_flows_backwards_is_counted_and_never_credited() -> None:
    """One phase backwards does not lessen what the others are charged."""
    rig = AttRig((2_200_000, 2_200_000, 0))
    rig.run(10_000)
    rig.phases[0].set_load(0)
    rig.run(2_000)
    rig.model.turn(0)
    rig.phases[0].set_load(4_400_000)
    rig.run(700)  # the chip renews its directions each 0.57 s
    forward, backward, reverse = rig.forward, rig.backward, rig.chip.reverse
    charged = rig.run(60_000)
    assert charged == rig.forward - forward > 0
    assert rig.chip.reverse - reverse == rig.backward - backward > 400
    assert rig.chip.powers_mw[0] < 0 < rig.chip.powers_mw[1]
    assert rig.metering.reverse_pj == rig.chip.reverse * rig.chip.pulse_pj


def test_all_backwards_is_no_energy_after_a_restart_of_either_kind() -> None:
    for warm in (False, True):
        rig = AttRig((4_400_000, 0, 0))
        rig.model.turn(0)
        rig.run(2_000)
        assert rig.counted <= 5  # of the time before the chip told a direction
        rig.start(register=rig.metering.register, warm=warm)
        rig.clock.advance(rig.clock.now_us + 5_000_000)
        assert rig.run(10_000) == 0


# ****** The calibration ******


def test_the_constants_are_written_at_the_start_and_nothing_is_told_before() -> None:
    rig = AttRig()
    assert (rig.chip.pulse_pj, rig.model.constants[0x1E]) == (0, 0x500)
    rig.run(100)
    assert rig.chip.pulse_pj == 562_500_000_000_000
    assert (rig.model.constants[0x1E], rig.model.constants[0x17]) == (55, 0xEA59)
    assert rig.model.constants[0x03] & 0x80 == 0  # not cleared on reading
    assert len(rig.model.constants) == 0x39


@pytest.mark.parametrize("changed", [{}, {"x1E": 5}, {"x04": 0x7000}, {"x03": 0xF884}])
def test_lost_constants_come_back_and_what_was_counted_without_them_is_not_charged(
    changed: dict[str, int],
) -> None:
    rig = AttRig((9_000_000, 9_000_000, 9_000_000))
    rig.run(10_000)
    charged = rig.counted
    assert charged == rig.forward
    rig.model.lose_calibration(**changed)
    forward = rig.forward
    assert rig.run(100) == 0
    assert rig.chip.rejected == 1
    lost = rig.forward - forward
    if changed != {"x03": 0xF884}:  # with this one a look would clear the counts
        assert rig.run(10_000) == rig.forward - forward - lost
    else:
        assert rig.run(10_000) <= rig.forward - forward
    assert (rig.chip.rejected, rig.model.constants[0x1E]) == (1, 55)


def test_a_chip_that_restarts_is_calibrated_again_and_counts_on() -> None:
    rig = AttRig((9_000_000, 0, 9_000_000))
    rig.run(10_000)
    assert rig.counted == rig.forward
    rig.clock.advance(rig.clock.now_us + 50_000)
    rig.model.restart()
    unseen = rig.forward - rig.counted
    assert unseen <= 2
    rig.run(20_000)
    assert rig.counted == rig.forward - unseen
    assert (rig.metering.restarts, rig.chip.rejected) == (1, 1)


def test_a_warm_controller_charges_what_the_chip_has_counted_meanwhile() -> None:
    rig = AttRig((9_000_000, 0, 0))
    rig.run(10_000)
    register = rig.metering.register
    rig.clock.advance(rig.clock.now_us + 6_000_000)
    rig.start(register, warm=True)
    rig.run(1_000)
    assert rig.counted == rig.forward


def test_a_chip_that_takes_no_constants_is_reset() -> None:
    rig = AttRig((9_000_000, 0, 0))
    rig.run(5_000)
    charged = rig.counted
    rig.model.inject(Fault.DEAF)
    rig.model.lose_calibration(x1E=5)
    assert rig.run(500) == 0
    assert rig.chip.rejected >= 4
    rig.run(10_000)
    assert rig.model.constants[0x1E] == 55 and not rig.metering.silent
    assert rig.metering.restarts == 1
    assert rig.counted - charged == rig.model.counts[0] < 200  # what it has counted since


def test_a_chip_of_another_number_is_not_believed() -> None:
    rig = AttRig((9_000_000, 0, 0))
    rig.model.device = 0x705301
    assert rig.run(5_000) == 0
    assert (rig.chip.pulse_pj, rig.chip.reports) == (0, 0)
    assert rig.chip.rejected > 10 and rig.chip.skipped == 0
    assert rig.model.constants[0x1E] == 0x500


def test_noise_while_the_constants_are_written_resets_no_chip() -> None:
    """A reset would cost what the chip has counted, and mend no wire."""
    rig = AttRig((9_000_000, 0, 0))
    rig.run(10_000)
    counts, register = rig.model.counts[0], rig.metering.register
    rig.model.inject(Fault.NOISE)
    rig.start(register, warm=True)
    rig.run(3_000)
    assert not rig.chip.reports and rig.chip.skipped > 100
    assert rig.model.counts[0] > counts
    rig.model.heal()
    rig.run(2_000)
    assert rig.counted == rig.forward


# ****** The wire ******


@pytest.mark.parametrize("fault", [Fault.STUCK_HIGH, Fault.STUCK_LOW])
@pytest.mark.parametrize("from_start", [True, False])
def test_a_stuck_wire_is_no_reading(fault: Fault, from_start: bool) -> None:
    rig = AttRig((9_000_000, 0, 0))
    if not from_start:
        rig.run(5_000)
    reports = rig.chip.reports
    rig.model.inject(fault)
    assert rig.run(5_000) == 0
    assert (rig.chip.reports, rig.metering.silent) == (reports, True)
    assert rig.chip.skipped >= 12 * 50
    assert bool(rig.chip.pulse_pj) != from_start
    rig.model.heal()
    rig.run(2_000)
    assert rig.counted == rig.forward and not rig.metering.silent


def test_noise_on_the_wire_costs_no_count() -> None:
    rig = AttRig((9_000_000, 4_000_000, 0))
    rig.run(1_000)
    rig.model.inject(Fault.NOISE)
    rig.run(60_000)
    assert rig.chip.skipped > 1000 and rig.chip.reports > 20
    rig.model.heal()
    rig.run(1_000)
    assert rig.counted == rig.forward


@pytest.mark.parametrize("one_in", [10, 40, 80])
def test_no_poll_lasts_long_on_a_noisy_wire(one_in: int) -> None:
    """All constants and a reading are 207 transfers, 40 ms on the RP2040."""
    rig = AttRig((9_000_000, 0, 0))
    rig.model.noise_one_in = one_in
    rig.model.inject(Fault.NOISE)
    longest = 0
    for _ in range(100):
        rig.start()
        before = rig.model.transfers
        rig.run(100)
        longest = max(longest, rig.model.transfers - before)
    assert longest <= 207 + 8 * 3


# ****** Generation B ******


def test_generation_b_by_its_own_table() -> None:
    rig = AttRig((2_200_000, 0, 0), generation="B")
    rig.run(2_000)
    assert abs(rig.chip.voltage_mv - 220_000) < 300
    assert abs(rig.chip.powers_mw[0] - 2_200_000) < 22_000
    before = rig.forward
    assert rig.run(60_000) == rig.forward - before > 200
    rig.model.lose_calibration()
    assert rig.run(100) == 0 and rig.chip.rejected == 1
    assert rig.model.constants[0x20] == 55
    rig.model.inject(Fault.STUCK_LOW)
    assert rig.run(5_000) == 0 and rig.metering.silent
    assert rig.model.violations == []


@pytest.mark.parametrize("fault", [Fault.STUCK_HIGH, Fault.STUCK_LOW])
@pytest.mark.parametrize("from_start", [True, False])
def test_a_stuck_wire_of_generation_b(fault: Fault, from_start: bool) -> None:
    rig = AttRig((9_000_000, 0, 0), generation="B")
    if not from_start:
        rig.run(5_000)
    reports = rig.chip.reports
    rig.model.inject(fault)
    assert rig.run(5_000) == 0
    assert (rig.chip.reports, rig.metering.silent) == (reports, True)


def test_generation_b_keeps_the_sum_of_its_first_writing_until_a_reset() -> None:
    """Its maker does not say how the sum is made: a sum learnt again would pass what is wrong."""
    rig = AttRig((9_000_000, 0, 0), generation="B")
    rig.run(5_000)
    rig.model.inject(Fault.DEAF)
    rig.model.lose_calibration(x20=5)
    assert rig.run(200) == 0
    assert rig.chip.rejected >= 3
    rig.run(5_000)
    assert rig.model.constants[0x20] == 55 and not rig.metering.silent


def test_generation_b_learns_the_sum_anew_after_a_reset() -> None:
    """Else one that was learnt in error would keep the chip from counting for ever."""
    rig = AttRig((9_000_000, 0, 0), generation="B")
    rig.model.inject(Fault.DEAF)
    rig.run(1_000)
    rig.model.heal()
    rig.model.lose_calibration(x1B=1)
    rig.run(5_000)
    assert rig.model.constants[0x20] == 55 and not rig.metering.silent


# ****** Constants that no chip could count with ******


@pytest.mark.parametrize(
    ("constants", "imp_per_kwh", "why"),
    [
        ({0x03: 0x7804, 0x1E: 55}, 6400, "EMUCfg"),  # its sum would not be known
        ({0x03: 0xF884, 0x1E: 55}, 6400, "EMUCfg"),  # cleared on reading
        ({0x03: 0x0804, 0x1E: 55}, 6400, "EMUCfg"),  # counters off, as after a reset
        ({0x1E: 55}, 6400, "EMUCfg"),
        ({0x03: 0xF804}, 6400, "HFconst"),
        ({0x03: 0xF804, 0x1E: 1}, 6400, "HFconst"),
        ({0x03: 0xF804, 0x1E: 0xD01}, 6400, "HFconst"),
        ({0x03: 0xF804, 0x1E: 55}, 6401, "whole number"),
        ({0x03: 0xF804, 0x1E: 55}, 0, "whole number"),
        ({0x03: 0xF804, 0x1E: 55}, -400, "whole number"),
    ],
)
def test_constants_with_which_no_chip_counts_are_refused(
    constants: dict[int, int], imp_per_kwh: int, why: str
) -> None:
    att7022 = AttRig().parts.module("att7022")
    with pytest.raises(ValueError, match=why):
        att7022.Att7022(None, None, constants, imp_per_kwh, 12_000)
