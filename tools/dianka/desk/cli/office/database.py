"""`dianka office init`, `check`, `prove`, `backup`, `restore`, `upgrade`: the whole database."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.passwords import read_password
from dianka.desk.cli.office.signed_in import FolderOption, open_folder, open_in_time
from dianka.desk.cli.options import print_lines
from dianka.desk.cli.plain import report_errors
from dianka.money import signed_yuan

if TYPE_CHECKING:
    from dianka.desk.office.audit.nights import Night
    from dianka.desk.office.nightly import Proof

_SHOWN = 20  # faults in full
_WHOLE_EACH = 31  # nights
# What the sum of the accounts of each kind is called, and the sign that makes it a number of yuan.
_SUMS = {
    "cash": ("taken over the counters", 1),
    "transit": ("in transit", -1),
    "meter": ("in the meters", -1),
    "used": ("used", -1),
    "refund": ("paid back", -1),
    "safe": ("handed over to safe and bank", 1),
    "difference": ("counted too little", 1),
    "outside": ("bought outside of these books", 1),
}


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


def check_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files of nights or of exported acts, instead of all that is there."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--office",
            envvar="DIANKA_OFFICE",
            show_default=False,
            help="The office's folder, on a local disk; or DIANKA_OFFICE.",
        ),
    ] = None,
) -> None:
    """Name each act, entry and row that is not as it was written.

    With files: the first link of each chain that is broken in them, or that this office has
    otherwise. Without an office they are checked alone. The folder and its files are for their
    owner alone; what is open to others is named as well.

    Exit code: 0 all is whole; 1 with a line for each fault.

    Example: dianka office check --office office
    """
    with report_errors():
        if files:
            _check_files(files, folder)
            return
        if folder is None:
            raise CardError("name the office's folder with --office or DIANKA_OFFICE, or a file")
        open_folder(folder)
        from dianka.desk.office.checking import check
        from dianka.desk.office.privacy import find_open

        wide = find_open(folder)
        for line in wide[:_SHOWN]:
            typer.echo(line)
        _report_check(*check())
        if wide:
            raise CardError(f"others may open {len(wide)} places of the office's: close them")


def _check_files(files: list[Path], folder: Path | None) -> None:
    from contextlib import nullcontext

    from dianka.desk.office.opening import configure_without_office

    if folder is None:
        configure_without_office()
    else:
        open_folder(folder)
    from dianka.desk.office.audit.file_check import check_files
    from dianka.desk.office.one_view import one_view

    with one_view() if folder else nullcontext():
        check = check_files(files, with_database=folder is not None)
    _report(check.faults, "keep the file, it is the witness" if folder else "the file was changed")
    told = f"{check.acts} acts and {check.heads} heads of chains"
    typer.echo(f"{told}: {'as the office has them' if folder else 'whole in themselves'}")


def prove_command(
    folder: FolderOption,
    whole: Annotated[
        bool, typer.Option("--whole", help="From the first entry on, as once a week.")
    ] = False,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew", help="The whole; sums kept for the daily proof that are wrong are made anew."
        ),
    ] = False,
    nights: Annotated[
        Path | None,
        typer.Option(help="A folder, best on another machine, that gets a file of the day's acts."),
    ] = None,
) -> None:
    """Prove where each fen is, print the sums, and tie all chains for the night.

    What has come since the last proof is proved, and each balance. Run it each night. A proof that
    fails changes nothing. No sum is printed while a shift is open: all of them together tell what
    its clerk is to count blind.

    Exit code: 0 to the fen; 1 with a line for each fault.

    Example: dianka office prove --office office --nights /mnt/safe/nights
    """
    with report_errors():
        if nights is not None and not nights.is_dir():
            raise CardError(f"{nights} is no folder: make it, or name another one")
        open_in_time(folder)
        from dianka.desk.office import nightly
        from dianka.desk.office.audit.files import write_nights
        from dianka.desk.office.vending.shifts import has_open_shift

        blind = has_open_shift()
        proof = nightly.prove(whole, anew)
        for line in (proof.faults or proof.odd_sums)[:_SHOWN]:
            typer.echo(line)
        if blind:
            typer.echo("a shift is open, whose cash is counted blind: no sums are shown")
        else:
            _print_sums(proof.books.compared.sums_fen)
        if proof.night is None:
            places = f"the proof fails at {len(proof.faults)} places"
            raise CardError(f"{places}, nothing is changed: {_what_to_do(proof)}")
        if proof.books.unproved:
            typer.echo(proof.books.unproved)
        for line in _describe_night(proof.night, proof.books.former, blind):
            typer.echo(line)
        for file in write_nights(proof.night.number, nights) if nights else ():
            typer.echo(f"{file} holds its acts: keep it elsewhere")
        typer.echo("proved: not a fen too many or too few")


def _report(faults: list[str], why: str) -> None:
    for line in faults[:_SHOWN]:
        typer.echo(line)
    if faults:
        raise CardError(f"{len(faults)} faults: {why}")


def _what_to_do(proof: "Proof") -> str:
    if not proof.books.whole:
        return "run dianka office prove --whole"
    if proof.faults != proof.odd_sums:
        return "run dianka office check"
    return "the books are right, the sums kept for the daily proof are not; --anew makes them anew"


def _describe_night(night: "Night", former: "Night | None", blind: bool) -> Iterator[str]:
    since = f"since night {former.number}" if former else "from the first entry on"
    sold = "" if blind else f" of {signed_yuan(night.sold_fen)} yuan"
    yield (
        f"night {night.number} ties {len(night.heads)} chains: {night.sales} sales{sold} {since}"
    )
    if night.remade:
        yield f"{night.remade} sums that were kept are made anew: the books are right"
    if night.whole != night.number:
        old = night.number - night.whole > _WHOLE_EACH
        what = ", long ago: run dianka office prove --whole" if old else ""
        yield f"the last whole proof was night {night.whole}{what}"


def _print_sums(sums_fen: Mapping[str, int]) -> None:
    lines = [
        (text, f"{signed_yuan(sign * sums_fen.get(kind, 0))} yuan")
        for kind, (text, sign) in _SUMS.items()
    ]
    print_lines("proof", lines)


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
        from dianka.desk.office.privacy import make_folder

        make_folder(folder)
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
            from dianka.desk.office.checking import check

            _report_check(*check())


def _report_check(faults: list[str], unproved: str) -> None:
    if unproved:
        typer.echo(unproved)
    _report(faults, "somebody or something has changed the database")
    typer.echo("all acts, entries and rows are as they were written")
