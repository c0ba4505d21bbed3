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
YEAR_S = 31_557_600
FULL_MW = 22_000_000  # 100 A at 220 V
_NJ_PER_KWH = 3_600_000_000_000_000
_SHUNT = (("_KI_MILLI = const(1000)", "_KI_MILLI = const(3500)"),
          ("MAX_POWER_MW = 9_000_000", "MAX_POWER_MW = 31_500_000"))  # fmt: skip
_BOARD = "rp2_pico"
_MONEY_FEN = 9_000_000
_WARM_US = 30 * S
_LONGEST_S = 7_200  # of virtual time, in which a settling must come
_STEP_US = 10 * S
_map = load_shared("fram_map")


@dataclass(frozen=True)
class Wear:
    """What a load does to a meter: per kWh, and per second."""

    load_mw: int
    seconds: int
    kwh_milli: int
    commits: int
    cell_writes: int  # of the most-written cell
    cell_accesses: int  # of the one most written and read, which wears as fast
    settle_s: int  # from the start to the first settling

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


def measure(folder: Path, load_mw: int, seed: int = 1) -> Wear:
    """Measure the wear under this load, until the ESAM's wallet has been settled by the clock."""
    board = _make_board(folder / "board")
    with Trial(folder, board=board, seed=seed) as trial:
        trial.set_up()
        trial.sell(_MONEY_FEN)
        trial.serve(USER)
        trial.rig.cut_power()
        trial.switch_mains_on()
        begun_us = trial.now_us
        trial.rig.bench.mains.set_load(load_mw)
        trial.wait(_WARM_US)
        mains, counter = trial.rig.bench.mains, _Counter(trial.rig.bench.fram)
        since_us, energy_nj = trial.now_us, mains.energy_nj
        settled_us = _wait_for_settling(trial)
        energy_nj, seconds = mains.energy_nj - energy_nj, (trial.now_us - since_us) // S
        kwh_milli = max(1, energy_nj * 1000 // _NJ_PER_KWH)
        most = counter.find_most()
        settle_s = (settled_us - begun_us) // S
        return Wear(load_mw, seconds, kwh_milli, counter.commits, *most, settle_s)


def _wait_for_settling(trial: Trial) -> int:
    """Wait until the clock has settled the wallet; return when. AssertionError if it never does."""
    chip, settled = trial.esam, []
    store, wallet = chip.on_commit, chip.state.files[card_files.ESAM_WALLET]

    def watch(state: State) -> None:
        if state.files[card_files.ESAM_WALLET] != wallet:
            settled.append(trial.now_us)
        if store:
            store(state)

    chip.on_commit = watch
    for _ in range(_LONGEST_S * S // _STEP_US):
        trial.wait(_STEP_US)
        if settled:
            return settled[0]
    raise AssertionError(f"the wallet is not settled within {_LONGEST_S} s")


def _make_board(folder: Path) -> Path:
    """Write the board of a meter for 100 A."""
    text = (find_board(_BOARD) / "board.py").read_text(encoding="utf-8")
    for right, other in _SHUNT:
        assert right in text, f"the board says nothing of {right}"
        text = text.replace(right, other)
    folder.mkdir()
    (folder / "board.py").write_text(text, encoding="utf-8")
    return folder
