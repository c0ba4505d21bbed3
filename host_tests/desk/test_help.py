"""`--help` behind any command: what docs/operations.md says of it."""

from collections.abc import Iterator

from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from dianka.cli import app


def leaves(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*words, name))
    else:
        yield words


def test_every_command_s_help_has_an_example_of_it() -> None:
    found = list(leaves(get_command(app)))
    assert len(found) > 25 and ("reader", "speed") in found
    without = []
    for words in found:
        told = " ".join(CliRunner().invoke(app, [*words, "--help"]).stdout.split())
        # The former name still works, and its help shows the new one.
        shown = " ".join(words).replace("card new ", "card issue ")
        if f"Example: dianka {shown} " not in told:
            without.append(" ".join(words))
    assert not without
