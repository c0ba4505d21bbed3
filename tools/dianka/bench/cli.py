"""`dianka bench`: plays a story on a virtual meter, shows it live, or measures meter and bench."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from dianka.bench.campaign.cli import cuts_command, memory_command, pulled_command
from dianka.bench.campaign.soak.cli import soak_command
from dianka.bench.demo.cli import demo_command
from dianka.bench.measure.figures import as_json, make_table, measure
from dianka.bench.measure.parts import PLANS
from dianka.bench.measure.speed import LIMIT, measure_speed
from dianka.bench.models.board_pins import METERING_CHIPS
from dianka.bench.panel.cli import panel_command
from dianka.bench.rungs.runners import find_board
from dianka.bench.stage import live as live_screen
from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer, format_span
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.digit_pictures import draw_pictures
from dianka.bench.stage.ending import fail_in_one_line
from dianka.bench.stage.pictures import draw_live_screen
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig, RigError
from dianka.bench.stage.story import Story
from dianka.bench.town.cli import town_command
from dianka.firmware import BOARDS

bench_app = typer.Typer(
    help="The virtual board: real firmware, modelled hardware, virtual time.", no_args_is_help=True
)

bench_app.command("cuts")(cuts_command)
bench_app.command("memory")(memory_command)
bench_app.command("pulled")(pulled_command)
bench_app.command("soak")(soak_command)
bench_app.command("panel")(panel_command)
bench_app.command("demo")(demo_command)
bench_app.command("town")(town_command)

_DUMB = (
    "the live screen needs a terminal whose cursor can be moved: "
    "run it in one where TERM is not dumb, or play a story"
)

FolderOption = Annotated[
    Path | None,
    typer.Option(
        help="Keep the meter's memories and the cards here. Without it they are gone at the end."
    ),
]
RunnerOption = Annotated[
    str,
    typer.Option(
        metavar="vm|chip|host",
        help="What runs the firmware: vm is the real MicroPython, "
        "chip the same on an emulated RP2040, host is CPython.",
    ),
]

MeteringOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(METERING_CHIPS),
        help="The metering chip of a new meter; one in a folder keeps its own.",
    ),
]


BoardOption = Annotated[
    str, typer.Option(metavar="NAME", help="The board, a folder of boards/, whose file is run.")
]
DEFAULT_BOARD = "rp2_pico"


@bench_app.command("play")
def play_command(
    story: Annotated[
        str, typer.Argument(help="A .story file, or the name of one that comes with the project.")
    ],
    folder: FolderOption = None,
    runner: RunnerOption = "vm",
    metering: MeteringOption = None,
    board: BoardOption = DEFAULT_BOARD,
    live_if_terminal: Annotated[
        bool, typer.Option(help="Then show the live screen, if this is a terminal.")
    ] = False,
) -> None:
    """Play a story and check everything it expects.

    A story is a text of such lines; # begins a comment.

    \b
    mains on|off               load 2.2 kW [pf 0.8]      volts 220
    wait 3 h|min|s|ms          cut power                 press key [for 3 s]
    insert FILE [upside down]  insert metal plate        pull card
    open case                  close case                set clock
    say "text"                 desk: COMMAND of dianka, as in desk: sell resident.card 50.00
    expect CONDITION [within 5 s]
    wait until CONDITION within 2 h

    \b
    CONDITION is one of
    display "50.00"            display contains "50"
    relay closed|open          lamp NAME on|off

    Example: dianka bench play first-day

    Example: dianka bench play my.story --folder meter42
    """
    with fail_in_one_line():
        steps = stories.load(story)
        with _open_meter(folder, runner, metering, board) as (rig, place):
            _play(rig, place, steps)
            if live_if_terminal and _is_terminal():
                if _is_dumb():
                    typer.echo(_DUMB, err=True)
                else:
                    _show(rig, place)


@bench_app.command("live")
def live_command(
    folder: FolderOption = None,
    runner: RunnerOption = "vm",
    metering: MeteringOption = None,
    board: BoardOption = DEFAULT_BOARD,
) -> None:
    """Stand before one meter, with keys for all that can happen.

    Example: dianka bench live --folder meter42
    """
    if not _is_terminal():
        typer.echo("the live screen needs a terminal: run it in one, or play a story", err=True)
        raise typer.Exit(1)
    if _is_dumb():
        typer.echo(_DUMB, err=True)
        raise typer.Exit(1)
    with fail_in_one_line(), _open_meter(folder, runner, metering, board) as (rig, place):
        if any(place.glob("*.card")):
            rig.switch_mains_on()
        else:
            _play(rig, place, stories.load("new-meter"))
        _show(rig, place)


@bench_app.command("figures")
def figures_command(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this part; may be repeated. {', '.join(PLANS)}")
    ] = None,
    json_file: Annotated[
        Path, typer.Option("--json", help="Where the figures go for programs.")
    ] = Path("build/figures.json"),
    runner: RunnerOption = "vm",
) -> None:
    """Measure the meter on the emulated chip, and this bench.

    Takes some minutes; fails if a limit is missed.

    Example: dianka bench figures --only pulses --only start
    """
    console = Console(highlight=False, emoji=False, width=None if _is_terminal() else 140)
    unknown = sorted(set(only or ()) - set(PLANS))
    if unknown:
        typer.echo(f"there is no part {unknown[0]}: name one of {', '.join(PLANS)}", err=True)
        raise typer.Exit(2)
    began_ns = time.monotonic_ns()

    def tell(what: str) -> None:
        console.print(
            f"[dim]{(time.monotonic_ns() - began_ns) // 1_000_000_000:4} s  {escape(what)}[/]",
            soft_wrap=True,
        )

    with fail_in_one_line(), tempfile.TemporaryDirectory(prefix="dianka-") as place:
        parts = measure(
            [name for name in PLANS if name in (only or PLANS)], Path(place), runner, tell
        )
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(as_json(parts), encoding="utf-8")
    console.print(make_table(parts))
    missed = [line for part in parts for line in part.missed]
    for line in missed:
        console.print(f"missed: {line}", style="red", markup=False, soft_wrap=True)
    if missed:
        raise typer.Exit(1)


@bench_app.command("speed")
def speed_command(
    story: Annotated[
        str, typer.Argument(help="A .story file, or the name of one that comes with the project.")
    ] = "first-day",
    board: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A board; all if none is named. May be repeated."),
    ] = None,
) -> None:
    """Measure how much faster than real time a story is played, with each board's own file.

    Exit status 1 if first-day is slower than its limit.

    Example: dianka bench speed --board esp32_devkit
    """
    missed = False
    with fail_in_one_line():
        for name in board or [path.parent.name for path in sorted(BOARDS.glob("*/board.toml"))]:
            speed = measure_speed(story, name)
            typer.echo(
                f"{name:12} {speed.times:4} times real time: {format_span(speed.played_us)} in "
                f"{format_span(speed.wall_us)}, {format_span(speed.cpu_us)} of processors"
            )
            missed = missed or (story == "first-day" and speed.times < LIMIT)
    if missed:
        typer.echo(f"missed: {LIMIT} times real time or more", err=True)
        raise typer.Exit(1)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _is_dumb() -> bool:
    """Return whether the terminal can't move its cursor, as in some editors."""
    return Console().is_dumb_terminal


@bench_app.command("picture")
def picture_command(
    file: Annotated[Path, typer.Argument(help="Where the SVG goes.")],
    runner: RunnerOption = "vm",
) -> None:
    """Draw the live screen of a meter in use, for the documentation.

    Example: dianka bench picture live.svg
    """
    with fail_in_one_line():
        draw_live_screen(file, runner)


@bench_app.command("digits")
def digits_command(
    folder: Annotated[Path, typer.Argument(help="The folder of the pages, such as docs.")],
) -> None:
    """Draw what the meter's eight digits show, for the pages that name such pictures.

    Example: dianka bench digits docs
    """
    with fail_in_one_line():
        typer.echo(f"{draw_pictures(folder)} pictures drawn")


def _play(rig: Rig, place: Path, story: Story) -> None:
    console = Console(highlight=False, emoji=False)
    printer = Printer(console)
    rig.on_log = printer.print_log_line
    began_ns, began_us = time.monotonic_ns(), rig.clock.now_us
    stories.play(story, Player(rig, place, DeskLine(), printer))
    passed_us, took_us = rig.clock.now_us - began_us, (time.monotonic_ns() - began_ns) // 1000
    console.print(
        f"\n[green]{escape(story.name)}: all {printer.steps} steps[/], "
        f"{format_span(passed_us)} at the meter, {format_span(took_us)} here",
        soft_wrap=True,
    )


def _show(rig: Rig, place: Path) -> None:
    screen = live_screen.Screen(rig, place, DeskLine())
    rig.on_log = screen.add_log_line
    live_screen.run(screen, Console(highlight=False, emoji=False))


@contextlib.contextmanager
def _open_meter(
    folder: Path | None, runner: str, metering: str | None, board: str
) -> Iterator[tuple[Rig, Path]]:
    """Give a meter in its folder, or in a temporary one; close the meter at the end."""
    with contextlib.ExitStack() as stack:
        if folder is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dianka-")))
        else:
            place = folder.resolve()
            _make_folder(place)
        rig = Rig(place, runner, find_board(board), metering=metering)
        stack.callback(rig.close)
        yield rig, place


def _make_folder(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "is a file" if place.is_file() else f"can't be made ({error.strerror})"
        raise RigError(f"{place} {why}: name a folder with --folder") from None
