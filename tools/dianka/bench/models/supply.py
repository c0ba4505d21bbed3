"""The meter's own supply and the power-fail sense: from which mains voltage on each works.

Both lie before the relay, at A2 in boards/*/mains.svg. Facts:
- HLK-5M12 (Hi-Link's datasheet): 85 to 264 V AC at its input. Nothing is promised above that, so
  the bench refuses it. The HLK-PM01 that feeds the metering chip has the same range.
- Below 85 V the datasheet promises nothing either. Here a running supply holds on down to 75 V and
  starts again at 85 V. Without such a hysteresis, a mains just at the limit would start the meter
  and lose it over and over again.
- The capacitor behind it feeds the controller for 100 ms more.
- Power-fail sense: an H11AA1 behind 2 x 68 kilohm, 100 kilohm at its output. At 50 V its LED has
  0.33 mA on average. A weak one (20 % at 10 mA, less at lower currents) passes on 6 % of that,
  which makes the 2.0 V that an RP2040 takes for high. So from 75 V down to 50 V the supply fails
  unwarned.
"""

STARTS_MV = 85_000
HOLDS_MV = 75_000
SENSED_MV = 50_000
MAX_MV = 264_000
HOLD_UP_US = 100_000


def is_running(mains_mv: int, running: bool) -> bool:
    """Return whether the supply runs at this voltage; `running` is whether it did until now."""
    return mains_mv >= (HOLDS_MV if running else STARTS_MV)


def is_sensed(mains_mv: int) -> bool:
    """Return whether the power-fail sense sees the mains."""
    return mains_mv >= SENSED_MV
