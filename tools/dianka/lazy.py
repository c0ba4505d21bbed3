"""Commands imported only when they are used: one needs a fraction of the imports of all."""

import importlib
from collections import UserDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from dianka import INTERRUPTED


@dataclass(frozen=True)
class Later:
    """A command or a group of commands that is not imported yet.

    `target` is `module:name` of its function or typer.Typer.
    """

    target: str
    help: str  # its line in the list of commands, which imports none of them
    cls: type[TyperCommand] | None = None
    hidden: bool = False

    def load(self, name: str) -> Any:
        """Import the command and return it.

        Ctrl-C meanwhile is reported in one line: nothing has been done yet.
        """
        with report_interruption():
            module, _, attribute = self.target.partition(":")
            found = getattr(importlib.import_module(module), attribute)
            holder = typer.Typer(
                add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
            )
            if isinstance(found, typer.Typer):
                holder.add_typer(found, name=name, hidden=self.hidden)
            else:
                holder.command(name, cls=self.cls, hidden=self.hidden)(found)
            return get_group(holder).commands[name]


class LazyGroup(TyperGroup):
    """A group whose commands are listed in `later`; looking one up imports it."""

    later: ClassVar[Mapping[str, Later]] = {}

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.commands: _Commands = _Commands({**self.commands, **self.later})

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing them."""
        found = [(name, self.commands.data[name]) for name in self.commands]
        # The width that typer itself uses.
        room = formatter.width - 6 - max(map(len, self.commands))
        shown = [
            (name, _get_summary(command, room)) for name, command in found if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(shown)


def _get_summary(command: Any, room: int) -> str:
    return command.help if isinstance(command, Later) else command.get_short_help_str(room)


class _Commands(UserDict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, Later):
            found = self.data[name] = found.load(name)
        return found


@contextmanager
def report_interruption() -> Iterator[None]:
    """Report in one line that Ctrl-C came before the command did anything.

    The exit code is 130.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(INTERRUPTED, err=True)
        raise typer.Exit(130) from None
