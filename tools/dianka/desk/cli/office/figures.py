"""`dianka office figures`: measure on what an office of its own makes up."""

import importlib
import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from dianka.card_port import CardError
from dianka.desk.cli.plain import report_errors

# Each part by the module whose function `measure` yields its figures.
PARTS = {
    "sales": "dianka.desk.office.figures.rate_figures",
    "day": "dianka.desk.office.figures.day_figures",
    "kills": "dianka.desk.office.figures.kill_figures",
    "search": "dianka.desk.office.figures.search_figures",
    "history": "dianka.desk.office.figures.history_figures",
    "suspects": "dianka.desk.office.figures.suspect_figures",
}
_RESTART_S = 0.3  # until the killed server's socket is gone


def figures_command(
    only: Annotated[
        list[str] | None, typer.Option(help=f"One part alone: {', '.join(PARTS)}. May be repeated.")
    ] = None,
    meters: Annotated[int, typer.Option(min=10, help="Meters.")] = 1000,
    sales: Annotated[int, typer.Option(min=100, help="Sales of all the months together.")] = 20_000,
    months: Annotated[int, typer.Option(min=1, help="Months of history.")] = 24,
    kills: Annotated[int, typer.Option(min=8, help="Sales that are broken off.")] = 200,
    seed: Annotated[int, typer.Option(help="Other figures, other people.")] = 1,
    postgresql: Annotated[
        bool, typer.Option("--postgresql", help="On a PostgreSQL of its own: pip install pgserver.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The file that keeps the figures.")] = Path(
        "build/office-figures.json"
    ),
) -> None:
    """Measure sales, a shift, kills, search, years of history and suspects in a made-up office.

    History is proofs, statements, searches and reports over all that was sold. The whole takes
    36,000,000 sales and 1,000,000 meters; the defaults are small.

    Example: dianka office figures --only history --meters 10000 --sales 360000 --months 36
    """
    with report_errors():
        chosen = only or list(PARTS)
        for name in chosen:
            if name not in PARTS:
                raise CardError(f"there is no part {name!r}: take one of {', '.join(PARTS)}")
        if os.environ.get("DIANKA_DATABASE"):
            raise CardError("figures take no database of yours: unset DIANKA_DATABASE")
        size = Wanted(meters, sales, months, seed, kills)
        for name in chosen[1:]:  # an office for each: a process opens one alone
            _run_apart(name, size, postgresql, out)
        with _make_office(postgresql) as restart:
            _measure(chosen[0], size, out, restart)


class Wanted(NamedTuple):
    """How large the office is that is made up."""

    meters: int
    sales: int
    months: int
    seed: int
    kills: int


def _measure(name: str, wanted: Wanted, out: Path, restart: Callable[[], None] | None) -> None:
    from django.db import connection

    from dianka.desk.office.figures.measured import (
        Size,
        describe_machine,
        write_figures,
    )

    machine, size = describe_machine(), Size(*wanted)
    typer.echo(f"{name}: {', '.join(f'{key} {value}' for key, value in machine.items())}")
    measure = importlib.import_module(PARTS[name]).measure
    for figure in measure(size, restart) if name == "kills" else measure(size):
        goal = f"  goal {figure.goal}" if figure.goal is not None else ""
        verdict = "" if figure.is_good else "  MISSED"
        typer.echo(f"  {figure.name:40} {figure.value:>12} {figure.unit:3}{goal}{verdict}".rstrip())
        write_figures(out, connection.vendor, size, [figure])  # each: the next may take an hour


def _run_apart(name: str, wanted: Wanted, postgresql: bool, out: Path) -> None:
    import subprocess
    import sys

    words = [f"--{word}={value}" for word, value in wanted._asdict().items()]
    words += [f"--only={name}", f"--out={out}", *(["--postgresql"] if postgresql else [])]
    command = [sys.executable, "-m", "dianka", "office", "figures", *words]
    if subprocess.run(command, check=False).returncode:
        raise CardError(f"the figures of {name} failed: see above")


@contextmanager
def _make_office(postgresql: bool) -> Iterator[Callable[[], None] | None]:
    """Make an office that goes when it has been measured; yield what kills its server."""
    from dianka.desk.office.founding import found_office

    with tempfile.TemporaryDirectory(prefix="dianka-figures-") as name, ExitStack() as stack:
        folder, restart = Path(name), None
        if postgresql:
            restart = stack.enter_context(_start_postgresql(folder))
        found_office(folder / "office", "figures", secrets.token_urlsafe(), "desk1")
        os.environ["DIANKA_OFFICE"] = str(folder / "office")  # for desks of their own
        yield restart


@contextmanager
def _start_postgresql(folder: Path) -> Iterator[Callable[[], None]]:
    try:
        pgserver = importlib.import_module("pgserver")
    except ImportError:
        raise CardError("a PostgreSQL of its own needs pgserver: pip install pgserver") from None
    # Started by root it runs as a user of its own, who has to get into this folder.
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "postgresql")
    try:
        os.environ["DIANKA_DATABASE"] = server.get_uri()
        yield lambda: _restart(folder / "postgresql", server)
    finally:
        server.cleanup()


def _restart(data: Path, server: Any) -> None:
    """Kill a server with all its processes, as a power cut does, and start it again."""
    first = int((data / "postmaster.pid").read_text(encoding="ascii").split()[0])
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = entry.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if int(words[1]) == first:
                os.kill(int(entry.parent.name), signal.SIGKILL)
    with suppress(OSError):
        os.kill(first, signal.SIGKILL)
    time.sleep(_RESTART_S)
    server.ensure_postgres_running()
