"""Name the kinds of event, and chain entries by their hashes.

An entry is card_files.LOG_ENTRY: 24 bytes of content and a hash of the entry before and of this
content. The hash is the first 8 bytes of a SHA-256 (FIPS 180-4); the first entry of a ring follows
zeros. Each kind has a ring, and so a chain, of its own (events.py).
"""

import hashlib

from micropython import const

PURCHASE = const(1)  # amount (4 bytes), count (4), balance after it (5, two's complement)
SUPPLY = const(2)  # `what` is the cause by supply.CAUSES; balance (5)
POWER = const(3)  # what: 0 up, 1 up after a reset of the controller alone, 2 down
CARD = const(4)  # what: error code of the session; serial (8), INS P1 P2, status word (2)
PARAMETERS = const(5)  # what: one of the constants below
CLOCK = const(6)  # time before and after, in seconds since 2000-01-01 UTC (4 each), 0: unknown
OVERLOAD = const(7)  # what: the bits of state.tripped; power in mW (5)
FAULT = const(8)  # what: the code, and GONE if it has ended; BACKWARDS: total in Wh (8)
UPDATE = const(9)  # what: 0 kept, 1 refused; version (first 13 characters)
CASE = const(10)  # what: 0 closed, 1 opened; 1 if it was so at a start already
KINDS = const(10)

POWER_UP = const(0)
POWER_RESET = const(1)
POWER_DOWN = const(2)
BY_INITIALISATION = const(1)
BY_USER_CARD = const(2)
BY_KEY_CARD = const(3)
BY_MIRROR = const(4)  # balance (5), energy in Wh (8): a lost memory, taken back from the ESAM
BY_CLOSING = const(5)  # count of the order (4), amount of the statement (5, two's complement)
BACKWARDS = const(0x20)
GONE = const(0x80)
REFUSED = const(1)
CASE_CLOSED = const(0)
CASE_OPENED = const(1)

DETAIL = const(13)
HASH = const(8)
START = bytes(HASH)  # what the first entry of a chain follows


def compute_hash(before: bytes, content: bytes) -> bytes:
    """Return the hash of an entry with this content, which follows the hash `before`."""
    return hashlib.sha256(before + content).digest()[:HASH]
