"""Hold the metering chip's calibration: what it is, where it lies, and what puts it in force.

What can be calibrated. The HLW8032 takes no constants: its P, V and I parameters are the chip's
own, and what differs from meter to meter is divider and shunt. So the driver (hlw8032.py) has three
gains, in millionths: voltage (Kv), current (Ki), and energy with power (Kv x Ki). The third is
measured by itself, since errors of the other two need not multiply to it, and one pulse is P
parameter x gain, a whole number of picojoules. The chip has no phase and no offset to be set. The
constants of the board's page (board.py) are the default, and a meter that goes by them says so:
`calibration 0` in its self-check line. The ATT7022 has registers for all of it, and records of its
own (calibration_att.py).

Where it lies. A record has a number, the CRC of the record that a step back returns to, the chip,
its gains, the time, and who did it. Eight of them lie in each half of the memory
(parameter_memory.py), so the newest eight also are the list of who did what and when. The state
names the one in force by its CRC. The record is written first, and the commit of the state brings
it in, together with the new energy of a pulse: a cut at any byte leaves the old calibration or the
new one, whole. A step back is a new record with former gains, and nothing is ever taken off the
list.

Energy. What the chip has reported before that commit is charged at the former energy of a pulse,
what it reports after it at the new one. `register` and `pulse_pj` of the state change together, so
the next start takes the chip for the same one: nothing is lost and nothing is charged twice.

Who may. Whoever can open the case and reach the board's port, while no account has been opened:
calibrator.py refuses it afterwards. A memory that is exchanged or blank has no calibration: the
meter says so on its last page, and one that has lost a calibration which the state names says so in
the self-check too. It counts on by the board's constants.
"""

from micropython import const

import fram_map
import parameter_memory
from card_files import BIN, RAW, unpack
from fram import Fram
from metering import LOST, Metering

FIELDS = (
    ("number", 4, BIN),
    ("former_crc", 4, BIN),  # of the record before it; 0: the board's constants
    ("kind", 1, BIN),  # of the chip (metering.py); 0: back at the board's constants
    ("voltage", 4, BIN),
    ("current", 4, BIN),
    ("energy", 4, BIN),
    ("at_s", 4, BIN),  # seconds since 2000-01-01 UTC, by the installer's PC
    ("who", 16, RAW),  # ASCII, filled up with spaces
)
_SIZE = const(41)
AREA = (
    fram_map.CALIBRATION_AT, fram_map.CALIBRATION_SLOT_BYTES, fram_map.CALIBRATION_SLOTS, _SIZE
)  # fmt: skip


def find_layout(chip) -> tuple:
    """Return fields, area, and the functions from a record to gains and from gains to fields."""
    if hasattr(chip, "calibration_layout"):
        other = chip.calibration_layout
        at, size = fram_map.ATT_CALIBRATION_AT, fram_map.ATT_CALIBRATION_SLOT_BYTES
        area = at, size, fram_map.CALIBRATION_SLOTS, other.SIZE
        return other.FIELDS, area, other.gains_of, other.to_fields
    return FIELDS, AREA, gains_of, to_fields


def put_in_force(metering: "Metering", memory: "Fram", crc: int, log) -> None:
    """Let the chip go by the calibration with this CRC, or else say that it is lost."""
    chip = metering.chip
    fields, area, to_gains, _ = find_layout(chip)
    data = parameter_memory.find(memory, area, crc)
    record = unpack(fields, data) if data else None
    if record and not record["kind"]:
        return
    if record is None or record["kind"] != chip.kind:
        metering.calibration = LOST
        why = "made for another metering chip" if record else "lost"
        log("calibration: %s, the board's constants hold: calibrate anew" % why)
        return
    chip.set_gains(to_gains(record))
    metering.calibration = record["number"]


def gains_of(record: dict) -> tuple:
    return record["voltage"], record["current"], record["energy"]


def to_fields(gains: tuple, _: int) -> dict:
    return {"voltage": gains[0], "current": gains[1], "energy": gains[2]}
