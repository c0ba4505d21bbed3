"""Parameters on their way from card and ESAM files into the state: number, customer, alarms, limits, price."""

import cardfiles
import supply
from state import INITIALISED, OPENED


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
    """The flat price is the first rate of tariff set 1; ValueError if the file is not one."""
    _, data = cardfiles.unframe(framed)
    state.price_e4 = cardfiles.unpack_tariff(data)["rates_e4"][0]


async def restore(esam, state) -> None:
    """Read all parameters back from an ESAM in use, for a meter that has lost its memory; ValueError if it can't be."""
    size = cardfiles.size_of(cardfiles.PARAMS)
    record = cardfiles.unpack(cardfiles.PARAMS, await esam.read(cardfiles.ESAM_PARAMS, 0, size))
    limits = await esam.read(cardfiles.ESAM_LIMITS, 0, cardfiles.size_of(cardfiles.LIMITS))
    apply_tariff(state, await esam.read(cardfiles.ESAM_TARIFF_1, 0, cardfiles.TARIFF_SIZE + cardfiles.FRAME_OVERHEAD))
    apply_limits(state, cardfiles.unpack(cardfiles.LIMITS, limits))
    apply_params(state, record)
    state.meter_no = record["meter_no"]
    state.customer_no = record["customer_no"]
    state.set(INITIALISED)
    state.set(OPENED, state.customer_no != 0)
    supply.update(state)
