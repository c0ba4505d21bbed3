"""Define what only inspection and test cards have: numbers of files and their field tables.

card_files.py packs and unpacks them. Apart from it, as these cards are rare and every name costs
each meter memory from the start. Source: docs/cards/files.md.
"""

from micropython import const

_BIN = const(0)  # as in card_files.py
_BCD = const(1)
_RAW = const(2)

CMD_READ_BACK = const(0x15)  # run info and totals on an inspection card

# Record files and counters are addressed by P2 = short file id * 8 + 4.
INSPECTION_TOTALS = const(9)
INSPECTION_EVENTS = const(10)
EVENTS = const(20)  # records in the log
INSPECTION_LOG = const(11)

# Bits of `tests` in a test order, `done` and `passed` in a result.
TEST_RELAY = const(0x01)
TEST_SEGMENTS = const(0x02)
TEST_PULSES = const(0x04)
TEST_MEMORY = const(0x08)
TEST_CLOCK = const(0x10)
TEST_ESAM = const(0x20)

# File 01 of an inspection card: what to copy, all or less to be quicker.
INSPECTION_ORDER = (("copies", 1, _BIN), ("reserved", 3, _RAW))
COPY_WALLET = const(0x01)
COPY_PARAMS = const(0x02)
COPY_TOTALS = const(0x04)
COPY_EVENTS = const(0x08)
COPY_LOG = const(0x10)
COPY_ALL = const(0x1F)

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
# An illegal card in the log of events, in place of an EVENT: `code` is 0C00H + the error code of
# its session.
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
