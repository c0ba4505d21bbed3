"""What the meter must never forget: one flat record of integers, and its bytes.

Owns the fields, their sizes and the change from one format to the next. The journal stores the bytes, account and supply
work on the fields. Units are in the names; `remainder` counts parts of a fen (see account.py). `balance_fen` below zero is
overdraft. A record is 2 bytes format number, then every field big-endian in this order, signed ones in two's complement.
Format 2 has added the planned price to format 1; a meter does not read the other format, and flashing says so beforehand.
"""

from micropython import const

FORMAT = const(2)

# Bits of `flags`.
INITIALISED = const(0x01)  # an initialisation card has set the meter up
OPENED = const(0x02)  # bound to a customer and a card
RELEASED_ALARM2 = const(0x04)  # the resident has put the card in after the alarm 2 trip
RELEASED_ZERO = const(0x08)  # likewise after the trip at zero: lives on granted overdraft
LOCKED = const(0x10)  # overdraft used up: only a purchase closes the relay
TEST_CREDIT = const(0x20)  # lives on the credit of a production test card, until it is initialised (again)

MOST_ILLEGAL = const(999_999)  # of `illegal_cards`: six BCD digits in the write-back

# `intent`: what was under way with the ESAM, committed before it is begun.
NOTHING = const(0)
CREDIT = const(1)  # intent_fen is being added, the ESAM's count becomes intent_count
SETTLE = const(2)  # the ESAM's wallet is being brought down to intent_fen

# (name, bytes, signed)
FIELDS = (
    ("energy_pj", 12, False),
    ("remainder", 9, False),
    ("balance_fen", 5, True),
    ("bought_fen", 6, False),
    ("count", 4, False),
    ("price_e4", 4, False),
    ("next_price_e4", 4, False),  # in force from `switch_time` on
    ("switch_time", 5, False),  # YYMMDDhhmm in local time as a decimal number; 0: no change is planned
    ("alarm1_fen", 4, False),
    ("alarm2_fen", 4, False),
    ("overdraft_limit_fen", 4, False),
    ("hoard_limit_fen", 4, False),
    ("close_above_fen", 4, False),
    ("meter_no", 5, False),
    ("customer_no", 5, False),
    ("card_serial", 8, False),
    ("register", 4, False),  # the metering chip's own count that `energy_pj` includes
    ("flags", 1, False),
    ("intent", 1, False),
    ("intent_fen", 4, False),
    ("intent_count", 4, False),
    ("illegal_cards", 3, False),
    ("difference_fen", 5, True),  # what the ESAM's wallet has lost (below zero) against this record
)
SIZE = const(111)  # 2 + the sum of the sizes above; checked by the tests


class State:
    """The record. A new one is that of a meter fresh from the factory: all zero."""

    def __init__(self) -> None:
        self.energy_pj = 0
        self.remainder = 0
        self.balance_fen = 0
        self.bought_fen = 0
        self.count = 0
        self.price_e4 = 0
        self.next_price_e4 = 0
        self.switch_time = 0
        self.alarm1_fen = 0
        self.alarm2_fen = 0
        self.overdraft_limit_fen = 0
        self.hoard_limit_fen = 0
        self.close_above_fen = 0
        self.meter_no = 0
        self.customer_no = 0
        self.card_serial = 0
        self.register = 0
        self.flags = 0
        self.intent = NOTHING
        self.intent_fen = 0
        self.intent_count = 0
        self.illegal_cards = 0
        self.difference_fen = 0

    @property
    def overdraft_fen(self) -> int:
        """What the resident owes."""
        return -self.balance_fen if self.balance_fen < 0 else 0

    @property
    def wallet_fen(self) -> int:
        """What the ESAM's wallet should hold: a wallet cannot hold a debt."""
        return self.balance_fen if self.balance_fen > 0 else 0

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)

    def set(self, flag: int, on: bool = True) -> None:
        self.flags = self.flags | flag if on else self.flags & ~flag


def pack(state: State) -> bytes:
    """The state as SIZE bytes; OverflowError if a field has outgrown its size."""
    out = bytearray(FORMAT.to_bytes(2, "big"))
    for name, size, signed in FIELDS:
        value = getattr(state, name)
        span = 1 << 8 * size
        low = -(span >> 1) if signed else 0
        if not low <= value < span + low:
            raise OverflowError(name)
        out += (value & span - 1).to_bytes(size, "big")
    return bytes(out)


def unpack(data) -> State:
    """The state that `pack` wrote; ValueError if it is of another format."""
    if len(data) != SIZE or int.from_bytes(data[:2], "big") != FORMAT:
        raise ValueError("state of another format")
    state = State()
    at = 2
    for name, size, signed in FIELDS:
        value = int.from_bytes(data[at : at + size], "big")
        if signed and value >> 8 * size - 1:
            value -= 1 << 8 * size
        setattr(state, name, value)
        at += size
    return state
