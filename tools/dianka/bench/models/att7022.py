"""The ATT7022 three-phase metering chip: from volts, amperes and angles to registers and SPI bytes.

Owns the measuring, the energy counters and the calibration; att7022_link.py has the transfers.
Facts, from Hi-Trend's user manual Rev 3.4 of the ATT7022E, with G = 1.163, and Vu and Vi the rms
volts at the inputs:
- Power registers: G^2 x Vu x Vi x cos(phi) x 2^23 x (1 + Pgain / 2^15), signed.
- Voltage and current registers: 1200 x V x 2^13 x (1 + gain / 2^15).
- A fast counter per phase runs at 7200 x G^2 x Vu x Vi x cos(phi) x (1 + Pgain / 2^15) a second,
  backwards when the power does. When it has moved by HFconst, the phase's energy register counts
  one, in either direction, and wraps at 2^24. Cleared on reading if bit 7 of EMUCfg is 1.
- No energy is counted while bit 12 of EMUCfg is 0, as after a reset, and none of a phase whose
  power register is below Pstartup.
- Power, voltage, current and direction are renewed 1.76 times a second, 14.4 times if bit 12 of
  ModeCfg is 0. The converters have 19 bits, so the last bits of a voltage are never still.
- PhSreg0 turns the phase angle by its value / 2^15 radians.
- Poffset is added to the power register, and to what is counted. That it has the register's unit
  is taken from the manual's formula, and that it comes after Pgain is assumed.

The fast count is kept in 10^-15 of a count, an integer, so the model's own integral is exact; volts
and angles are turned into its rate once for each change. Not modelled: harmonics, reactive and
apparent power, offsets of voltage and current, the second phase correction, temperature.

Generation B (user manual Rev 1.04 and public drivers): other addresses, 24-bit gains over 2^23,
nothing to switch on, and power registers of W x 256 x EC / 3200.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import acos, cos, pi

from dianka.bench.models.clock import Clock
from dianka.bench.models.mains import Mains

G = 1.163
WRAP = 1 << 24
SCALE = 10**15  # of the fast count
SLOW_US, QUICK_US = 568_000, 69_000  # 1.76 and 14.4 times a second
RESTLESS = 17  # values among which a voltage register wanders: 2 mV
DEVICE = 0x7122A0
# Constants after a reset; all others are 0.
RESET = {
    0x01: 0x89AA, 0x03: 0x0804, 0x1D: 0x0160, 0x1E: 0x0500, 0x1F: 0x0600, 0x30: 0x0001,
    0x31: 0x4527, 0x34: 0x2C59, 0x35: 0x000F, 0x36: 0x0030, 0x37: 0x7FFF, 0x38: 0x1000,
    0x39: 0x4500,
}  # fmt: skip
RESET_B = {0x20: 0x000500}
LAST_CONSTANT = 0x39


@dataclass(frozen=True)
class Inputs:
    """What one phase's divider and transformer make of the mains, with their errors."""

    divider: int = 997  # 4 x 249 kilohm over 1 kilohm
    burden_uv_per_ma: int = 10  # 2000:1 over 20 ohm
    voltage_ppm: int = 0
    current_ppm: int = 0
    angle_mdeg: int = 0  # by which the current seems to lag more than it does
    offset_mw: int = 0  # that is seen beside the load's power, as by crosstalk

    def measure(self, mains: Mains, turned: bool) -> tuple[float, float, float]:
        """Return the volts at the voltage and the current input, and the angle in radians."""
        volts = mains.voltage_mv / 1000 / self.divider * (1 + self.voltage_ppm / 1e6)
        amperes = 0.0
        if mains.power_mw:
            amperes = mains.power_mw * 1000 / (mains.voltage_mv * mains.pf_milli)
        current = amperes * self.burden_uv_per_ma / 1000 * (1 + self.current_ppm / 1e6)
        angle = acos(mains.pf_milli / 1000) + self.angle_mdeg * pi / 180_000
        return volts, current, angle + pi * turned

    @property
    def offset(self) -> float:
        """Return the power that is seen beside the load's, as a part of the power register's."""
        return G * G * self.offset_mw / 1000 / self.divider * self.burden_uv_per_ma / 1000


@dataclass
class Measured:
    """Registers of one phase, as they are at one moment."""

    power: int = 0  # signed
    voltage: int = 0
    current: int = 0


class Att7022Core:
    """Measuring and counting of one chip; powered from the start.

    `phases` has one to three mains. A phase in `turned` has its transformer the wrong way round,
    or feeds back; `turn` changes it.
    """

    def __init__(
        self,
        clock: Clock,
        phases: Sequence[Mains],
        inputs: Sequence[Inputs] = (Inputs(), Inputs(), Inputs()),
        generation: str = "E",
    ) -> None:
        self.clock = clock
        self.mains = tuple(phases)
        self.inputs = tuple(inputs)
        self.generation = generation
        self.turned: set[int] = set()
        self.powered = False
        self.device = DEVICE if generation == "E" else 0  # what the chip says that it is
        # Faults: no register is renewed, and no energy counted in one; or only the latter.
        self.frozen = False
        self.counting = True
        # The model's own integral since it was made, in pulses, by phase and direction.
        self.forward = [0, 0, 0]
        self.backward = [0, 0, 0]
        self.constants: dict[int, int] = {}
        self.counts = [0, 0, 0]
        self._fast = [0, 0, 0]  # since the last pulse
        self._rates = [0, 0, 0]  # of it, per microsecond
        self._live = [Measured(), Measured(), Measured()]
        self._shown = [Measured(), Measured(), Measured()]
        self._settled_us = clock.now_us
        self._up_us = clock.now_us
        self._renewal = 0
        for mains in self.mains:
            mains.listeners.append(self.follow)

    # ****** Supply and calibration ******

    def reset(self) -> None:
        """Start as after power-on: default constants, energy registers at 0."""
        self.settle()
        self.constants = dict(RESET if self.generation == "E" else RESET_B)
        self.counts = [0, 0, 0]
        self._fast = [0, 0, 0]
        self._shown = [Measured(), Measured(), Measured()]
        self._up_us, self._renewal = self.clock.now_us, 0
        self.follow()

    def lose_calibration(self, **changed: int) -> None:
        """Put the constants back to those of a reset, as a disturbance may; counts stay.

        With `changed`, such as x1E=300, only these take another value.
        """
        self.settle()
        if changed:
            self.constants |= {int(name[1:], 16): value for name, value in changed.items()}
        else:
            self.constants = dict(RESET if self.generation == "E" else RESET_B)
        self.follow()

    def set_constant(self, register: int, value: int) -> None:
        self.settle()
        self.constants[register] = value & (0xFFFF if self.generation == "E" else 0xFFFFFF)
        self.follow()

    def set_counts(self, *counts: int) -> None:
        """Set the energy registers, as late in the chip's life."""
        self.settle()
        self.counts = list(counts)

    def compute_sum(self) -> int:
        """Return the sum of the constants: register 3EH."""
        total = sum(
            value for register, value in self.constants.items() if register <= LAST_CONSTANT
        )
        if self.generation == "E":
            top = self.constants.get(0x03, 0) >> 12  # its four bits are summed in reversed order
            total += (int(f"{top:04b}"[::-1], 2) - top) << 12
        return total & 0xFFFFFF

    # ****** Following the mains ******

    def turn(self, *phases: int) -> None:
        """Let the power of these phases flow backwards, and of the others forwards."""
        self.settle()
        self.turned = set(phases)
        self.follow()

    def follow(self) -> None:
        """Compute registers and rates anew after a change."""
        self.settle()
        for i, mains in enumerate(self.mains):
            volts, current, angle = self.inputs[i].measure(mains, i in self.turned)
            self._live[i], self._rates[i] = self._compute(i, volts, current, angle)

    def _compute(self, i: int, volts: float, current: float, angle: float) -> tuple[Measured, int]:
        if not self.powered:
            return Measured(), 0
        angle -= self._get_signed(0x0D + i) / (1 << 15) if self.generation == "E" else 0.0
        active = G * G * volts * current * cos(angle) + self.inputs[i].offset
        active *= 1 + self._get_gain(0x04, 0x06, i)
        if self.generation == "E":
            active += self._get_signed(0x13 + i) / (1 << 23)
        measured = Measured(
            int(active * (1 << 23)),
            int(1200 * volts * (1 << 13) * (1 + self._get_gain(0x17, 0x1B, i))),
            int(1200 * current * (1 << 13) * (1 + self._get_gain(0x1A, 0x26, i))),
        )
        if self.generation == "B":
            measured.power = int(7200 * active / self._get_hfconst() * 288_000)
        elif abs(measured.power) < self.constants.get(0x36, 0):
            active = 0.0
        if self.generation == "E" and not self.constants.get(0x03, 0) >> 12 & 1:
            active = 0.0
        return measured, round(7200 * active / 1_000_000 * SCALE)

    def _get_gain(self, e: int, b: int, i: int) -> float:
        if self.generation == "E":
            return self._get_signed(e + i) / (1 << 15)
        return self._get_signed(b + i) / (1 << 23)

    def _get_signed(self, register: int) -> int:
        bits = 16 if self.generation == "E" else 24
        value = self.constants.get(register, 0)
        return value - (value >> (bits - 1) << bits)

    def _get_hfconst(self) -> int:
        return max(self.constants.get(0x1E if self.generation == "E" else 0x20, 0), 1)

    # ****** Time ******

    def settle(self) -> None:
        """Bring counters and registers up to this microsecond."""
        passed_us, self._settled_us = self.clock.now_us - self._settled_us, self.clock.now_us
        if self.frozen:
            return
        pulse = self._get_hfconst() * SCALE
        for i in range(3):
            if self._rates[i] and passed_us and self.counting:
                self._add(i, self._rates[i] * passed_us, pulse)
        slow = self.generation == "B" or self.constants.get(0x01, 0) >> 12 & 1
        renewal = (self.clock.now_us - self._up_us) // (SLOW_US if slow else QUICK_US)
        if renewal != self._renewal and self.powered:
            self._renewal = renewal
            self._shown = [self._disturb(i, each) for i, each in enumerate(self._live)]

    def _disturb(self, i: int, live: Measured) -> Measured:
        """Return what is measured, with a voltage that differs from the former renewal's."""
        off = (self._renewal * 5 + i) % RESTLESS - RESTLESS // 2
        return replace(live, voltage=live.voltage + off) if live.voltage else live

    def _add(self, i: int, fast: int, pulse: int) -> None:
        fast += self._fast[i]
        pulses = abs(fast) // pulse
        back = fast < 0
        self._fast[i] = fast + pulses * pulse if back else fast - pulses * pulse
        (self.backward if back else self.forward)[i] += pulses
        self.counts[i] = (self.counts[i] + pulses) % WRAP

    # ****** Metering registers ******

    def read_register(self, register: int) -> int:
        """Return what a metering register shows now."""
        self.settle()
        if register == 0x00:
            return self.device
        if register == 0x3E:
            return self.compute_sum()
        if register == 0x3D:
            return sum((self._shown[i].power < 0) << i for i in range(3))
        for first, name in ((0x01, "power"), (0x0D, "voltage"), (0x10, "current")):
            if first <= register < first + 3:
                return getattr(self._shown[register - first], name) & 0xFFFFFF
        if 0x1E <= register < 0x21:
            i = register - 0x1E
            value = self.counts[i]
            if self.generation == "E" and self.constants.get(0x03, 0) & 0x80:
                self.counts[i] = 0
            return value
        return 0
