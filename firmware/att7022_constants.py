"""Hold what the ATT7022's driver knows of its constants: generations, defaults, sum, and overlay.

Source: Hi-Trend, ATT7022E/26E/28E user manual Rev 3.4. A calibration (calibration_att.py) is 15
words of 16 bits, five for each of three phases, laid over the constants of the board:

- words 0 to 2: Ugain (17H on), 3 to 5: Igain (1AH on). The value is 2^15 x (true / shown - 1).
- 6 to 8: Pgain (04H on), which Q and S gain (07H and 0AH on) repeat.
- 9 to 11: phase (0DH on), 2^15 x the angle in radians that the current is moved forward by. The
  second region of current (10H on) repeats it, so that Iregion does not matter.
- 12 to 14: Poffset (13H on), in units of the power register.
"""

from micropython import const

from account import PJ_PER_KWH

E = const(0)
B = const(1)
# What differs, by generation: data of C9H that unlock and lock the constants; registers that echo
# the data of a read and of a write, and command with sum (0: none does); the constant HFconst; the
# device numbers that are accepted (none: there is no such register).
GENERATIONS = (
    (0x5A, 0x00, 0x2D, 0x2D, 0x2E, 0x1E, (0x7122A0, 0x7126A0, 0x7128A0)),
    (0x00, 0x01, 0x28, 0x2D, 0x00, 0x20, ()),
)
# Constants 01H to 39H as the chip has them after a reset. Those that are not 0:
RESET = {
    0x01: 0x89AA, 0x03: 0x0804, 0x1D: 0x0160, 0x1E: 0x0500, 0x1F: 0x0600, 0x30: 0x0001,
    0x31: 0x4527, 0x34: 0x2C59, 0x35: 0x000F, 0x36: 0x0030, 0x37: 0x7FFF, 0x38: 0x1000,
    0x39: 0x4500,
}  # fmt: skip
LAST = const(0x39)
WORDS = (
    0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x04, 0x05, 0x06, 0x0D, 0x0E, 0x0F, 0x13, 0x14, 0x15
)  # fmt: skip
# Registers that repeat others.
_REPEATED = (
    (0x07, 0x04), (0x08, 0x05), (0x09, 0x06), (0x0A, 0x04), (0x0B, 0x05), (0x0C, 0x06),
    (0x10, 0x0D), (0x11, 0x0E), (0x12, 0x0F),
)  # fmt: skip
_EMUCFG = const(0x03)
_MOST_HFCONST = const(0x0D00)


def check_constants(constants: dict, imp_per_kwh: int, generation: int = E) -> None:
    """Raise ValueError if the chip could not count with these constants, or be verified.

    EMUCfg: counters on (bit 12), registers not cleared on reading (bit 7), and the upper four bits
    alike, because the manual has them in reversed order in the sum.
    """
    if imp_per_kwh <= 0 or PJ_PER_KWH % imp_per_kwh:
        raise ValueError("imp/kWh: a pulse must be a whole number of pJ")
    if generation == E and constants.get(_EMUCFG, 0) & 0xF080 != 0xF000:
        raise ValueError("EMUCfg: write FxxxH with bit 7 = 0")
    if not 2 <= constants.get(GENERATIONS[generation][5], 0) <= _MOST_HFCONST:
        raise ValueError("HFconst: 2 to D00H")


def compute_sum(constants: dict) -> int:
    """Return what register 3EH shows with these constants."""
    total = 0
    for register in range(1, LAST + 1):
        total += constants.get(register, RESET.get(register, 0))
    return total & 0xFFFFFF


def list_words(constants: dict) -> tuple:
    """Return the 15 words of a calibration as these constants have them."""
    return tuple([constants.get(register, 0) for register in WORDS])


def overlay(constants: dict, words: tuple) -> dict:
    """Return the board's constants with these words in place of its own.

    Its own words leave them as they are, whatever it has put into the registers that repeat others.
    """
    words = words[: len(WORDS)]
    if words == list_words(constants):
        return constants
    result = dict(constants)
    result.update(zip(WORDS, words))  # noqa: B905
    for register, source in _REPEATED:
        result[register] = result[source]
    return result
