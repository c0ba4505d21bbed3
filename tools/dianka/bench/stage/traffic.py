"""Measures the traffic on both T=0 lines of a meter, and the least time that it can take.

The characters are counted at the contacts of card and ESAM, both together, as the lines are used
one after the other. Floor: every character at 12 etu of the rate it was sent at, and no pauses. The
standard adds to that (ISO 7816-3): 16 etu instead of 12 between edges of opposite directions.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dianka.bench.models.bench import Bench
from dianka.bench.models.contacts import T0Socket

CARD, ESAM = "card", "ESAM"  # the lines
CHARACTER_ETU = 12
TURN_ETU = 16
# A character to the chip is counted so long after its leading edge; one from the chip, when the
# port hears it.
SENT_ETU = 11


@dataclass
class Traffic:
    """The characters on the lines during some time. Times are in ns of the bench's clock."""

    counts: Counter[str] = field(default_factory=Counter)  # characters, by line
    turns: int = 0
    floor_ns: int = 0
    demanded_ns: int = 0  # beyond the floor, by the standard
    began_ns: int = 0
    ended_ns: int = 0
    line_ended_ns: dict[str, int] = field(default_factory=dict)  # by line
    _last: dict[str, str] = field(default_factory=dict)

    def count_character(
        self,
        line: str,
        direction: str,
        etu_ns: int,
        now_us: int,
        after_etu: int = SENT_ETU,
    ) -> None:
        """Count a character on this line, `after_etu` after its leading edge."""
        edge_ns = now_us * 1000 - after_etu * etu_ns
        if not self.characters:
            self.began_ns = edge_ns
        self.counts[line] += 1
        self.floor_ns += CHARACTER_ETU * etu_ns
        if self._last.get(line, direction) != direction:
            self.turns += 1
            self.demanded_ns += (TURN_ETU - CHARACTER_ETU) * etu_ns
        self._last[line] = direction
        self.ended_ns = self.line_ended_ns[line] = edge_ns + CHARACTER_ETU * etu_ns

    @property
    def characters(self) -> int:
        """The number of characters on both lines."""
        return self.counts.total()

    @property
    def wire_ns(self) -> int:
        """The time from the leading edge of the first character to the end of the last."""
        return self.ended_ns - self.began_ns

    @property
    def percent(self) -> int:
        """The time on the wire in hundredths of the floor, rounded up."""
        return -(-self.wire_ns * 100 // self.floor_ns)

    @property
    def permille(self) -> int:
        """The time on the wire in thousandths of the floor, rounded up."""
        return -(-self.wire_ns * 1000 // self.floor_ns)

    @property
    def demanded_percent(self) -> int:
        """The least time that the standard allows, in hundredths of the floor, rounded up.

        That is a meter and chips that change the direction as fast as the standard allows.
        """
        return -(-(self.floor_ns + self.demanded_ns) * 100 // self.floor_ns)


@contextlib.contextmanager
def count_traffic(bench: Bench, traffic: Traffic) -> Iterator[None]:
    """Count the characters on both lines until the end of the block."""
    sockets = {CARD: bench.slot, ESAM: bench.esam}
    ears = [
        (socket, _make_listener(bench, traffic, line, socket)) for line, socket in sockets.items()
    ]
    for socket, ear in ears:
        socket.listeners.append(ear)
    try:
        yield
    finally:
        for socket, ear in ears:
            socket.listeners.remove(ear)


def _make_listener(
    bench: Bench, traffic: Traffic, line: str, socket: T0Socket
) -> Callable[[str, int], None]:
    def count(direction: str, _index: int) -> None:
        after_etu = socket.port.heard_etu if direction == "out" else SENT_ETU
        traffic.count_character(
            line, direction, socket.character_etu_ns, bench.clock.now_us, after_etu
        )

    return count
