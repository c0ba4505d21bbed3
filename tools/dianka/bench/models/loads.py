"""Appliances behind the meter: what each draws, how it starts, and all of them together.

Owns active and reactive power of the household; the mains model turns them into current. Active
powers add, and so do reactive ones, with their sign: a motor's is positive (inductive), that of a
charger's capacitor negative. Facts (typical nameplates and starting currents):
- A kettle or heater is a resistance. A thermostat switches it on and off.
- A refrigerator's compressor draws 6 to 8 times its current for about half a second when it starts,
  at a power factor near 0.5, and starts again whenever the supply comes back.
- A phone charger draws 5 W at a power factor near 0.45.
"""

from dataclasses import dataclass
from math import isqrt

from dianka.bench.models.clock import Clock, Timer
from dianka.bench.models.mains import Mains


@dataclass(frozen=True)
class Appliance:
    """One appliance at 220 V. `leading`: its current leads, as with a capacitor.

    `start_mw` is drawn for `start_us` after it is switched on; 0: it starts with its power.
    """

    name: str
    power_mw: int
    pf_milli: int = 1000
    leading: bool = False
    start_mw: int = 0
    start_pf_milli: int = 1000
    start_us: int = 0
    on_us: int = 0  # of a thermostat; 0: it has none
    off_us: int = 0


KETTLE = Appliance("kettle", 1_800_000)
HEATER = Appliance("heater", 1_000_000, on_us=1_000_000, off_us=1_000_000)
COOKER = Appliance("cooker", 2_100_000)  # an induction hob
FAN = Appliance("fan", 60_000, 600)
LAMP = Appliance("lamp", 40_000)
CHARGER = Appliance("phone charger", 5_000, 450, leading=True)
COMPRESSOR = Appliance(
    "compressor", 130_000, 700, start_mw=700_000, start_pf_milli=500, start_us=500_000
)


class Household:
    """The appliances of one resident on `mains`; they draw only while the contact is closed."""

    def __init__(self, clock: Clock, mains: Mains) -> None:
        self.clock = clock
        self.mains = mains
        self._drawn: dict[Appliance, tuple[int, int]] = {}  # active mW, power factor
        self._timers: dict[Appliance, Timer] = {}
        self._live = mains.live
        mains.listeners.append(self._follow)

    def switch_on(self, *appliances: Appliance) -> None:
        for appliance in appliances:
            self._start(appliance)
        self._connect()

    def switch_off(self, *appliances: Appliance) -> None:
        for appliance in appliances:
            self._drawn.pop(appliance)
            self._stop_timer(appliance)
        self._connect()

    def _follow(self) -> None:
        """Let everything start again when the supply comes back."""
        came, self._live = self.mains.live and not self._live, self.mains.live
        if came:
            for appliance in list(self._drawn):
                self._start(appliance)
            self._connect()

    def _start(self, appliance: Appliance) -> None:
        self._stop_timer(appliance)
        if appliance.start_us:
            self._drawn[appliance] = appliance.start_mw, appliance.start_pf_milli
            self._later(appliance, appliance.start_us, self._run)
        else:
            self._run(appliance)

    def _run(self, appliance: Appliance) -> None:
        self._drawn[appliance] = appliance.power_mw, appliance.pf_milli
        if appliance.on_us:
            self._later(appliance, appliance.on_us, self._rest)

    def _rest(self, appliance: Appliance) -> None:
        self._drawn[appliance] = 0, 1000
        self._later(appliance, appliance.off_us, self._run)

    def _later(self, appliance: Appliance, delay_us: int, then) -> None:  # noqa: ANN001
        def act() -> None:
            then(appliance)
            self._connect()

        self._timers[appliance] = self.clock.call_after(delay_us, act)

    def _stop_timer(self, appliance: Appliance) -> None:
        timer = self._timers.pop(appliance, None)
        if timer:
            timer.cancel()

    def _connect(self) -> None:
        active_mw = sum(power_mw for power_mw, _ in self._drawn.values())
        reactive_mvar = sum(
            isqrt((power_mw * 1000 // pf_milli) ** 2 - power_mw**2)
            * (-1 if appliance.leading else 1)
            for appliance, (power_mw, pf_milli) in self._drawn.items()
        )
        apparent_mva = isqrt(active_mw**2 + reactive_mvar**2)
        pf_milli = active_mw * 1000 // apparent_mva if apparent_mva else 1000
        self.mains.set_load(active_mw, max(1, pf_milli))
