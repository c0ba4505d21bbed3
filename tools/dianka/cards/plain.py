"""A card's trouble as one line for the clerk, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dianka.cards.chip import CardTorn
from dianka.cards.port import CardError


@contextmanager
def plain_errors() -> Iterator[None]:
    try:
        yield
    except (CardError, CardTorn) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
