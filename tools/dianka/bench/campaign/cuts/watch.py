"""Watch a running meter, and say at each byte what a cut there would leave: the points.

**Ways.** Nothing of the write, part of it, all of it; and two writes swapped, where the parts allow
it (docs/journal.md, "Which writes can change places"):
- FRAM: a byte is stored before it is acknowledged, and the next is not sent before. Never swapped.
- ESAM and card: a chip stores what a command does at some time before it answers. What another task
  writes to the FRAM in between may be stored before it: `SWAPPED` is the chip without the command.
- Relay: the contact moves within the pulse of its coil. What is stored meanwhile may be stored
  before or after it: `SWAPPED` is the contact on its other side.
- Flash: littlefs replaces a file as a whole when it is renamed. Never swapped.

**Resets.** Where the operation asks for it, the controller alone restarts at each of these places
as well (`RESET`): behind each byte, and before the first one. Power and metering chip go on.

Nothing is changed and nothing is broken off here: the meter runs on, and each point is handed to a
`Sink` with what it would leave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from dianka.bench.campaign.cuts.flash import Flash
from dianka.bench.campaign.cuts.memory_key import MemoryKey
from dianka.bench.campaign.cuts.remains import Alive, Remains
from dianka.bench.campaign.trial import Trial
from dianka.bench.models.contacts import T0Socket
from dianka.bench.models.wires import Wire

NOTHING, PART, ALL, SWAPPED = "nothing of it", "part of it", "all of it", "swapped"
RESET = "the controller restarts"
WAYS = (NOTHING, PART, ALL, SWAPPED, RESET)
COILS = ("RELAY_CLOSE", "RELAY_OPEN")
_MINUTE_US = 60_000_000


@dataclass(frozen=True)
class Point:
    """One cut: its number in the run, the way, the place in words, and the energy used by then.

    `key` is equal where the future is, `raw` where each byte is.
    """

    number: int
    way: str
    place: str
    energy_nj: int
    key: tuple[Any, ...]
    raw: tuple[Any, ...]


class Sink(Protocol):
    """Takes the points.

    `make` returns what the cut leaves, and costs time. `count_same` is for points that leave the
    very same as the one before them.
    """

    def count_same(self, ways: tuple[str, ...]) -> None: ...
    def take(self, point: Point, make: Callable[[], Remains]) -> None: ...


class Watch:
    """The watch on one trial, from now until `stop`.

    `card` is the one that the operation is about. `offset_nj` is added to the energies of the
    points: a meter that was put into a former state has not used what came between. `resets`: the
    controller alone restarts too.
    """

    def __init__(
        self,
        trial: Trial,
        sink: Sink,
        card: Path | None,
        flash: Flash | None,
        seed: int,
        offset_nj: int = 0,
        resets: bool = False,
    ) -> None:
        self._trial = trial
        self._offset_nj = offset_nj
        self._sink = sink
        self._flash = flash
        self._resets = resets
        self._random = Random(seed)
        self._card = trial.read_card_state(card) if card else None
        self.points = 0
        self._bench = bench = trial.rig.bench
        self._memory = MemoryKey(bench.fram.memory)
        self._transfer = False  # a byte of the present write was stored already
        self._before: dict[str, Any] = {}  # of a chip that has not answered yet: its former state
        self._digests: dict[int, tuple[Any, int]] = {}
        self._sockets = {"ESAM": bench.esam, "card": bench.slot}
        for name, socket in self._sockets.items():
            socket.tamper = self._make_tamper(name, socket)
        self._write, self._stop_bus = bench.fram.write, bench.fram.stop
        bench.fram.write, bench.fram.stop = self._see_byte, self._see_stop
        self._coils = [bench.mcu.get_pin(bench.pins[name]) for name in COILS]
        self._listeners = [self._make_listener(coil) for coil in self._coils]
        if flash:
            flash.on_change = self._see_file

    def stop(self) -> None:
        for socket in self._sockets.values():
            socket.tamper = None
        bench = self._bench
        bench.fram.write, bench.fram.stop = self._write, self._stop_bus
        for coil, listener in zip(self._coils, self._listeners, strict=True):
            coil.listeners.remove(listener)
        if self._flash:
            self._flash.on_change = lambda name: None

    # ****** Bytes of the memory ******

    def _see_byte(self, value: int) -> bool:
        fram = self._bench.fram
        if not fram.addressed or fram.protected or not fram.powered or fram.mute:
            return self._write(value)
        at, old = fram.at, fram.memory[fram.at]
        place = f"memory byte {at:04X}"
        if not self._transfer:
            self._transfer = True
            self._tell(NOTHING, place)
        if value == old and not self._before and not any(coil.level for coil in self._coils):
            ways = (PART, ALL, RESET) if self._resets else (PART, ALL)
            self.points += len(ways)
            self._sink.count_same(ways)
            return self._write(value)
        torn = old ^ (old ^ value) & self._random.randrange(256)
        self._tell(PART, place, (at, torn))
        foreseen = self._memory.foresee(at, value)
        done = self._write(value)
        self._memory.follow(at, value, foreseen)
        self._tell(ALL, place)
        return done

    def _see_stop(self) -> None:
        self._transfer = False
        self._stop_bus()

    # ****** Characters ******

    def _make_tamper(self, name: str, socket: T0Socket) -> Callable[[str, int, int], int]:
        def see(direction: str, index: int, value: int) -> int:
            chip = socket.chip
            if direction == "out" or chip is None:
                self._before.pop(name, None)
                return value
            place = f"{name} character {index}"
            self._tell(PART, place)  # with a wrong parity, so the chip has not got it
            before = chip.state
            clock = socket.clock

            def look() -> None:
                if chip.state is not before and socket.chip is chip:
                    self._before[name] = before
                self._tell(ALL, place)

            clock.call_at(clock.now_us, look)
            return value

        return see

    # ****** Coils and files ******

    def _make_listener(self, coil: Wire) -> Callable[[int], None]:
        def see(level: int) -> None:
            place = f"coil {COILS[self._coils.index(coil)]}"
            contact = self._bench.relay.latched
            self._tell(NOTHING if level else ALL, place)
            if level:
                self._tell(PART, place, contact=not contact)

        coil.listeners.append(see)
        return see

    def _see_file(self, name: str) -> None:
        self._tell(ALL, f"file {name}")

    # ****** Telling ******

    def _tell(
        self,
        way: str,
        place: str,
        byte: tuple[int, int] | None = None,
        contact: bool | None = None,
    ) -> None:
        """Hand one point to the sink, and the swapped ones that belong to it."""
        key = self._memory.foresee(*byte) if byte else (self._memory.key, self._memory.raw)
        here = self._bench.relay.latched if contact is None else contact
        self._hand(way, place, key, byte, here, {})
        if self._before:
            self._hand(SWAPPED, place, key, byte, here, self._before)
        # A byte that the controller breaks off is not stored, and a coil lets go.
        if self._resets and (way != PART or contact is not None) and self._bench.mains.voltage_mv:
            self._hand(RESET, place, key, byte, here, {})
            if self._before:
                self._hand(RESET, place, key, byte, here, self._before)
        if contact is None and any(coil.level for coil in self._coils):
            self._hand(SWAPPED, place, key, byte, not here, {})

    def _hand(
        self,
        way: str,
        place: str,
        memory: tuple[int, int],
        byte: tuple[int, int] | None,
        contact: bool,
        before: dict[str, Any],
    ) -> None:
        self.points += 1
        bench, trial = self._bench, self._trial
        if trial.rig.card and self._card:
            self._card = trial.rig.card.chip.state
        esam, card = before.get("ESAM", trial.esam.state), before.get("card", self._card)
        files = self._flash.contents if self._flash else ()
        time_us = bench.clock_chip.time_us
        rest = self._digest(esam), card and self._digest(card), contact, files
        alive = None
        if way == RESET:
            chip, card_in = bench.chip, trial.rig.card is not None
            alive = Alive(chip.counted_nj, chip.next_us, card_in, bench.mains.load_mw)
            rest = (*rest, alive.card_in)
        point = Point(
            self.points,
            way,
            place,
            bench.mains.energy_nj + self._offset_nj,
            (memory[0], *rest, time_us // _MINUTE_US),
            (memory[1], *rest),
        )

        def make() -> Remains:
            content = bytearray(bench.fram.memory)
            if byte:
                content[byte[0]] = byte[1]
            return Remains(bytes(content), esam, card, contact, time_us, files, alive)

        self._sink.take(point, make)

    def _digest(self, state: Any) -> int:
        """Return a number for a chip's memory. A chip's state is never changed in place."""
        known = self._digests.get(id(state))
        if known is None or known[0] is not state:
            text = f"{state} {sorted(state.keys.items())} {sorted(state.pending.items())}"
            known = self._digests[id(state)] = (state, hash(text))
        return known[1]
