"""`dianka bench pulled` and `cuts`: broken sessions and power cuts, with their figures.

The exit code is 1 if anything was violated.
"""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from dianka.bench.campaign import pulled as campaign
from dianka.bench.campaign.cuts import campaign as power_cuts
from dianka.bench.campaign.cuts import report
from dianka.bench.campaign.forks import Unforkable

_SHOWN = 10  # violations of one scene


def pulled_command(
    kind: Annotated[
        str | None, typer.Option(help="Only the sessions with this in their name, e.g. purchase.")
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, help="One in so many points of each kind of break.")
    ] = 1,
    offset: Annotated[
        int,
        typer.Option(min=0, help="With --every: which of these points, to go on from day to day."),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at a time; as many as processors if not given."),
    ] = None,
) -> None:
    """Break sessions off before, in and after every byte, and put the card in again.

    Old or new, money exact.

    Example: dianka bench pulled --kind purchase --every 10
    """
    console, rows, began_s = Console(highlight=False), [], time.monotonic()
    try:
        for scene in campaign.find_scenes(kind):
            rows.append(campaign.play(scene, every, jobs, offset))
            for line in rows[-1].violations[:_SHOWN]:
                console.print(line, style="red", markup=False, soft_wrap=True)
    except (Unforkable, KeyError, AssertionError, RuntimeError) as error:
        typer.echo(str(error.args[0]) if error.args else type(error).__name__, err=True)
        raise typer.Exit(1) from None
    console.print(campaign.make_table(rows))
    console.print(campaign.compose_summary(rows, int(time.monotonic() - began_s)), soft_wrap=True)
    if any(row.violations for row in rows):
        raise typer.Exit(1)


def cuts_command(
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only operations with this in their name; may be repeated."),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Play one in so many futures.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="All that is random comes from it.")] = 1,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at a time; as many as processors if not given."),
    ] = None,
    json_file: Annotated[
        Path, typer.Option("--json", help="Where the figures go for programs.")
    ] = Path("build/cuts.json"),
    point: Annotated[
        int, typer.Option(min=0, help="Play this point of the one operation alone.")
    ] = 0,
    then: Annotated[
        int, typer.Option(min=0, help="With --point: and this point of its recovery.")
    ] = 0,
) -> None:
    """Cut the power at every byte that is stored, in every way; let it come back; compare.

    Old or new, money exact, and at most 1 Wh lost.

    Example: dianka bench cuts --only settle --every 10
    """
    width = None if sys.stdout.isatty() else 160  # columns that the table needs
    console, began_s = Console(highlight=False, width=width), time.monotonic()
    try:
        if point:
            for line in power_cuts.replay((only or [""])[0], point, then, seed):
                console.print(line, markup=False, soft_wrap=True)
            return
        power_cuts.find_operations(only or [])
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("power cuts")

            def tell(done: int, of: int) -> None:
                progress.update(bar, completed=done, total=of)

            jobs = jobs or os.cpu_count() or 1
            rows = power_cuts.play_all(only or [], every, seed, jobs, tell)
    except (Unforkable, KeyError, AssertionError, RuntimeError) as error:
        typer.echo(str(error.args[0]) if error.args else type(error).__name__, err=True)
        raise typer.Exit(1) from None
    seconds = int(time.monotonic() - began_s)
    report.write_json(json_file, rows, seconds, seed, every)
    violations = [one for row in rows for one in row.violations]
    for one in violations[:_SHOWN]:
        console.print(f"{one.operation}: {one.text}", style="red", markup=False, soft_wrap=True)
        console.print(f"  {report.compose_replay(one, seed)}", markup=False, soft_wrap=True)
    console.print(report.make_table(rows))
    console.print(report.compose_summary(rows, seconds, seed), soft_wrap=True)
    if violations:
        raise typer.Exit(1)
