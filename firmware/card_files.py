"""Define the layout of every card and ESAM file: bytes to named fields and back.

Owns the framing (68H, command, length, data, sum, 16H) and the field tables, and nothing else: no
card is accessed here. The desk imports this very file, so both sides share one codec; the files of
inspection and test cards are in service_files.py, those that no meter reads in the desk's own
desk_files.py. Source: docs/cards/protocol.md, which marks the facts on
which public implementations agree and this project's own choices.

A record is a dict of field name to value. BIN and BCD fields are non-negative ints, RAW fields are
bytes. Money is in fen, prices in 0.0001 yuan per kWh. Everything on a card is big-endian. Malformed
input raises ValueError.
"""

from micropython import const

HEAD = const(0x68)
_TAIL = const(0x16)
FRAME_OVERHEAD = const(6)  # 68H, command, two length bytes, sum, 16H

# Command byte of file 01: the kind of the card. The control card's file 01 is in its MF, never in
# DF01.
CMD_CONTROL = const(0x00)
CMD_USER = const(0x01)
CMD_KEYS = const(0x02)
CMD_KEYS_RESTORE = const(0x03)
CMD_INSPECTION = const(0x05)
CMD_INIT = const(0x06)
CMD_TEST_CREDIT = const(0x08)
CMD_TEST_RELAY = const(0x09)
CMD_CLOSE = const(0x0C)  # a user card with a closing order
CMD_WRITE_BACK = const(0x11)
CMD_STATEMENT = const(0x12)  # in place of the write-back, when the account is closed

# Card type byte of a user card.
OPEN = const(1)
PURCHASE = const(2)
REPLACEMENT = const(3)

# User type byte of tariffs with several prices; with one it is 1.
SEVERAL_RATES = const(2)

# Parameter update flags of a user card.
UPDATE_TARIFF_1 = const(0x01)
UPDATE_TARIFF_2 = const(0x02)
UPDATE_OTHER = const(0x80)

# Short file ids on a card (in DF01).
CARD_INFO = const(1)
CARD_WALLET = const(2)
CARD_TARIFF_1 = const(3)
CARD_TARIFF_2 = const(4)
CARD_WRITE_BACK = const(5)
CARD_ORDER = const(6)  # user card: a closing order
CARD_LIMITS = const(6)  # initialisation card only
CARD_SUPPLY = const(7)  # likewise

# Short file ids in the ESAM (in MF 3F00).
ESAM_WALLET = const(1)
ESAM_PARAMS = const(2)
ESAM_TARIFF_1 = const(3)
ESAM_TARIFF_2 = const(4)
ESAM_KEY_INFO = const(5)
ESAM_RUN_INFO = const(7)
ESAM_LIMITS = const(9)
ESAM_SUPPLY = const(10)
ESAM_MIRROR = const(11)
MIRRORS = const(8)  # records in it

BIN = const(0)
BCD = const(1)
RAW = const(2)

# (name, bytes, coding). File 01 of user and initialisation card and the ESAM's file 02 share these
# fields.
PARAMS = (
    ("user_type", 1, BIN),
    ("update_flag", 1, BIN),
    ("version", 4, RAW),
    ("switch_time", 5, BCD),
    ("silence_min", 1, BIN),
    ("alarm1_fen", 4, BCD),
    ("alarm2_fen", 4, BCD),
    ("ct_ratio", 3, BCD),
    ("pt_ratio", 3, BCD),
    ("meter_no", 6, BCD),
    ("customer_no", 6, BCD),
    ("card_type", 1, BIN),
)
LIMITS = (
    ("overdraft_limit_fen", 4, BCD),
    ("hoard_limit_fen", 4, BCD),
    ("close_above_fen", 4, BCD),
)
# What cuts the supply beside the balance, and when nothing does (supply_rules.py). All zero: no
# rules.
SUPPLY = (
    ("overload_w", 3, BCD),
    ("overload_delay_s", 1, BIN),
    ("overload_returns", 1, BIN),
    ("overload_return_s", 2, BCD),
    ("step_from_w", 3, BCD),
    ("step_to_w", 3, BCD),
    ("step_pf_milli", 2, BCD),
    ("step_return_s", 2, BCD),
    ("step_returns", 1, BIN),
    ("under_v", 2, BCD),
    ("over_v", 2, BCD),
    ("hysteresis_v", 1, BIN),
    ("voltage_delay_s", 1, BIN),
    ("friendly_from_h", 1, BIN),
    ("friendly_to_h", 1, BIN),
    ("friendly_days", 1, BIN),
    ("friendly_from_month", 1, BIN),
    ("friendly_to_month", 1, BIN),
    ("friendly_date_1", 2, BCD),
    ("friendly_date_2", 2, BCD),
    ("friendly_date_3", 2, BCD),
    ("friendly_date_4", 2, BCD),
)
WALLET = (("money_fen", 4, BIN), ("count", 4, BIN))
WRITE_BACK = (
    ("user_type", 1, BIN),
    ("ct_ratio", 3, BCD),
    ("pt_ratio", 3, BCD),
    ("meter_no", 6, BCD),
    ("customer_no", 6, BCD),
    ("balance_fen", 4, BIN),
    ("count", 4, BIN),
    ("overdraft_fen", 4, BCD),
    ("key_info", 4, RAW),
    ("illegal_cards", 3, BCD),
    ("time", 5, BCD),
)
# What the meter keeps in the ESAM of its own state, by the names in state.py (mirror.py).
MIRROR = (
    ("format", 1, BIN),
    ("meter_no", 6, BCD),
    ("customer_no", 6, BCD),
    ("card_serial", 8, BIN),
    ("count", 4, BIN),
    ("energy_pj", 12, BIN),
    ("remainder", 9, BIN),
    ("wallet_fen", 4, BIN),
    ("overdraft_fen", 5, BIN),
    ("bought_fen", 6, BIN),
    ("flags", 1, BIN),
    ("illegal_cards", 3, BIN),
    ("step_pj", 11, BIN),
    ("step_since_s", 4, BIN),
    ("earliest_s", 4, BIN),
    ("silence_limit_s", 2, BIN),
    ("tripped", 1, BIN),
    ("overload_trips", 1, BIN),
    ("step_trips", 1, BIN),
    ("step_day", 3, BIN),
    ("reserved", 16, RAW),
    ("crc", 4, BIN),
)
MIRROR_SIZE = const(112)
# The end of an account, sealed by the ESAM (closing.py). `count` is the closing order's, one above
# the last purchase's. Other than a write-back's length: no earlier desk takes it for one.
STATEMENT = (
    ("meter_no", 6, BCD),
    ("customer_no", 6, BCD),
    ("balance_fen", 4, BIN),
    ("debt_fen", 4, BIN),
    ("count", 4, BIN),
    ("energy_mwh", 7, BIN),
    ("bought_fen", 6, BIN),
    ("time", 5, BCD),
)
KEY_INFO = (("state", 1, BIN), ("mode", 1, BIN), ("key_id", 1, BIN), ("version", 1, BIN))

# An entry of the chained log (event_chain.py).
LOG_ENTRY = (
    ("number", 4, BIN),
    ("time", 5, BCD),
    ("kind", 1, BIN),
    ("what", 1, BIN),
    ("detail", 13, RAW),
    ("hash", 8, RAW),
)
KEYS_PUBLIC = const(0)
KEYS_PRIVATE = const(1)

# A tariff set: (name, (numbers, bytes of each)), all BCD. A list that is shorter ends with zeros.
# What the numbers mean: docs/cards/files.md, "Tariff set"; what is no tariff: tariff_table.py.
TARIFF = (
    ("rates_e4", (12, 4)),
    ("limits", (6, 4)),  # of the steps, 0.01 kWh
    ("steps_e4", (7, 4)),  # what each step adds to the rate
    ("periods", (6, 3)),  # MMDDhh, when the steps begin again
    ("slots", (10, 2)),  # quarter of an hour x 100 + number of the rate
    ("rest_slots", (10, 2)),
    ("named_days", (15, 2)),  # MMDD
    ("rest_days", (1, 2)),  # bit 0 Monday to bit 6 Sunday
    ("reserved", (1, 3)),
)
TARIFF_SIZE = const(193)
SUPPLY_SIZE = const(37)
_RATES_SIZE = const(48)
WRITE_BACK_SIZE = const(49)


def to_bcd(value: int, size: int) -> bytes:
    """Return the decimal digits of `value`, two a byte, in `size` bytes."""
    if value < 0:
        raise ValueError("BCD holds no negative number")
    out = bytearray(size)
    for i in range(size - 1, -1, -1):
        value, digits = divmod(value, 100)
        out[i] = digits // 10 << 4 | digits % 10
    if value:
        raise ValueError("number too long for its BCD field")
    return bytes(out)


def from_bcd(data: bytes) -> int:
    """Return the number that the BCD bytes `data` hold."""
    value = 0
    for byte in data:
        if byte >> 4 > 9 or byte & 15 > 9:
            raise ValueError("not BCD")
        value = value * 100 + (byte >> 4) * 10 + (byte & 15)
    return value


def size_of(fields: tuple) -> int:
    """Return the bytes that a record of these fields takes, without the frame."""
    return sum(field[1] for field in fields)


def pack(fields: tuple, record: dict) -> bytes:
    """Return the bytes of `record`. A field that is not given is zero."""
    out = bytearray()
    for name, size, coding in fields:
        value = record.get(name)
        if coding == BCD:
            out += to_bcd(value or 0, size)
        elif coding == BIN:
            value = value or 0
            if not 0 <= value < 1 << 8 * size:
                raise ValueError(name + " does not fit its field")
            out += value.to_bytes(size, "big")
        else:
            value = value or bytes(size)
            if len(value) != size:
                raise ValueError(name + " has the wrong length")
            out += value
    return bytes(out)


def unpack(fields: tuple, data: bytes) -> dict:
    """Return the record that `data` holds; `data` must have exactly the fields' length."""
    if len(data) != size_of(fields):
        raise ValueError("record has the wrong length")
    record = {}
    at = 0
    for name, size, coding in fields:
        raw = bytes(data[at : at + size])
        at += size
        if coding == BCD:
            record[name] = from_bcd(raw)
        else:
            record[name] = raw if coding == RAW else int.from_bytes(raw, "big")
    return record


def with_inverse(data: bytes) -> bytes:
    """Return the data and its bitwise inverse, the check of numbers without MAC and frame."""
    return data + bytes([byte ^ 0xFF for byte in data])


def frame(command: int, data: bytes) -> bytes:
    """Return 68H, command, length (two bytes), data, sum of command to the last data byte, 16H."""
    body = bytes((command, len(data) >> 8, len(data) & 255)) + bytes(data)
    return bytes((HEAD,)) + body + bytes((sum(body) & 255, _TAIL))


def unframe(block: bytes) -> tuple:
    """Return (command, data) of a framed file.

    Bytes after the frame are ignored, as files may be longer than their content.
    """
    if len(block) < FRAME_OVERHEAD or block[0] != HEAD:
        raise ValueError("file does not begin with 68H")
    length = block[2] << 8 | block[3]
    if len(block) < length + FRAME_OVERHEAD:
        raise ValueError("file is cut short")
    if block[length + 5] != _TAIL:
        raise ValueError("file does not end with 16H")
    if sum(block[1 : length + 4]) & 255 != block[length + 4]:
        raise ValueError("file has a wrong sum")
    return block[1], bytes(block[4 : length + 4])


def is_blank(block: bytes) -> bool:
    """Return whether a write-back file is blank.

    Then the card has not been in a meter since the desk wrote it.
    """
    return not block or block[0] != HEAD


def unpack_tariff(data: bytes) -> dict:
    """Return the lists of numbers that a tariff set has, by their names in TARIFF."""
    if len(data) != TARIFF_SIZE:
        raise ValueError("tariff has the wrong length")
    record, at = {}, 0
    for name, (count, size) in TARIFF:
        record[name] = [from_bcd(data[at + size * i : at + size * (i + 1)]) for i in range(count)]
        at += count * size
    return record


def is_flat(data: bytes) -> bool:
    """Return whether tariff data have nothing but rates: then the first one is the price."""
    return not any(data[_RATES_SIZE:])
