"""Live the same life twice, with and without stretches, and say what is different in the end.

Both households rest around what is played (`Life.calm`): a meter learns of its energy ten times a
second, and which tenth it is, is not the same in both.
"""

from pathlib import Path
from typing import Any

from dianka.bench.campaign.soak import acts
from dianka.bench.campaign.soak.life import Life, PlanDay
from dianka.bench.campaign.soak.tariffs import Tariff
from dianka.cardos.files import card_files
from dianka.firmware import load_shared

Facts = dict[str, Any]
_OPENING_FEN = 40_000  # no stage is reached
_KINDS = load_shared("event_chain").KINDS
_FIELDS = load_shared("state").FIELDS
# A second more or less of the clock's time, which goes on while the last report is on its way.
_TIMES = ("earliest_s",)
_SUMS = ("cash_fen", "used_fen", "energy_pj", "cuts", "most_lost_pj")


def live_twice(
    folder: Path, seed: int, number: int, tariff: Tariff, start_s: int, end_s: int, plan: PlanDay
) -> tuple[Facts, Facts]:
    """Live from one local time to another twice; return the facts of both ends."""
    facts = []
    for stretched in (True, False):
        place = folder / ("stretched" if stretched else "played")
        place.mkdir()
        life = Life(place, seed, number, stretched, True, start_s=start_s, tariff=tariff)
        try:
            acts.open_account(life, _OPENING_FEN)
            life.live_until(end_s, plan)
            life.finish()
            sums = {name: getattr(life, name) for name in _SUMS}  # a meter that is gone included
            facts.append({**_collect(life), **sums})
        finally:
            life.close()
    return facts[0], facts[1]


def _collect(life: Life) -> Facts:
    """Return all that a meter, its ESAM and its card have in the end."""
    trial = life.trial
    found: Facts = {
        name: getattr(trial.state, name) for name, _, _ in _FIELDS if name not in _TIMES
    }
    found["relay"] = trial.relay_closed
    found["ESAM's wallet"] = trial.get_esam_wallet()
    mirror = trial.esam.state.files[card_files.ESAM_MIRROR][: card_files.MIRROR_SIZE]
    found["ESAM's mirror"] = _without_times(card_files.unpack(card_files.MIRROR, mirror))
    events = trial.meter.events
    for kind in range(1, _KINDS + 1):
        numbers = range(events.oldest_number(kind), events.newest_number(kind) + 1)
        found[f"events of kind {kind}"] = [_read_event(events, kind, one) for one in numbers]
    # Without today: to the meter a stretch of more than an hour is a clock that was set. After that
    # it says nothing of the day's use so far (firmware/use_history.py).
    found["days"] = [trial.meter.history.compute_use(back) for back in range(1, 8)]
    found["card"] = trial.read_card_state(life.card).files[card_files.CARD_WALLET]
    found["happened"] = dict(life.happened)
    return found


def _without_times(record: Facts) -> Facts:
    return {name: value for name, value in record.items() if name not in (*_TIMES, "crc")}


def _read_event(events: Any, kind: int, number: int) -> tuple[int, bytes]:
    record = card_files.unpack(card_files.LOG_ENTRY, events.read(kind, number))
    return record["what"], bytes(record["detail"])
