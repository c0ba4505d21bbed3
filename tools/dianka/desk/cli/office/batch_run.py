"""Make or receive the cards of a batch one after the other, with a progress line.

A card that fails is named at the end and ends nothing; a signal ends the batch between two cards or
in one, and `dianka office card batch resume` goes on.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dianka.card_port import CardError, serial_of
from dianka.cardos.chip import CardTorn
from dianka.desk.cli.issuing import Wanted, make_card
from dianka.desk.cli.office.batch_entry import ItemEntry
from dianka.desk.cli.options import CONTROL_NAME
from dianka.desk.cli.plain import report_database
from dianka.oneline import say_error
from dianka.readers import find_reader
from dianka.readers.choose import PREFIX
from dianka.readers.pcsc import EmptyReaderError
from dianka.signals import end_on_signals

if TYPE_CHECKING:
    from dianka.desk.office.cards.models import Batch, BatchItem
    from dianka.desk.office.people.rights import Actor

Follow = Callable[[list["BatchItem"]], Iterator["BatchItem"]]

PATIENCE_S = 300  # for the next card in the reader
_POLL_S = 0.2


class BatchPausedError(CardError):
    """No next card came: the batch stays open."""


@dataclass
class Source:
    """Where the cards of a batch are: new files of a folder, or one after the other in a reader.

    The control card is that in the current folder if none is named.
    """

    reader: str | None
    folder: Path | None
    control: str | None
    _last: bytes = b""

    def check(self) -> None:
        """Raise CardError unless there is one place, and the folder exists."""
        if (self.reader is None) == (self.folder is None):
            raise CardError("give --reader or --folder, one of the two")
        if self.folder is not None and not self.folder.is_dir():
            raise CardError(f"{self.folder} is no folder: make it first")

    def want(self, name: str) -> Wanted:
        """Return where the card with this file's name is made; in a reader, when it is there."""
        control = self.control or CONTROL_NAME
        if self.folder is not None:
            return Wanted(file=str(self.folder / name), control=control)
        self.wait_for_next()
        return Wanted(reader=self.reader, control=control)

    def wait_for_next(self) -> None:
        """Wait until another card than the last one is in the reader; say once what is wrong."""
        until_s, trouble = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < until_s:
            serial = self._last
            try:
                with find_reader(f"{PREFIX}{self.reader}").connect() as held:
                    serial = serial_of(held.port.power_on())
            except (EmptyReaderError, CardTorn):  # none yet, or on its way out
                pass
            except CardError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    say_error(trouble)
            if serial != self._last:
                self._last = serial
                return
            time.sleep(_POLL_S)
        raise BatchPausedError("no next card came: resume the batch when there is one")


def make_all(actor: "Actor", batch: "Batch", source: Source) -> None:
    """Make what is open in this batch; name what failed. Exit code 1 if anything did."""
    from dianka.desk.office.cards import batches
    from dianka.desk.office.cards.batch_plans import plan_make

    with _reporting(batch) as follow:
        for item in follow(batches.list_open(batch)):
            try:
                wanted = source.want(_name_file(item))
                make = plan_make(item, wanted.find_folder())
                make_card(wanted, batch.kind, make, ItemEntry(actor, item))
                batches.note_done(item)
            except BatchPausedError:
                raise
            except (CardError, CardTorn) as error:
                batches.note_failed(item, str(error))


def receive_all(actor: "Actor", batch: "Batch", source: Source) -> None:
    """Count blank chips one after the other; one that is no blank chip, or known, fails."""
    from dianka.desk.office.cards import batches
    from dianka.desk.office.cards.batch_making import find_blank

    files = sorted(source.folder.glob("*.card")) if source.folder is not None else []
    with _reporting(batch) as follow:
        for item in follow(batches.list_open(batch)):
            try:
                if source.folder is None:
                    source.wait_for_next()
                    place = f"{PREFIX}{source.reader}"
                else:
                    place = str(files[item.place - 1]) if item.place <= len(files) else ""
                with find_reader(place).connect() as held:
                    batches.receive_item(actor, item, find_blank(held.port, batch.kind))
            except BatchPausedError:
                raise
            except (CardError, CardTorn) as error:
                batches.note_failed(item, str(error))


@contextmanager
def _reporting(batch: "Batch") -> Iterator[Follow]:
    """Run a batch under a progress line, and say at the end, however it comes, how it stands."""
    from dianka.desk.office.cards import batches

    again = f"dianka office card batch resume {batch.pk}"
    try:
        with end_on_signals(), report_database(), _make_progress() as progress:
            yield lambda items: _follow(progress, items)
    except (KeyboardInterrupt, SystemExit) as ended:
        _say_how_it_stands(batch)
        say_error(f"broken off: {again} goes on")
        code = ended.code if isinstance(ended, SystemExit) else None
        raise typer.Exit(code if isinstance(code, int) else 130) from None
    except CardError:
        _say_how_it_stands(batch)
        raise
    _say_how_it_stands(batch)
    if failed := batches.count_items(batch)["failed"]:
        raise CardError(f"{failed} cards failed: mend that, then {again} makes them")


def _follow(progress: Progress, items: "list[BatchItem]") -> "Iterator[BatchItem]":
    """Yield the items; the progress line says which is next."""
    task = progress.add_task("", total=len(items))
    for item in items:
        progress.update(task, description=_name_item(item))
        yield item
        progress.advance(task)


def _say_how_it_stands(batch: "Batch") -> None:
    """Print how many items are done, failed and open, and each that failed with its error."""
    from dianka.desk.office.cards import batches

    counts = batches.count_items(batch)
    told = ", ".join(f"{counts[state]} {state}" for state in ("done", "failed", "open"))
    typer.echo(f"batch {batch.pk}: {told}")
    for item in batches.list_failed(batch):
        typer.echo(f"  {_name_item(item)}: {item.error}")


def _make_progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not Console(stderr=True).is_terminal,
    )


def _name_item(item: "BatchItem") -> str:
    meter_no = item.contract.meter.number if item.contract else item.meter_no
    return f"card {item.place}" if meter_no is None else f"meter {meter_no:012d}"


def _name_file(item: "BatchItem") -> str:
    """Return the name of this item's file in a folder."""
    meter_no = item.contract.meter.number if item.contract else item.meter_no
    number = f"{item.batch.pk}-{item.place:04d}" if meter_no is None else f"{meter_no:012d}"
    return f"{item.batch.kind}-{number}.card"
