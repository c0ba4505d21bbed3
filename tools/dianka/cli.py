"""The command `dianka`.

Bench, desk and flashing own their commands; this module only puts them together.
"""

from typing import Annotated

import typer

from dianka.commands import ALL
from dianka.desk.cli.output import guard_output
from dianka.lazy import LazyGroup
from dianka.oneline import OneLineGroup


class _Dianka(OneLineGroup, LazyGroup):
    """The group of all commands, imported when used."""

    later = ALL


# Plain messages: an error is one line that a person can read and a script can show.
app = typer.Typer(
    cls=_Dianka,
    help="An open IC-card prepaid electricity meter: its bench, its cards, its desk.\n\n"
    "Exit codes: 0 done; 1 refused; 2 words not understood; "
    "3 a sale whose money is to be kept (sell the same again); "
    "4 done, but the output can't be written; 128 and the signal's number if a signal ended it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # imported here, as it takes longer than all the rest

        typer.echo(f"dianka {metadata.version('dianka')}")
        raise typer.Exit


@app.callback()
def dianka(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Say which version this is, and exit.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; report output that cannot be written (exit code 4)."""
    with guard_output():
        app()
