"""`dianka card close` and `statement`: the order that ends an account, and what the meter says."""

from pathlib import Path
from typing import Annotated

import typer

from dianka.desk import closing_order
from dianka.desk.cli.office.signed_in import OfficeOption, open_as_actor
from dianka.desk.cli.options import (
    CardArgument,
    ControlOption,
    ReaderOption,
    open_control,
    print_lines,
)
from dianka.desk.cli.plain import report_errors
from dianka.desk.closing_order import Statement
from dianka.readers import find_reader, pick_place


def close_command(
    file: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take the order off, before the meter has obeyed it.")
    ] = False,
) -> None:
    """Write a closing order to a resident's card: its meter ends the account and makes a statement.

    Nothing is sold on the card meanwhile. Put it into its meter, bring it back, read the statement.

    Example: dianka card close lin.card
    """
    with report_errors():
        place = pick_place(file, reader)
        with open_control(place, control) as desk, find_reader(place).connect() as card:
            if withdraw:
                closing_order.withdraw_order(desk.port, card.port)
                told = "the order is off: a user card as before"
            else:
                count = closing_order.order_closing(desk.port, card.port)
                told = f"closing order {count}: put the card into its meter, then bring it back"
        typer.echo(f"{card.name}: {told}")


def statement_command(
    file: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
    office: OfficeOption = None,
) -> None:
    """Read the final statement on a resident's card, which the card proves.

    With an office it goes into its books as a reading, by which the account is then ended, once.
    Without one it may be read any number of times: write down that it was paid.

    Example: dianka card statement lin.card
    """
    with report_errors():
        place = pick_place(file, reader)
        with open_control(place, control) as desk, find_reader(place).connect() as card:
            statement = closing_order.read_statement(desk.port, card.port)
            told = [] if office is None else [("reading", str(_enter(office, statement)))]
        print_lines(card.name, [*statement.describe(), *told])


def _enter(folder: Path, statement: Statement) -> int:
    """Take the statement into an office's books. Return its reading's number."""
    actor = open_as_actor(folder)
    from dianka.desk.office.vending.statement_cards import take_statement

    return take_statement(actor, statement)[1].pk
