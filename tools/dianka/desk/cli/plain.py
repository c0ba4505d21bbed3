"""Card errors as one line for the clerk, without a traceback."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn CardError and CardTorn into a line on stderr and the error's exit code."""
    try:
        yield
    except (CardError, CardTorn) as error:
        say_error(str(error))
        raise typer.Exit(getattr(error, "exit_code", CardError.exit_code)) from None


def say_error(line: str) -> None:
    """Write a line to stderr. If even that fails, the exit code alone reports the error."""
    with contextlib.suppress(OSError):
        typer.echo(line, err=True)
