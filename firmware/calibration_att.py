"""Lay out the calibration records of the ATT7022E, as calibration.py does for the HLW8032.

`gains` are the 15 words that att7022_constants.py describes, as the chip has them in its registers,
and for each phase the watts at which its gain was set, 0 if it was not. The energy of a pulse does
not depend on them: they make the chip's pulse what its board says.
"""

from card_files import BIN, RAW

FIELDS = (
    ("number", 4, BIN),
    ("former_crc", 4, BIN),  # of the record before it; 0: the board's constants
    ("kind", 1, BIN),  # of the chip (metering.py); 0: back at the board's constants
    ("step", 1, BIN),  # 4 x step (1 gain, 2 phase, 3 offset) + phase (1 to 3); 0: a step back
    ("gains", 36, RAW),  # two bytes each
    ("at_s", 4, BIN),  # seconds since 2000-01-01 UTC, by the installer's PC
    ("who", 16, RAW),  # ASCII, filled up with spaces
)
SIZE = 66


def gains_of(record: dict) -> tuple:
    data = record["gains"]
    return tuple([data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)])


def to_fields(gains: tuple, step: int) -> dict:
    """Return the fields of a record that hold these gains, made in this step."""
    return {"gains": b"".join([word.to_bytes(2, "big") for word in gains]), "step": step}
