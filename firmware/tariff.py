"""Hold the price in force and the planned price.

A price changes in two steps. A card brings tariff set 2 and the switch time (`plan_price`); from
that minute of the clock chip on it is the price (`switch_price`). The ESAM then still has the
former price in set 1. So the next card that brings a plan also brings the price in force as set 1
(`is_in_force`): otherwise a meter that has lost its memory would go back to a price of long ago.
"""

import card_files
from ds3231 import Ds3231
from state import State
from state_store import StateStore

FRAMED_BYTES = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD


class Tariff:
    """Changes the price of a meter when the planned one is due by its clock."""

    def __init__(self, store: "StateStore", clock: "Ds3231", log) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._timeless = False  # already logged that a planned price waits for the clock

    def switch_if_due(self) -> None:
        """Bring the planned price into force at its minute.

        Not while the clock has lost the time. The former price does not come back, so the time is
        confirmed by a second reading of the clock.
        """
        state = self._store.state
        if not state.switch_time:
            return
        minute = self._clock.read_local_minute()
        if not minute and not self._timeless:
            self._timeless = True
            self._log("price: the planned one waits for a clock that tells the time")
        if minute >= state.switch_time and switch_price(state, self._clock.read_sure_minute()):
            self._log("price: now %d of 0.0001 yuan/kWh" % state.price_e4)
            self._store.keep()


def set_price(state: "State", framed: bytes) -> None:
    """Put tariff set 1 into force at once; ValueError if the file is not a tariff."""
    state.price_e4 = _unpack_flat_price_e4(framed)


def plan_price(state: "State", switch_time: int, framed: bytes) -> None:
    """Plan tariff set 2 from local minute `switch_time` (YYMMDDhhmm) on; 0 cancels the plan.

    The new plan replaces a former one. ValueError as in `set_price`.
    """
    if switch_time:
        state.next_price_e4, state.switch_time = _unpack_flat_price_e4(framed), switch_time
    else:
        state.next_price_e4 = state.switch_time = 0


def switch_price(state: "State", minute: int) -> bool:
    """Put the planned price into force if its time has come at `minute` (YYMMDDhhmm).

    Return True if so. A `minute` of 0, an unknown time, never does it.
    """
    if not state.switch_time or minute < state.switch_time:
        return False
    state.price_e4, state.next_price_e4, state.switch_time = state.next_price_e4, 0, 0
    return True


def is_in_force(state: "State", framed: bytes) -> bool:
    """Return whether this tariff is the one in force."""
    return _unpack_flat_price_e4(framed) == state.price_e4


def _unpack_flat_price_e4(framed: bytes) -> int:
    """Return the first rate, which is the flat price; ValueError for zero.

    No tariff is free: a block that was moved to the wrong place reads as zeros.
    """
    _, data = card_files.unframe(framed)
    price_e4 = card_files.unpack_tariff(data)["rates_e4"][0]
    if not price_e4:
        raise ValueError("tariff without a price")
    return price_e4
