"""A card's trouble as one line for the clerk, not a traceback."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn


@contextmanager
def plain_errors() -> Iterator[None]:
    try:
        yield
    except (CardError, CardTorn) as error:
        say_error(str(error))
        raise typer.Exit(getattr(error, "exit_code", CardError.exit_code)) from None


def say_error(line: str) -> None:
    """Write a line to stderr. Where even that can't be written the exit code alone has to tell."""
    with contextlib.suppress(OSError):
        typer.echo(line, err=True)
