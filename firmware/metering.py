"""Turn chip readings into exact energy, and define the contract of every metering chip's driver.

A driver has

    poll() -> bool          process received data, or read the chip; True if there is a new reading
    register, modulus       the chip's own pulse count, in either direction, and the value at which
                            it wraps
    volatile                True: the count lives in the controller and restarts at zero with it, so
                            that a count stored before the start tells nothing
    withheld                pulses of `register` since the start that nobody is charged for: they
                            came backwards, or from a chip that had lost its calibration
    reverse                 pulses since the start that came backwards
    pulse_pj                energy of one pulse in picojoules, an integer; 0 while unknown
    kind                    number of the chip in calibration records; 0: its driver takes none.
                            Others have `gains`, `board_gains` and `set_gains` (calibration.py),
                            and records of another kind `calibration_layout` (att7022.py)
    expect(pulse_pj)        energy of one pulse before the start: a first report that agrees with
                            it is accepted at once
    voltage_mv, current_ma  None: this chip does not tell. Of three phases the highest of each
    power_mw                of all phases together, each taken as positive; never None
    phases                  the three of each phase, power below zero where it flows backwards
    reports, rejected, skipped
                            health counters since the start: accepted reports; whole reports that
                            were not accepted; bytes, or pulses, that belong to no report. The
                            self-check tells an unresponsive chip from a garbled one by them

The count belongs to the chip and restarts at zero with it. `Metering` judges the difference of two
counts by the energy that the mains can have delivered in the time between:

- a difference within that limit is energy;
- a small count after a large one is a restart of the chip;
- anything else is rejected.

A restart near the wrap looks like a wrap. There the power that the chip has measured decides: if it
can have produced the small count, but not the way round to it, the chip has restarted. (A load that
comes and goes between two reports, at the very wrap, is taken for a restart: this costs less than
0.3 Wh.)

After a cold start it is unknown whether the chip has restarted too. So the charge is never more
than the chip's own count, never more than the difference to the stored count, and zero if the mains
cannot have produced the count since power came:

    both have started       all is charged. Exception: a cut came before the chip had counted
                            beyond its present count. Then the stored count is left out, and the
                            resident gains at most the energy from power-on to the first poll.
    the controller alone    the chip's count since then is charged, once. The resident gains it if
                            it is large, and after a wrap the part before the wrap.

After a restart of the controller alone (`warm`) the chip has counted on from the stored count. A
count below that has wrapped meanwhile, or the stored count is that of a former life: mains, chip
and controller had started, and the controller again before it had stored anything. Nothing tells
these two apart, so what is charged is what the chip has counted since it was at zero. The resident
gains the part before the wrap, once. Nothing is ever charged twice, except by a meter that has lost
its memory and the stored count with it.
"""

import time

from micropython import const

# Error of the time between two readings: a report takes 55 ms and may wait 105 ms for its poll.
_JITTER_MS = const(160)
# A chip counts up to one report period and one transmission ahead of its report.
_MARGIN_MS = const(500)
_BOOT_MS = const(2_000)  # from power-on to the first poll; the chip counts in this time
_RESTART_MS = const(10_000)  # a watchdog reset takes at most 8.4 s, and then the boot
_SILENT_MS = const(3_000)
# Longer silences are cut to this: ticks wrap after 12 days, and differences turn negative after 6.
_LONG_MS = const(21_600_000)
# Rejected counts in a row before the chip's count is accepted: about 10 s.
_STUBBORN = const(100)
LOST = const(-1)  # the state names a calibration that the memory has no longer


class Metering:
    """Energy counter for one chip.

    `register` is the stored count and `pulse_pj` the energy of one pulse of its chip, 0 if unknown.
    `warm` means that only the controller has restarted, not the chip.
    """

    def __init__(
        self, chip, register: int, max_power_mw: int, warm: bool, pulse_pj: int = 0
    ) -> None:
        self.chip = chip
        # The count up to which `take_pj` has returned energy.
        self.register = 0 if chip.volatile else register
        self._kept_pj = pulse_pj
        chip.expect(pulse_pj)
        # Number of the record in force; 0: the board's constants hold; LOST: they do by need.
        self.calibration = 0
        self.restarts = 0
        self.rejected_counts = 0
        self._max_power_mw = max_power_mw
        self._warm = warm
        self._withheld = 0  # of the chip's, those that `register` has passed
        self.heard = False  # since the start
        # Count, time, pulses and withheld pulses of the first reading.
        self._first = (0, 0, 0, 0)
        self._power_mw = 0  # of the last reading
        self._in_a_row = 0  # rejected counts
        self._heard_ms = time.ticks_ms()

    def take_pj(self) -> int:
        """Return the energy counted since the last call, in picojoules."""
        heard = self.chip.poll() and self.chip.pulse_pj
        now_ms = time.ticks_ms()
        elapsed_ms = time.ticks_diff(now_ms, self._heard_ms)
        if not heard:
            if elapsed_ms > _LONG_MS:
                self._heard_ms = time.ticks_add(now_ms, -_LONG_MS)
            return 0
        self._heard_ms = now_ms
        if self.heard:
            pulses = self._count_pulses(elapsed_ms)
        else:
            pulses = self._count_first_pulses(elapsed_ms)
        return self._withhold(pulses) * self.chip.pulse_pj

    def is_mains_at_least(self, mv: int) -> bool:
        """Return whether the mains has this voltage; True if the chip does not tell."""
        voltage_mv = self.chip.voltage_mv
        return voltage_mv is None or voltage_mv >= mv

    @property
    def reverse_pj(self) -> int:
        """Return the energy that has flowed backwards since the start; it is never credited."""
        return self.chip.reverse * self.chip.pulse_pj

    @property
    def silent(self) -> bool:
        """Return whether the chip has been unresponsive for more than 3 s."""
        return time.ticks_diff(time.ticks_ms(), self._heard_ms) > _SILENT_MS

    @property
    def silence_s(self) -> int:
        """Return the seconds since the chip's last reading, at most about six hours."""
        return time.ticks_diff(time.ticks_ms(), self._heard_ms) // 1000

    def _count_pulses(self, elapsed_ms: int) -> int:
        new, power_mw = self.chip.register, max(self._power_mw, self.chip.power_mw)
        self._power_mw = self.chip.power_mw
        # What is withheld need not have come from the mains at all.
        limit = self._compute_limit(elapsed_ms) + self.chip.withheld - self._withheld
        pulses = (new - self.register) % self.chip.modulus
        if limit >= self.chip.modulus:
            # A wrap or a restart may have been missed: in both cases it was at least this much.
            pulses = min(pulses, new)
        elif pulses > limit or self._has_restarted(self.register, new, elapsed_ms, power_mw):
            if new > limit:
                return self._reject(new, limit)
            self.restarts += 1
            pulses = new
        self.register = new
        self._in_a_row = 0
        return pulses

    def _withhold(self, pulses: int) -> int:
        """Return the pulses to charge of those that the count has grown by."""
        if self.register != self.chip.register:
            return 0  # rejected: what is withheld of it waits until the count is accepted
        withheld = self.chip.withheld - self._withheld
        self._withheld = self.chip.withheld
        return max(pulses - withheld, 0)

    def correct_pj(self, register: int, pulse_pj: int = 0) -> int:
        """Re-base on `register`, the count stored before this start.

        Return the energy still to charge in pJ, negative if too much was charged.
        """
        if self.chip.volatile:
            return 0
        self._kept_pj = pulse_pj
        if not self.heard:
            self.register = register
            self.chip.expect(pulse_pj)
            return 0
        new, elapsed_ms, pulses, withheld = self._first
        right = self._count_since(register, new, elapsed_ms)
        return (max(right - withheld, 0) - max(pulses - withheld, 0)) * self.chip.pulse_pj

    def _count_first_pulses(self, elapsed_ms: int) -> int:
        """Return the pulses to charge at the first reading after the controller's start."""
        self.heard = True
        new, self._power_mw = self.chip.register, self.chip.power_mw
        pulses = self._count_since(self.register, new, elapsed_ms)
        if new and new != self.register and not pulses:
            self.rejected_counts += 1
        self.register = new
        self._first = (new, elapsed_ms, pulses, self.chip.withheld)
        return pulses

    def _count_since(self, register: int, new: int, elapsed_ms: int) -> int:
        """Return the pulses from `register` up to the first reading `new`.

        Decides whether the chip has started with the controller, or has counted on from `register`.
        """
        since = (new - register) % self.chip.modulus
        if self._kept_pj not in (0, self.chip.pulse_pj):
            since = new  # another chip: `register` is not its count
        elif self._warm and register <= new and since <= self._compute_limit(_RESTART_MS):
            return since
        # A count beyond the limit is of unknown age: the resident is not charged for it.
        longest_ms = _BOOT_MS + elapsed_ms
        if self._warm:
            longest_ms = max(longest_ms, _RESTART_MS)
        return min(new, since) if new <= self._compute_limit(longest_ms) else 0

    def _has_restarted(self, register: int, new: int, elapsed_ms: int, power_mw: int) -> bool:
        """Return whether a count that has fallen means a restart of the chip, not a wrap.

        `power_mw` is the highest power measured.
        """
        measured = self._compute_pulses(power_mw, elapsed_ms + _JITTER_MS)
        return new < register and new <= measured < (new - register) % self.chip.modulus

    def _reject(self, new: int, limit: int) -> int:
        """Reject a count that the mains cannot have produced: return 0, nothing is charged.

        When the chip repeats such counts, the count held here is the wrong one: re-base on the
        chip's count. Not if it is only a little ahead of the chip's: the chip catches up, and that
        makes up for what was charged too early.
        """
        self.rejected_counts += 1
        self._in_a_row += 1
        ahead = (self.register - new) % self.chip.modulus
        if self._in_a_row >= _STUBBORN and ahead > limit:
            self.register = new
            self._in_a_row = 0
        return 0

    def _compute_limit(self, elapsed_ms: int) -> int:
        """Return the most pulses that the mains can deliver in this time."""
        return self._compute_pulses(self._max_power_mw, elapsed_ms + _MARGIN_MS)

    def _compute_pulses(self, power_mw: int, elapsed_ms: int) -> int:
        """Return the pulses of this power over this time, and 2 to spare; mW x ms = microjoules."""
        return power_mw * elapsed_ms * 1_000_000 // self.chip.pulse_pj + 2
