"""Assign the FRAM's bytes: 32 KiB in two halves, each with the journal's rings (docs/hardware.md).

Everything that is stored gets its place here and nowhere else. Data that lie in one half only are
lost with it.
"""

from micropython import const

SIZE = const(32_768)
HALVES = (0, 16_384)

# In each half, from its beginning on.
FORMER_JOURNAL_AT = const(0)  # ring of formats 1 and 2, whose slots were as large as their record
FORMER_JOURNAL_BYTES = const(1_024)
JOURNAL_AT = const(1_024)
JOURNAL_SLOT_BYTES = const(256)
JOURNAL_SLOTS = const(8)
TARIFF_AT = const(3_072)
TARIFF_SLOT_BYTES = const(256)
TARIFF_SLOTS = const(4)
RULES_AT = const(4_096)  # of the supply
RULES_BYTES = const(64)
CALIBRATION_AT = const(4_352)  # of the metering chip
CALIBRATION_SLOT_BYTES = const(48)
CALIBRATION_SLOTS = const(8)
HISTORY_AT = const(4_736)  # of the use, by days and months
HISTORY_BYTES = const(192)
ATT_CALIBRATION_AT = const(4_928)  # of an ATT7022, in as many slots
ATT_CALIBRATION_SLOT_BYTES = const(72)
REVERSE_AT = const(5_504)  # energy that flowed backwards
REVERSE_BYTES = const(16)

# Events, a ring for each kind in the order of event_chain.py, one slot more than it promises.
EVENTS_AT = const(6_144)
EVENT_SLOT_BYTES = const(36)
EVENT_SLOTS = (101, 21, 21, 11, 11, 11, 11, 21, 11, 11)

# In the whole memory.
ILLEGAL_AT = const(31_744)
ILLEGAL_BYTES = const(1_024)
