"""Measure at full resolution how fast a meter wears its memory and its ESAM's wallet.

A board for 100 A is the Pico's with a smaller shunt: at that current the HLW8032's input is as it
is at 30 A behind one milliohm. Rated: MB85RC256V, 10^12 reads and writes a byte (data sheet
DS501-00017), as each read of a ferroelectric cell writes it again; a card chip's EEPROM 500,000
writes (docs/journal.md, "Wear").
"""

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from dianka.bench.campaign.trial import USER, S, Trial
from dianka.bench.models.fram import SIZE, Mb85rc256v
from dianka.bench.rungs.runners import find_board
from dianka.cardos.files import card_files
from dianka.cardos.state import State
from dianka.firmware import load_shared

FRAM_RATED = 10**12
WALLET_RATED = 500_000
SETTLE_S = 1_800  # from one settling by the clock to the next, where it is not measured
YEAR_S = 31_557_600
FULL_MW = 22_000_000  # 100 A at 220 V
_NJ_PER_KWH = 3_600_000_000_000_000
_SHUNT = (("_KI_MILLI = const(1000)", "_KI_MILLI = const(3500)"),
          ("MAX_POWER_MW = 9_000_000", "MAX_POWER_MW = 31_500_000"))  # fmt: skip
_BOARD = "rp2_pico"
_MONEY_FEN = 9_000_000
_WARM_US = 30 * S
_SAMPLE_S = 240
_LONGEST_S = 7_200  # of virtual time, in which a settling must come
_STEP_US = 10 * S
_map = load_shared("fram_map")


@dataclass(frozen=True)
class Wear:
    """What a load does to a meter's memory in so many seconds."""

    seconds: int
    kwh_milli: int
    commits: int
    cell_writes: int  # of the most-written cell
    cell_accesses: int  # of the one most written and read, which wears as fast

    @property
    def commits_per_kwh(self) -> int:
        return self.commits * 1000 // self.kwh_milli

    @property
    def fram_years(self) -> int:
        """Return the years to the rated endurance of the cell that wears fastest."""
        return FRAM_RATED * self.seconds // (self.cell_accesses * YEAR_S)

    @property
    def writes_a_year(self) -> int:
        """Return how often the most-written cell is written in a year."""
        return self.cell_writes * YEAR_S // self.seconds


@dataclass(frozen=True)
class Settling:
    """The time from one write to the next, by the clock alone: to the wallet, to the mirror."""

    wallet_s: int
    mirror_s: int


class _Counter:
    """Counts what happens to each cell of a memory."""

    def __init__(self, fram: Mb85rc256v) -> None:
        self._written, self._read = [0] * (SIZE + 1), [0] * (SIZE + 1)
        self.commits = 0
        write, read = fram.write_block, fram.read_block

        def count_write(data: bytes) -> int:
            before, done = fram.writes, write(data)
            self._note_write(fram.at, fram.writes - before)
            return done

        def count_read(count: int) -> bytes:
            self._note(self._read, fram.at, count)
            return read(count)

        fram.write_block, fram.read_block = count_write, count_read

    def _note_write(self, end: int, count: int) -> None:
        self._note(self._written, end - count, count)
        ring = _map.HALVES[0] + _map.JOURNAL_AT
        if count and ring <= end - count < ring + _map.JOURNAL_SLOTS * _map.JOURNAL_SLOT_BYTES:
            self.commits += 1

    def _note(self, cells: list[int], at: int, count: int) -> None:
        cells[at] += 1
        cells[at + count] -= 1

    def find_most(self) -> tuple[int, int]:
        """Return the writes of the most-written cell, and the accesses of the most used one."""
        written, read = list(accumulate(self._written)), list(accumulate(self._read))
        return max(written), max(map(sum, zip(written, read, strict=True)))


def measure(folder: Path, load_mw: int, seconds: int = _SAMPLE_S) -> Wear:
    """Measure the wear of the memory under this load."""
    with _furnish(folder) as trial:
        trial.rig.bench.mains.set_load(load_mw)
        trial.wait(_WARM_US)
        mains, counter = trial.rig.bench.mains, _Counter(trial.rig.bench.fram)
        energy_nj = mains.energy_nj
        trial.wait(seconds * S)
        used = (mains.energy_nj - energy_nj) * 1000 // _NJ_PER_KWH
        return Wear(seconds, max(1, used), counter.commits, *counter.find_most())


def measure_settling(folder: Path, load_mw: int) -> Settling:
    """Measure how often a meter writes to its ESAM by the clock. AssertionError if it does not."""
    with _furnish(folder) as trial:
        trial.rig.bench.mains.set_load(load_mw)
        wallet, mirror = (
            _watch(trial, card_files.ESAM_WALLET),
            _watch(trial, card_files.ESAM_MIRROR),
        )
        for _ in range(_LONGEST_S * S // _STEP_US):
            trial.wait(_STEP_US)
            if len(wallet) > 1:
                wallet_s, mirror_s = ((seen[-1] - seen[-2]) // S for seen in (wallet, mirror))
                return Settling(wallet_s, mirror_s)
    raise AssertionError(f"the wallet is not settled twice within {_LONGEST_S} s")


def _furnish(folder: Path) -> Trial:
    """Make a meter for 100 A in use."""
    trial = Trial(folder, board=_make_board(folder / "board"))
    trial.set_up()
    trial.sell(_MONEY_FEN)
    trial.serve(USER)
    trial.rig.cut_power()
    trial.switch_mains_on()
    return trial


def _watch(trial: Trial, file: int) -> list[int]:
    """Return the times at which this file of the ESAM is written, from now on."""
    chip, times, last = trial.esam, [], [trial.esam.state.files[file]]
    store = chip.on_commit

    def note(state: State) -> None:
        if state.files[file] != last[0]:
            last[0] = state.files[file]
            times.append(trial.now_us)
        if store:
            store(state)

    chip.on_commit = note
    return times


def _make_board(folder: Path) -> Path:
    """Write the board of a meter for 100 A."""
    text = (find_board(_BOARD) / "board.py").read_text(encoding="utf-8")
    for right, other in _SHUNT:
        assert right in text, f"the board says nothing of {right}"
        text = text.replace(right, other)
    folder.mkdir()
    (folder / "board.py").write_text(text, encoding="utf-8")
    return folder
