"""The HLW8032's 24-byte report as bytes: building it, and every way to spoil it on the wire.

Owns the layout (user manual REV 1.5, register list) and the faults. The model in hlw8032.py decides
on the values and the times.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from random import Random

FRAME_SIZE = 24
CHECK = 0x5A
LIMIT = 0xFEFF01  # a running period count stops here, as captured reports show
ABSURD_REGISTER = 3  # as a voltage register: more than 100 kV


class Fault(Enum):
    """One way in which a report is wrong, or missing."""

    CHECKSUM = auto()  # the sum is wrong, the rest right
    STATE_AA = auto()  # correction failed: parameters are rubbish, the sum is right
    PARAMS_UNUSABLE = auto()  # State 0xFx with bit 0 set: the other form of the same report
    BYTE_DROPPED = auto()
    BYTE_INSERTED = auto()
    NOISE = auto()  # 1 to 8 characters in the gap after the report
    FROZEN = auto()  # nothing is sent
    NOT_UPDATED = auto()  # update bits clear, registers hold running counts, the sum is right
    ABSURD_VOLTAGE = auto()  # an impossible voltage register under a right sum
    # The current register reads 0 under a right sum, as captured on an isolated board.
    ZERO_REGISTER = auto()
    WRONG_PPARAM = auto()  # another power parameter, the sum is right
    PARITY = auto()  # bits flipped on the wire; the port passes such characters on unmarked


@dataclass(frozen=True)
class Params:
    """Constants that differ from chip to chip, and the resistor factors Kv and Ki in thousandths.

    The defaults are the constants of a captured chip, behind 4 x 470 kOhm over 1 kOhm and with a 1
    mOhm shunt. The factors are those that the parts have, whatever the board's page says of them;
    `energy_ppm` is what power and energy are off beyond both.
    """

    voltage: int = 0x02DA78
    current: int = 0x003D3B
    power: int = 0x4CC458
    kv_milli: int = 1880
    ki_milli: int = 1000
    energy_ppm: int = 0

    @cached_property
    def pulse_pj(self) -> int:
        """Return the energy of one pulse in pJ, exact."""
        return (
            self.power * self.kv_milli * self.ki_milli * (1_000_000 + self.energy_ppm) // 1_000_000
        )

    @cached_property
    def bytes_each(self) -> tuple[bytes, bytes, bytes]:
        return (
            self.voltage.to_bytes(3, "big"),
            self.current.to_bytes(3, "big"),
            self.power.to_bytes(3, "big"),
        )


CAPTURED = Params()
# A chip whose constants look like the beginning of a report, at three places. Their size is
# plausible, so energy stays plausible.
PLANTED = Params(voltage=0x02555A, current=0x00555A, power=0x4B555A)


def compute_checksum(frame: bytes | bytearray) -> int:
    """Return the low eight bits of the sum of bytes 2 to 22.

    State and the byte 0x5A after it are not covered.
    """
    return sum(frame[2:23]) & 0xFF


def build(state: int, params: Params, registers: Sequence[int], updated: int, pf: int) -> bytes:
    """Build a sound report; `registers` are V, I, P."""
    v, i, p = params.bytes_each
    v_reg, i_reg, p_reg = (register.to_bytes(3, "big") for register in registers)
    frame = (
        bytes((state, CHECK))
        + v
        + v_reg
        + i
        + i_reg
        + p
        + p_reg
        + bytes((updated, pf >> 8, pf & 0xFF))
    )
    return frame + bytes((compute_checksum(frame),))


def spoil(frame: bytes, faults: Set[Fault], random: Random) -> bytes:
    """Return the bytes on the wire in place of `frame`: none if the chip is frozen."""
    if Fault.FROZEN in faults:
        return b""
    out = bytearray(frame)
    _spoil_content(out, faults, random)
    out[23] = compute_checksum(out)
    if Fault.CHECKSUM in faults:
        out[23] ^= random.randint(1, 255)
    if Fault.PARITY in faults:
        for at in random.sample(range(FRAME_SIZE), 3):
            out[at] ^= 1 << random.randrange(8)
    if Fault.BYTE_DROPPED in faults:
        del out[random.randrange(FRAME_SIZE)]
    if Fault.BYTE_INSERTED in faults:
        out.insert(random.randrange(1, len(out)), random.randrange(256))
    return bytes(out)


def _spoil_content(out: bytearray, faults: Set[Fault], random: Random) -> None:
    """Spoil values that the chip itself reports wrongly, under a right sum."""
    if Fault.STATE_AA in faults:
        out[0] = 0xAA
    if Fault.PARAMS_UNUSABLE in faults:
        out[0] = 0xF1 | (out[0] & 0x0E if out[0] >= 0xF0 else 0)
    if Fault.STATE_AA in faults or Fault.PARAMS_UNUSABLE in faults:
        for at in (2, 8, 14):
            out[at : at + 3] = random.randbytes(3)
    if Fault.NOT_UPDATED in faults:
        out[20] &= 0x8F
        for at in (5, 11, 17):
            out[at : at + 3] = random.randrange(LIMIT + 1).to_bytes(3, "big")
    if Fault.ABSURD_VOLTAGE in faults:
        out[5:8] = ABSURD_REGISTER.to_bytes(3, "big")
    if Fault.ZERO_REGISTER in faults:
        out[11:14] = bytes(3)
    if Fault.WRONG_PPARAM in faults:
        out[14] ^= 0x10
