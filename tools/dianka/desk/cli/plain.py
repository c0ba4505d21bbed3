"""A card's trouble as one line for the clerk, not a traceback."""

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
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
