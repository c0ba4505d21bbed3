"""Provide the meter's first page, its lamps and the codes of standing faults.

The other pages (page_texts.py) are imported when the first of them is shown. It only reads and
decides nothing.
"""

from micropython import const

import account
import supply
from display import ALARM, FAULT, OVERDRAFT, PULSE, TRIP, Display, decimal
from ds3231 import Ds3231
from events import Events
from metering import Metering
from relay import Relay
from selfcheck import SelfCheck
from settlement import Settlement
from state_store import StateStore
from supply_switch import SupplySwitch
from tariff import Tariff
from use_history import UseHistory

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
        events: "Events",
        history: "UseHistory",
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
        self._events = events
        self._history = history
        self._receipt = (0, "")  # of purchase number, the ten digits
        self._first = (self._format_balance,)
        self._others = None

    def update(self) -> None:
        """Bring the display up to date."""
        faults = self.list_faults()
        lamps = self._pick_lamps(faults)
        pages = self._list_pages() if self._display.turned else self._first
        self._display.update(pages, lamps, faults + self._supply_switch.list_texts())

    def turn_statement(self) -> None:
        """Show the statement, or the first page again if it is on show."""
        lines = ()
        if not self._display.has_list:
            from statement import list_lines

            lines = list_lines(self._events, self._history)
        self._display.show_list(lines)

    async def compute_receipt(self, esam) -> None:
        """Compute the receipt of the last purchase if somebody turns the pages and it is not known.

        To be called every second.
        """
        state = self._store.state
        if not (self._display.turned and self._settlement.ready and state.count):
            return
        if not self._receipt[1] or self._receipt[0] != state.count:
            from page_texts import compute_code

            code = await compute_code(esam, self._settlement.lock, state.meter_no, state.count)
            self._receipt = state.count, code

    def compose_texts(self) -> list:
        """Return the text of each page as it is now."""
        return [page() for page in self._list_pages()]

    def _list_pages(self) -> tuple:
        """Return all pages; those about friendly time last, as many as there is to say."""
        if self._others is None:
            from page_texts import PageTexts

            self._others = PageTexts(
                self._store, self._metering, self._self_check, self._tariff, self._events,
                self._history, self.compute_fault_bits, lambda: self._receipt,
            )  # fmt: skip
        texts = self._supply_switch.friendly_pages
        return self._first + self._others.pages + tuple([lambda text=text: text for text in texts])

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
