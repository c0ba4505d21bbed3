"""Layout of the card files that no meter sees: uses, the desk's logs, parts of a backup.

Owns numbers and field tables only; card_files.py of the firmware packs and unpacks them, as the
codings are its own. All of it is this project's own choice where docs/cards/protocol.md does not
say otherwise.
"""

from dianka.cardos.files import card_files

BIN, BCD, RAW = card_files.BIN, card_files.BCD, card_files.RAW

# Command byte of file 01 of a part card.
CMD_PART = 0x0A

# Record files and counters are addressed by P2 = short file id * 8 + 4.
CARD_USES = 2  # counter of test, key-change and restore cards
CARD_SERVED = 3  # key-change and restore cards: which meter the last use was for
TEST_RESULTS = 5  # log of a test card
CONTROL_QUOTA = 3
CONTROL_PIN = 4
CONTROL_PARTS = 5
CONTROL_LAST = 6
INSPECTION_WALLET = 2
INSPECTION_PARAMS = 3
INSPECTION_KEY_INFO = 6
INSPECTION_LIMITS = 7
INSPECTION_RUN_INFO = 8
RESULTS = 20
LOG_BLOCKS = 33  # the head, and as many as all rings fill
LOG_CONTENT = 224  # of a block: the head, or 7 entries

# Factors of the SEAL KEY that cost the last use: the present master key's, and the new keys'.
SERVED = (("master_factor", 8, RAW), ("keys_factor", 8, RAW))

EVENT = (
    ("number", 4, BIN),
    ("time", 5, BCD),
    ("code", 2, BIN),
    ("detail", 5, RAW),
    ("hash", 8, RAW),
)
# How an inspection card carries a meter's log of events (firmware/card_log.py): the rings in the
# first block, then the entries of all of them.
LOG_BLOCK = (
    ("block", 1, BIN),
    ("blocks", 1, BIN),
    ("content", 224, RAW),
    ("check", 4, BIN),
)
LOG_HEAD = (
    ("meter_no", 6, BCD),
    ("time", 5, BCD),
    ("totals", 4, BIN),
    ("version", 13, RAW),
    ("kinds", 1, BIN),
)
LOG_RING = (("first", 4, BIN), ("count", 1, BIN), ("before", 8, RAW))
CONTROL_INFO = (("profile", 1, BIN), ("reserved", 3, RAW))
PART_INFO = (
    ("profile", 1, BIN),
    ("part", 1, BIN),
    ("needed", 1, BIN),
    ("parts", 1, BIN),
    ("control", 8, RAW),
)
PART = (("backup", 2, BIN), ("needed", 1, BIN), ("index", 1, BIN), ("value", 112, RAW))
# What a control card may still do. `pin_failures` counts wrong PINs in a row.
QUOTA = (
    ("limited", 1, BIN),
    ("orders", 4, BIN),
    ("quota_fen", 4, BIN),
    ("issues", 3, BIN),
    ("pin_set", 1, BIN),
    ("pin_failures", 1, BIN),
)
PIN = (("pin", 8, RAW),)
PART_SERIALS = (("serials", 128, RAW),)
# What a control card has counted last, and does not count again.
LAST = (
    ("issue_serial", 8, RAW),
    ("issue_meter", 8, RAW),
    ("sale_serial", 8, RAW),
    ("sale_wallet", 8, RAW),
)
ORDER = (("purpose", 1, BIN), ("number", 4, BIN), ("issues", 3, BIN), ("quota_fen", 4, BIN))
