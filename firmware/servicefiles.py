"""Layout of the files that service cards bring to the meter and take away: inspection, production test, refund.

Owns numbers and field tables only; pack and unpack them with cardfiles.py, whose codings these are. All of it is this
project's own choice where docs/card-protocol.md does not say otherwise.
"""

from micropython import const

_BIN = const(0)  # the codings of cardfiles.py
_BCD = const(1)
_RAW = const(2)

# Command bytes of file 01 beside those in cardfiles.py. The control card's file 01 is in its MF, never in DF01.
CMD_CONTROL = const(0x00)
CMD_PART = const(0x0A)
CMD_READ_BACK = const(0x15)  # run info and totals on an inspection card

# Record files and counters are addressed by P2 = short file id * 8 + 4.
CARD_USES = const(2)  # counter of test, key-change and restore cards
CARD_SERVED = const(3)  # key-change and restore cards: which meter the last use was for
CARD_REFUND = const(6)  # user card: money and count of a refund
TEST_RESULTS = const(5)  # log of a test card
INSPECTION_WALLET = const(2)
INSPECTION_PARAMS = const(3)
INSPECTION_KEY_INFO = const(6)
INSPECTION_LIMITS = const(7)
INSPECTION_RUN_INFO = const(8)
INSPECTION_TOTALS = const(9)
INSPECTION_EVENTS = const(10)
EVENTS = const(20)  # records in the log
RESULTS = const(20)

# Bits of `tests` in a test order, `done` and `passed` in a result.
TEST_RELAY = const(0x01)
TEST_SEGMENTS = const(0x02)
TEST_PULSES = const(0x04)
TEST_MEMORY = const(0x08)
TEST_CLOCK = const(0x10)
TEST_ESAM = const(0x20)

# What to copy: all of it, or less to be quicker. File 01 of an inspection card.
INSPECTION_ORDER = (("copies", 1, _BIN), ("reserved", 3, _RAW))
COPY_WALLET = const(0x01)
COPY_PARAMS = const(0x02)
COPY_TOTALS = const(0x04)
COPY_EVENTS = const(0x08)
COPY_ALL = const(0x0F)

# Factors of the SEAL KEY that took the last use: the present master key's, and the new keys'.
SERVED = (("master_factor", 8, _RAW), ("keys_factor", 8, _RAW))

TOTALS = (
    ("meter_no", 6, _BCD),
    ("energy_pj", 12, _BIN),
    ("remainder", 9, _BIN),
    ("bought_fen", 6, _BIN),
    ("price_e4", 4, _BCD),
    ("faults", 4, _BIN),
    ("selfcheck", 8, _RAW),
    ("version", 8, _RAW),
    ("events", 4, _BIN),
    ("copied", 1, _BIN),
    ("time", 5, _BCD),
)
EVENT = (
    ("number", 4, _BIN),
    ("time", 5, _BCD),
    ("code", 2, _BIN),
    ("detail", 5, _RAW),
    ("hash", 8, _RAW),
)
# An illegal card in the log of events, in the place of an EVENT: `code` is 0C00H + the error code of its session.
ILLEGAL_CARD = const(0x0C00)
CARD_EVENT = (
    ("number", 4, _BIN),
    ("time", 5, _BCD),
    ("code", 2, _BIN),
    ("command", 3, _RAW),
    ("sw", 2, _BIN),
    ("serial", 8, _RAW),
)
TEST_ORDER = (("tests", 1, _BIN), ("seconds", 1, _BIN), ("pulses", 2, _BIN), ("reserved", 4, _RAW))
TEST_RESULT = (
    ("meter_no", 6, _BCD),
    ("esam", 8, _RAW),
    ("done", 1, _BIN),
    ("passed", 1, _BIN),
    ("pulses", 2, _BIN),
    ("money_fen", 4, _BIN),
    ("selfcheck", 8, _RAW),
    ("version", 8, _RAW),
    ("time", 5, _BCD),
)
CONTROL_INFO = (("profile", 1, _BIN), ("reserved", 3, _RAW))
PART_INFO = (
    ("profile", 1, _BIN),
    ("part", 1, _BIN),
    ("needed", 1, _BIN),
    ("parts", 1, _BIN),
    ("control", 8, _RAW),
)
PART = (("backup", 2, _BIN), ("needed", 1, _BIN), ("index", 1, _BIN), ("value", 112, _RAW))
