"""The desk's commands as a story or the live screen gives them.

The same typer commands as on the command line, run in-process.

They run in a meter's folder, what they print comes back as text, and what they refuse comes back as
their own one line.
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

_SIGNALLED = 128  # and the signal's number: how a command exits that has tidied up after one


class _Desk(LazyGroup):
    later = DESK


class DeskLine:
    """What `Player` and the live screen take for the desk."""

    def __init__(self) -> None:
        self._app = typer.Typer(
            cls=_Desk, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )
        self._app.callback()(lambda: None)  # a group, though typer sees no command in it yet

    def unknown(self, args: Sequence[str]) -> str:
        """One line if the command or its words are not understood, else nothing. Runs nothing."""
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
            return _one_line(error.format_message())
        except typer.Exit:
            return "help is no step of a story: look at it on the command line"
        return ""

    def run(self, args: Sequence[str], folder: Path) -> str:
        """Run the command in this folder and return what it prints. DeskError if it refuses."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                # A signal's SystemExit is the end of the bench, not of this command alone.
                status = self._app(list(args), prog_name="dianka", standalone_mode=False)
            except TyperException as error:
                raise DeskError(_one_line(error.format_message())) from None
        told = _one_line(err.getvalue())
        if isinstance(status, int) and status > _SIGNALLED:
            _pass_on(status, told)
        if status:
            raise DeskError(told or f"the desk ended with status {status}")
        return out.getvalue()


def _pass_on(status: int, told: str) -> None:
    """End whoever runs the story by the signal that ended the command, even if he ignores it by
    now.
    """
    if told:
        say_error(told)
    signal.raise_signal(status - _SIGNALLED)
    raise SystemExit(status)


def _one_line(text: str) -> str:
    """The last line of an error: usage errors are preceded by a reminder of the usage."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else ""
