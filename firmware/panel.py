"""What the meter shows of itself: the pages, the lamps and the codes of standing faults. Only reads; decides nothing."""

import account
import supply
from display import ALARM, CARD, FAULT, OVERDRAFT, PULSE, TRIP, decimal, labelled

_PULSE_PJ = account.PJ_PER_KWH // 1000


class Panel:
    """The face of a `Meter`."""

    def __init__(self, meter) -> None:
        self._meter = meter
        self._pages = (self._balance, self._energy, self._price, self._power, self._number)

    def update(self) -> None:
        """Bring the display up to date."""
        faults = self.faults()
        self._meter.display.update(self._pages, self._lamps(faults), faults)

    def faults(self) -> list:
        """Codes of what stands wrong with the meter itself (docs/operations.md)."""
        meter, faults = self._meter, []
        if meter.relay.fault:
            faults.append("Err-01")
        if meter.esam_failures >= 2:
            faults.append("Err-02")
        if meter.clock_bad:
            faults.append("Err-04")
        if meter.metering.silent:
            faults.append("Err-05")
        if meter.store.fault:
            faults.append("Err-06")
        return faults

    def _lamps(self, faults) -> int:
        state = self._meter.store.state
        lamps = PULSE if state.energy_pj // _PULSE_PJ & 1 else 0
        if supply.alarm(state):
            lamps |= ALARM
        if not self._meter.relay.closed:
            lamps |= TRIP
        if state.balance_fen < 0:
            lamps |= OVERDRAFT
        if faults:
            lamps |= FAULT
        return lamps | CARD if self._meter.reading else lamps

    def _balance(self) -> str:
        return decimal(self._meter.store.state.balance_fen, 2)

    def _energy(self) -> str:
        return labelled("E", decimal(account.energy_kwh_x100(self._meter.store.state), 2))

    def _price(self) -> str:
        return labelled("P", decimal(self._meter.store.state.price_e4, 4))

    def _power(self) -> str:
        return labelled("L", str(self._meter.chip.power_mw // 1000))

    def _number(self) -> str:
        return labelled("no", "%06d" % (self._meter.store.state.meter_no % 1000000))
