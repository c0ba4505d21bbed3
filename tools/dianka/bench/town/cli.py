"""`dianka bench town`: a whole town under one seed, in one process.

The exit code is 1 if a fen is anywhere else than it should be.
"""

import os
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from dianka.bench.campaign.page import write_section
from dianka.bench.stage.ending import fail_in_one_line
from dianka.bench.stage.rig import RigError

_MEMORY = Path("/dev/shm")
_COLUMNS = 120  # that the table needs where the output is no terminal
_SHOWN = 10


def town_command(
    meters: Annotated[int, typer.Option(min=1, max=200, help="Meters, each with a resident.")] = 20,
    desks: Annotated[int, typer.Option(min=1, max=20, help="Desks that sell.")] = 3,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days that pass.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="All that is random comes from it.")] = 1,
    json_file: Annotated[
        Path, typer.Option("--json", help="Where the figures go for programs.")
    ] = Path("build/town.json"),
    page: Annotated[
        Path | None,
        typer.Option("--page", help="A page that gets the figures, as docs/promise.md."),
    ] = None,
    tell: Annotated[bool, typer.Option(help="Print each event with its time.")] = False,
) -> None:
    """Let a town live: meters, residents, cards and desks, with faults of all kinds.

    At the end every fen that was sold is in a meter, used, on its way or paid back, by the proof of
    the office and by a ledger of the bench's own, and both agree meter by meter. The same seed
    gives the same run.

    Example: dianka bench town --meters 20 --desks 3 --days 30 --seed 7
    """
    with fail_in_one_line():
        if any(find_spec(name) is None for name in ("django", "argon2")):
            raise RigError("a town has an office, which needs more: run make town")
        figures = _play(meters, desks, days, seed, tell)
        from dianka.bench.town import report

        report.write_json(json_file, figures)
        if page:
            write_section(page, "town", report.list_figures(figures))
        console = _make_console()
        console.print(report.make_table(figures))
        for difference in figures["differences"][:_SHOWN]:
            console.print(difference, style="red", markup=False, soft_wrap=True)
        console.print(report.compose_summary(figures), soft_wrap=True, markup=False)
        if figures["differences"]:
            raise typer.Exit(1)


def _play(meters: int, desks: int, days: int, seed: int, tell: bool) -> dict[str, Any]:
    """Play a town in a folder that is gone afterwards; return its figures."""
    from dianka.bench.town import times
    from dianka.desk.issue import issue_control
    from dianka.desk.office.founding import found_office

    for name in [name for name in os.environ if name.startswith("DIANKA_")]:
        del os.environ[name]  # a database that is named for the real office is left alone
    place = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    clock = times.TownTime()
    with tempfile.TemporaryDirectory(prefix="dianka-town-", dir=place) as name, times.kept(clock):
        folder = Path(name)
        found_office(folder / "office", "manager", "four lanterns on a quay", "desk1")
        from dianka.bench.stage.stand import CONTROL
        from dianka.bench.town import report
        from dianka.bench.town.town import Size, Town

        size = Size(meters, desks, days, seed)
        issue_control(folder / CONTROL)
        town = Town(folder, size, clock)
        try:
            return _live(town, tell)
        except Exception as error:
            told = f"{clock.format()}: {error}; again: {report.compose_replay(size)}"
            raise RigError(told) from error


def _live(town: Any, tell: bool) -> dict[str, Any]:
    from dianka.bench.town.compare import compare
    from dianka.bench.town.report import collect_figures

    began_s, days = time.monotonic(), town.size.days
    if tell:
        town.listen(typer.echo)
    with Progress(console=_make_console(), transient=True, auto_refresh=False) as progress:
        bar = progress.add_task("town", total=days)
        town.settle_in()
        for day in range(days):
            town.play(day)
            progress.update(bar, completed=day + 1, refresh=True)
        town.finish()
        sums = compare(town)
    return collect_figures(town, sums, int(time.monotonic() - began_s))


def _make_console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _COLUMNS)
