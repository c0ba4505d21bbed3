"""Define the meter's persistent state: one flat record of integers, and its bytes.

Owns the fields, their sizes and the change from one format to the next. The journal stores the
bytes; account and supply work on the fields. Units are in the names; `remainder` counts parts of a
fen (account.py). A `balance_fen` below zero is overdraft. A record is 2 bytes of format number,
then every field in this order, big-endian, signed ones in two's complement.

Format 2 added the planned price to format 1; format 3 added all fields from `pulse_pj` on, format 4
all from `set_crc` on. Every former format is read, and a field that it lacks is zero. Former
formats can be written too: a version on trial keeps the format that it has found (state_store.py).
"""

from micropython import const

FORMAT = const(4)
# The oldest format that is read; flashing needs this name (tools/dianka/flash/build.py).
OLDEST = const(1)

# Bits of `flags`.
INITIALISED = const(0x01)  # an initialisation card has set the meter up
OPENED = const(0x02)  # bound to a customer and a card
RELEASED_ALARM2 = const(0x04)  # the resident has put the card in after the alarm 2 trip
RELEASED_ZERO = const(0x08)  # likewise after the trip at zero: uses granted overdraft
LOCKED = const(0x10)  # overdraft used up: only a purchase closes the relay
# Uses the credit of a production test card, until it is initialised (again).
TEST_CREDIT = const(0x20)
CLOSED = const(0x40)  # the account is settled and closed: nothing brings the supply back

# Bits of `tripped` (load_watch.py, step_watch.py).
OVERLOADED = const(0x01)
OVERLOAD_LOCK = const(0x02)  # no timed return is left
STEPPED = const(0x04)  # a heating load was switched on
STEP_LOCK = const(0x08)  # no timed return is left today

MOST_ILLEGAL = const(999_999)  # of `illegal_cards`: six BCD digits in the write-back

# `intent`: the step with the ESAM that was under way, committed before the step begins.
NOTHING = const(0)
CREDIT = const(1)  # intent_fen is being added, the ESAM's count becomes intent_count
SETTLE = const(2)  # the ESAM's wallet is being brought down to intent_fen
CLOSE = const(3)  # the account is being closed, the ESAM's count becomes intent_count

# (name, bytes, signed)
FIELDS = (
    ("energy_pj", 12, False),
    ("remainder", 9, False),
    ("balance_fen", 5, True),
    ("bought_fen", 6, False),
    ("count", 4, False),
    ("price_e4", 4, False),
    ("next_price_e4", 4, False),  # in force from `switch_time` on
    ("switch_time", 5, False),  # YYMMDDhhmm in local time as a decimal number; 0: no plan
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
    # Energy of one pulse of the chip that `register` belongs to; 0: unknown.
    ("pulse_pj", 8, False),
    # Starts after a power cut, less one for each 10 s of readings since (supply.py).
    ("uncharged_starts", 1, False),
    # How long that chip may be unresponsive before the supply opens; 0: the default.
    ("silence_limit_s", 2, False),
    # Money that the ESAM's wallet has lost (below zero) or gained against this record.
    ("difference_fen", 5, True),
    # The present time is not before this, in seconds since 2000-01-01 UTC; 0: unknown.
    ("earliest_s", 4, False),
    # A tariff of several prices (tariff.py); all zero while the price is flat.
    ("set_crc", 4, False),  # of the tariff set in force, which the memory or the ESAM has
    ("next_set_crc", 4, False),  # of the planned one
    ("dearest_e4", 4, False),  # highest price of the set in force
    ("step_pj", 11, False),  # used in the present step period
    ("step_since_s", 4, False),  # its beginning, local seconds since 2000-01-01; 0: unknown
    # Rules of the supply (load_watch.py), and what they have cut; all zero without rules.
    ("supply_crc", 4, False),  # of the rules, which the memory or the ESAM has
    ("tripped", 1, False),
    ("overload_trips", 1, False),  # since the last card, or an hour without one
    ("step_trips", 1, False),  # on `step_day`
    ("step_day", 3, False),  # YYMMDD in local time; 0: the time was not known
    # The metering chip's calibration (calibration.py), which the memory has; 0: none.
    ("calibration_crc", 4, False),
)
SIZE = const(167)  # 2 + the sum of the sizes above; checked by the tests
_SINCE_2 = ("next_price_e4", "switch_time")
_UP_TO_2 = const(22)  # the first fields of FIELDS, those of format 2
_UP_TO_3 = const(27)  # those of format 3
SIZES = {1: 97, 2: 106, 3: 126, FORMAT: SIZE}  # of the records of each format


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
        self.pulse_pj = 0
        self.uncharged_starts = 0
        self.silence_limit_s = 0
        self.difference_fen = 0
        self.earliest_s = 0
        self.set_crc = 0
        self.next_set_crc = 0
        self.dearest_e4 = 0
        self.step_pj = 0
        self.step_since_s = 0
        self.supply_crc = 0
        self.tripped = 0
        self.overload_trips = 0
        self.step_trips = 0
        self.step_day = 0
        self.calibration_crc = 0

    @property
    def overdraft_fen(self) -> int:
        """Return the debt of the resident."""
        return max(0, -self.balance_fen)

    @property
    def wallet_fen(self) -> int:
        """Return the money that the ESAM's wallet should hold; a wallet cannot hold a debt."""
        return max(0, self.balance_fen)

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)

    def set(self, flag: int, on: bool = True) -> None:
        self.flags = self.flags | flag if on else self.flags & ~flag


def fields_of(form: int) -> tuple:
    """Return the part of FIELDS that a record of this format has."""
    if form > 2:
        return FIELDS if form == FORMAT else FIELDS[:_UP_TO_3]
    return tuple(field for field in FIELDS[:_UP_TO_2] if form == 2 or field[0] not in _SINCE_2)


def format_of(data: bytes) -> int:
    """Return the number of the record's format; ValueError if this version does not read it."""
    form = int.from_bytes(data[:2], "big")
    if len(data) != SIZES.get(form):
        raise ValueError("state of another format")
    return form


def pack(state: "State", form: int = FORMAT) -> bytes:
    """Return the state as bytes; OverflowError if a value exceeds the size of its field.

    Fields that a former format lacks are left out.
    """
    out = bytearray(SIZES[form])
    out[:2] = form.to_bytes(2, "big")
    at = 2
    for name, size, signed in fields_of(form):
        value = getattr(state, name)
        if value:  # most fields of most meters are zero, and big numbers take time
            span = 1 << 8 * size
            low = -(span >> 1) if signed else 0
            if not low <= value < span + low:
                raise OverflowError(name)
            out[at : at + size] = (value if value > 0 else value + span).to_bytes(size, "big")
        at += size
    return bytes(out)


def unpack(data: bytes) -> "State":
    """Return the state that `pack` wrote; ValueError if this version does not read its format."""
    state = State()
    at = 2
    for name, size, signed in fields_of(format_of(data)):
        value = int.from_bytes(data[at : at + size], "big")
        if signed and value >> 8 * size - 1:
            value -= 1 << 8 * size
        setattr(state, name, value)
        at += size
    return state
