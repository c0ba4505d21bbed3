"""`dianka bench soak`: years of a household's life. The exit code is 1 if anything was violated."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from dianka.bench.campaign.page import write_section
from dianka.bench.campaign.soak import campaign, report

_COLUMNS = 180  # that the table needs where the output is no terminal


def soak_command(
    years: Annotated[int, typer.Option(min=1, help="How long each meter lives.")] = 10,
    meters: Annotated[int, typer.Option(min=1, help="So many meters, each with a household.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="All that is random comes from it.")] = 1,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at a time; as many as processors if not given."),
    ] = None,
    days: Annotated[int, typer.Option(min=0, help="So many days in place of years.")] = 0,
    meter: Annotated[int, typer.Option(min=0, help="Live the life of this meter alone.")] = 0,
    json_file: Annotated[
        Path, typer.Option("--json", help="Where the figures go for programs.")
    ] = Path("build/soak.json"),
    page: Annotated[
        Path | None,
        typer.Option("--page", help="A page that gets the figures, as docs/promise.md."),
    ] = None,
) -> None:
    """Live years with a meter: use, purchases, cuts, clock faults, new prices, a meter swap.

    Everything is compared with a ledger of the bench's own after every step.

    Example: dianka bench soak --years 10 --meters 4
    """
    width = None if sys.stdout.isatty() else _COLUMNS
    console, began_s = Console(highlight=False, width=width), time.monotonic()
    numbers = [meter] if meter else list(range(1, meters + 1))
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("soak")

        def tell(done: int, of: int) -> None:
            progress.update(bar, completed=done, total=of)

        lived_days = days or years * campaign.DAYS_A_YEAR
        processes = jobs or os.cpu_count() or 1
        rows, worn = campaign.play_all(lived_days, numbers, seed, processes, tell, not meter)
    seconds = int(time.monotonic() - began_s)
    report.write_json(json_file, rows, worn, seconds, seed)
    if page:
        write_section(page, "soak", report.list_figures(rows, worn, seconds, seed))
    for row in rows:
        if row.violation:
            console.print(f"meter {row.number}: {row.violation}", style="red", markup=False,
                          soft_wrap=True)  # fmt: skip
            console.print(f"  {report.compose_replay(row, seed)}", markup=False, soft_wrap=True)
    console.print(report.make_table(rows))
    for what, figure in report.list_wear(rows, worn):
        console.print(f"{what}: {figure}", soft_wrap=True)
    console.print(report.compose_summary(rows, seconds, seed), soft_wrap=True)
    if any(row.violation for row in rows):
        raise typer.Exit(1)
