"""The ATT7022's driver before a chip that echoes rightly what is wrong: nonsense is no reading."""

import pytest

from att_rig import AttRig
from dianka.bench.models.att7022_link import Fault


@pytest.mark.parametrize("fault", [Fault.NOT_UPDATED, Fault.NOT_COUNTING])
def test_registers_that_stand_still_are_told(fault: Fault) -> None:
    rig = AttRig((2_200_000, 2_200_000, 0))
    rig.run(5_000)
    rig.model.inject(fault)
    assert rig.run(9_000) == 0
    assert rig.metering.silent and rig.chip.rejected > 30
    rig.model.heal()
    rig.run(3_000)
    assert not rig.metering.silent and rig.counted == rig.forward


def test_more_power_than_volts_and_amperes_can_make_is_no_reading() -> None:
    rig = AttRig((2_200_000, 0, 0))
    rig.run(5_000)
    rig.model.inject(Fault.ABSURD_POWER)
    rig.run(5_000)
    assert rig.metering.silent and rig.chip.power_mw < 2_300_000
    rig.model.heal()
    rig.run(2_000)
    assert rig.counted == rig.forward


@pytest.mark.parametrize("fault", [Fault.NOT_UPDATED, Fault.ZEROS, Fault.FULL_SCALE])
@pytest.mark.parametrize("from_start", [True, False])
def test_registers_that_say_no_load_for_ever_are_told(fault: Fault, from_start: bool) -> None:
    """No count tells it, as no power flows; but no mains keeps its voltage to 0.1 mV."""
    rig = AttRig((0, 0, 0))
    if not from_start:
        rig.run(5_000)
    rig.model.inject(fault)
    rig.run(16_000)
    assert rig.metering.silent and rig.counted == 0
    assert rig.chip.voltage_mv < 221_000, "what can't be is shown nowhere"
    rig.model.heal()
    rig.phases[0].set_load(2_200_000)
    rig.run(5_000)
    assert not rig.metering.silent and rig.counted == rig.forward > 10


def test_one_phase_with_mains_is_enough_and_a_steady_load_is_no_fault() -> None:
    rig = AttRig((2_200_000, 0, 0))
    for mains in rig.phases[1:]:
        mains.switch(False)
    rig.run(120_000)
    assert rig.chip.rejected == 0 and rig.counted == rig.forward


def test_a_small_load_is_no_register_that_stands_still() -> None:
    rig = AttRig((40_000, 9_000_000, 5_000))
    for load_mw in (0, 9_000_000, 0):
        rig.run(40_000)
        rig.phases[1].set_load(load_mw)
    assert rig.chip.rejected == 0 and rig.counted == rig.forward


@pytest.mark.parametrize("fault", [Fault.ZEROS, Fault.FULL_SCALE])
def test_zeros_and_full_scale_charge_nothing(fault: Fault) -> None:
    rig = AttRig((9_000_000, 4_000_000, 0))
    rig.run(10_000)
    assert rig.counted == rig.forward
    rig.model.inject(fault)
    assert rig.run(5_000) == 0
    assert rig.chip.rejected == 50 and rig.metering.silent
    rig.model.heal()
    rig.run(2_000)
    assert rig.counted == rig.forward and rig.metering.restarts == 0


def test_one_false_count_under_a_right_echo_is_not_charged() -> None:
    rig = AttRig((9_000_000, 0, 0))
    rig.run(5_000)
    true = rig.model.counts[:]
    rig.model.set_counts(0xFFFFFF, 0, 0)
    assert rig.run(100) == 0
    assert rig.chip.rejected == 1
    rig.model.set_counts(*true)
    rig.run(1_000)
    assert 0 <= rig.forward - rig.counted <= 3  # of the tenth of a second that was set back


def test_counts_that_stay_odd_are_believed_after_10_s_and_not_charged() -> None:
    """Not the new counts were wrong but the first that were read."""
    rig = AttRig((9_000_000, 0, 0))
    rig.run(5_000)
    rig.model.set_counts(5_000_000, 0, 0)
    assert rig.run(19_000) == 0
    assert rig.chip.rejected == 99
    forward = rig.forward
    rig.run(10_000)
    counted = rig.counted
    assert 0 < counted <= rig.forward
    forward = rig.forward
    assert rig.run(10_000) == rig.forward - forward
