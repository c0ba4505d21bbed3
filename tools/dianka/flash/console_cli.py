"""The command `dianka console`."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dianka.card_port import CardError


def console_command(
    port: Annotated[str, typer.Option(help="Where the meter is, as in /dev/ttyACM0.")],
    seconds: Annotated[
        int, typer.Option(min=1, max=86_400, help="How long to watch its log and its tasks.")
    ] = 10,
    log: Annotated[
        Path | None,
        typer.Option(help="Fetch the log of events into this new file.", show_default=False),
    ] = None,
) -> None:
    """Look into a running meter: its pages, heap, tasks and log. It runs on.

    It needs the service console, which make flash CONSOLE=1 brings to a meter without a customer.

    Example: dianka console --port /dev/ttyACM0 --log 12.log
    """
    try:
        from dianka.flash import build, console
    except ImportError as error:
        _fail(f"{error.name} is missing: install it with pip install -e '.[board]'")
    try:
        looking = console.Console(port, typer.echo)
        try:
            for line in console.describe(looking, seconds):
                typer.echo(line)
            if log:
                typer.echo(console.keep_log(looking, log))
        finally:
            looking.close()
    except (build.FlashError, CardError) as error:
        _fail(str(error))


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)
