"""`dianka log`: a meter's log of events from an inspection card, in a file, proved, in words."""

from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk.cli.options import print_lines
from dianka.desk.cli.plain import report_errors
from dianka.desk.event_log import MeterLog, belongs_to, read_log, read_totals
from dianka.desk.log_check import find_break, find_difference, list_gaps
from dianka.desk.log_file import load_log, save_log
from dianka.desk.log_words import describe_log
from dianka.desk.prices import format_time
from dianka.desk.reading import read_kind
from dianka.readers import find_reader

log_app = typer.Typer(
    no_args_is_help=True, help="A meter's log of events: read it, prove it, compare two."
)
LogArgument = Annotated[Path, typer.Argument(help="A file of `log read`.", metavar="FILE")]


@log_app.command("read")
def read_command(
    card: Annotated[
        str,
        typer.Argument(
            help="The inspection card: a file, or reader:NUMBER or reader:NAME.", metavar="CARD"
        ),
    ],
    file: Annotated[Path, typer.Argument(help="The file to make.", metavar="FILE")],
) -> None:
    """Write the log that an inspection card has brought into a new file, and prove it.

    A part, a broken link or a log of an earlier visit is written too, and exits with 1.

    Example: dianka log read inspection.card 12.log
    """
    with report_errors():
        with find_reader(card).connect() as inspected:
            if read_kind(inspected.port)[0] != kinds.INSPECTION:
                raise CardError("this is no inspection card: take the one that was in the meter")
            try:
                log = read_log(inspected.port)
            except ValueError as error:
                raise CardError(f"{error}: put the card into the meter again") from None
            newest = log is not None and belongs_to(log, read_totals(inspected.port))
        if log is None:
            raise CardError(
                "the card has no log: it was in no meter that gives one, or is of an earlier make"
            )
        save_log(file, log)
        again = f"{file} is written: put the card into the meter again"
        if not newest:
            raise CardError(f"the log is of an earlier visit, {format_time(log.time)}; {again}")
        broken = find_break(log)
        if log.is_partial:
            raise CardError(f"the card was pulled too early, {broken}; {again}")
        if broken:
            raise CardError(f"{file} is written and broken at {broken}")
        typer.echo(f"{file}: {_summarise(log)}")


@log_app.command("show")
def show_command(file: LogArgument) -> None:
    """Say in words what a log holds, the oldest entry of each kind first.

    Example: dianka log show 12.log
    """
    with report_errors():
        log, trouble = load_log(file)
        print_lines(str(file), describe_log(log, True))
        if trouble:
            raise CardError(f"{file}: {trouble}")


@log_app.command("check")
def check_command(
    file: LogArgument,
    older: Annotated[
        Path | None,
        typer.Argument(help="An older file of the same meter.", metavar="[OLDER]"),
    ] = None,
) -> None:
    """Prove each chain of a log whole, and that it goes on from an older one.

    Names the first broken link by kind and number and exits with 1. By itself a file can't show
    that entries were taken off its end, or that all were made anew: an older one does.

    Example: dianka log check 12.log
    """
    with report_errors():
        log = _load_whole(file)
        before = None if older is None else _load_whole(older)
        differs = find_difference(log, before) if before else ""
        if differs:
            raise CardError(f"{file}: {differs}")
        typer.echo(f"{file}: {_summarise(log)}")
        if before:
            gaps = list_gaps(log, before)
            told = f"nothing in common with it any more: {', '.join(gaps)}" if gaps else "each kind"
            typer.echo(f"it goes on from {older}: {told}")


def _load_whole(file: Path) -> MeterLog:
    log, trouble = load_log(file)
    if trouble:
        raise CardError(f"{file}: {trouble}")
    return log


def _summarise(log: MeterLog) -> str:
    chains = sum(ring.count > 0 for ring in log.rings)
    return (
        f"meter {log.meter_no:012d}, {format_time(log.time)}, {log.promised} entries in {chains} "
        "chains, each whole"
    )
