"""`dianka office export` and `import`: sheets of premises, customers, meters and contracts."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.plain import report_errors


class SheetKind(StrEnum):
    """The kinds of sheets, by the names that people type."""

    premises = "premises"
    customers = "customers"
    meters = "meters"
    contracts = "contracts"


class ExportKind(StrEnum):
    """What is exported: a sheet, or the acts of all chains, which nothing imports."""

    premises = "premises"
    customers = "customers"
    meters = "meters"
    contracts = "contracts"
    acts = "acts"


KindArgument = Annotated[SheetKind, typer.Argument(help="What the rows of the sheet are.")]


def export_command(
    folder: FolderOption,
    kind: Annotated[ExportKind, typer.Argument(help="What is written.")],
    file: Annotated[Path, typer.Argument(help="A new .xlsx or .csv file; of acts, .jsonl.")],
    whole: Annotated[
        bool, typer.Option("--whole", help="Whole personal numbers, for who may see them.")
    ] = False,
) -> None:
    """Write a sheet of all rows that can be imported again; or all acts, for office check FILE.

    Example: dianka office export customers customers.xlsx
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.sheets.acts import export_acts
        from dianka.desk.office.sheets.exporting import export_sheet

        if kind is ExportKind.acts:
            typer.echo(f"{file} has {export_acts(actor, file)} acts")
            return
        rows = export_sheet(actor, kind.value, file, whole)
        typer.echo(f"{file} has {rows} {kind.value}")


def import_command(
    folder: FolderOption,
    kind: KindArgument,
    file: Annotated[Path, typer.Argument(help="A .xlsx or .csv file, headings in its first row.")],
    really: Annotated[
        bool, typer.Option("--really", help="Take it in; without this nothing is changed.")
    ] = False,
) -> None:
    """Try a sheet, and name each bad cell; with --really take it in, all or nothing.

    Exit code: 0 all rows are good; 1 with a line for each bad cell.

    Example: dianka office import customers customers.xlsx --really
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.sheets.importing import import_sheet, try_import

        outcome = try_import(actor, kind.value, file)
        for fault in outcome.faults:
            typer.echo(str(fault))
        if outcome.faults:
            raise CardError(f"{len(outcome.faults)} bad cells: nothing is taken in")
        if really:
            outcome = import_sheet(actor, kind.value, file)
        done = "are taken in" if really else "would be taken in, give --really"
        typer.echo(f"{len(outcome.new)} {kind.value} {done}; {outcome.same} are there as they are")
