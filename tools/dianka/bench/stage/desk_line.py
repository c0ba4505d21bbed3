"""Runs the desk's commands for a story or for the live screen.

They are the same typer commands as on the command line, run in this process and in the meter's
folder. Their output is returned as text; a refusal becomes a DeskError with the command's own one
line.
"""

import contextlib
import io
import signal
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from dianka.bench.stage.player import DeskError
from dianka.commands import DESK
from dianka.lazy import LazyGroup
from dianka.oneline import say_error

_SIGNALLED = 128  # plus the signal's number: the exit status of a command ended by a signal


class _Desk(LazyGroup):
    later = DESK


class DeskLine:
    """The Desk (player.py) of `Player` and of the live screen."""

    def __init__(self) -> None:
        self._app = typer.Typer(
            cls=_Desk, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )
        self._app.callback()(lambda: None)  # a group, though typer sees no command in it yet

    def find_mistake(self, args: Sequence[str]) -> str:
        """Return one line that says what is wrong with the command, or "". Runs nothing."""
        if list(args[:2]) == ["card", "insert"]:
            return "card insert serves a reader until Ctrl-C and is no step of a story"
        command, rest = get_command(self._app), list(args)
        name = ""
        while isinstance(command, TyperGroup):
            commands = command.commands
            name = rest.pop(0) if rest else ""
            if name not in commands:
                shown = f'"{name}"' if name else "nothing"
                return f"{shown} is no command of the desk: expected {', '.join(sorted(commands))}"
            command = commands[name]
        if not isinstance(command, TyperCommand):
            raise TypeError(f"desk command {name} is a {type(command).__name__}")
        try:
            command.make_context(name, rest)
        except TyperException as error:
            return _take_last_line(error.format_message())
        except typer.Exit:
            return "help is no step of a story: look at it on the command line"
        return ""

    def run(self, args: Sequence[str], folder: Path) -> str:
        """Run the command in this folder and return its output. DeskError if it refuses.

        A command that a signal ended, ends this program by the same signal.
        """
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                # SystemExit is not caught: a signal ends the bench, not this command alone.
                status = self._app(list(args), prog_name="dianka", standalone_mode=False)
            except TyperException as error:
                raise DeskError(_take_last_line(error.format_message())) from None
        told = _take_last_line(err.getvalue())
        if isinstance(status, int) and status > _SIGNALLED:
            _pass_on(status, told)
        if status:
            raise DeskError(told or f"the desk ended with status {status}")
        return out.getvalue()


def _pass_on(status: int, told: str) -> None:
    """Raise the signal that ended the command, so that it ends the program that runs the story.

    SystemExit follows, in case the signal is ignored by now.
    """
    if told:
        say_error(told)
    signal.raise_signal(status - _SIGNALLED)
    raise SystemExit(status)


def _take_last_line(text: str) -> str:
    """Return the last line of an error, without "Error: ".

    A reminder of the usage stands before the message of a usage error.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else ""
