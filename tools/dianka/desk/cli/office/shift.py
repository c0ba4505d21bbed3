"""`dianka office shift`: open, close, hand over, print the report."""

from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.consents import ConsentOption, ask_consent
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import parse_decimal, print_lines
from dianka.desk.cli.plain import report_errors
from dianka.money import signed_yuan, yuan

shift_app = typer.Typer(no_args_is_help=True, help="Shifts: float, blind count, hand-over, report.")

PiecesArgument = Annotated[
    list[str],
    typer.Argument(
        help="Notes and coins as VALUExNUMBER, such as 100x3 0.5x12; 1x0 if there is none.",
        metavar="NOTES...",
    ),
]


@shift_app.command("open")
def open_command(
    folder: FolderOption,
    pieces: PiecesArgument,
    given: Annotated[str, typer.Option(help="How much of it the safe has given, yuan.")] = "0",
) -> None:
    """Open a shift with the notes that are in the drawer.

    Example: dianka office shift open 50x2 10x10 --given 200
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.counting import Count, parse_pieces
        from dianka.desk.office.vending.shifts import open_shift

        count = Count(parse_pieces(pieces))
        shift = open_shift(actor, count, parse_decimal(given, 2, "amount in yuan"))
        typer.echo(f"shift {shift.number} is open with {yuan(shift.float_fen)} yuan")


@shift_app.command("close")
def close_command(
    folder: FolderOption,
    pieces: PiecesArgument,
    card: Annotated[str, typer.Option(help="Total by bank card, yuan.")] = "0",
    mobile: Annotated[str, typer.Option(help="Total by telephone, yuan.")] = "0",
    transfer: Annotated[str, typer.Option(help="Total by transfer, yuan.")] = "0",
    handed: Annotated[
        str, typer.Option("--hand-over", help="How much of the notes is handed over, yuan.")
    ] = "0",
    consent: ConsentOption = "",
) -> None:
    """Close the shift by what was counted, and print its report.

    What should be there is shown after that alone. The same count again prints the same report. Who
    receives what is handed over consents to it, unless he closes the shift himself.

    Example: dianka office shift close 100x3 5x1 --card 120.50 --hand-over 300 --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.counting import Count, parse_pieces
        from dianka.desk.office.vending.shifts import HAND_OVER, close_shift, find_to_close

        totals = {"card": card, "mobile": mobile, "transfer": transfer}
        others = {method: _parse_total(text) for method, text in totals.items()}
        handed_fen = parse_decimal(handed, 2, "amount in yuan")
        count, number = Count(parse_pieces(pieces), others), find_to_close(actor)
        given = ask_consent(actor, consent, HAND_OVER, actor.desk, handed_fen)
        typer.echo(close_shift(actor, number, count, handed_fen, given).report, nl=False)


@shift_app.command("hand-over")
def hand_over_command(
    folder: FolderOption,
    amount: Annotated[str, typer.Argument(help="How much is handed over, yuan.")],
    consent: ConsentOption = "",
) -> None:
    """Hand notes over in the middle of a shift.

    Example: dianka office shift hand-over 5000 --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.shifts import HAND_OVER, hand_over

        amount_fen = parse_decimal(amount, 2, "amount in yuan")
        hand_over(actor, amount_fen, ask_consent(actor, consent, HAND_OVER, actor.desk, amount_fen))
        typer.echo(f"{yuan(amount_fen)} yuan are handed over")


@shift_app.command("report")
def report_command(
    folder: FolderOption,
    number: Annotated[int, typer.Argument(help="The shift's number at its desk.")],
    desk: Annotated[str, typer.Option(help="Another desk than this one.")] = "",
) -> None:
    """Print the closing report of a shift, as it was printed first.

    Example: dianka office shift report 17
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.shifts import read_report

        typer.echo(read_report(actor, number, desk), nl=False)


@shift_app.command("expected")
def expected_command(
    folder: FolderOption, desk: Annotated[str, typer.Argument(help="The desk of the open shift.")]
) -> None:
    """Print what another one's open shift should have; his own nobody sees.

    Example: dianka office shift expected desk1
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.shifts import read_expected

        found = read_expected(actor, desk)
        print_lines(desk, [(method, f"{signed_yuan(fen)} yuan") for method, fen in found.items()])


def _parse_total(text: str) -> int:
    """Return a total in fen; below zero if more was paid back than taken."""
    try:
        fen = parse_decimal(text.removeprefix("-"), 2, "total in yuan")
    except CardError:
        raise CardError(f"{text!r} is no total in yuan: write it as 12.34 or -12.34") from None
    return -fen if text.startswith("-") else fen
