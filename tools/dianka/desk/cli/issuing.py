"""The common part of all `dianka card issue` commands.

It decides where the new card is made and which control card seals it.

`card_command` makes a command of a function that takes the options of one kind and returns how a
chip becomes such a card. The options that every kind has are added here, once. A function with a
parameter `wanted` gets these too. With an office the card is entered in its register, before its
keys are loaded and when it is complete (registered.py).
"""

import inspect
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from dianka.card_port import CardError, CardPort, serial_of
from dianka.cardos.chip import CardTorn
from dianka.cardos.image import CardFile, CardFileError, name_of, resolve_path
from dianka.cardos.state import SERIAL_BYTES
from dianka.desk import issue
from dianka.desk.cli.office.signed_in import OfficeOption
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
from dianka.desk.cli.registered import (
    NO_OFFICE,
    Entry,
    HolderOption,
    plan_entry,
)
from dianka.desk.in_reader import is_blank, make_in_reader
from dianka.desk.quota import find_few_cards
from dianka.readers import Held, find_reader, pick_place
from dianka.readers.choose import is_reader

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
    office: OfficeOption = None
    holder: HolderOption = ""

    def find_folder(self) -> Path:
        """Return the folder of the control card; for one in a reader the current folder."""
        word = pick_control_place(pick_place(self.file, self.reader), self.control)
        return Path() if is_reader(word) else resolve_path(word).parent


@dataclass(frozen=True)
class Order:
    """How a chip becomes a card, and what the register is told of it."""

    make: Make
    entry: Entry | None


def card_command(
    app: typer.Typer, kind: str
) -> Callable[[Callable[..., Make | Order]], Callable[..., Make | Order]]:
    """Make the decorated function the command that issues this kind of card."""

    def add(own: Callable[..., Make | Order]) -> Callable[..., Make | Order]:
        def command(**words: Any) -> None:
            with report_errors():
                wanted = Wanted(**{name: words.pop(name) for name in _COMMON})
                if takes_wanted:
                    words["wanted"] = wanted
                order = Order(_leave_blank, None) if wanted.blank else own(**words)
                if not isinstance(order, Order):
                    entry = plan_entry(wanted.office, kind, holder=wanted.holder)
                    order = Order(order, entry)
                typer.echo(make_card(wanted, kind, order.make, order.entry))

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


def make_card(wanted: Wanted, kind: str, make: Make, entry: Entry | None = None) -> str:
    """Make a new card where it is wanted, and enter it in the register if there is one.

    Return what to say of it, to be printed when all work is done. Raise CardError if it can't be
    made.
    """
    place, serial, few = pick_place(wanted.file, wanted.reader), parse_serial(wanted.serial), ""
    in_reader = is_reader(place)
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
            if entry and (made := find_made(entry, desk.port, place)):
                return f"{place}: {kind} card {made.hex()} is made already, and entered now"
            made = _make_at_place(desk.port, place, kind, make, serial, entry)
            with suppress(CardError, CardTorn):  # the card is made, whatever the control card says
                few = find_few_cards(desk.port)
    said = f"{place}: {'blank ' * wanted.blank}{kind} card {made.hex()}"
    return said if wanted.blank else "\n".join(filter(None, (said, say_entered(entry), few)))


def say_entered(entry: Entry | None) -> str:
    """Return the line that says whether a card is in a register."""
    return f"entered in the register by {entry.actor.operator}" if entry else NO_OFFICE


def find_made(entry: Entry, control: CardPort, place: str) -> bytes | None:
    """Return the serial of the card there if an earlier try has made it, and broke off then."""
    if not is_reader(place) and not resolve_path(place).is_file():
        return None
    try:
        held = find_reader(place).connect()
    except CardFileError:  # said when it is to be written
        return None
    with held as card:
        return entry.find_made(control, card.port)


def _leave_blank(control: CardPort, chip: CardPort) -> None:
    """Leave a blank chip as it is."""


def _make_at_place(
    control: CardPort,
    place: str,
    kind: str,
    make: Make,
    serial: bytes | None,
    entry: Entry | None = None,
) -> bytes:
    """Make the card in the reader or in the file. Return its serial."""
    if is_reader(place) or (serial is None and resolve_path(place).is_file()):
        with _open_blank(place, kind) as card:
            made = make_in_reader(card.port, kind, lambda chip: _enter(entry, make, control, chip))
        if entry:
            entry.finish(made)
        return made
    profile = issue.read_profile_name(control)
    return issue_entered(
        entry, Path(place), kind, serial, profile, lambda chip: make(control, chip)
    )


def issue_entered(
    entry: Entry | None,
    path: Path,
    kind: str,
    serial: bytes | None,
    profile: str,
    make: Callable[[CardPort], None],
) -> bytes:
    """Make a card in a new file and enter it. Return its serial.

    If `make` fails no file is left, and the register has the card as scrapped.
    """
    new = os.urandom(SERIAL_BYTES) if serial is None else serial

    def enter_and_make(chip: CardPort) -> None:
        if entry:
            entry.begin(new)
        make(chip)

    try:
        issue.issue_file(path, kind, new, os.urandom, profile, enter_and_make)
    except BaseException:
        if entry and not path.exists():
            entry.abandon(new)
        raise
    if entry:
        entry.finish(new)
    return new


def _enter(entry: Entry | None, make: Make, control: CardPort, chip: CardPort) -> None:
    """Make a chip a card that is entered before anything is written to it."""
    if entry:
        entry.begin(serial_of(chip.power_on()))
    make(control, chip)


def _open_blank(place: str, kind: str) -> Held:
    """Open a card in a reader, or a file with a blank or cleared card; refuse any other file."""
    if is_reader(place):
        return find_reader(place).connect()
    refused = CardError(
        f"{name_of(Path(place))} exists already, and is no blank {kind} card: choose another name"
    )
    try:
        held = find_reader(place).connect()
    except CardFileError:  # no card, a damaged one, or one in use
        raise refused from None
    if not is_blank(held.port, kind):
        held.close()
        raise refused
    return held


def _list_options(of: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters as keyword-only, with their annotations resolved."""
    hints = get_type_hints(of, include_extras=True)
    return [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
        for parameter in inspect.signature(of).parameters.values()
    ]


_COMMON = tuple(inspect.signature(Wanted).parameters)
