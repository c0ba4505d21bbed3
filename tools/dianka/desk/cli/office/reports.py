"""`dianka office report`, `summarise` and `statement`: figures as table, chart and sheet."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor, open_folder
from dianka.desk.cli.options import parse_number
from dianka.desk.cli.plain import report_errors

if TYPE_CHECKING:
    from dianka.desk.office.statistics.query import Query
    from dianka.desk.office.statistics.table import Table

MaybeFolderOption = Annotated[
    Path | None,
    typer.Option("--office", envvar="DIANKA_OFFICE", help="The office's folder; list needs none."),
]
SvgOption = Annotated[Path | None, typer.Option(help="Write the chart to a new SVG file.")]
XlsxOption = Annotated[Path | None, typer.Option(help="Write the table to a new xlsx file.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]


def report_command(
    name: Annotated[str, typer.Argument(help="The report's name; or list, which lists them.")],
    folder: MaybeFolderOption = None,
    first: Annotated[
        str, typer.Option("--from", help="The first day, as 2026-03-01; else the month's first.")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="The last day; else today.")] = "",
    by: Annotated[str, typer.Option(help="What it is grouped by, such as day or area.")] = "",
    days: Annotated[int, typer.Option(min=0, max=3650, help="Of not-bought and days-left.")] = 0,
    month: Annotated[str, typer.Option(help="Of loss and suspects: 2026-03; else the last.")] = "",
    svg: SvgOption = None,
    xlsx: XlsxOption = None,
    csv: CsvOption = False,
) -> None:  # fmt: skip
    """Show a report; or write its chart and its sheet.

    Example: dianka office report sales --by month --from 2026-01-01 --xlsx sales.xlsx
    """
    if name == "list":
        _list_reports()
        return
    with report_errors():
        if folder is None:
            raise CardError("name the office's folder with --office or DIANKA_OFFICE")
        actor = open_as_actor(folder)
        from dianka.desk.office.statistics.reports import make_report

        table = make_report(actor, name, _make_query(first, last, by, days, month))
        _give_out(table, svg, xlsx, csv)


def _list_reports() -> None:
    from dianka.desk.office.statistics.listed import LISTED

    for name, (text, takes) in LISTED.items():
        typer.echo(f"  {name:11} {text}")
        if takes:
            typer.echo(f"  {'':11} {takes}")


def summarise_command(folder: FolderOption) -> None:
    """Sum up what has come since the last time, as every report does: nightly it is done already.

    Example: dianka office summarise --office office
    """
    with report_errors():
        open_folder(folder)
        from dianka.desk.office.statistics.states import add_missing_states
        from dianka.desk.office.statistics.summaries import catch_up

        acts, meters = catch_up(), add_missing_states()
        typer.echo(f"{acts} acts are summed up, {meters} accounts without any are taken in")


def statement_command(
    customer: Annotated[str, typer.Argument(help="The customer's number, up to 12 digits.")],
    folder: FolderOption,
    xlsx: XlsxOption = None,
    csv: CsvOption = False,
) -> None:
    """Show all purchases and receipts of a customer, and where his money is.

    Example: dianka office statement 88 --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.statistics.statement import statement

        _give_out(statement(actor, parse_number(customer, "customer")), None, xlsx, csv)


def _give_out(table: "Table", svg: Path | None, xlsx: Path | None, csv: bool) -> None:
    from dianka.desk.office.statistics.chart import write_svg
    from dianka.desk.office.statistics.sheet import write_xlsx
    from dianka.desk.office.statistics.table import to_csv, to_lines

    if svg:
        write_svg(table, svg)
    if xlsx:
        write_xlsx(table, xlsx)
    if csv:
        typer.echo(to_csv(table), nl=False)
    elif svg or xlsx:
        typer.echo(" and ".join(str(file) for file in (svg, xlsx) if file) + " written")
    else:
        for line in to_lines(table):
            typer.echo(line)


def _make_query(first: str, last: str, by: str, days: int, month: str) -> "Query":
    from dianka.desk.office.statistics.query import Query, read_today
    from dianka.desk.office.statistics.times import Period, first_of_month

    period = None
    if first or last:
        end = parse_day(last) if last else read_today()
        begin = parse_day(first) if first else first_of_month(end)
        if begin > end:
            raise CardError(f"{begin} is after {end}: give --from before --to")
        period = Period(begin, end)
    return Query(period, by, days, parse_day(f"{month}-01") if month else None)


def parse_day(text: str) -> date:
    """Convert 2026-03-01 to a day. CardError if it is none."""
    try:
        if len(text) != len("2026-03-01"):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise CardError(f"{text!r} is no day: write it as 2026-03-01, a month as 2026-03") from None
