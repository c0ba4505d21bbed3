"""Drive the ATT7022E three-phase metering chip over SPI, mode 1, at 500 kHz at most.

Source: Hi-Trend, ATT7022E/26E/28E user manual Rev 3.4. A transfer is one command byte (bit 7 set:
write) and 24 bits, MSB first. Above 500 kHz the chip wants 2 us between command and data; here it
is not clocked faster.

- Nothing is believed that the chip does not echo: register 2DH repeats the data of the last
  transfer, 2EH its command byte and the 16-bit sum of all four bytes.
- After a reset the chip measures with its default constants, and counts no energy at all, because
  bit 12 of EMUCfg (03H) is 0. Register 3EH is the sum of the constants 01H to 39H. Each poll reads
  it first; a wrong sum means that the constants were lost, and all of them are written again.
- Energy is counted by phase, registers 1EH to 20H, in pulses of either direction; bits 0 to 2 of
  PFlag (3DH) are 1 while a phase's power flows backwards. The registers wrap at 2^24 and are not
  cleared on reading: bit 7 of EMUCfg stays 0. PFlag follows the power registers, 1.76 times a
  second: what is counted within 0.6 s of a change of direction goes by the former one.
- P = register x 2.592e10 / (HFconst x EC x 2^23) W, signed; U = register / 2^13 V; I = register /
  2^13 / N A.

`GENERATIONS` (att7022_constants.py) has what differs in the B generation (user manual Rev 1.04).
Its constants have 24 bits and other addresses, their sum is not documented, so the board gives all
of them and the driver keeps the sum that it has read after the first writing since a reset.
"""

import time

from micropython import const

from account import PJ_PER_KWH
from att7022_constants import (
    GENERATIONS,
    LAST,
    RESET,
    B,
    E,
    check_constants,
    compute_sum,
    list_words,
    overlay,
)  # fmt: skip

_DEVICE = const(0x00)
_POWER = const(0x01)  # and the two after it, by phase, as the next three
_VOLTAGE = const(0x0D)
_CURRENT = const(0x10)
_ENERGY = const(0x1E)
_FLAGS = const(0x3D)
_SUM = const(0x3E)
_WRITE = const(0x80)
_LOCK = const(0xC9)
_RESTART = const(0xD3)

_PHASES = const(3)
_TRIES = const(3)  # of a transfer whose echo is wrong
_MOST_ERRORS = const(8)  # wrong echoes of one poll, then it is given up: no task may wait 50 ms
_CALIBRATIONS = const(3)  # in a row that the chip does not keep, then it is reset
_REST_MS = const(200)  # for the chip after its reset
_MAX_MV = const(500_000)  # no mains has more
_LEAST_MW = const(10_000)  # below, a phase may be under the start threshold and need not count
_DUE_PULSES = const(4)  # that the measured power must have made, of a count that does not move
_STALE_MS = const(2_000)  # a power's age at most: three polls, and 0.6 s in the chip
# No mains delivers this between two polls: 163 kWh at 6400 imp/kWh. The chip has restarted.
_RESTARTED = const(1 << 20)
_STUBBORN = const(100)  # readings, about 10 s: counts that are odd and yet believed
# Readings in a row without any change of a voltage: none is that steady to 0.1 mV.
_STILL = const(100)


class Att7022:
    """The chip on `spi` (spi_guest.py), selected while the pin `select` is low.

    `constants` are the calibration: register to value. They make the chip give `imp_per_kwh`, and
    `n_milli` thousandths of an ampere's worth in its current registers. `pulse_pj` is 0 until the
    chip has taken them. ValueError if the chip could not count with them.
    """

    modulus = 1 << 24
    volatile = False

    def __init__(
        self, spi, select, constants: dict, imp_per_kwh: int, n_milli: int, generation: int = E
    ) -> None:
        check_constants(constants, imp_per_kwh, generation)
        self._spi = spi
        self._select = select
        self.kind = 2 if generation == E else 0
        self._board_constants = self._constants = constants
        # The 15 words of a calibration, and three of its own (calibration_att.py).
        self.gains = self.board_gains = list_words(constants) + (0, 0, 0)
        self._imp_per_kwh = imp_per_kwh
        self._n_milli = n_milli
        self._generation = generation
        (
            self._unlock,
            self._lock,
            self._read_echo,
            self._write_echo,
            self._control,
            hfconst,
            self._devices,
        ) = GENERATIONS[generation]
        # Below zero: not known, the chip's own is kept.
        self._expected_sum = compute_sum(constants) if generation == E else -1
        # Before `set_gains`: what the chip has counted by those constants is energy too.
        self._former_sum = self._expected_sum
        self._due = False  # other constants are to be written
        self._power_divisor = constants[hfconst] * imp_per_kwh << 23
        self._errors = 0  # wrong echoes of this poll
        self._out = bytearray(4)
        self._in = bytearray(4)
        self._counts = [0] * _PHASES
        # What the measured powers have made since a count moved, and the highest of these powers.
        self._due_uj = [0] * _PHASES
        self._peaks_mw = [0] * _PHASES
        self._phase = 0  # whose voltage, current and power are read next
        self._voltages = [0] * _PHASES  # as last read, by phase
        self._still = 0  # readings in a row in which none of them has changed
        self._read_ms = time.ticks_ms()
        self._started = False
        self._failures = 0  # calibrations in a row that the chip has not kept
        self._resting = False
        self._odd = 0  # readings in a row with counts that can't be
        self.voltages_mv = [0] * _PHASES
        self.currents_ma = [0] * _PHASES
        self.powers_mw = [0] * _PHASES  # below zero: backwards
        self.register = 0
        self.pulse_pj = 0
        self.withheld = 0
        self.reverse = 0
        self.reports = 0
        self.rejected = 0
        self.skipped = 0

    @property
    def voltage_mv(self) -> int:
        """Return the highest phase voltage: the meter's supply works on any of them."""
        return max(self.voltages_mv)

    @property
    def current_ma(self) -> int:
        """Return the current of the phase that has most."""
        return max(self.currents_ma)

    @property
    def power_mw(self) -> int:
        """Return the sum of the phases' powers, each taken as positive, as the count has them."""
        return sum([abs(power_mw) for power_mw in self.powers_mw])

    @property
    def phases(self) -> tuple:
        return tuple(zip(self.voltages_mv, self.currents_ma, self.powers_mw))  # noqa: B905

    def expect(self, pulse_pj: int) -> None:
        """Do nothing: the energy of a pulse follows from the constants."""

    def poll(self) -> bool:
        """Read the chip; True if all that was read is verified and plausible."""
        self._spi.begin()
        try:
            return self._read_chip()
        finally:
            self._spi.end()

    def _read_chip(self) -> bool:
        now_ms = time.ticks_ms()
        if self._resting and time.ticks_diff(now_ms, self._read_ms) < _REST_MS:
            return False
        self._resting = False
        self._errors = 0
        total = self._read(_SUM)
        if total is None:
            return False
        sound = total in (self._expected_sum, self._former_sum)
        if total != self._expected_sum or self._due or not self._started:
            self.rejected += self._started and not sound
            if not self._calibrate():
                return False
            self._due, self._former_sum = False, self._expected_sum
        counts = [self._read(_ENERGY + i) for i in range(_PHASES)]
        flags = self._read(_FLAGS)
        if None in counts or flags is None or not self._measure(self._phase):
            return False
        self._phase = (self._phase + 1) % _PHASES
        if sound and self._started and self._is_odd(counts):
            self.rejected += 1
            return False
        elapsed_ms = min(max(time.ticks_diff(now_ms, self._read_ms), 0), _STALE_MS)
        self._read_ms = now_ms
        stuck = self._take_counts(counts, flags, sound, elapsed_ms)
        if stuck or self._still > _STILL:
            self.rejected += 1
            return False
        self.reports += 1
        return True

    # ****** Counts and measured values ******

    def _is_odd(self, counts: list) -> bool:
        """Return whether a count has fallen, or leapt, in a chip that has kept its constants.

        Counts that stay odd for 10 s are believed: it was the former ones that were wrong.
        """
        for i in range(_PHASES):
            if (counts[i] - self._counts[i]) % self.modulus > _RESTARTED:
                self._odd += 1
                if self._odd < _STUBBORN:
                    return True
        self._odd = 0
        return False

    def _take_counts(self, counts: list, flags: int, sound: bool, elapsed_ms: int) -> bool:
        """Take the phases' counts over; withhold what came backwards or by unknown constants.

        Return whether a phase has power and a count that does not move.
        """
        stuck = False
        for i in range(_PHASES):
            pulses = (counts[i] - self._counts[i]) % self.modulus
            if pulses > _RESTARTED:
                pulses = counts[i]
            if not sound:
                self.withheld += pulses
            elif flags >> i & 1:
                self.withheld += pulses
                # Before the first reading nobody has seen which way the power went.
                self.reverse += pulses if self._started else 0
            power_mw = abs(self.powers_mw[i])
            if pulses or not sound or power_mw < _LEAST_MW:
                self._due_uj[i] = self._peaks_mw[i] = 0
            else:
                self._due_uj[i] += power_mw * elapsed_ms
                self._peaks_mw[i] = max(power_mw, self._peaks_mw[i])
                due_pj = (self._due_uj[i] - self._peaks_mw[i] * _STALE_MS) * 1_000_000
                stuck = stuck or due_pj > _DUE_PULSES * self.pulse_pj
        self._counts = counts
        self.register = sum(counts) % self.modulus
        self._started = True
        return stuck

    def _measure(self, i: int) -> bool:
        """Read voltage, current and power of phase `i`; False if they can't be.

        They are read once more if they do not fit together: the chip may have renewed them in
        between.
        """
        for _ in range(2):
            voltage, current = self._read(_VOLTAGE + i), self._read(_CURRENT + i)
            power = self._read(_POWER + i)
            if voltage is None or current is None or power is None:
                return False
            self._still = self._still + 1 if voltage == self._voltages[i] else 0
            self._voltages[i] = voltage
            voltage_mv = voltage * 1000 >> 13
            current_ma = current * 1_000_000 // (self._n_milli << 13)
            power_mw = self._compute_mw(power - (power >> 23 << 24))
            # No real power is above the apparent one; 10 % and 10 W for what is not calibrated.
            most_mw = voltage_mv * current_ma // 1000 * 11 // 10 + _LEAST_MW
            if voltage_mv <= _MAX_MV and abs(power_mw) <= most_mw:
                self.voltages_mv[i], self.currents_ma[i] = voltage_mv, current_ma
                self.powers_mw[i] = power_mw
                return True
        self.rejected += 1
        return False

    def _compute_mw(self, register: int) -> int:
        if self._generation == B:  # W = register x 2^15 / 2^23 x 3200 / EC
            return register * 3_200_000 // (256 * self._imp_per_kwh)
        return register * 25_920_000_000_000 // self._power_divisor

    # ****** Calibration ******

    def set_gains(self, gains: tuple) -> None:
        """Measure and count by these gains from the next poll on, which writes them."""
        if not self._due:
            self._former_sum = self._expected_sum
        self.gains = gains
        self._constants = overlay(self._board_constants, gains)
        self._expected_sum = compute_sum(self._constants)
        self._due = True

    @property
    def calibration_layout(self):
        """Return the module that lays out this chip's calibration records."""
        import calibration_att

        return calibration_att

    def count_units(self, power_mw: int) -> int:
        """Return this power in units of the power register, rounded."""
        parts = power_mw * self._power_divisor
        return (2 * parts + 25_920_000_000_000) // (2 * 25_920_000_000_000)

    def _calibrate(self) -> bool:
        """Write the constants, all of them, and check their sum; True if the chip has them."""
        if not self._is_device() or not self._write_constants():
            return False
        total = self._read(_SUM)
        if total is None:
            return False
        if self._expected_sum < 0:
            self._expected_sum = total
        if total == self._expected_sum:
            self._failures = 0
            self.pulse_pj = PJ_PER_KWH // self._imp_per_kwh
            return True
        self._reject_calibration()
        return False

    def _is_device(self) -> bool:
        """Return whether the chip has the number of one that the constants are made for."""
        if not self._devices:
            return True
        device = self._read(_DEVICE)
        if device is None:
            return False
        if device not in self._devices:
            self._reject_calibration()
            return False
        return True

    def _write_constants(self) -> bool:
        if not self._write(_LOCK, self._unlock):
            return False
        if self._generation == E:
            for register in range(1, LAST + 1):
                value = self._constants.get(register, RESET.get(register, 0))
                if not self._write(_WRITE | register, value):
                    return False
        else:
            for register, value in self._constants.items():
                if not self._write(_WRITE | register, value):
                    return False
        return self._write(_LOCK, self._lock)

    def _reject_calibration(self) -> None:
        """Count a calibration that the chip has echoed and not kept; reset it after the third.

        A wire that garbles does not count: a reset would cost energy and mend nothing.
        """
        self.rejected += 1
        self._failures += 1
        if self._failures < _CALIBRATIONS:
            return
        self._failures = 0
        self._write(_LOCK, self._unlock)
        self._exchange(_RESTART, 0)  # without echo: it takes the echo registers along
        if self._generation == B:
            self._expected_sum = -1
        self._resting = True
        self._read_ms = time.ticks_ms()

    # ****** Verified transfers ******

    def _read(self, register: int) -> "int | None":
        """Return the 24 bits of this register, or None if the chip does not echo them."""
        for _ in range(_TRIES):
            value = self._exchange(register, 0)
            if self._is_echoed(register, value, self._read_echo):
                return value
            if not self._may_try_again():
                break
        return None

    def _write(self, command: int, value: int) -> bool:
        for _ in range(_TRIES):
            self._exchange(command, value)
            if self._is_echoed(command, value, self._write_echo):
                return True
            if not self._may_try_again():
                break
        return False

    def _may_try_again(self) -> bool:
        self.skipped += 4
        self._errors += 1
        return self._errors < _MOST_ERRORS

    def _is_echoed(self, command: int, value: int, echo: int) -> bool:
        """Return whether the chip has seen this transfer as it was meant."""
        if self._control:
            total = command + (value >> 16) + (value >> 8 & 0xFF) + (value & 0xFF)
            if self._exchange(self._control, 0) != command << 16 | total:
                return False
        return self._exchange(echo, 0) == value

    def _exchange(self, command: int, value: int) -> int:
        """Send a command with 24 bits; return the 24 bits that come back meanwhile."""
        out, came = self._out, self._in
        out[0], out[1], out[2], out[3] = command, value >> 16, value >> 8 & 0xFF, value & 0xFF
        self._select.off()
        self._spi.write_readinto(out, came)
        self._select.on()
        return came[1] << 16 | came[2] << 8 | came[3]
