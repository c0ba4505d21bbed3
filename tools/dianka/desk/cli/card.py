"""`dianka card show` and `verify`: the card desk on the command line.

cli/closing.py ends accounts, cli/sell.py has the sale, cli/issue.py the commands that make cards,
cli/replacing.py those in place of others, cli/keys.py those that found systems, and dianka/readers/
finds the readers.
"""

from typing import Annotated, ClassVar

import typer

from dianka.cardos import kinds
from dianka.desk.cli.options import (
    CardArgument,
    ControlOption,
    ReaderOption,
    is_same_place,
    open_control,
    pick_control_place,
    print_lines,
)
from dianka.desk.cli.pins import unlock
from dianka.desk.cli.plain import report_errors
from dianka.desk.reading import read_kind
from dianka.desk.show import show
from dianka.desk.verify import verify
from dianka.lazy import Later, LazyGroup
from dianka.readers import find_reader, pick_place


class _Cards(LazyGroup):
    later: ClassVar = {
        "issue": Later(
            "dianka.desk.cli.issue:issue_app",
            "Make a card of one KIND, sealed by the system control card.",
        ),
        "new": Later("dianka.desk.cli.issue:issue_app", "The former name of `issue`.", hidden=True),
        "replace": Later(
            "dianka.desk.cli.replacing:replace_command",
            "Make a replacement card.",
        ),
        "receipt": Later(
            "dianka.desk.cli.receipt:receipt_command",
            "Check the digits that a resident reads out from the meter.",
        ),
        "close": Later(
            "dianka.desk.cli.closing:close_command",
            "Write a closing order to a resident's card.",
        ),
        "statement": Later(
            "dianka.desk.cli.closing:statement_command",
            "Read the final statement on a resident's card.",
        ),
        "insert": Later(
            "dianka.desk.cli.readers:insert_command",
            "Put a card file into a virtual reader, until Ctrl-C.",
        ),
    }


app = typer.Typer(
    cls=_Cards, no_args_is_help=True, help="Make cards, look at them, check and replace them."
)


@app.command("show")
def show_command(file: CardArgument = None, reader: ReaderOption = None) -> None:
    """Say in words what a card holds, as far as it can be read without keys.

    Example: dianka card show --reader 0
    """
    with report_errors():
        with find_reader(pick_place(file, reader)).connect() as card:
            lines = show(card.port)
        print_lines(card.name, lines)


@app.command("verify")
def verify_command(
    file: CardArgument = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
    without_control: Annotated[
        bool,
        typer.Option(
            "--without-control", help="Leave out what takes the control card: whose card it is."
        ),
    ] = False,
) -> None:
    """Check a card: ATR, files, frames and sums, access rights, and that it belongs to the control
    card's system.

    One line for each finding. Nothing on the card is changed. The exit code is 1 if anything is
    wrong.

    Example: dianka card verify lin.card
    """
    with report_errors():
        place = pick_place(file, reader)
        with find_reader(place).connect() as card:
            # A control card can't be checked against itself.
            alone = control is None and is_same_place(pick_control_place(place, None), place)
            if without_control or alone:
                findings = verify(card.port, None)
            else:
                with open_control(place, control) as desk:
                    is_control = read_kind(card.port)[0] == kinds.CONTROL
                    port = unlock(card).port if is_control else card.port
                    findings = verify(port, desk.port)
    for finding in findings:
        typer.echo(f"{'ok ' if finding.good else 'BAD'} {finding.text}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
