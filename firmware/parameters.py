"""Take parameters from card and ESAM files over into the state.

Owns number, customer, alarms, limits and the rules of the supply. Prices are in tariff.py.
"""

from micropython import const

import card_files
import supply
import tariff
from esam import Esam, EsamError
from state import INITIALISED, OPENED, State

_NO_FILE = const(0x6A82)


def apply_params(state: "State", record: dict) -> None:
    """Set the thresholds of a user or initialisation card's file 01."""
    state.alarm1_fen = record["alarm1_fen"]
    state.alarm2_fen = record["alarm2_fen"]
    supply.update(state)


def apply_silence(state: "State", record: dict) -> None:
    """Set how long the metering chip may be unresponsive.

    User cards do not carry this limit; only an initialisation card sets it.
    """
    state.silence_limit_s = record["silence_min"] * 60


def apply_limits(state: "State", record: dict) -> None:
    """Set overdraft, hoard and closing limits."""
    state.overdraft_limit_fen = record["overdraft_limit_fen"]
    state.hoard_limit_fen = record["hoard_limit_fen"]
    state.close_above_fen = record["close_above_fen"]
    supply.update(state)


def apply_supply(state: "State", data: bytes) -> None:
    """Name the rules of the supply in the state; ValueError unless they are sound.

    supply_switch.py takes them from the ESAM. What the former rules have cut and counted goes.
    """
    import parameter_memory
    import supply_rules

    supply_rules.check(card_files.unpack(card_files.SUPPLY, data))
    state.supply_crc = parameter_memory.compute_crc(data) if any(data) else 0
    state.tripped = state.overload_trips = state.step_trips = state.step_day = 0


async def read_supply(esam: "Esam") -> "bytes | None":
    """Return the rules of the supply in the ESAM, None if it is of a make without them.

    Read twice, as they carry no checksum; EsamError if the readings differ.
    """
    try:
        found = await esam.read(card_files.ESAM_SUPPLY, 0, card_files.SUPPLY_SIZE)
    except EsamError as error:
        if error.sw == _NO_FILE:
            return None
        raise
    if await esam.read(card_files.ESAM_SUPPLY, 0, card_files.SUPPLY_SIZE) != found:
        raise EsamError("two readings of file %02d differ" % card_files.ESAM_SUPPLY)
    return found


async def restore(esam: "Esam", state: "State") -> None:
    """Read all parameters back from an ESAM in use, for a meter that has lost its memory.

    ValueError if they are unreadable, EsamError if the ESAM does not answer.
    """
    record = await esam.read_record(card_files.ESAM_PARAMS, card_files.PARAMS)
    limits = await esam.read_record(card_files.ESAM_LIMITS, card_files.LIMITS)
    now = await esam.read(card_files.ESAM_TARIFF_1, 0, tariff.FRAMED_BYTES)
    later = await esam.read(card_files.ESAM_TARIFF_2, 0, tariff.FRAMED_BYTES)
    rules = await read_supply(esam)
    tariff.set_price(state, now)
    if record["update_flag"] & card_files.UPDATE_TARIFF_2 and not card_files.is_blank(later):
        # Still to come or long in force: the clock decides.
        tariff.plan_price(state, record["switch_time"], later)
    apply_limits(state, limits)
    apply_params(state, record)
    if rules is not None:
        apply_supply(state, rules)
    apply_silence(state, record)  # 0, so the default, once a user card has replaced the file
    state.meter_no = record["meter_no"]
    state.customer_no = record["customer_no"]
    state.set(INITIALISED)
    state.set(OPENED, state.customer_no != 0)
    supply.update(state)
