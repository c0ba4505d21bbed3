"""The ATT7022 model: registers worked by hand, the exact count, transfers and their echoes."""

import pytest

from dianka.bench.models.att7022 import DEVICE, RESTLESS, WRAP, Inputs
from dianka.bench.models.att7022_link import Att7022Model, Fault
from dianka.bench.models.clock import Clock
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import SpiBus, Wire

ON = 0xF804  # EMUCfg: the energy counters run


class ModelRig:
    def __init__(self, generation: str = "E", inputs: Inputs | None = None) -> None:
        self.clock = Clock()
        self.mains = [Mains(self.clock) for _ in range(3)]
        self.select = Wire("CS", 1)
        each = inputs or Inputs()
        self.chip = Att7022Model(
            self.clock, self.mains, self.select, (each, each, each), generation
        )
        self.bus = SpiBus()
        self.bus.baud, self.bus.polarity, self.bus.phase = 500_000, 0, 1
        self.bus.devices.append(self.chip)

    def send(self, command: int, data: int = 0) -> int:
        self.select.set(0)
        came = self.bus.exchange(bytes((command,)) + data.to_bytes(3, "big"))
        self.select.set(1)
        return int.from_bytes(came[1:], "big")

    def write(self, register: int, value: int) -> None:
        self.send(0xC9, 0x5A)
        self.send(0x80 | register, value)
        self.send(0xC9, 0)

    def wait(self, us: int) -> None:
        self.clock.advance(self.clock.now_us + us)


def signed(value: int) -> int:
    return value - (value >> 23 << 24)


def test_as_delivered_it_measures_with_defaults_and_counts_nothing() -> None:
    rig = ModelRig()
    rig.mains[0].set_load(2_200_000)
    rig.wait(600_000)
    assert rig.send(0x00) == DEVICE
    # 220 V / 997 at the input, 1200 x 2^13 a volt; 10 A make 0.1 V.
    assert abs(rig.send(0x0D) - 220 / 997 * 1200 * 8192) <= RESTLESS // 2 + 1
    assert abs(rig.send(0x10) - 0.1 * 1200 * 8192) < 2
    assert abs(rig.send(0x01) - 1.163**2 * 220 / 997 * 0.1 * 2**23) < 2
    assert rig.send(0x3E) == 0x01E4CD  # the defaults of 01H to 39H
    rig.wait(60_000_000)
    assert rig.send(0x1E) == 0 and rig.chip.forward == [0, 0, 0]


def test_the_pulse_rate_is_that_of_the_manual_s_formula() -> None:
    """EC = 2.592e10 x G^2 x Vu x Vi / (HFconst x U x I): 6393.5 for 55 here."""
    rig = ModelRig()
    rig.write(0x03, ON)
    rig.write(0x1E, 55)
    rig.mains[1].set_load(6_600_000)
    rig.wait(3_600_000_000)
    expected = 2.592e10 * 1.163**2 * (220 / 997) * 0.3 / (55 * 220 * 30) * 6.6
    assert abs(rig.send(0x1F) - expected) <= 1
    assert rig.chip.forward == [0, rig.send(0x1F), 0]


def test_the_count_does_not_depend_on_how_often_one_looks() -> None:
    counts = []
    for step_us in (1_000, 77_777, 60_000_000):
        rig = ModelRig()
        rig.write(0x03, ON)
        rig.write(0x1E, 3)
        rig.mains[0].set_load(8_765_432)
        while rig.clock.now_us < 60_000_000:
            rig.wait(min(step_us, 60_000_000 - rig.clock.now_us))
            rig.send(0x1E)
        counts.append((rig.chip.forward[0], rig.chip._fast[0]))
    assert len(set(counts)) == 1 and counts[0][0] > 2000


def test_backwards_counts_up_too_and_pflag_tells_it() -> None:
    rig = ModelRig()
    rig.write(0x03, ON)
    rig.write(0x1E, 55)
    rig.mains[0].set_load(4_400_000)
    rig.chip.turn(0)
    rig.wait(10_000_000)
    assert (rig.send(0x3D), signed(rig.send(0x01)) < 0) == (1, True)
    assert rig.send(0x1E) == rig.chip.backward[0] > 50
    assert rig.chip.forward[0] == 0


def test_registers_are_renewed_1_76_times_a_second() -> None:
    rig = ModelRig()
    rig.write(0x01, 0xB97E)
    rig.mains[0].set_load(2_200_000)
    rig.wait(600_000)
    full = rig.send(0x01)
    rig.mains[0].set_load(0)
    rig.wait(400_000)
    assert rig.send(0x01) == full
    rig.wait(200_000)
    assert rig.send(0x01) == 0


def test_gain_and_phase_take_an_error_of_the_parts_away() -> None:
    rig = ModelRig(inputs=Inputs(voltage_ppm=10_000, angle_mdeg=500))
    rig.mains[0].set_load(1_100_000, 500)
    rig.wait(600_000)
    true = 1.163**2 * 220 / 997 * 0.1 * 0.5 * 2**23
    assert abs(rig.send(0x01) / true - 1.01 * (1 - 0.00873 * 1.732)) < 0.0002
    rig.write(0x04, round((1 / 1.01 - 1) * 2**15) & 0xFFFF)
    rig.write(0x0D, round(0.5 * 3.14159265 / 180 * 2**15))
    rig.wait(600_000)
    assert abs(rig.send(0x01) / true - 1) < 0.0002


def test_no_energy_below_the_start_threshold() -> None:
    rig = ModelRig()
    rig.write(0x03, ON)
    rig.write(0x1E, 3)
    rig.write(0x36, 301)
    for power_mw, counts in ((2_500, False), (2_800, True)):
        rig.mains[0].set_load(power_mw)
        before = rig.send(0x1E)
        rig.wait(3_600_000_000)
        assert (rig.send(0x1E) > before) == counts


def test_the_energy_registers_wrap_and_are_cleared_on_reading_only_if_told() -> None:
    rig = ModelRig()
    rig.write(0x03, ON)
    rig.chip.set_counts(WRAP - 1, 9, 0)
    rig.write(0x1E, 3)
    rig.mains[0].set_load(9_000_000)
    rig.wait(1_000_000)
    assert rig.send(0x1E) == rig.chip.forward[0] - 1 < 1000
    assert (rig.send(0x1F), rig.send(0x1F)) == (9, 9)
    rig.write(0x03, ON | 0x80)
    assert (rig.send(0x1F), rig.send(0x1F)) == (9, 0)


def test_every_transfer_is_echoed_and_looking_at_an_echo_changes_none() -> None:
    rig = ModelRig()
    device = rig.send(0x00)
    for _ in range(2):
        assert rig.send(0x2E) == 0x00 << 16 | sum(DEVICE.to_bytes(3, "big"))
        assert rig.send(0x2D) == device == DEVICE
    rig.send(0xC9, 0x5A)
    rig.send(0x9E, 0x1B1)
    assert rig.send(0x2E) == 0x9E << 16 | 0x9E + 0x01 + 0xB1
    assert rig.send(0x2D) == 0x1B1
    assert rig.chip.constants[0x1E] == 0x1B1


def test_the_sum_has_the_upper_bits_of_emucfg_in_reversed_order() -> None:
    rig = ModelRig()
    before = rig.send(0x3E)
    rig.write(0x03, 0x1804)
    assert rig.send(0x3E) - before == 0x8000
    rig.write(0x03, 0xF804)
    assert rig.send(0x3E) - before == 0xF000


def test_locked_constants_soft_reset_and_what_breaks_the_rules() -> None:
    rig = ModelRig()
    rig.send(0x9E, 0x1B1)
    assert rig.chip.constants[0x1E] == 0x500
    assert rig.chip.violations == ["a constant was written while they were locked"]
    rig.write(0x1E, 0x1B1)
    rig.send(0xC9, 0x5A)
    rig.send(0xD3)
    assert rig.chip.constants[0x1E] == 0x500
    rig.bus.phase = 0
    assert rig.send(0x00) == 0xFFFFFF
    rig.bus.phase, rig.bus.baud = 1, 1_000_000
    assert rig.send(0x00) == 0xFFFFFF
    rig.bus.baud = 500_000
    rig.select.set(0)
    rig.bus.exchange(b"\x00\x00")
    rig.select.set(1)
    assert rig.chip.violations[1:] == [
        "SPI mode 0 instead of 1",
        "clock of 1000000 Hz is faster than 500 kHz",
        "a transfer of less than four bytes",
    ]
    assert rig.send(0x00) == DEVICE


def test_a_chip_that_is_not_selected_says_nothing() -> None:
    rig = ModelRig()
    assert rig.bus.exchange(bytes(4)) == b"\xff" * 4


@pytest.mark.parametrize(
    ("fault", "answer"),
    [(Fault.STUCK_HIGH, 0xFFFFFF), (Fault.STUCK_LOW, 0), (Fault.ZEROS, 0),
     (Fault.FULL_SCALE, 0xFFFFFF)],
)  # fmt: skip
def test_faults_act_until_they_are_healed(fault: Fault, answer: int) -> None:
    rig = ModelRig()
    rig.wait(600_000)
    sound = rig.send(0x0D)
    rig.chip.inject(fault)
    assert rig.send(0x0D) == answer
    assert rig.send(0x2D) == answer, "its echo agrees: only the command's can show a stuck wire"
    rig.chip.heal()
    assert rig.send(0x0D) == sound
