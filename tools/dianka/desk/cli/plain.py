"""A card's trouble as one line for the clerk, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.oneline import say_error


@contextmanager
def plain_errors() -> Iterator[None]:
    try:
        yield
    except (CardError, CardTorn) as error:
        say_error(str(error))
        raise typer.Exit(getattr(error, "exit_code", CardError.exit_code)) from None
