"""Measures how late an overload is cut, with a card session under way: from delay to open contact.

The card goes in at another moment before each trip, so that the trips fall into all parts of a
session: reset, authentication, credit, receipt.
"""

from dataclasses import replace
from pathlib import Path

from dianka.bench.measure.figure import Figure
from dianka.bench.stage.rig import RigError
from dianka.bench.stage.stand import INIT_DATA, MS, USER, S, Stand
from dianka.desk.supply import parse_supply

DELAY_S = 10
LATE_LIMIT_MS = 1_000
LOAD_MW = 4_000_000
TRIPS = 12
SPREAD_MS = 60  # between two moments at which the card goes in
MOST_IDLE = 3  # trips that may fall beside a session
_STEP_US = 5 * MS


def measure_trips(folder: Path, runner: str = "host") -> list[Figure]:
    """Trip `TRIPS` times at 4 kW; return the latest trip. RigError if one does not come."""
    rules = parse_supply(f"3000W,{DELAY_S}s,{TRIPS}x10s", "", "", "", 0)
    folder.mkdir(parents=True, exist_ok=True)
    with Stand(folder, runner) as stand:
        stand.set_up(replace(INIT_DATA, supply=rules))
        stand.sell(10_000)
        stand.serve(USER)
        stand.wait(6 * S)
        late = [_measure_trip(stand, trip) for trip in range(TRIPS)]
    served = sum(serving for _, serving in late)
    return [
        Figure("overload trips in a session", served, "", f"at least {TRIPS - MOST_IDLE}"),
        Figure(
            "overload trip behind its delay, in a session, at most",
            max(ms for ms, _ in late),
            "ms",
            f"at most {LATE_LIMIT_MS}",
        ),
    ]


def _measure_trip(stand: Stand, trip: int) -> tuple[int, bool]:
    """Return (ms from the end of the delay to the open contact, whether a session was active)."""
    stand.sell(100)
    if not stand.relay_closed:
        raise RigError(f"the supply did not return: {' / '.join(stand.lines[-3:])}")
    stand.rig.set_load(LOAD_MW)
    due_us = stand.now_us + DELAY_S * S
    stand.wait(DELAY_S * S - trip * SPREAD_MS * MS)
    stand.rig.insert(USER)
    serving = False
    while stand.relay_closed:
        if stand.now_us > due_us + 5 * S:
            raise RigError(f"the overload was not cut: {' / '.join(stand.lines[-3:])}")
        serving = stand.serving
        stand.wait(_STEP_US)
    late_ms = (stand.now_us - due_us) // MS
    stand.rig.set_load(0)
    stand.wait(8 * S)
    stand.pull()
    stand.wait(12 * S)
    return late_ms, serving
