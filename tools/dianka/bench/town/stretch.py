"""Let weeks pass at a meter: waits are skipped, and what the firmware decides on is played.

A skip moves the clock alone (models/clock.py): energy flows on, the clock chip goes on, and the
firmware finds one large step of the metering chip's count when it looks next. So a skip

- ends before the chip's count of 17 bits wraps, or is short enough for a wrap to be told from a
  restart (firmware/metering.py);
- ends where the balance comes near the next stage of the supply: from there on skips are short;
- ends before a price changes;
- is shorter than the silence of the chip after which the meter opens its relay (`SILENCE_MIN`).
"""

from collections.abc import Iterator

from dianka.bench.stage.stand import FEN, MS, S, Stand
from dianka.bench.town.times import HOUR_US

SILENCE_MIN = 240  # what an initialisation card says: the longest skip is half of it
_LONGEST_US = 2 * HOUR_US
_SHORTEST_US = 10 * S
_OVER_THE_WRAP_US = 120 * S
_WRAP = 1 << 17
_SPARE = 2_000  # pulses before the wrap at which a long skip ends
_LOOK_US = 400 * MS  # after a skip: a report, its poll, the decision and the commit
_GAP_US = 20 * MS
_TRIES = 200  # the chip's reports and the firmware's polls are in step again after 2 s
_CALM_US = 3 * S  # before the first skip: whatever was going on is over


def pass_time(stand: Stand, until_us: int) -> Iterator[None]:
    """Let time pass up to `until_us`, and yield after each step."""
    if stand.powered:
        stand.wait(min(_CALM_US, max(until_us - stand.now_us, 0)))
        yield
    while stand.now_us < until_us:
        left_us = until_us - stand.now_us
        if not stand.powered:
            stand.wait(left_us)
            return
        if _wait_for_quiet(stand, until_us):
            skip_us = min(compute_skip_us(stand), until_us - stand.now_us - _LOOK_US)
            if skip_us > 0 and not stand.serving:
                stand.rig.clock.skip(skip_us)
        stand.wait(min(_LOOK_US, until_us - stand.now_us))
        yield


def _wait_for_quiet(stand: Stand, until_us: int) -> bool:
    """Wait until each report of the chip has been read to its end; return whether that came.

    One of before that is read after a skip would make the next one a step that no mains delivers.
    """
    for _ in range(_TRIES):
        if stand.rig.bench.chip.quiet:
            return True
        if stand.now_us + _GAP_US >= until_us:
            return False
        stand.wait(_GAP_US)
    return False


def compute_skip_us(stand: Stand) -> int:
    """Return how much may be skipped at once at this meter now."""
    longest_us = min(_LONGEST_US, _until_price_us(stand))
    power_mw = stand.rig.bench.mains.power_mw
    if not power_mw:
        return longest_us
    pulse_pj = stand.rig.bench.chip.params.pulse_pj
    left = _WRAP - stand.rig.bench.chip.pulses % _WRAP - _SPARE
    wrap_us = left * pulse_pj // (power_mw * 1000) if left > 0 else 0
    longest_us = min(longest_us, max(wrap_us, _OVER_THE_WRAP_US))
    return max(min(longest_us, _until_stage_us(stand, power_mw)), min(_SHORTEST_US, longest_us))


def _until_stage_us(stand: Stand, power_mw: int) -> int:
    """Return how long the balance stays above the next stage, with a fen to spare."""
    state = stand.state
    stages = (state.alarm1_fen, state.alarm2_fen, 0, -state.overdraft_limit_fen)
    below = [fen for fen in stages if fen < state.balance_fen]
    if not below or not state.price_e4:
        return _LONGEST_US
    left_fen = state.balance_fen - max(below) - 2
    return max(left_fen, 0) * FEN // (state.price_e4 * power_mw * 1000)


def _until_price_us(stand: Stand) -> int:
    """Return how long the present price holds by the meter's clock, with some seconds to spare."""
    state = stand.state
    if not state.switch_time:
        return _LONGEST_US
    at_s = stand.meter.clock.seconds_of(state.switch_time)
    left_s = at_s - stand.rig.bench.clock_chip.time_s
    # Once it has begun the next look puts it into force; an unknown time never does.
    return max(left_s - 5, 1) * S if left_s > -60 else _LONGEST_US
