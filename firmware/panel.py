"""What the meter shows of itself: the pages, the lamps and the codes of standing faults. Only reads; decides nothing."""

from micropython import const

import account
import supply
from display import ALARM, CARD, FAULT, OVERDRAFT, PULSE, TRIP, decimal, labelled

_PULSE_PJ = account.PJ_PER_KWH // 1000
_CODES = const(32)
_ALL_LAMPS = const(0xFF)


class Panel:
    """The face of a `Meter`."""

    def __init__(self, meter) -> None:
        self._meter = meter
        self._pages = (self._balance, self._energy, self._price, self._power, self._number, self._check)

    def update(self) -> None:
        """Bring the display up to date."""
        faults = self.faults()
        self._meter.display.update(self._pages, self._lamps(faults), faults)

    def texts(self) -> list:
        """All pages as they are now."""
        return [page() for page in self._pages]

    def faults(self) -> list:
        """Codes of what stands wrong with the meter itself (docs/operations.md)."""
        bits = self.fault_bits()
        return ["Err-%02d" % code for code in range(1, _CODES) if bits >> code & 1]

    def fault_bits(self) -> int:
        """The same as one number: bit n is code n."""
        meter = self._meter
        bits = 0
        for code, stands in (
            (1, meter.relay.fault),
            (2, meter.esam_failures >= 2),
            (3, meter.store.state.difference_fen),
            (4, meter.clock_bad),
            (5, meter.metering.silent),
            (6, meter.store.fault),
        ):
            bits |= bool(stands) << code
        return bits

    def _lamps(self, faults) -> int:
        if self._meter.testing:
            return _ALL_LAMPS
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

    def _check(self) -> str:
        """The self-check's code, for an installer who missed it at the start (docs/selfcheck.md)."""
        return self._meter.self_check.code or "--------"
