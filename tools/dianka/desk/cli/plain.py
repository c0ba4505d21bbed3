"""Card errors as one line for the clerk, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.desk.cli.pins import forget_pins
from dianka.oneline import say_error


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn CardError and CardTorn into a line on stderr and the error's exit code."""
    try:
        yield
    except (CardError, CardTorn) as error:
        say_error(str(error))
        raise typer.Exit(getattr(error, "exit_code", CardError.exit_code)) from None
    finally:
        forget_pins()
