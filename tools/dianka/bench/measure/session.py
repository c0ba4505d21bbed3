"""The purchase session of every month on the wire: how long it takes, and how much of that is not characters.

Floor: every character at 12 etu of the rate it was sent at, nothing else. What the standard itself adds to it (ISO 7816-3): 16
etu instead of 12 between edges of opposite directions; the bench's chips think for 20. Measured at the contacts of card and
ESAM, from the leading edge of the card's TS to the end of the last character, as they follow one another; and from the switch.
"""

from dataclasses import dataclass, field
from pathlib import Path

from dianka.bench.measure.figure import Figure
from dianka.bench.models.contacts import T0Socket
from dianka.bench.stage import story as stories
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig, RigError, View
from dianka.cardos.t0 import Behaviour

CHARACTER_ETU = 12
TURN_ETU = 16
SENT_ETU = 11  # after its leading edge a character to the chip is counted; one from it, when the port hears it
SESSION_US = 10_000_000
PPS_TA1 = 0x13  # Fi 372, Di 4
WIRE_LIMIT_PERCENT = 115
WHOLE_LIMIT_MS = 2_000


class Nobody:
    """A watcher who does not care."""

    def begins(self, line: int, text: str) -> None: ...
    def passes(self, view: View, passed_us: int, longest_us: int) -> None: ...
    def ends(self, view: View) -> None: ...
    def says(self, text: str) -> None: ...
    def desk_prints(self, text: str) -> None: ...


@dataclass
class Traffic:
    """What went over both lines. Times in nanoseconds."""

    characters: int = 0
    turns: int = 0
    floor_ns: int = 0
    demanded_ns: int = 0  # beyond the floor, by the standard
    began_ns: int = 0
    ended_ns: int = 0
    _last: dict[str, str] = field(default_factory=dict)

    def heard(self, line: str, direction: str, etu_ns: int, now_us: int, after_etu: int = SENT_ETU) -> None:
        """A character was counted on this line, so many etu after its edge."""
        edge_ns = now_us * 1000 - after_etu * etu_ns
        if not self.characters:
            self.began_ns = edge_ns
        self.characters += 1
        self.floor_ns += CHARACTER_ETU * etu_ns
        if self._last.get(line, direction) != direction:
            self.turns += 1
            self.demanded_ns += (TURN_ETU - CHARACTER_ETU) * etu_ns
        self._last[line] = direction
        self.ended_ns = edge_ns + CHARACTER_ETU * etu_ns

    @property
    def wire_ns(self) -> int:
        return self.ended_ns - self.began_ns

    @property
    def percent(self) -> int:
        """The time on the wire in hundredths of the floor, rounded up."""
        return -(-self.wire_ns * 100 // self.floor_ns)

    @property
    def demanded_percent(self) -> int:
        """The same for a meter and chips that turn round as fast as the standard lets them."""
        return -(-(self.floor_ns + self.demanded_ns) * 100 // self.floor_ns)


@dataclass(frozen=True)
class Session:
    """One purchase session: its characters, and from the switch to the last of them."""

    traffic: Traffic
    whole_ns: int


def measure_sessions(folder: Path, runner: str = "host") -> list[Figure]:
    """The session at the first rate and, after PPS, at four times that; each with a meter of its own in this folder."""
    rows = _rows("at 9600 bit/s", measure_session(folder / "first-rate", None, runner), True)
    return rows + _rows("after PPS, 4 x", measure_session(folder / "pps", PPS_TA1, runner), False)


def measure_session(folder: Path, ta1: int | None, runner: str = "host") -> Session:
    """A resident's second purchase, tariffs and parameters having come with the first. `ta1`: card and ESAM offer that rate."""
    folder.mkdir(parents=True, exist_ok=True)
    rig = Rig(folder, runner)
    try:
        behaviour = Behaviour(ta1=ta1)
        bench = rig.bench
        if bench.esam.engine:
            bench.esam.put(bench.esam.engine.chip, behaviour)
        desk = DeskLine()
        stories.play(stories.load("new-meter"), Player(rig, folder, desk, Nobody()))
        _serve(rig, behaviour)
        desk.run(["sell", "resident.card", "10.00"], folder)
        return _serve(rig, behaviour)
    finally:
        rig.close()


def _serve(rig: Rig, behaviour: Behaviour) -> Session:
    """One session. RigError if the meter has not taken the purchase over."""
    traffic, bench = Traffic(), rig.bench

    def listen(name: str, socket: T0Socket) -> None:
        def heard(way: str, _index: int) -> None:
            after_etu = socket.port.heard_etu if way == "out" else SENT_ETU
            traffic.heard(name, way, socket.character_etu_ns, rig.clock.now_us, after_etu)

        socket.on_character = heard

    began_us = rig.clock.now_us
    rig.insert(Path("resident.card"), behaviour=behaviour)
    listen("card", bench.slot)
    listen("ESAM", bench.esam)
    rig.wait(SESSION_US)
    bench.slot.on_character = bench.esam.on_character = None
    broken = bench.slot.violations + bench.esam.violations
    rig.pull()
    rig.wait(1_000_000)
    if not traffic.characters or broken:
        raise RigError(f"the session did not take place by the rules: {broken or 'nothing was said'}")
    return Session(traffic, traffic.ended_ns - began_us * 1000)


def _rows(rate: str, session: Session, limited: bool) -> list[Figure]:
    traffic = session.traffic
    wire_limit = f"at most {WIRE_LIMIT_PERCENT}" if limited else ""
    whole_limit = f"under {WHOLE_LIMIT_MS}" if limited else ""
    return [
        Figure(f"purchase session {rate}, characters", traffic.characters, "", ""),
        Figure(f"purchase session {rate}, changes of direction", traffic.turns, "", ""),
        Figure(f"purchase session {rate}, on the wire", traffic.wire_ns // 1_000_000, "ms", ""),
        Figure(f"purchase session {rate}, floor: its characters at 12 etu", traffic.floor_ns // 1_000_000, "ms", ""),
        Figure(f"purchase session {rate}, wire by floor", traffic.percent, "%", wire_limit),
        Figure(f"purchase session {rate}, least that ISO 7816-3 allows by floor", traffic.demanded_percent, "%", ""),
        Figure(f"purchase session {rate}, switch to write-back", session.whole_ns // 1_000_000, "ms", whole_limit),
    ]
