"""`dianka bench pulled`, `cuts` and `memory`: the campaigns, with their figures.

The exit code is 1 if anything was violated.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from dianka.bench.campaign import pulled as campaign
from dianka.bench.campaign.cuts import campaign as power_cuts
from dianka.bench.campaign.cuts import kills_campaign
from dianka.bench.campaign.cuts import report as cuts_report
from dianka.bench.campaign.forks import Unforkable
from dianka.bench.campaign.memory import campaign as bad_memory
from dianka.bench.campaign.memory import report as memory_report
from dianka.bench.campaign.page import write_section

_SHOWN = 10  # violations of one scene
_COLUMNS = 160  # that the tables need where the output is no terminal


class Rung(StrEnum):
    """Where the firmware runs: under CPython, on the virtual board, on the emulated chip."""

    host = "host"
    vm = "vm"
    chip = "chip"


OnlyOption = Annotated[
    list[str] | None,
    typer.Option(help="Only those with this in their name; may be repeated."),
]
SeedOption = Annotated[int, typer.Option(min=0, help="All that is random comes from it.")]
JobsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Processes at a time; as many as processors if not given."),
]
PageOption = Annotated[
    Path | None, typer.Option("--page", help="A page that gets the figures, as docs/promise.md.")
]
JsonOption = Annotated[Path, typer.Option("--json", help="Where the figures go for programs.")]


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
    only: OnlyOption = None,
    every: Annotated[int, typer.Option(min=1, help="Play one in so many futures.")] = 1,
    seed: SeedOption = 1,
    jobs: JobsOption = None,
    json_file: JsonOption = Path("build/cuts.json"),
    page: PageOption = None,
    point: Annotated[
        int, typer.Option(min=0, help="Play this point of the one operation alone.")
    ] = 0,
    pairs: Annotated[bool, typer.Option(help="Cut again while the meter recovers.")] = True,
    then: Annotated[
        int, typer.Option(min=0, help="With --point: and this point of its recovery.")
    ] = 0,
    rung: Annotated[
        Rung, typer.Option(help="vm, chip: kill real MicroPython at some of the points.")
    ] = Rung.host,
    kills: Annotated[int, typer.Option(min=1, help="With --rung vm or chip: so many.")] = 2000,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --rung: go on after what the file says is done.")
    ] = False,
) -> None:
    """Cut the power at every byte that is stored, in every way; let it come back; compare.

    Old or new, money exact, and at most 1 Wh lost. With --rung, Ctrl-C tells what is done
    by then, and --resume goes on.

    Example: dianka bench cuts --only settle --every 10
    """
    with _fail_in_one_line():
        if rung != Rung.host:
            _kill(rung.value, kills, only or [], every, seed, jobs, json_file, page, point, resume)
            return
        if point:
            _say(power_cuts.replay((only or [""])[0], point, then, seed))
            return
        power_cuts.find_operations(only or [])
        play = partial(power_cuts.play_all, pairs=pairs)
        _run("cuts", play, cuts_report, only or [], every, seed, jobs, json_file, page)


def _kill(
    runner: str,
    kills: int,
    only: list[str],
    every: int,
    seed: int,
    jobs: int | None,
    json_file: Path,
    page: Path | None,
    point: int,
    resume: bool,
) -> None:
    if point:
        _say(kills_campaign.replay(runner, (only or [""])[0], point, seed))
        return
    file = json_file.with_stem(f"{json_file.stem}-{runner}")
    play = partial(kills_campaign.play_all, runner, kills, file=file, resume=resume)
    report, name = kills_campaign.Report(runner), f"cuts-{runner}"
    _run(name, play, report, only, every, seed, jobs, file, page)


def memory_command(
    only: OnlyOption = None,
    every: Annotated[int, typer.Option(min=1, help="Play one in so many cases.")] = 1,
    seed: SeedOption = 1,
    jobs: JobsOption = None,
    json_file: JsonOption = Path("build/memory.json"),
    page: PageOption = None,
    case: Annotated[int, typer.Option(min=0, help="Play this case of the one ailment alone.")] = 0,
) -> None:
    """Let the memory forget, lie, answer late or not at all, cut the power, and compare.

    The state comes from the other half, or the meter says so, and it cuts nothing off.

    Example: dianka bench memory --only "one bit" --every 10
    """
    with _fail_in_one_line():
        if case:
            _say(bad_memory.replay((only or [""])[0], case, seed))
            return
        bad_memory.find_ailments(only or [])
        play = bad_memory.play_all
        _run("memory", play, memory_report, only or [], every, seed, jobs, json_file, page)


def _run(
    name: str,
    play: Callable[..., Any],
    report: Any,
    only: list[str],
    every: int,
    seed: int,
    jobs: int | None,
    json_file: Path,
    page: Path | None,
) -> None:
    """Play a campaign with a progress bar, and say what it has found; Exit 1 with violations."""
    width = None if sys.stdout.isatty() else _COLUMNS
    console, began_s = Console(highlight=False, width=width), time.monotonic()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(name)

        def tell(done: int, of: int) -> None:
            progress.update(bar, completed=done, total=of)

        rows = play(only, every, seed, jobs or os.cpu_count() or 1, tell)
    seconds = int(time.monotonic() - began_s)
    report.write_json(json_file, rows, seconds, seed, every)
    if page:
        spent_s = int(sum(os.times()[:4]))
        write_section(page, name, report.list_figures(rows, seconds, spent_s, seed))
    violations = [one for row in rows for one in row.violations]
    for one in violations[:_SHOWN]:
        console.print(f"{one.operation}: {one.text}", style="red", markup=False, soft_wrap=True)
        console.print(f"  {report.compose_replay(one, seed)}", markup=False, soft_wrap=True)
    console.print(report.make_table(rows))
    console.print(report.compose_summary(rows, seconds, seed), soft_wrap=True)
    if violations:
        raise typer.Exit(1)


def _say(lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(line)


@contextlib.contextmanager
def _fail_in_one_line() -> Iterator[None]:
    try:
        yield
    except typer.Exit:
        raise  # a RuntimeError as well
    except (Unforkable, KeyError, ValueError, AssertionError, RuntimeError) as error:
        typer.echo(str(error.args[0]) if error.args else type(error).__name__, err=True)
        raise typer.Exit(1) from None
