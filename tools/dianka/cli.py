"""The command `dianka`. The bench and the desk own their commands; this page only puts them together."""

import typer

from dianka.bench.cli import bench_app
from dianka.deskline import mount

# Plain messages: an error is one line that a person can read and a script can show.
app = typer.Typer(
    help="An open IC-card prepaid electricity meter: its bench, its cards, its desk.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(bench_app, name="bench")
mount(app)


def main() -> None:
    app()
