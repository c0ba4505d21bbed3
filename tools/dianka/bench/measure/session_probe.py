"""Makes the figures of purchase sessions on the emulated chip.

They are from the characters' times at the contacts and from the CPU's cycles. stage/traffic.py
defines the time on the wire and its floor.
"""

from dataclasses import dataclass

from dianka.bench.measure.figure import Figure
from dianka.bench.measure.session import WHOLE_LIMIT_MS, WIRE_LIMIT_PERCENT
from dianka.bench.models.bench import Bench
from dianka.bench.rungs.rp2040.emulator import CYCLE_NS, Emulator
from dianka.bench.stage.session import Session
from dianka.bench.stage.traffic import CHARACTER_ETU, Traffic


@dataclass(frozen=True)
class Served:
    """A purchase session, and the CPU's share from the switch to the end of the last character."""

    session: Session
    cpu_permille: int

    @property
    def traffic(self) -> Traffic:
        return self.session.traffic


class CpuShare:
    """The share of the CPU from this object's creation to the newest character on either line."""

    def __init__(self, bench: Bench, emulator: Emulator) -> None:
        self._bench, self._core = bench, emulator.chip.core
        self._began = self._newest = self._get_now()
        for socket in (bench.slot, bench.esam):
            socket.listeners.append(self._note_character)

    def close(self) -> None:
        for socket in (self._bench.slot, self._bench.esam):
            socket.listeners.remove(self._note_character)

    @property
    def permille(self) -> int:
        us, cycles = (
            newest - began for newest, began in zip(self._newest, self._began, strict=True)
        )
        return cycles * CYCLE_NS // max(us, 1)

    def _get_now(self) -> tuple[int, int]:
        return self._bench.clock.now_us, self._core.cycles

    def _note_character(self, _direction: str, _index: int) -> None:
        self._newest = self._get_now()


def make_session_figures(served: list[Served]) -> list[Figure]:
    """Return the figures of the session that was the slowest on the wire."""
    if not served:
        return []
    slowest = max(served, key=lambda each: each.traffic.permille)
    traffic = slowest.traffic
    whole_us = max(each.session.whole_us for each in served)
    return [
        Figure(
            "purchase session, switch to last character",
            whole_us,
            "us",
            f"under {WHOLE_LIMIT_MS * 1000}",
        ),
        Figure("on the wire, first character to last", traffic.wire_ns // 1000, "us"),
        Figure("characters in it, card and ESAM", traffic.characters, ""),
        Figure(f"its floor, {CHARACTER_ETU} etu a character", traffic.floor_ns // 1000, "us"),
        Figure(
            "wire over its floor",
            traffic.permille,
            "permille",
            f"at most {WIRE_LIMIT_PERCENT * 10}",
        ),
        Figure("CPU share during a session", slowest.cpu_permille, "permille"),
    ]


def make_fast_figures(served: Served) -> list[Figure]:
    """Return the figures of a session after PPS of card and ESAM, at four times the rate.

    They have no limits: the limits are for the first rate.
    """
    traffic = served.traffic
    return [
        Figure(
            "purchase session after PPS, 4 x: switch to last character",
            served.session.whole_us,
            "us",
        ),
        Figure("purchase session after PPS, 4 x: on the wire", traffic.wire_ns // 1000, "us"),
        Figure("purchase session after PPS, 4 x: characters", traffic.characters, ""),
        Figure(
            "purchase session after PPS, 4 x: wire over its floor", traffic.permille, "permille"
        ),
    ]
