"""`dianka office figures`: measure on what an office of its own makes up."""

import importlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.plain import report_errors

# Each part by the module whose function `measure` yields its figures.
PARTS = {
    "reports": "dianka.desk.office.figures.report_figures",
    "suspects": "dianka.desk.office.figures.suspect_figures",
}


def figures_command(
    only: Annotated[
        list[str] | None, typer.Option(help=f"One part alone: {', '.join(PARTS)}. May be repeated.")
    ] = None,
    meters: Annotated[int, typer.Option(min=10, help="Meters.")] = 1000,
    sales: Annotated[int, typer.Option(min=100, help="Sales of all the months together.")] = 20_000,
    months: Annotated[int, typer.Option(min=1, help="Months of history.")] = 24,
    seed: Annotated[int, typer.Option(help="Other figures, other people.")] = 1,
    postgresql: Annotated[
        bool, typer.Option("--postgresql", help="On a PostgreSQL of its own: pip install pgserver.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The file that keeps the figures.")] = Path(
        "build/office-figures.json"
    ),
) -> None:
    """Measure reports, a statement, the proof and the suspects in an office made up for that.

    The whole takes 36,000,000 sales and 1,000,000 meters; the defaults are small.

    Example: dianka office figures --only reports --meters 10000 --sales 360000 --months 36
    """
    with report_errors():
        chosen = only or list(PARTS)
        for name in chosen:
            if name not in PARTS:
                raise CardError(f"there is no part {name!r}: take one of {', '.join(PARTS)}")
        if os.environ.get("DIANKA_DATABASE"):
            raise CardError("figures take no database of yours: unset DIANKA_DATABASE")
        for name in chosen[1:]:  # an office for each: a process opens one alone
            _run_apart(name, meters, sales, months, seed, postgresql, out)
        with _make_office(postgresql):
            _measure(chosen[0], meters, sales, months, seed, out)


def _measure(name: str, meters: int, sales: int, months: int, seed: int, out: Path) -> None:
    from django.db import connection

    from dianka.desk.office.figures.measured import (
        Figure,
        Size,
        describe_machine,
        write_figures,
    )

    machine = describe_machine()
    typer.echo(f"{name}: {', '.join(f'{key} {value}' for key, value in machine.items())}")
    found: list[Figure] = []
    size = Size(meters, sales, months, seed)
    for figure in importlib.import_module(PARTS[name]).measure(size):
        found.append(figure)
        goal = f"  goal {figure.goal}" if figure.goal is not None else ""
        verdict = "" if figure.is_good else "  MISSED"
        typer.echo(f"  {figure.name:32} {figure.value:>12} {figure.unit:3}{goal}{verdict}".rstrip())
    write_figures(out, connection.vendor, size, found)


def _run_apart(
    name: str, meters: int, sales: int, months: int, seed: int, postgresql: bool, out: Path
) -> None:
    import subprocess
    import sys

    words = ["--only", name, "--meters", meters, "--sales", sales, "--months", months]
    words += ["--seed", seed, "--out", out, *(["--postgresql"] if postgresql else [])]
    command = [sys.executable, "-m", "dianka", "office", "figures", *map(str, words)]
    if subprocess.run(command, check=False).returncode:
        raise CardError(f"the figures of {name} failed: see above")


@contextmanager
def _make_office(postgresql: bool) -> Iterator[None]:
    """Make an office that goes when it has been measured."""
    from dianka.desk.office.founding import found_office

    with tempfile.TemporaryDirectory(prefix="dianka-figures-") as name, ExitStack() as stack:
        folder = Path(name)
        if postgresql:
            stack.enter_context(_start_postgresql(folder))
        found_office(folder / "office", "figures", secrets.token_urlsafe(), "desk1")
        yield


@contextmanager
def _start_postgresql(folder: Path) -> Iterator[None]:
    try:
        pgserver = importlib.import_module("pgserver")
    except ImportError:
        raise CardError("a PostgreSQL of its own needs pgserver: pip install pgserver") from None
    # Started by root it runs as a user of its own, who has to get into this folder.
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "postgresql")
    try:
        os.environ["DIANKA_DATABASE"] = server.get_uri()
        yield
    finally:
        server.cleanup()
