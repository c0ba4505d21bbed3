"""`dianka office init`, `check`, `prove`, `backup`, `restore`, `upgrade`: the whole database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.passwords import read_password
from dianka.desk.cli.office.signed_in import FolderOption, open_folder
from dianka.desk.cli.options import print_lines
from dianka.desk.cli.plain import report_errors
from dianka.money import signed_yuan

_SHOWN = 20  # faults in full


def init_command(
    folder: Annotated[Path, typer.Argument(help="A new folder on a local disk.")],
    manager: Annotated[str, typer.Option(help="The name with which the first manager signs in.")],
    desk: Annotated[str, typer.Option(help="The name of this desk.")] = "desk1",
) -> None:
    """Make an office with its first manager.

    His password is asked for, twice; from a pipe it is the first line. It has 10 characters at
    least, and no default.

    Example: dianka office init office --manager lin
    """
    from dianka.desk.office.founding import found_office

    with report_errors():
        found_office(folder, manager, read_password(confirm=True), desk)
        typer.echo(f"office {folder} is made; {manager} is its first manager")


def check_command(folder: FolderOption) -> None:
    """Name each act and entry that is not as it was written.

    Exit code: 0 all is whole; 1 with a line for each fault.

    Example: dianka office check --office office
    """
    with report_errors():
        open_folder(folder)
        from dianka.desk.office.checking import find_faults

        _tell_faults(find_faults())


def prove_command(folder: FolderOption) -> None:
    """Prove where each fen is, and print the sums.

    Example: dianka office prove --office office
    """
    with report_errors():
        open_folder(folder)
        from dianka.desk.office import checking
        from dianka.desk.office.ledger import proof

        found = list(checking.prove())
        for line in found[:_SHOWN]:
            typer.echo(line)
        sums = proof.sum_by_kind()
        names = {
            "cash": ("taken over the counters", 1),
            "transit": ("in transit", -1),
            "meter": ("in the meters", -1),
            "used": ("used", -1),
            "refund": ("paid back", -1),
            "safe": ("handed over to safe and bank", 1),
            "difference": ("counted too little", 1),
            "outside": ("bought outside of these books", 1),
        }
        lines = [
            (text, f"{signed_yuan(sign * sums.get(kind, 0))} yuan")
            for kind, (text, sign) in names.items()
        ]
        print_lines("proof", lines)
        if found:
            raise CardError(f"the proof fails at {len(found)} places: run dianka office check")
        typer.echo("proved: not a fen too many or too few")


def backup_command(
    file: Annotated[Path, typer.Argument(help="A new file for the copy.")], folder: FolderOption
) -> None:
    """Write a verified copy while the office works.

    With PostgreSQL it is pg_dump's, restored and checked in a database of its own beside the
    office's, which goes again.

    Example: dianka office backup office-2026-11-27.copy --office office
    """
    with report_errors():
        open_folder(folder)
        from dianka.desk.office.backup import backup

        typer.echo(f"{file} holds {backup(file)} acts, read back whole")


def restore_command(
    file: Annotated[Path, typer.Argument(help="A copy made by dianka office backup.")],
    folder: FolderOption,
) -> None:
    """Bring a copy back into a folder without a database, or into an empty one of PostgreSQL.

    Example: dianka office restore office-2026-11-27.copy --office office
    """
    with report_errors():
        from dianka.desk.office.backup import restore
        from dianka.desk.office.founding import write_secret
        from dianka.desk.office.opening import SECRET, configure, read_steps

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(folder / SECRET)
        acts = restore(file, folder)
        configure(folder)
        typer.echo(f"{folder} has its database back, {acts} acts, read whole")
        _, missing = read_steps()
        if missing:
            typer.echo("it is of an older version: run dianka office upgrade FILE")
            return
        from dianka.desk.office.vending.desk_roles import list_lost

        lost = list_lost()
        if lost:
            typer.echo(f"run dianka office desk role for {', '.join(lost)}: no role is here")


def upgrade_command(
    file: Annotated[Path, typer.Argument(help="A new file for the backup that is made first.")],
    folder: FolderOption,
) -> None:
    """Bring an office of an older version to this one, all or nothing.

    It says what it does, makes a backup, changes the database and checks it. Close the desks
    before.

    Exit code: 0 the office is of this version, and whole; 1 with a line for what went wrong.

    Example: dianka office upgrade before-0.3.copy --office office
    """
    with report_errors():
        from dianka.desk.office.upgrading import upgrade

        if upgrade(folder, file, typer.echo):
            from dianka.desk.office.checking import find_faults

            _tell_faults(find_faults())


def _tell_faults(faults: Iterator[str]) -> None:
    """Print the first faults, and raise CardError if there are any."""
    found = list(faults)
    for line in found[:_SHOWN]:
        typer.echo(line)
    if found:
        raise CardError(f"{len(found)} faults: somebody or something has changed the database")
    typer.echo("all acts and entries are as they were written")
