"""`dianka bench pulled`: the campaign of broken sessions, with its figures.

The exit code is 1 if anything was violated.
"""

import time
from typing import Annotated

import typer
from rich.console import Console

from dianka.bench.campaign import pulled as campaign
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
