"""Chip readings to exact energy, and the contract that every metering chip's driver fulfils.

A driver has
    poll() -> bool          take what the chip has sent or has to say; True if there is a new reading
    register, modulus       the chip's own pulse count and where it wraps
    pulse_pj                energy of one pulse in picojoules, a whole number; 0 while it is not known
    expect(pulse_pj)        the energy of one pulse before the start: a first report that agrees with it need not be doubted
    voltage_mv, current_ma, power_mw

The count is the chip's and starts again at zero with it. What a difference of two counts means is
judged here, by what the mains can have delivered in the time between: a difference within that is
energy; a small count after a large one is a chip that has restarted; anything else is not believed.
A restart near the wrap looks like a wrap, so the power that the chip has measured decides: where
that can have made the small count but not the way round to it, the chip has restarted. (A load that
comes and goes between two reports, at the very wrap, is taken for a restart: what that costs is
less than 0.3 Wh.)

Of a cold start nobody says whether the chip has started too. So no more is charged than it has
counted, and no more than lies between the count kept and its own, and nothing of a count that the
mains cannot have made since power came:
    both have started       all is charged. But if a cut came before the chip had counted further than it has now, the count
                            kept is left out: the resident gains at most what the mains delivers
                            from power to the first look
    the controller alone    what the chip has counted since is charged, once. If its count is a large one the resident gains
                            that, and after a wrap what lay before it
A controller alone that restarts by itself (`warm`) finds a chip that has counted on, over the wrap
too, unless the power says otherwise. Never is anything charged twice; a meter that has lost its
memory, and with it the count kept, can't see to that.
"""

import time

from micropython import const

# A report of 55 ms and up to 105 ms until it is looked at: by so much a time between two may be
# wrong.
_JITTER_MS = const(160)
# A chip counts up to one report period and one transmission ahead of its report.
_MARGIN_MS = const(500)
_BOOT_MS = const(2_000)  # from power to the first look, during which the chip counts already
_RESTART_MS = const(10_000)  # a watchdog reset takes at most 8.4 s and the boot
_SILENT_MS = const(3_000)
# Longer silences count as this: ticks wrap after 12 days, and turn negative after 6.
_LONG_MS = const(21_600_000)
# Counts in a row that were not believed, before the meter gives in: some 10 s.
_STUBBORN = const(100)


class Metering:
    """Count one chip's energy. `warm` says that only the controller restarted, not the chip.

    `register` is the count kept, `pulse_pj` the energy of one pulse of the chip that it belongs to,
    0 if that is not known.
    """

    def __init__(
        self, chip, register: int, max_power_mw: int, warm: bool, pulse_pj: int = 0
    ) -> None:
        self.chip = chip
        self.register = register  # the count up to which energy has been handed out
        self._kept_pj = pulse_pj
        chip.expect(pulse_pj)
        self.restarts = 0
        self.disbelieved = 0
        self._max_power_mw = max_power_mw
        self._warm = warm
        self.heard = False  # since the start
        self._first = (0, 0, 0, 0)  # count, time, power and pulses of the first look
        self._power_mw = 0  # at the last look
        self._in_a_row = 0  # disbelieved
        self._heard_ms = time.ticks_ms()

    def take_pj(self) -> int:
        """Energy counted since the last call, in picojoules."""
        heard = self.chip.poll() and self.chip.pulse_pj
        now_ms = time.ticks_ms()
        elapsed_ms = time.ticks_diff(now_ms, self._heard_ms)
        if not heard:
            if elapsed_ms > _LONG_MS:
                self._heard_ms = time.ticks_add(now_ms, -_LONG_MS)
            return 0
        self._heard_ms = now_ms
        if self.heard:
            pulses = self._pulses(elapsed_ms)
        else:
            pulses = self._first_pulses(elapsed_ms)
        return pulses * self.chip.pulse_pj

    @property
    def silent(self) -> bool:
        """Whether the chip has not been heard for 3 s."""
        return time.ticks_diff(time.ticks_ms(), self._heard_ms) > _SILENT_MS

    @property
    def silence_s(self) -> int:
        """How long the chip has not been heard; what is longer than six hours counts as that."""
        return time.ticks_diff(time.ticks_ms(), self._heard_ms) // 1000

    def _pulses(self, elapsed_ms: int) -> int:
        new, power_mw = self.chip.register, max(self._power_mw, self.chip.power_mw)
        self._power_mw = self.chip.power_mw
        limit = self._limit(elapsed_ms)
        pulses = (new - self.register) % self.chip.modulus
        if limit >= self.chip.modulus:
            # A wrap or a restart may have been missed: either way it was at least this much.
            pulses = min(pulses, new)
        elif pulses > limit or self._restarted(self.register, new, elapsed_ms, power_mw):
            if new > limit:
                return self._disbelieve(new, limit)
            self.restarts += 1
            pulses = new
        self.register = new
        self._in_a_row = 0
        return pulses

    def correct_pj(self, register: int, pulse_pj: int = 0) -> int:
        """Start anew from `register`, the count kept.

        Return the energy still to charge, negative if too much was.
        """
        self._kept_pj = pulse_pj
        if not self.heard:
            self.register = register
            self.chip.expect(pulse_pj)
            return 0
        new, elapsed_ms, power_mw, pulses = self._first
        return (self._since(register, new, elapsed_ms, power_mw) - pulses) * self.chip.pulse_pj

    def _first_pulses(self, elapsed_ms: int) -> int:
        """After the controller's own start."""
        self.heard = True
        new, self._power_mw = self.chip.register, self.chip.power_mw
        pulses = self._since(self.register, new, elapsed_ms, self._power_mw)
        if new and new != self.register and not pulses:
            self.disbelieved += 1
        self.register = new
        self._first = (new, elapsed_ms, self._power_mw, pulses)
        return pulses

    def _since(self, register: int, new: int, elapsed_ms: int, power_mw: int) -> int:
        """Pulses up to the first look: has the chip started with the controller, or counted on from
        `register` meanwhile?
        """
        since = (new - register) % self.chip.modulus
        if self._kept_pj not in (0, self.chip.pulse_pj):
            since = new  # another chip: `register` is no count of this one
        elif self._warm and since <= self._limit(_RESTART_MS):
            if not self._restarted(register, new, _RESTART_MS, power_mw):
                return since
        # Beyond it the count is of unknown age: charging nothing is the resident's good right.
        return min(new, since) if new <= self._limit(_BOOT_MS + elapsed_ms) else 0

    def _restarted(self, register: int, new: int, elapsed_ms: int, power_mw: int) -> bool:
        """Whether a count that has fallen tells of a restart and not of a wrap, this being the most
        power that was measured.
        """
        measured = self._pulses_at(power_mw, elapsed_ms + _JITTER_MS)
        return new < register and new <= measured < (new - register) % self.chip.modulus

    def _disbelieve(self, new: int, limit: int) -> int:
        """A count that the mains cannot have made: nothing is charged.

        When the chip insists, the count held here is the wrong one: start anew from the chip's. Not
        if it is just a little ahead of the chip's, where waiting makes up for what was charged too
        early.
        """
        self.disbelieved += 1
        self._in_a_row += 1
        ahead = (self.register - new) % self.chip.modulus
        if self._in_a_row >= _STUBBORN and ahead > limit:
            self.register = new
            self._in_a_row = 0
        return 0

    def _limit(self, elapsed_ms: int) -> int:
        """Pulses that the mains can deliver in this time."""
        return self._pulses_at(self._max_power_mw, elapsed_ms + _MARGIN_MS)

    def _pulses_at(self, power_mw: int, elapsed_ms: int) -> int:
        """mW x ms = microjoules."""
        return power_mw * elapsed_ms * 1_000_000 // self.chip.pulse_pj + 2
