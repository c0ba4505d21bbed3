"""Report words that no command understands in one line, as all other errors.

The line says what is wrong and what to do. typer would print four lines, the usage first.
"""

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from dianka.lazy import report_interruption


class OneLineGroup(TyperGroup):
    """The whole command line.

    What it or its commands do not understand is reported in one line, with exit code 2.
    """

    def make_context(self, *words: Any, **more: Any) -> Any:
        with _report_in_one_line(), report_interruption():
            return super().make_context(*words, **more)

    def invoke(self, ctx: Any) -> Any:
        with _report_in_one_line():
            return super().invoke(ctx)


class SaleCommand(TyperCommand):
    """`dianka sell`: a minus before an amount is a wrong amount, not an unknown option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            option = getattr(error, "option_name", "")
            if not re.fullmatch(r"-[0-9.]", option):
                raise
            # Imported here, as other commands do not need it.
            from dianka.money import HIGHEST_FEN, yuan

            amount = next(word for word in given if word.startswith(option))
            raise typer.BadParameter(
                f"the amount must be from 0.01 to {yuan(HIGHEST_FEN)} yuan, not {amount}", ctx
            ) from None


@contextmanager
def _report_in_one_line() -> Iterator[None]:
    try:
        yield
    except TyperException as error:
        # Not an error: the help for somebody who has typed nothing.
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        typer.echo(_format_error(error), err=True)
        raise typer.Exit(error.exit_code) from None


def _format_error(error: TyperException) -> str:
    """Return the error as one line, with the command that shows the help."""
    # The words that were typed may contain line breaks.
    text = (
        " ".join(error.format_message().split())
        .removeprefix("Invalid value: ")
        .replace("Value error, ", "")
        .rstrip(".")
    )
    context = getattr(error, "ctx", None)
    see = f"see `{context.command_path} --help`" if context else "see --help behind the command"
    return f"{text}{'' if text.endswith('?') else ':'} {see}"


def say_error(line: str) -> None:
    """Write a line to stderr. Where even that can't be written the exit code alone has to tell."""
    with contextlib.suppress(OSError):
        typer.echo(line, err=True)
