"""Parameters on their way from card and ESAM files into the state: number, customer, alarms, limits, price.

A price changes in two steps: a card brings tariff set 2 and the switch time (`plan`), and from that minute of the clock chip on
it is the price (`switch`). The ESAM then still has the former price in set 1: so the next card that brings a plan also brings
the price in force as set 1, else a meter that has lost its memory would go back to a price of long ago (`in_force`).
"""

import cardfiles
import supply
from state import INITIALISED, OPENED

_TARIFF = cardfiles.TARIFF_SIZE + cardfiles.FRAME_OVERHEAD


def apply_params(state, record: dict) -> None:
    """Thresholds of a user or initialisation card."""
    state.alarm1_fen = record["alarm1_fen"]
    state.alarm2_fen = record["alarm2_fen"]
    supply.update(state)


def apply_limits(state, record: dict) -> None:
    """Overdraft, hoard and closing limits."""
    state.overdraft_limit_fen = record["overdraft_limit_fen"]
    state.hoard_limit_fen = record["hoard_limit_fen"]
    state.close_above_fen = record["close_above_fen"]
    supply.update(state)


def apply_tariff(state, framed: bytes) -> None:
    """Tariff set 1 is in force at once; ValueError if the file is not a tariff."""
    state.price_e4 = _flat(framed)


def plan(state, switch_time: int, framed: bytes) -> None:
    """Tariff set 2 begins at this local minute, 0: never. A former plan is forgotten; ValueError as above."""
    state.next_price_e4, state.switch_time = (_flat(framed), switch_time) if switch_time else (0, 0)


def switch(state, minute: int) -> bool:
    """Whether the planned price has come into force, it being `minute` (YYMMDDhhmm) now; 0, an unknown time, never does it."""
    if not state.switch_time or minute < state.switch_time:
        return False
    state.price_e4, state.next_price_e4, state.switch_time = state.next_price_e4, 0, 0
    return True


def in_force(state, framed: bytes) -> bool:
    """Whether this tariff is the one in force."""
    return _flat(framed) == state.price_e4


def _flat(framed: bytes) -> int:
    """The flat price is the first rate. Nothing is free: zeros are how a block looks that was moved to the wrong place."""
    _, data = cardfiles.unframe(framed)
    price_e4 = cardfiles.unpack_tariff(data)["rates_e4"][0]
    if not price_e4:
        raise ValueError("tariff without a price")
    return price_e4


async def restore(esam, state) -> None:
    """Read all parameters back from an ESAM in use, for a meter that has lost its memory; ValueError if it can't be."""
    record = await esam.record(cardfiles.ESAM_PARAMS, cardfiles.PARAMS)
    limits = await esam.record(cardfiles.ESAM_LIMITS, cardfiles.LIMITS)
    now = await esam.read(cardfiles.ESAM_TARIFF_1, 0, _TARIFF)
    later = await esam.read(cardfiles.ESAM_TARIFF_2, 0, _TARIFF)
    apply_tariff(state, now)
    if record["update_flag"] & cardfiles.UPDATE_TARIFF_2 and not cardfiles.is_blank(later):
        plan(state, record["switch_time"], later)  # to come or long in force: the clock will tell
    apply_limits(state, limits)
    apply_params(state, record)
    state.meter_no = record["meter_no"]
    state.customer_no = record["customer_no"]
    state.set(INITIALISED)
    state.set(OPENED, state.customer_no != 0)
    supply.update(state)
