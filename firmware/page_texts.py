"""Compose the pages behind the first one, and the receipt for the phone.

docs/operations.md has what each says. Imported when somebody turns the page: what nobody looks at
takes no time at the start and no heap; each file on the board makes every import a little slower.

**Receipt.** Ten digits that a chip of this system alone can compute, for this meter and its newest
purchase (docs/cards/protocol.md).
"""

import time

from micropython import const

import account
import versions
from card_files import to_bcd
from display import add_label, decimal
from esam import IDENTITY, Esam, EsamError
from event_chain import PURCHASE
from events import Events
from metering import LOST, Metering
from selfcheck import SelfCheck
from state_store import StateStore
from tariff import Tariff
from use_history import UseHistory

_UNKNOWN = "--"
_TURN_MS = const(3_000)  # each half of the receipt
_WIDTH = const(8)
_RECEIPT = b"RC"  # begins no serial of a card and no meter's factor
_CODES = range(1, 8)  # of the standing faults, one digit each


class PageTexts:
    """The pages of one meter: `pages` are functions that return a text each.

    `compute_faults` returns the standing faults as one number: bit n is code n. `find_receipt`
    returns the number of a purchase and the ten digits of its receipt, empty while unknown.
    """

    def __init__(
        self,
        store: "StateStore",
        metering: "Metering",
        self_check: "SelfCheck",
        tariff: "Tariff",
        events: "Events",
        history: "UseHistory",
        compute_faults,
        find_receipt,
    ) -> None:
        self._store = store
        self._metering = metering
        self._self_check = self_check
        self._tariff = tariff
        self._events = events
        self._history = history
        self._compute_faults = compute_faults
        self._find_receipt = find_receipt
        self._last = (0, "")  # number of the newest purchase's entry, and its text
        self.pages = (
            self._format_energy,
            self._format_price,
            self._format_days_left,
            lambda: self._format_month(0),
            lambda: self._format_month(1),
            self._format_purchase,
            lambda: add_label("bn", str(store.state.count)),
            lambda: fit("bt", store.state.bought_fen, 2),
            self._format_receipt,
            lambda: add_label("od", decimal(store.state.overdraft_fen, 2)),
            lambda: add_label("oL", decimal(store.state.overdraft_limit_fen, 2)),
        )
        self.pages += self._list_mains()
        self.pages += (
            lambda: add_label("no", "%06d" % (store.state.meter_no % 1000000)),
            self._format_faults,
            _format_version,
            _format_build,
            lambda: self._self_check.code or "--------",
        )
        if metering.chip.kind:
            self.pages += (self._format_calibration,)

    def _list_mains(self) -> tuple:
        """Return the pages of volts, amperes and watts, as far as the chip tells them."""
        chip, pages = self._metering.chip, ()
        for number, phase in enumerate(chip.phases):
            mark = str(number + 1) if len(chip.phases) > 1 else ""
            if phase[0] is not None:
                pages += (
                    lambda n=number, m=mark: fit("U" + m, chip.phases[n][0] // 100, 1),
                    lambda n=number, m=mark: fit("A" + m, (chip.phases[n][1] or 0) // 10, 2),
                )
        return pages + (lambda: add_label("L", str(chip.power_mw // 1000)),)

    def _format_energy(self) -> str:
        return add_label("E", decimal(account.compute_kwh_x100(self._store.state), 2))

    def _format_price(self) -> str:
        return add_label("P" + self._tariff.mark, decimal(self._store.state.price_e4, 4))

    def _format_days_left(self) -> str:
        days = self._history.compute_days_left()
        return add_label("dAy", _UNKNOWN if days is None else str(days))

    def _format_month(self, back: int) -> str:
        label, use = "n%d" % back, self._history.compute_month_use(back)
        return fit(label, use[0] // 10, 2) if use else add_label(label, _UNKNOWN)

    def _format_purchase(self) -> str:
        """Return the amount of the newest purchase in the log."""
        try:
            number = self._events.newest_number(PURCHASE)
            if number != self._last[0]:
                purchase = self._events.read_purchase(number)
                text = fit("b", purchase[1], 2) if purchase else add_label("b", _UNKNOWN)
                self._last = (number, text)
        except OSError:
            return add_label("b", _UNKNOWN)
        return self._last[1] or add_label("b", _UNKNOWN)

    def _format_receipt(self) -> str:
        """Return the first or the last five digits, which take turns."""
        count, code = self._find_receipt()
        if not code or count != self._store.state.count:
            return add_label("r", _UNKNOWN)
        half = time.ticks_diff(time.ticks_ms(), 0) // _TURN_MS & 1
        return "r%d %s" % (half + 1, code[5:] if half else code[:5])

    def _format_faults(self) -> str:
        bits = self._compute_faults()
        return "F" + "".join([str(code) if bits >> code & 1 else "-" for code in _CODES])

    def _format_calibration(self) -> str:
        """Return the number of the calibration in force; 0: none, "Lo": it is lost."""
        number = self._metering.calibration
        return add_label("CAL", "Lo" if number == LOST else str(number))


def _format_version() -> str:
    version, _, build = versions.version().partition("+")
    return add_label("r", version if build else _UNKNOWN)


def _format_build() -> str:
    """Return the digits that tell this very firmware from all others, as seven segments have them.

    Hexadecimal, with small b and d.
    """
    build = versions.version().partition("+")[2]
    return build.upper().replace("B", "b").replace("D", "d") or "--------"


def fit(label: str, value: int, places: int) -> str:
    """Return `label` and an integer with its decimal point, without decimals where these don't fit.

    The value is zero or more.
    """
    text = decimal(value, places)
    if len(label) + len(text) > _WIDTH + 1:
        text = text[: -places - 1]
    return add_label(label, text)


# ****** Receipt ******


async def compute_code(esam: "Esam", lock, meter_no: int, count: int) -> str:
    """Return the ten digits of purchase `count`; empty if the ESAM does not compute them."""
    try:
        async with lock:
            found = await esam.encipher(
                IDENTITY, _RECEIPT + to_bcd(meter_no, 6), count.to_bytes(4, "big") + bytes(4)
            )
    except EsamError:
        return ""
    return "%010d" % (int.from_bytes(found, "big") % 10**10)
