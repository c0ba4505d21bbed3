"""Provide the meter's pages, its lamps and the codes of standing faults.

It only reads and decides nothing.
"""

from micropython import const

import account
import supply
from display import ALARM, FAULT, OVERDRAFT, PULSE, TRIP, Display, add_label, decimal
from ds3231 import Ds3231
from metering import LOST, Metering
from relay import Relay
from selfcheck import SelfCheck
from settlement import Settlement
from state_store import StateStore
from supply_switch import SupplySwitch
from tariff import Tariff

_PULSE_PJ = account.PJ_PER_KWH // 1000
_CODES = const(32)


class Pages:
    """The texts and lamps of one meter, which `update` passes to the display."""

    def __init__(
        self,
        display: "Display",
        store: "StateStore",
        metering: "Metering",
        relay: "Relay",
        clock: "Ds3231",
        settlement: "Settlement",
        self_check: "SelfCheck",
        supply_switch: "SupplySwitch",
        tariff: "Tariff",
    ) -> None:
        self._display = display
        self._store = store
        self._metering = metering
        self._relay = relay
        self._clock = clock
        self._settlement = settlement
        self._self_check = self_check
        self._supply_switch = supply_switch
        self._tariff = tariff
        self._pages = (
            self._format_balance,
            self._format_energy,
            self._format_price,
            self._format_power,
            self._format_number,
            self._format_check,
        )
        if metering.chip.kind:
            self._pages += (self._format_calibration,)

    def update(self) -> None:
        """Bring the display up to date."""
        faults = self.list_faults()
        lamps = self._pick_lamps(faults)
        self._display.update(self._list_pages(), lamps, faults + self._supply_switch.list_texts())

    def compose_texts(self) -> list:
        """Return the text of each page as it is now."""
        return [page() for page in self._list_pages()]

    def _list_pages(self) -> tuple:
        """Return all pages; those about friendly time last, as many as there is to say."""
        texts = self._supply_switch.friendly_pages
        if not texts:
            return self._pages
        return self._pages + tuple([lambda text=text: text for text in texts])

    def list_faults(self) -> list:
        """Return the codes of the meter's standing faults, such as Err-02 (docs/operations.md)."""
        bits = self.compute_fault_bits()
        return ["Err-%02d" % code for code in range(1, _CODES) if bits >> code & 1]

    def compute_fault_bits(self) -> int:
        """Return the standing faults as one number: bit n is code n."""
        bits = 0
        for code, stands in (
            (1, self._relay.fault),
            (2, self._settlement.failures >= 2),
            (3, self._store.state.difference_fen),
            (4, self._clock.fault),
            (5, self._metering.silent),
            (6, self._store.fault),
        ):
            bits |= bool(stands) << code
        return bits

    def _pick_lamps(self, faults: list) -> int:
        state = self._store.state
        lamps = PULSE if state.energy_pj // _PULSE_PJ & 1 else 0
        if supply.is_alarm_on(state):
            lamps |= ALARM
        if not self._relay.closed:
            lamps |= TRIP
        if state.balance_fen < 0:
            lamps |= OVERDRAFT
        return lamps | FAULT if faults else lamps

    def _format_balance(self) -> str:
        return decimal(self._store.state.balance_fen, 2)

    def _format_energy(self) -> str:
        return add_label("E", decimal(account.compute_kwh_x100(self._store.state), 2))

    def _format_price(self) -> str:
        return add_label("P" + self._tariff.mark, decimal(self._store.state.price_e4, 4))

    def _format_power(self) -> str:
        return add_label("L", str(self._metering.chip.power_mw // 1000))

    def _format_number(self) -> str:
        return add_label("no", "%06d" % (self._store.state.meter_no % 1000000))

    def _format_check(self) -> str:
        """Return the self-check's code (docs/selfcheck.md).

        For an installer who missed it at the start.
        """
        return self._self_check.code or "--------"

    def _format_calibration(self) -> str:
        """Return the number of the calibration in force; 0: none, "Lo": it is lost."""
        number = self._metering.calibration
        return add_label("CAL", "Lo" if number == LOST else str(number))
