"""A purchase session on the emulated chip seen from the contacts: characters with their times, and the CPU's cycles.

The wire's time is from the leading edge of the card's TS to the end of the last character; its floor is every character at 12
etu of the rate it was sent at (sessionfigures.py). Both lines are counted as they follow one another.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dianka.bench.measure.figure import Figure
from dianka.bench.measure.session import CHARACTER_ETU, SENT_ETU, WHOLE_LIMIT_MS, WIRE_LIMIT_PERCENT, Traffic
from dianka.bench.models.bench import Bench
from dianka.bench.models.contacts import T0Socket
from dianka.bench.rungs.rp2040.emulator import CYCLE_NS


@dataclass(frozen=True)
class Served:
    """A purchase session: what went over both lines, from the switch to the end of the last character, CPU until then."""

    traffic: Traffic
    whole_us: int
    cpu_permille: int

    @property
    def over_floor_permille(self) -> int:
        """The time on the wire over its characters at 12 etu, rounded up."""
        return -(-self.traffic.wire_ns * 1000 // self.traffic.floor_ns)


class SessionProbe:
    """Listens at both contacts from its making until `close`. `cycles` tells how many the CPU has executed."""

    def __init__(self, bench: Bench, cycles: Callable[[], int]) -> None:
        self.traffic = Traffic()
        self._bench = bench
        self._cycles = cycles
        self._began_us = self.newest_us = bench.clock.now_us
        self._began_cycles = self._newest_cycles = cycles()
        for name, socket in (("card", bench.slot), ("ESAM", bench.esam)):
            self._listen(name, socket)

    def _listen(self, name: str, socket: T0Socket) -> None:
        def count(way: str, _index: int) -> None:
            after_etu = socket.port.heard_etu if way == "out" else SENT_ETU
            self.newest_us, self._newest_cycles = self._bench.clock.now_us, self._cycles()
            self.traffic.heard(name, way, socket.character_etu_ns, self.newest_us, after_etu)

        socket.on_character = count

    def close(self) -> list[str]:
        """Listen no more; what was said against the rules."""
        self._bench.slot.on_character = self._bench.esam.on_character = None
        return self._bench.slot.violations + self._bench.esam.violations

    def served(self) -> Served:
        took_us = max(self.newest_us - self._began_us, 1)
        cpu_permille = (self._newest_cycles - self._began_cycles) * CYCLE_NS // took_us
        return Served(self.traffic, self.traffic.ended_ns // 1000 - self._began_us, cpu_permille)


def session_figures(served: list[Served]) -> list[Figure]:
    """Of the session that was the slowest on the wire."""
    if not served:
        return []
    slowest = max(served, key=lambda session: session.over_floor_permille)
    traffic = slowest.traffic
    whole_us = max(session.whole_us for session in served)
    return [
        Figure("purchase session, switch to last character", whole_us, "us", f"under {WHOLE_LIMIT_MS * 1000}"),
        Figure("on the wire, first character to last", traffic.wire_ns // 1000, "us"),
        Figure("characters in it, card and ESAM", traffic.characters, ""),
        Figure(f"its floor, {CHARACTER_ETU} etu a character", traffic.floor_ns // 1000, "us"),
        Figure("wire over its floor", slowest.over_floor_permille, "permille", f"at most {WIRE_LIMIT_PERCENT * 10}"),
        Figure("CPU share during a session", slowest.cpu_permille, "permille"),
    ]


def fast_figures(served: Served) -> list[Figure]:
    """The same after PPS of card and ESAM at four times the rate. It has no limit: that is for the first rate."""
    traffic = served.traffic
    return [
        Figure("purchase session after PPS, 4 x: switch to last character", served.whole_us, "us"),
        Figure("purchase session after PPS, 4 x: on the wire", traffic.wire_ns // 1000, "us"),
        Figure("purchase session after PPS, 4 x: characters", traffic.characters, ""),
        Figure("purchase session after PPS, 4 x: wire over its floor", served.over_floor_permille, "permille"),
    ]
