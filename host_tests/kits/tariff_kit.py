"""Sales with a new price, and an oracle that tells from money and energy when the price changed."""

from datetime import datetime, timedelta
from pathlib import Path

from dianka.desk.prices import NewPrice, card_minute
from ledger import FEN, PJ_PER_WH, compute_used_fen
from meter_kit import MS, USER, MeterKit, S

EPOCH = datetime(2000, 1, 1, 8)  # of the clock chip, in the meter's local time
UNSEEN_US = 260 * MS  # counted by the chip, not yet read by the meter (firmware/meter.py)


def local(at_s: int) -> int:
    return card_minute(EPOCH + timedelta(seconds=at_s))


def sell_new(
    kit: MeterKit, price_e4: int, minutes: int, amount_fen: int = 100, card: Path = USER
) -> int:
    """Sell with a price that begins when this many more minutes have begun.

    Return the virtual time of that moment.
    """
    now_s = kit.rig.bench.clock_chip.time_s
    begin_s = (now_s // 60 + minutes) * 60
    new = NewPrice(price_e4, local(begin_s), at_once=True)
    kit.sell(amount_fen, card, new, lambda: local(now_s))
    kit.ledger.bought_fen += amount_fen
    return kit.rig.clock.now_us + (begin_s - now_s) * S - kit.rig.clock.now_us % S


def planned(kit: MeterKit, price_e4: int, minutes: int) -> int:
    begin_us = sell_new(kit, price_e4, minutes)
    assert kit.run_session(USER).code == 0, kit.lines[-5:]
    return begin_us


def wait_until(kit: MeterKit, us: int) -> None:
    kit.wait(max(0, us - kit.rig.clock.now_us))


def at_the_old_price(kit: MeterKit, old_e4: int, new_e4: int) -> int:
    """Return the energy charged at the old price, calculated from money and energy alone."""
    state = kit.state
    found = (compute_used_fen(state) * FEN - state.energy_pj * new_e4) / (old_e4 - new_e4)
    assert found.denominator == 1 and found % kit.rig.bench.chip.params.pulse_pj == 0, found
    return int(found)


def at_least_pj(kit: MeterKit, counted_pj: int, load_mw: int, losses: int) -> int:
    """Return the least energy charged at the old price, when the chip had counted `counted_pj`.

    The chip counts whole pulses: a time can contain one pulse more than fit into it.
    """
    pulse_pj = kit.rig.bench.chip.params.pulse_pj
    unseen = load_mw * UNSEEN_US * 1000 // pulse_pj + 1
    return counted_pj - (unseen * pulse_pj if load_mw else 0) - losses * PJ_PER_WH
