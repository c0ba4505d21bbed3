"""Credit, price and debit. Integers only: no hardware, no clock, no float.

`state` is that of state.py. Nothing is imported here, so that tools can load this module alone.

Energy comes in picojoules, because the energy of one chip pulse is a whole number of them
(hlw8032.py). Prices are in 0.0001 yuan per kWh. One fen is then exactly FEN units of (picojoule x
price). The part of a fen left after each debit stays in `remainder`, for any price and any chip. So
at every moment

    bought_fen x FEN = sum of (energy_pj x price) + balance_fen x FEN - remainder

holds exactly (starting from an empty account).
"""

# 1 kWh = 3.6e18 pJ; a price unit is 0.01 fen.
PJ_PER_KWH = 3_600_000_000_000_000_000
FEN = PJ_PER_KWH * 100
MAX_FEN = 99_999_999  # 999999.99 yuan: the most that cards (BCD) and display can hold


def debit(state, energy_pj: int) -> int:
    """Count this energy, charge it at the present price, and return the fen charged.

    ValueError if the energy is negative.
    """
    if energy_pj < 0:
        raise ValueError("energy does not run backwards")
    state.energy_pj += energy_pj
    fen, state.remainder = divmod(state.remainder + energy_pj * state.price_e4, FEN)
    state.balance_fen -= fen
    return fen


def switch_price(state, minute: int) -> bool:
    """Put the planned set into force if its time has come at `minute` (YYMMDDhhmm).

    Return True if so. A `minute` of 0, an unknown time, never does it.
    """
    if not state.switch_time or minute < state.switch_time:
        return False
    enter_set(state, state.next_price_e4, state.next_set_crc)
    state.next_price_e4 = state.next_set_crc = state.switch_time = 0
    return True


def enter_set(state, price_e4: int, crc: int) -> None:
    """Put a tariff set into force: a flat price and 0, or the highest of several and their CRC.

    What has been used in the step period counts on from steps to steps.
    """
    state.price_e4, state.set_crc, state.dearest_e4 = price_e4, crc, price_e4 if crc else 0
    if not crc:
        state.step_pj = state.step_since_s = 0


def credit(state, amount_fen: int) -> None:
    """Add a purchase. A debt is paid off first, as the balance is one signed number.

    ValueError if the amount is negative.
    """
    if amount_fen < 0:
        raise ValueError("a purchase adds")
    state.balance_fen += amount_fen
    state.bought_fen += amount_fen


def may_credit(state, amount_fen: int) -> bool:
    """Return whether a purchase of `amount_fen` keeps the balance within the hoard limit.

    A hoard limit of 0 means MAX_FEN, the most that the display can show.
    """
    limit_fen = state.hoard_limit_fen or MAX_FEN
    return state.balance_fen + amount_fen <= min(limit_fen, MAX_FEN)


def compute_kwh_x100(state) -> int:
    """Return the total energy in steps of 0.01 kWh, rounded down as displays do."""
    return state.energy_pj * 100 // PJ_PER_KWH
