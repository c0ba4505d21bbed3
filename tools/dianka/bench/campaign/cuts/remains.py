"""What a power cut leaves of a meter, taken without cutting it, and put into a meter again.

A cut takes the firmware, the registers of the metering chip, and all that the chips were about to
do. FRAM, ESAM, the card, the contact of the relay, the clock chip with its battery and the flash
keep what they have. So a future after a cut depends on these alone, and it can be played on any
bench that is given them: nothing is forked, and nothing is run again from its beginning.
"""

from dataclasses import dataclass
from pathlib import Path

from dianka.bench.campaign.cuts.flash import Flash
from dianka.bench.campaign.trial import Trial
from dianka.cardos.image import dump
from dianka.cardos.state import State


@dataclass(frozen=True)
class Alive:
    """What goes on where the controller alone restarts: the metering chip, and a card in the slot.

    `counted_nj` is what the chip has counted, `next_us` the time until its next report, `load_mw`
    what is drawn.
    """

    counted_nj: int
    next_us: int
    card_in: bool
    load_mw: int


@dataclass(frozen=True)
class Remains:
    """One set of contents. `files` is the flash's file system, where the meter has one.

    `alive`: the power has stayed, and the controller alone restarts.

    `card` is the state of the card that the operation is about, in the slot or out of it: somebody
    takes it out in the dark.
    """

    fram: bytes
    esam: State
    card: State | None
    contact: bool
    time_us: int  # by the clock chip
    files: tuple[tuple[str, str], ...]
    alive: Alive | None = None


def take(trial: Trial, card: State | None = None) -> Remains:
    """Return what a cut would leave now; `card` is that of the operation, if it is about one."""
    bench = trial.rig.bench
    contact, time_us = bench.relay.latched, bench.clock_chip.time_us
    return Remains(bench.fram.content, trial.esam.state, card, contact, time_us, ())


def put_back(trial: Trial, remains: Remains, card: Path | None) -> None:
    """Make the meter, in the dark, what a cut has left. The flash is left as it is."""
    bench = trial.rig.bench
    trial.rig.cut_power()
    if trial.rig.take_view().slot != "empty":
        trial.rig.pull()
    bench.mains.set_load(0)
    bench.fram.load(remains.fram)
    trial.esam.state = remains.esam
    bench.relay.place(remains.contact)
    bench.clock_chip.move_to(remains.time_us)
    trial.lines.clear()
    if card and remains.card:
        (trial.folder / card).write_bytes(dump(remains.card))


class Table:
    """The cards on the table before an operation, and the way back to them and to any remains."""

    def __init__(self, trial: Trial, card: Path | None, flash: Flash | None) -> None:
        self._trial = trial
        self._card = card
        self._flash = flash
        trial.detach()
        mine = {trial.control.path, trial.rig.esam_file.path}
        self._held = {path.name for path in mine}
        self._kept = {path.name: path.read_bytes() for path in self._list()}

    def _list(self) -> list[Path]:
        return [path for path in self._trial.folder.glob("*.card") if path.name not in self._held]

    def restore(self, remains: Remains) -> None:
        """Make the meter, in the dark, what a cut has left; all other cards are as they were."""
        put_back(self._trial, remains, None)
        if self._flash:
            self._flash.load(remains.files)
        for path in self._list():
            if path.name not in self._kept:
                path.unlink()
        for name, content in self._kept.items():
            (self._trial.folder / name).write_bytes(content)
        if self._card and remains.card:
            (self._trial.folder / self._card).write_bytes(dump(remains.card))
