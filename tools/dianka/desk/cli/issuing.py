"""The common part of all `dianka card issue` commands.

It decides where the new card is made and which control card seals it.

`card_command` makes a command of a function that takes the options of one kind and returns how a
chip becomes such a card. The options that every kind has are added here, once. A function with a
parameter `wanted` gets these too.
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from dianka.card_port import CardError, CardPort
from dianka.cardos.image import CardFile, CardFileError, name_of, resolve_path
from dianka.desk import issue
from dianka.desk.cli.options import (
    ControlOption,
    NewCardArgument,
    ProfileName,
    ReaderOption,
    SerialOption,
    check_profile,
    open_control,
    parse_serial,
    pick_control_place,
)
from dianka.desk.cli.plain import report_errors
from dianka.desk.in_reader import is_blank, make_in_reader
from dianka.readers import find_reader, pick_place
from dianka.readers.choose import PREFIX

Make = Callable[[CardPort, CardPort], None]  # control card, new chip


@dataclass(frozen=True)
class Wanted:
    """The options that every kind has."""

    file: NewCardArgument = None
    serial: SerialOption = None
    blank: Annotated[
        bool,
        typer.Option(
            "--blank", help="Only a file with a blank chip, to be made into a card later."
        ),
    ] = False
    profile: Annotated[
        ProfileName | None,
        typer.Option(
            help="Cipher: a blank chip's (sm4 if none); else to be sure, as a card has its control "
            "card's."
        ),
    ] = None
    reader: ReaderOption = None
    control: ControlOption = None

    def find_folder(self) -> Path:
        """Return the folder of the control card; for one in a reader the current folder."""
        word = pick_control_place(pick_place(self.file, self.reader), self.control)
        return Path() if word.startswith(PREFIX) else resolve_path(word).parent


def card_command(
    app: typer.Typer, kind: str
) -> Callable[[Callable[..., Make]], Callable[..., Make]]:
    """Make the decorated function the command that issues this kind of card."""

    def add(own: Callable[..., Make]) -> Callable[..., Make]:
        def command(**words: Any) -> None:
            with report_errors():
                wanted = Wanted(**{name: words.pop(name) for name in _COMMON})
                if takes_wanted:
                    words["wanted"] = wanted
                make = _leave_blank if wanted.blank else own(**words)
                typer.echo(make_card(wanted, kind, make))

        file, *common = _list_options(Wanted)
        own_options = {option.name: option for option in _list_options(own)}
        takes_wanted = own_options.pop("wanted", None) is not None
        options = [file, *own_options.values(), *common]
        command.__doc__ = own.__doc__
        command.__annotations__ = {option.name: option.annotation for option in options}
        command.__dict__["__signature__"] = inspect.Signature(options)
        app.command(kind)(command)
        return own

    return add


def make_card(wanted: Wanted, kind: str, make: Make) -> str:
    """Make a new card where it is wanted.

    Return a line about it, to be printed when all work is done. Raise CardError if it can't be
    made.
    """
    place, serial = pick_place(wanted.file, wanted.reader), parse_serial(wanted.serial)
    in_reader = place.startswith(PREFIX)
    if in_reader and (wanted.serial or wanted.blank):
        raise CardError(
            "the card in a reader is a blank chip with its own serial: for others name a file"
        )
    if wanted.blank:
        profile = wanted.profile or ProfileName.sm4
        with CardFile.create(place, kind, serial, profile=profile.value) as card:
            made = card.chip.state.serial
    else:
        with open_control(place, wanted.control) as desk:
            check_profile(desk.port, wanted.profile)
            made = _make_at_place(desk.port, place, kind, make, serial)
    return f"{place}: {'blank ' * wanted.blank}{kind} card {made.hex()}"


def _leave_blank(control: CardPort, chip: CardPort) -> None:
    """Leave a blank chip as it is."""


def _make_at_place(
    control: CardPort, place: str, kind: str, make: Make, serial: bytes | None
) -> bytes:
    """Make the card in the reader or in the file. Return its serial."""
    if place.startswith(PREFIX):
        with find_reader(place).connect() as card:
            return make_in_reader(card.port, kind, lambda chip: make(control, chip))
    if serial is None and resolve_path(place).is_file():
        return _reissue_file(control, place, kind, make)
    profile = issue.read_profile_name(control)
    return issue.issue_file(
        Path(place), kind, serial, os.urandom, profile, lambda chip: make(control, chip)
    )


def _reissue_file(control: CardPort, place: str, kind: str, make: Make) -> bytes:
    """Issue a file with a blank or cleared card like a chip in a reader; refuse any other file."""
    refused = CardError(
        f"{name_of(Path(place))} exists already, and is no blank {kind} card: choose another name"
    )
    try:
        held = find_reader(place).connect()
    except CardFileError:  # no card, a damaged one, or one in use
        raise refused from None
    with held as card:
        if not is_blank(card.port, kind):
            raise refused
        return make_in_reader(card.port, kind, lambda chip: make(control, chip))


def _list_options(of: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters as keyword-only, with their annotations resolved."""
    hints = get_type_hints(of, include_extras=True)
    return [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
        for parameter in inspect.signature(of).parameters.values()
    ]


_COMMON = tuple(inspect.signature(Wanted).parameters)
