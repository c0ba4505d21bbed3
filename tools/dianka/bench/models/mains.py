"""The mains in front of the meter and the load behind its relay.

Owns voltage, load and the exact energy that has passed. Physics: the load is a resistance given by
its power at the nominal 220 V (GB/T 156), so real power goes with the square of the voltage.
Current follows from S = P/pf and I = S/U. Power is held in whole milliwatts, so energy is exact: 1
mW for 1 us is 1 nanojoule, and the sum of such products has no rounding.
"""

from collections.abc import Callable

from dianka.bench.models.clock import Clock

NOMINAL_MV = 220_000


class Mains:
    """Supply and load, switched on at the nominal voltage from the start.

    It begins without load, and with the contact between supply and load closed.
    """

    def __init__(self, clock: Clock, voltage_mv: int = NOMINAL_MV) -> None:
        self.clock = clock
        # Called after every change, in the order in which they were added.
        self.listeners: list[Callable[[], None]] = []
        self.on = True
        self.closed = True
        self.load_mw = 0
        self.pf_milli = 1000
        self._set_mv = voltage_mv
        self._power_mw = 0
        self._energy_nj = 0
        self._since_us = clock.now_us

    # ****** Present state ******

    @property
    def voltage_mv(self) -> int:
        """Return the voltage at the meter's terminals; 0 when switched off."""
        return self._set_mv if self.on else 0

    @property
    def set_mv(self) -> int:
        """Return the voltage that the mains has whenever it is switched on."""
        return self._set_mv

    @property
    def live(self) -> bool:
        """Return whether the load side of the contact carries voltage."""
        return self.closed and self.voltage_mv > 0

    @property
    def power_mw(self) -> int:
        """Return the real power through the meter now."""
        return self._power_mw

    @property
    def current_ma(self) -> int:
        """Return the current through the meter now, from apparent power."""
        if not self._power_mw:
            return 0
        return self._power_mw * 1_000_000 // (self._set_mv * self.pf_milli)

    @property
    def energy_nj(self) -> int:
        """Return all energy since the start, exact, up to this very microsecond."""
        return self._energy_nj + self._power_mw * (self.clock.now_us - self._since_us)

    def compute_drawn_ma(self, power_mw: int, pf_milli: int, voltage_mv: int) -> int:
        """Return the current that such a load draws at this voltage while the contact is closed."""
        return power_mw * voltage_mv * 1_000_000 // (NOMINAL_MV**2 * pf_milli)

    # ****** Changes ******

    def set_load(self, power_mw: int, pf_milli: int = 1000) -> None:
        """Connect a load of this real power at the nominal voltage.

        `pf_milli` is its power factor in thousandths. ValueError if either is out of range.
        """
        if power_mw < 0 or not 1 <= pf_milli <= 1000:
            raise ValueError(
                "the load must be 0 mW or more, its power factor 1 to 1000 thousandths"
            )
        self.load_mw = power_mw
        self.pf_milli = pf_milli
        self._update()

    def set_voltage(self, voltage_mv: int) -> None:
        """Set the voltage of the mains while it is on; ValueError if it is negative."""
        if voltage_mv < 0:
            raise ValueError("the mains voltage must be 0 mV or more")
        self._set_mv = voltage_mv
        self._update()

    def switch(self, on: bool) -> None:
        """Switch the supply on or off."""
        if on != self.on:
            self.on = on
            self._update()

    def move_contact(self, closed: bool) -> None:
        """Open or close the relay's contact in front of the load."""
        if closed != self.closed:
            self.closed = closed
            self._update()

    def _update(self) -> None:
        self._energy_nj = self.energy_nj
        self._since_us = self.clock.now_us
        self._power_mw = self.load_mw * self._set_mv**2 // NOMINAL_MV**2 if self.live else 0
        for listener in self.listeners:
            listener()
