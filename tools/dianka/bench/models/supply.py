"""The meter's own supply and the power-fail sense: what they do at which voltage of the mains.

Both lie before the relay, at A2 in boards/*/mains.svg. Facts:
- HLK-5M12 (Hi-Link's datasheet): 85 to 264 V AC at its input. Above that nothing is promised, so
  the bench refuses it. The HLK-PM01 that feeds the metering chip has the same range.
- Below 85 V the datasheet promises nothing either: here a supply that runs holds on down to 75 V
  and starts again at 85 V. Without such a hysteresis a mains that lies just there would start the
  meter and lose it over and over again.
- The capacitor behind it feeds the controller for 100 ms more.
- Power-fail sense: an H11AA1 behind 2 x 68 kilohm, 100 kilohm at its output. At 50 V its LED has
  0.33 mA on average; 6 % of that, what a weak one passes on (20 % at 10 mA, less at less), make
  the 2.0 V that an RP2040 takes for high. So from 75 V down to 50 V the supply fails unwarned.
"""

STARTS_MV = 85_000
HOLDS_MV = 75_000
SENSED_MV = 50_000
MAX_MV = 264_000
HOLD_UP_US = 100_000


def runs(mains_mv: int, running: bool) -> bool:
    """Return whether the supply runs at this voltage, which depends on whether it did until now."""
    return mains_mv >= (HOLDS_MV if running else STARTS_MV)


def sensed(mains_mv: int) -> bool:
    """Return whether the power-fail sense sees the mains."""
    return mains_mv >= SENSED_MV
