"""`dianka office card batch`: cards by the hundred, made or received one after the other."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk.cli.office.batch_run import Source, make_all, receive_all
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import (
    Alarm1Option,
    Alarm2Option,
    ControlOption,
    PriceOption,
    parse_alarms,
    parse_limits,
    parse_number,
    parse_rates,
    print_lines,
    require_options,
)
from dianka.desk.cli.plain import report_errors

batch_app = typer.Typer(no_args_is_help=True, help="Make or receive cards one after the other.")

_MOST_ROWS = 10_000

ReaderOption = Annotated[
    str | None,
    typer.Option("--reader", help="Put one blank card after the other into this reader."),
]
IntoOption = Annotated[
    Path | None, typer.Option("--folder", help="Make files in this folder instead, for trials.")
]
CsvOption = Annotated[
    Path | None, typer.Option("--csv", help="Meter numbers, in the first column of this file.")
]


@batch_app.command("user")
def user_command(
    folder: FolderOption,
    area: Annotated[
        str, typer.Option(help="All contracts of this area that have no card yet.")
    ] = "",
    numbers: CsvOption = None,
    reader: ReaderOption = None,
    into: IntoOption = None,
    control: ControlOption = None,
) -> None:
    """Make the cards of contracts that have none, by area or from a list of meter numbers.

    Example: dianka office card batch user --area East --reader 0 --office office
    """
    with report_errors():
        if bool(area) == (numbers is not None):
            raise CardError("say whose cards: give --area or --csv, one of the two")
        source = _find_source(reader, into, control)
        actor = open_as_actor(folder)
        from dianka.desk.office.cards import batches

        contracts = (
            batches.list_without_card(area)
            if numbers is None
            else batches.find_contracts(_read_numbers(numbers))
        )
        if not contracts:
            raise CardError(f"every contract of {area} has a card: there is nothing to make")
        make_all(actor, batches.begin_batch(actor, kinds.USER, contracts=contracts), source)


@batch_app.command("init")
def init_command(
    folder: FolderOption,
    numbers: CsvOption = None,
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    price: PriceOption = None,
    overdraft: Annotated[str, typer.Option(help="Overdraft limit, yuan.")] = "0",
    hoard: Annotated[str, typer.Option(help="Highest balance, yuan; 0 is 999999.99.")] = "0",
    close_above: Annotated[
        str, typer.Option(help="Relay closes above this balance, yuan; less than --hoard.")
    ] = "0",
    reader: ReaderOption = None,
    into: IntoOption = None,
    control: ControlOption = None,
) -> None:
    """Make the initialisation cards of new meters, all with the same price and limits.

    Example: dianka office card batch init --csv new.csv --price 0.5 --alarm1 20 --alarm2 5
    --reader 0 --office office
    """
    with report_errors():
        if numbers is None:
            raise CardError("say which meters: give --csv with their numbers")
        require_options(price=price, alarm1=alarm1, alarm2=alarm2)
        first, second = parse_alarms(alarm1, alarm2)
        limits = parse_limits(overdraft, hoard, close_above)
        terms = {
            "alarm1_fen": first,
            "alarm2_fen": second,
            "overdraft_limit_fen": limits[0],
            "hoard_limit_fen": limits[1],
            "close_above_fen": limits[2],
            "rates_e4": parse_rates(price),
        }
        source = _find_source(reader, into, control)
        actor = open_as_actor(folder)
        from dianka.desk.office.cards import batches

        meter_nos = _read_numbers(numbers)
        batch = batches.begin_batch(actor, kinds.INIT, meter_nos=meter_nos, terms=terms)
        make_all(actor, batch, source)


@batch_app.command("service")
def service_command(
    kind: Annotated[str, typer.Argument(help="inspection, keys, restore, test or test-credit.")],
    count: Annotated[int, typer.Option(min=1, help="How many cards.")],
    folder: FolderOption,
    uses: Annotated[
        int, typer.Option(min=0, help="Meters that each may be used on; 0: as card issue.")
    ] = 0,
    reader: ReaderOption = None,
    into: IntoOption = None,
    control: ControlOption = None,
) -> None:
    """Make cards of the service staff, such as inspection cards.

    Example: dianka office card batch service inspection --count 20 --reader 0 --office office
    """
    with report_errors():
        source = _find_source(reader, into, control)
        actor = open_as_actor(folder)
        from dianka.desk.office.cards import batches
        from dianka.desk.office.cards.batch_plans import SERVICE, SERVICE_USES

        if kind not in SERVICE:
            raise CardError(f"{kind} is no service card: give one of {', '.join(SERVICE)}")
        terms = {"uses": uses or SERVICE_USES[kind]} if kind in SERVICE_USES else {}
        make_all(actor, batches.begin_batch(actor, kind, count=count, terms=terms), source)


@batch_app.command("stock")
def stock_command(
    kind: Annotated[str, typer.Argument(help="The kind of card that the chips are for.")],
    folder: FolderOption,
    count: Annotated[
        int, typer.Option(min=0, help="How many, as the delivery note says; of files all.")
    ] = 0,
    reader: ReaderOption = None,
    into: Annotated[
        Path | None, typer.Option("--folder", help="Receive the card files of this folder.")
    ] = None,
) -> None:
    """Receive blank chips: each is counted once, by its serial.

    Example: dianka office card batch stock user --count 200 --reader 0 --office office
    """
    with report_errors():
        if kind not in kinds.ALL:
            raise CardError(f"{kind} is no kind of card: give one of {', '.join(kinds.ALL)}")
        source = _find_source(reader, into, None)
        count = count or (0 if into is None else len(list(into.glob("*.card"))))
        actor = open_as_actor(folder)
        from dianka.desk.office.cards import batches

        batch = batches.begin_batch(actor, kind, count=count, received=True)
        receive_all(actor, batch, source)


@batch_app.command("resume")
def resume_command(
    number: Annotated[int, typer.Argument(help="The batch's number.")],
    folder: FolderOption,
    reader: ReaderOption = None,
    into: IntoOption = None,
    control: ControlOption = None,
) -> None:
    """Go on with a batch that was broken off; what failed is tried again.

    Example: dianka office card batch resume 3 --reader 0 --office office
    """
    with report_errors():
        source = _find_source(reader, into, control)
        actor = open_as_actor(folder)
        from dianka.desk.office.cards import batches

        batch = batches.find_batch(number)
        (receive_all if batch.received else make_all)(actor, batch, source)


@batch_app.command("list")
def list_command(folder: FolderOption) -> None:
    """List the last 20 batches: what is done, failed and open in each.

    Example: dianka office card batch list --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.cards import batches

        lines = [
            (
                str(batch.pk),
                f"{batch.kind}{' received' if batch.received else ''}, {batch.operator}: "
                f"{counts['done']} done, {counts['failed']} failed, {counts['open']} open",
            )
            for batch, counts in batches.list_batches(actor)
        ]
        print_lines("batches", lines)


def _find_source(reader: str | None, into: Path | None, control: str | None) -> Source:
    source = Source(reader, into, control)
    source.check()
    return source


def _read_numbers(file: Path) -> list[int]:
    """Return the meter numbers of the file's first column; CardError names the first bad row.

    A heading, which has no digit, may stand in the first row; an empty row anywhere.
    """
    found: dict[int, int] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            for number, row in enumerate(csv.reader(text), start=1):
                word = row[0].strip() if row else ""
                if not word or (number == 1 and not any(map(str.isdigit, word))):
                    continue
                meter_no = parse_number(word, f"meter in row {number}")
                if meter_no in found:
                    raise CardError(f"row {number}: meter {word} is in row {found[meter_no]} too")
                found[meter_no] = number
                if len(found) > _MOST_ROWS:
                    raise CardError(f"{file} has over {_MOST_ROWS} numbers: split it")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CardError(
            f"{file} can't be read ({error}): give a csv file in UTF-8 with one meter number a row"
        ) from None
    return list(found)
