"""Errors of cards and of the office's database as one line for the clerk, without a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.desk.cli.pins import forget_pins
from dianka.oneline import say_error


@contextmanager
def report_database() -> Iterator[None]:
    """Turn a failure of the database, if one is open, into a CardError of one line."""
    try:
        yield
    except Exception as error:
        database = sys.modules.get("django.db")
        if database is None or not isinstance(error, database.Error):
            raise
        reason = " ".join(str(error).split())
        raise CardError(f"the database does not take that ({reason}): see that it runs") from None


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn CardError, CardTorn and the database's failures into a line, and exit with its code."""
    try:
        with report_database():
            yield
    except (CardError, CardTorn) as error:
        say_error(str(error))
        raise typer.Exit(getattr(error, "exit_code", CardError.exit_code)) from None
    finally:
        forget_pins()
