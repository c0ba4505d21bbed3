"""Charge energy by the tariff set in force, and take new sets from cards.

A tariff changes in two steps. A card brings set 2 and the switch time (`plan_price`); from that
minute of the clock chip on it is in force (account.py, `switch_price`). The ESAM then still has the
former one as set 1. So the next card that brings a plan also brings the set in force as set 1
(`is_in_force`): otherwise a meter that has lost its memory would go back to a price of long ago.

A set has one price, then a debit is all there is and the clock is not asked; or it has several, by
the time of day and by the use. The state names such sets by a CRC; the ESAM keeps them, the FRAM
has a copy (parameter_memory.py). What they and plans need is imported with the first of them.
"""

import account
import card_files
from ds3231 import Ds3231
from fram import Fram
from state import State
from state_store import StateStore

FRAMED_BYTES = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD


class Tariff:
    """The tariff of a meter. `_timed` is there while the time matters (tariff_timed.py)."""

    def __init__(self, store: "StateStore", clock: "Ds3231", memory: "Fram", log) -> None:
        self._store = store
        self._clock = clock
        self._memory = memory
        self._log = log
        self._timed = None

    def charge(self, state: "State", energy_pj: int) -> bool:
        """Charge energy that was used since the last charge. Return True if the price has changed.

        Energy across a switch time, a slot or a step is split (tariff_table.py).
        """
        timed = self._find_timed(state)
        if timed:
            return timed.charge(state, energy_pj)
        account.debit(state, energy_pj)
        return False

    def follow_clock(self) -> None:
        """Bring price and plan to the present time where no energy comes; commit a change."""
        state = self._store.state
        timed = self._find_timed(state)
        if timed and timed.follow_clock(state):
            self._store.keep()

    def keep(self, framed: bytes, beside: bytes = b"") -> None:
        """Keep a set of several prices in the memory, before the state names it.

        `beside` is the other set of the same card, which is to stay. JournalError if the memory
        does not take the set.
        """
        crc = _judge(framed)[1]
        if crc:
            import parameter_memory

            state = self._store.state
            held = state.set_crc, state.next_set_crc, _judge(beside)[1] if beside else 0
            data = card_files.unframe(framed)[1]
            parameter_memory.keep(self._memory, parameter_memory.TARIFFS, data, held)

    @property
    def mark(self) -> str:
        """Return which rate holds: its number, H for the highest one while the time is unknown.

        Empty where the price is flat.
        """
        return self._timed.mark if self._timed else ""

    @property
    def lacks(self) -> bool:
        """Return whether the set in force is not at hand: `fetch` takes it from the ESAM."""
        return bool(self._timed and self._timed.lacks)

    async def fetch(self, esam, lock) -> None:
        """Take a set that the memory has lost from the ESAM again."""
        if self._timed:
            await self._timed.fetch(esam, lock)

    def go_back(self, seconds: int) -> None:
        """Take note that an installer has set the clock back to this time, in seconds UTC.

        The present step period has begun by then.
        """
        state = self._store.state
        state.step_since_s = min(state.step_since_s, seconds + self._clock.offset_s)
        self._timed = None

    def _find_timed(self, state: "State"):
        """Return `_timed` if the clock matters: for a set of several prices, and for a plan."""
        if not (state.set_crc or state.switch_time or (self._timed and self._timed.pending)):
            self._timed = None
        elif not self._timed:
            from tariff_timed import TimedTariff

            self._timed = TimedTariff(self._store, self._clock, self._memory, self._log)
        return self._timed


def check(framed: bytes) -> None:
    """Raise ValueError, with the one reason, if this file is no tariff."""
    _judge(framed)


def set_price(state: "State", framed: bytes) -> None:
    """Put tariff set 1 into force at once; ValueError if the file is not a tariff."""
    price_e4, crc = _judge(framed)
    if not crc or crc != state.set_crc:
        account.enter_set(state, price_e4, crc)


def plan_price(state: "State", switch_time: int, framed: bytes) -> None:
    """Plan tariff set 2 from local minute `switch_time` (YYMMDDhhmm) on; 0 cancels the plan.

    The new plan replaces a former one. ValueError as in `set_price`.
    """
    price_e4, crc = _judge(framed) if switch_time else (0, 0)
    state.next_price_e4, state.next_set_crc, state.switch_time = price_e4, crc, switch_time


def is_in_force(state: "State", framed: bytes) -> bool:
    """Return whether this tariff is the one in force."""
    price_e4, crc = _judge(framed)
    return crc == state.set_crc and (crc != 0 or price_e4 == state.price_e4)


def _judge(framed: bytes) -> tuple:
    """Return (price, 0) of a flat tariff file, (highest price, CRC) of one of several prices.

    ValueError if it is no tariff. None is free: a block that was moved to the wrong place reads as
    zeros.
    """
    _, data = card_files.unframe(framed)
    record = card_files.unpack_tariff(data)
    if not card_files.is_flat(data):
        import ds3231
        import parameter_memory
        from tariff_table import Table

        return Table(record, ds3231).dearest_e4, parameter_memory.compute_crc(data)
    price_e4 = record["rates_e4"][0]
    if not price_e4:
        raise ValueError("tariff without a price")
    return price_e4, 0
