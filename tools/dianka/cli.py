"""The command `dianka`. The bench and the desk own their commands; this page only puts them together."""

import sys

import typer

from dianka.bench.cli import bench_app
from dianka.bench.stage.desk_line import mount
from dianka.desk.cli.card import app as card_app
from dianka.desk.cli.output import told_output
from dianka.desk.cli.readers import insert_command, reader_app
from dianka.desk.interrupts import held
from dianka.flash.cli import flash_command
from dianka.oneline import OneLineGroup

# Plain messages: an error is one line that a person can read and a script can show.
app = typer.Typer(
    cls=OneLineGroup,
    help="An open IC-card prepaid electricity meter: its bench, its cards, its desk.\n\n"
    "Exit codes: 0 done; 1 refused; 2 words not understood; 3 a sale whose money is to be kept (sell the same again); "
    "4 done, but the output can't be written; 128 and the signal's number if a signal ended it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(bench_app, name="bench")
app.command("flash")(flash_command)
mount(app)
card_app.command("insert")(insert_command)
app.add_typer(reader_app, name="reader")


def main() -> None:
    if sys.argv[1:2] == ["sell"]:
        # An interrupted sale is never silent, and reading the words alone takes 0.3 s. Held until
        # the process ends.
        held.__enter__()
    with told_output():
        app()
