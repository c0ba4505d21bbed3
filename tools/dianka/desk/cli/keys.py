"""`dianka keys init` and `restore`: found a system, and restore its keys from the backup.

No key is ever shown. cli/orders.py has the other commands of `dianka keys`.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.cardos.backup import MOST_PARTS
from dianka.cardos.image import resolve_path
from dianka.desk import system
from dianka.desk.cli.options import CONTROL_NAME, ProfileName, check_new_file, open_part
from dianka.desk.cli.orders import (
    apply_command,
    approve_command,
    order_command,
    pin_command,
    quota_command,
    refill_command,
)
from dianka.desk.cli.plain import report_errors
from dianka.desk.in_reader import must_be_blank_control
from dianka.desk.quota import read_quota
from dianka.readers import Held, find_reader
from dianka.readers.choose import is_reader

keys_app = typer.Typer(
    no_args_is_help=True,
    help="Found a system, get its keys back from the backup; the control card's PIN and quota.",
)
keys_app.command("pin")(pin_command)
keys_app.command("quota")(quota_command)
keys_app.command("refill")(refill_command)
keys_app.command("order")(order_command)
keys_app.command("approve")(approve_command)
keys_app.command("apply")(apply_command)

ControlFile = Annotated[
    str,
    typer.Argument(
        help=f"The new control card's file NAME.card, or a folder for {CONTROL_NAME}; "
        "or a blank control card in reader:NUMBER or reader:NAME.",
        metavar="CONTROLCARD",
    ),
]


@keys_app.command("init")
def init_command(
    file: ControlFile,
    parts: Annotated[
        int,
        typer.Option(
            help=f"Backup cards to make, one for each of so many people, up to {MOST_PARTS}."
        ),
    ] = 3,
    needed: Annotated[int, typer.Option(help="How many of them give the keys back.")] = 2,
    profile: Annotated[
        ProfileName, typer.Option(help="Cipher of the system and of all its cards.")
    ] = ProfileName.sm4,
) -> None:
    """Found a system: a control card that makes its own keys, and a backup of them in parts for
    several people.

    Example: dianka keys init office/control.card --parts 5 --needed 3
    """
    with report_errors():
        if is_reader(file):
            place = file
            with _open_blank_control(file) as control:
                made = system.found_on_chip(
                    control.port, Path(CONTROL_NAME), needed, parts, profile.value
                )
        else:
            path = place = _pick_control_path(file)
            made = system.found_system(path, needed, parts, profile.value)
        typer.echo(f"{place}: system control card, {profile.value}: lock it up")
        for part, card in enumerate(made, 1):
            typer.echo(f"{card}: part {part} of {parts}: give it to one person")
        typer.echo(
            f"any {needed} of the {parts} parts bring the keys back (`dianka keys restore`), fewer "
            "tell nothing"
        )
        typer.echo(
            f"before it goes to a counter: `dianka keys pin {place}`, and a quota with "
            "`dianka keys refill`"
        )


@keys_app.command("restore")
def restore_command(
    file: ControlFile,
    cards: Annotated[
        list[str],
        typer.Argument(
            help="Part cards: files, or reader:NUMBER or reader:NAME, as many as are needed.",
            metavar="PART...",
        ),
    ],
) -> None:
    """Make a new control card of the same system from parts of its backup.

    It makes no second backup: the parts stay good.

    Example: dianka keys restore control.card backup-1.card backup-3.card backup-4.card
    """
    with report_errors():
        if len(set(cards)) < len(cards):
            raise CardError("a part card is named twice: give different ones")
        place = file if is_reader(file) else _pick_control_path(file)
        with ExitStack() as held:
            control = held.enter_context(_open_blank_control(file)) if is_reader(file) else None
            parts = [held.enter_context(open_part(card)).port for card in cards]
            serial = (
                system.restore_on_chip(control.port, parts)
                if control
                else system.restore(Path(place), parts)
            )
            has_quota = control is None or read_quota(control.port) is not None
        typer.echo(
            f"{place}: system control card {serial.hex()} with the keys of the backup: lock it up"
        )
        if has_quota:  # not a chip of an earlier make
            typer.echo(
                f"it has no PIN yet (`dianka keys pin {place}`) and seals nothing before its first "
                f"quota: `dianka keys refill {place} YUAN PART PART --cards N`"
            )


def _open_blank_control(word: str) -> Held:
    """Open the blank control card in a reader; raise CardError if it is another card."""
    held = find_reader(word).connect()
    try:
        must_be_blank_control(held)
    except BaseException:
        held.close()
        raise
    return held


def _pick_control_path(word: str) -> Path:
    """Return the path for the new control card's file; raise CardError if it can't be made there.

    The name must be a card's, NAME.card, which .gitignore keeps out: under another name the keys
    would get into git with `git add .`.
    """
    path = check_new_file(Path(word))
    if resolve_path(path).is_dir():
        return path / CONTROL_NAME
    if word.endswith("/"):
        raise CardError(
            f"there is no folder {word}: make it first, or name a file as in {CONTROL_NAME}"
        )
    if path.suffix != ".card":
        raise CardError(
            f"{word} is no folder and no card's name: name a folder that is there, or a file as in "
            f"{CONTROL_NAME}"
        )
    return path
