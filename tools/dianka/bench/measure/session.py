"""Measures the ordinary purchase session on the wire: its duration, and its time over the floor.

stage/traffic.py defines the floor, and what the standard adds to it. The bench's chips need 20 etu
before they answer. The duration is measured at the contacts, from the leading edge of the card's TS
to the end of the last character; and from the presence switch.
"""

from pathlib import Path

from dianka.bench.measure.figure import Figure
from dianka.bench.stage.session import Session
from dianka.bench.stage.stand import USER, S, Stand
from dianka.bench.stage.traffic import Traffic
from dianka.cardos.t0 import Behaviour

LOAD_MW = 2_200_000
PPS_TA1 = 0x13  # Fi 372, Di 4
WIRE_LIMIT_PERCENT = 125
WHOLE_LIMIT_MS = 2_000


def measure_sessions(folder: Path, runner: str = "host") -> list[Figure]:
    """Measure the session at the first rate and, after PPS, at four times that rate.

    Each has a meter of its own in this folder.
    """
    first = measure_session(folder / "first-rate", None, runner)
    fast = measure_session(folder / "pps", PPS_TA1, runner)
    return [
        *_make_rows("at 9600 bit/s", first.traffic, first.whole_us, True),
        *_make_rows("after PPS, 4 x", fast.traffic, fast.whole_us, False),
    ]


def measure_session(folder: Path, ta1: int | None, runner: str = "host") -> Session:
    """Run a resident's second purchase; tariffs and parameters came with the first.

    `ta1`: the rate that card and ESAM offer, None for no other rate.
    """
    folder.mkdir(parents=True, exist_ok=True)
    behaviour = Behaviour(ta1=ta1)
    with Stand(folder, runner) as stand:
        stand.set_esam_behaviour(behaviour)
        stand.set_up()
        stand.rig.set_load(LOAD_MW)
        stand.sell(2000)
        stand.serve(USER, behaviour)
        stand.sell(1000)
        # The meter looks for a card every 100 ms. The moment in that interval must not depend on
        # how long the former session took.
        stand.wait(-stand.now_us % S)
        return stand.serve(USER, behaviour)


def _make_rows(rate: str, traffic: Traffic, whole_us: int, limited: bool) -> list[Figure]:
    wire_limit = f"at most {WIRE_LIMIT_PERCENT}" if limited else ""
    whole_limit = f"under {WHOLE_LIMIT_MS}" if limited else ""
    return [
        Figure(f"purchase session {rate}, characters", traffic.characters, "", ""),
        Figure(f"purchase session {rate}, changes of direction", traffic.turns, "", ""),
        Figure(f"purchase session {rate}, on the wire", traffic.wire_ns // 1_000_000, "ms", ""),
        Figure(
            f"purchase session {rate}, floor: its characters at 12 etu",
            traffic.floor_ns // 1_000_000,
            "ms",
            "",
        ),
        Figure(f"purchase session {rate}, wire by floor", traffic.percent, "%", wire_limit),
        Figure(
            f"purchase session {rate}, least that ISO 7816-3 allows by floor",
            traffic.demanded_percent,
            "%",
            "",
        ),
        Figure(
            f"purchase session {rate}, switch to write-back", whole_us // 1000, "ms", whole_limit
        ),
    ]
