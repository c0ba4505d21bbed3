"""A pulse source: a meter's or metering chip's CF behind an optocoupler, and its noise.

A pulse is 1/`imp_per_kwh` kWh exactly. Its width is that of a meter's output: 80 ms, or half the
period where pulses come faster than one in 160 ms. One that is due while the former lasts, because
the load has just grown, follows it after a pause of its own width. What is left of a pulse when the
supply fails is lost, as the count starts anew.
"""

from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import Wire

WIDTH_US = 80_000
NJ_PER_KWH = 3_600_000_000_000_000


class PulseSource:
    """One source, powered from the start: `wire` is high during a pulse."""

    def __init__(self, clock: Clock, mains: Mains, wire: Wire, imp_per_kwh: int) -> None:
        self.clock = clock
        self.mains = mains
        self.wire = wire
        self.imp_per_kwh = imp_per_kwh
        self.powered = False
        self.pulses = 0  # since it was made
        self.cut = False  # a fault: the wire is broken, nothing arrives
        self.violations: list[str] = []  # nobody can do anything wrong to it
        self._begun_nj = 0  # where the present pulse's energy begins
        self._remainder = 0  # and the part of a nanojoule, in 1/imp_per_kwh
        self._next: Timer | None = None
        self._owed = 0  # pulses that are not on the wire yet
        self._edge: Timer | None = (
            None  # the next of the pulse on the wire, or the end of its pause
        )
        mains.listeners.append(self._follow)
        self.power_on()

    @property
    def pulse_pj(self) -> int:
        """Return the energy of one pulse."""
        return NJ_PER_KWH * 1000 // self.imp_per_kwh

    def power_on(self) -> None:
        if not self.powered:
            self.powered = True
            self._begun_nj, self._remainder = self.mains.energy_nj, 0
            self._follow()

    def power_off(self) -> None:
        """Remove the supply: what is counted of the next pulse is lost."""
        if self.powered:
            self.powered = False
            for timer in (self._next, self._edge):
                if timer:
                    timer.cancel()
            self._edge, self._owed = None, 0
            self.wire.set(0)

    def restart(self) -> None:
        self.power_off()
        self.power_on()

    def make_noise(self, count: int, width_us: int, gap_us: int) -> None:
        """Put noise pulses of this width and distance on the wire, from now on."""
        if not count:
            return
        self.wire.set(1)
        self.clock.call_after(width_us, lambda: self.wire.set(0))
        self.clock.call_after(
            width_us + gap_us, lambda: self.make_noise(count - 1, width_us, gap_us)
        )

    def _follow(self) -> None:
        """Come back when the present pulse is full, by the power of now."""
        if self._next:
            self._next.cancel()
        if not self.powered:
            return
        done = (self.mains.energy_nj - self._begun_nj) * self.imp_per_kwh - self._remainder
        left = NJ_PER_KWH - done
        if left <= 0:
            self._pulse()
        elif self.mains.power_mw:
            wait_us = -(-left // (self.mains.power_mw * self.imp_per_kwh))
            self._next = self.clock.call_after(wait_us, self._follow)

    def _pulse(self) -> None:
        whole, self._remainder = divmod(NJ_PER_KWH + self._remainder, self.imp_per_kwh)
        self._begun_nj += whole
        self.pulses += 1
        self._owed += 1
        if not self._edge:
            self._begin()
        self._follow()

    def _begin(self) -> None:
        """Begin the next pulse that is due."""
        self._edge = None
        if not self._owed:
            return
        self._owed -= 1
        period_us = NJ_PER_KWH // (max(self.mains.power_mw, 1) * self.imp_per_kwh)
        width_us = min(WIDTH_US, period_us // 2)
        if not self.cut:
            self.wire.set(1)
        self._edge = self.clock.call_after(width_us, lambda: self._end(width_us))

    def _end(self, width_us: int) -> None:
        self.wire.set(0)
        self._edge = self.clock.call_after(width_us, self._begin)
