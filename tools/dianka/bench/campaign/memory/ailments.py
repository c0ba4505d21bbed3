"""What can be wrong with the memory, one thing at a time.

Each ailment strikes a meter in use, in the dark or at a start, and may be healed later. What the
meter owes then is the same for all: the state comes from the other half, or the meter says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dianka.bench.campaign.cuts.books import LIMIT_PJ, PJ_PER_WH
from dianka.bench.campaign.cuts.memory_key import MemoryKey
from dianka.bench.campaign.trial import MS, S, Trial
from dianka.bench.models.fram import SIZE
from dianka.bench.models.i2c import Loss
from dianka.firmware import load_shared

_map, _state = load_shared("fram_map"), load_shared("state")
RECORD_BYTES = _state.SIZE + 12  # of a slot of the journal
HALF = SIZE // 2
# What is used while nothing is kept: 9 s at 6.6 kW, and what a cut costs.
_UNKEPT_PJ = LIMIT_PJ + 17 * PJ_PER_WH
Case = tuple[Any, ...]
FLAT, BUYER, SEVERAL = "one price", "a purchase", "several prices and rules"


@dataclass(frozen=True)
class Ailment:
    """One kind of fault.

    `list_cases` gives the cases for a memory's content. `strike` makes it happen in the dark, and
    returns what heals it, to be called when the meter has lived with it and is dark again.
    `told`: the meter must say so, in words on its console or by Err-06. `patient`: which meter it
    is, one with a purchase that is made meanwhile, or one with several prices and rules of the
    supply. `limit_pj`: what it may cost together with a cut.
    """

    name: str
    list_cases: Callable[[bytes], Sequence[Case]]
    strike: Callable[[Trial, Case], Callable[[], None]]
    told: bool = False
    patient: str = FLAT
    limit_pj: int = LIMIT_PJ


def _stay_ill() -> None:
    pass


# ****** Bits and cells ******


def _list_flips(content: bytes) -> list[Case]:
    """Return every bit that makes a difference, by docs/journal.md; of blank bytes some."""
    memory, found = bytearray(content), {}
    key = MemoryKey(memory)
    for at in range(SIZE):
        for bit in range(8):
            apart = key.tell_apart(at, memory[at] ^ 1 << bit)
            found.setdefault(apart, (at, bit))
            if isinstance(apart, int) and apart < SIZE:
                break  # a cell that is blank: all its bits are alike
    return list(found.values())


def _list_parameter_flips(content: bytes) -> list[Case]:
    """Return the bits of the tariff set's and the rules' slots that make a difference."""
    key, found = MemoryKey(bytearray(content)), {}
    sizes = ((_map.TARIFF_AT, _map.TARIFF_SLOT_BYTES), (_map.RULES_AT, _map.RULES_BYTES))
    for half in _map.HALVES:
        for first, size in sizes:
            for at in range(half + first, half + first + size):
                for bit in range(8):
                    found.setdefault(key.foresee(at, content[at] ^ 1 << bit)[0], (at, bit))
    return list(found.values())


def _flip(trial: Trial, case: Case) -> Callable[[], None]:
    at, bit = case
    trial.rig.bench.fram.memory[at] ^= 1 << bit
    return _stay_ill


def _list_dead_cells(content: bytes) -> list[Case]:
    """Return every third cell of the journal's slots, which reads as one value for ever."""
    return [
        (half + _map.JOURNAL_AT + slot * _map.JOURNAL_SLOT_BYTES + byte, value)
        for byte in (*range(0, RECORD_BYTES, 3), RECORD_BYTES - 1)
        for half in _map.HALVES
        for slot in range(_map.JOURNAL_SLOTS)
        for value in (0x00, 0xFF)
    ]


def _kill_cell(trial: Trial, case: Case) -> Callable[[], None]:
    trial.rig.bench.fram.stuck = {case[0]: case[1]}
    return _stay_ill


def _list_halves(content: bytes) -> list[Case]:
    return [(half, how) for half in _map.HALVES for how in ("random", 0x00, 0xFF, "dead")]


def _lose_half(trial: Trial, case: Case) -> Callable[[], None]:
    half, how = case
    fram = trial.rig.bench.fram
    if how == "random":
        fram.destroy(half, HALF)
    elif how == "dead":
        fram.stuck = dict.fromkeys(range(half, half + HALF), 0xFF)
    else:
        fram.memory[half : half + HALF] = bytes((how,)) * HALF
    return _stay_ill


# ****** The bus ******


def _strand(trial: Trial, case: Case) -> Callable[[], None]:
    """Let the watchdog bite while the memory sends this bit of its so manyth byte."""
    count, bit = case
    bench = trial.rig.bench
    bus = bench.mcu.get_i2c_bus(bench.pins["I2C_BUS"])

    def bite() -> None:
        bench.mcu.bitten = True

    bus.loss = Loss(count, bite, bit)
    return lambda: setattr(bus, "loss", None)


def _hold_bus(trial: Trial, case: Case) -> Callable[[], None]:
    """Hold SDA low from the start on for so long."""
    bench = trial.rig.bench
    sda: Any = bench.mcu.get_pin(bench.pins["SDA"])
    bench.clock.call_after(1 * S, lambda: sda.hold(True))
    bench.clock.call_after(1 * S + case[0] * MS, lambda: sda.hold(False))
    return lambda: sda.hold(False)


def _be_late(trial: Trial, case: Case) -> Callable[[], None]:
    """Answer so many ms after the start."""
    bench = trial.rig.bench
    bench.fram.mute = True
    bench.clock.call_after(1 * S + case[0] * MS, lambda: setattr(bench.fram, "mute", False))
    return lambda: setattr(bench.fram, "mute", False)


# ****** Lies ******


class _Liar:
    """Does not store one write, the so manyth from now: it acknowledges it, or refuses it."""

    def __init__(self, trial: Trial, number: int, flag: str) -> None:
        self._fram = trial.rig.bench.fram
        self._left = number
        self._flag = flag
        self._inside = False
        self._write, self._stop = self._fram.write, self._fram.stop
        self._fram.write, self._fram.stop = self._take, self._end

    def stop(self) -> None:
        setattr(self._fram, self._flag, False)
        self._fram.write, self._fram.stop = self._write, self._stop

    def _take(self, value: int) -> bool:
        if self._fram.addressed and not self._inside:
            self._inside = True
            self._left -= 1
            if not self._left:
                setattr(self._fram, self._flag, True)
        return self._write(value)

    def _end(self) -> None:
        if self._inside and not self._left:
            setattr(self._fram, self._flag, False)
        self._inside = False
        self._stop()


def _lie(flag: str) -> Callable[[Trial, Case], Callable[[], None]]:
    """Return a `strike` with one write that is not stored; `flag` is the model's."""

    def strike(trial: Trial, case: Case) -> Callable[[], None]:
        return _Liar(trial, case[0], flag).stop

    return strike


def _keep_nothing(trial: Trial, case: Case) -> Callable[[], None]:
    """Acknowledge everything and store nothing, from so many ms after the start on."""
    bench = trial.rig.bench
    bench.clock.call_after(1 * S + case[0] * MS, lambda: setattr(bench.fram, "protected", True))
    return lambda: setattr(bench.fram, "protected", False)


def _count_to(last: int, step: int = 1) -> Callable[[bytes], list[Case]]:
    return lambda content: [(number,) for number in range(1, last + 1, step)]


def _list_reads(content: bytes) -> list[Case]:
    return [(count, bit) for count in (*range(1, 400, 37), 700, 1500) for bit in range(9)]


def _list_delays(content: bytes) -> list[Case]:
    return [(ms,) for ms in (1, 9, 10, 11, 40, 49, 50, 51, 60, 99, 200, 500, 999, 1500, 2500, 4000)]


AILMENTS = (
    Ailment("one bit flipped", _list_flips, _flip),
    Ailment("one bit of a tariff or rule", _list_parameter_flips, _flip, patient=SEVERAL),
    Ailment("a dead cell in the journal", _list_dead_cells, _kill_cell),
    Ailment("one half lost", _list_halves, _lose_half, told=True),
    Ailment("restart inside a read", _list_reads, _strand),
    Ailment("bus held low", _list_delays, _hold_bus),
    Ailment("answers late", _list_delays, _be_late),
    Ailment("one write not stored", _count_to(60), _lie("protected")),
    Ailment("one write refused", _count_to(60), _lie("mute")),
    Ailment("one write of a purchase not stored", _count_to(40), _lie("protected"), patient=BUYER),
    Ailment("one write of a purchase refused", _count_to(40), _lie("mute"), patient=BUYER),
    Ailment(
        "stores nothing", _count_to(4_000, 97), _keep_nothing, told=True, limit_pj=_UNKEPT_PJ
    ),
)  # fmt: skip
