"""`dianka tariff`: sets of several prices as files, and what money buys by them."""

from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.cardos.files import card_files
from dianka.desk.amounts import parse_decimal, parse_fen
from dianka.desk.cli.options import print_lines
from dianka.desk.cli.plain import report_errors
from dianka.desk.prices import format_price, format_time, get_local_minute, parse_minute
from dianka.desk.tariff_files import account, describe_set, load_set, quote
from dianka.money import yuan

tariff_app = typer.Typer(
    no_args_is_help=True, help="Tariffs of several prices: by the time of day and by the use."
)
SetArgument = Annotated[
    Path, typer.Argument(help="The tariff: a description (TOML) or a made file.", metavar="FILE")
]


@tariff_app.command("make")
def make_command(
    file: SetArgument,
    made: Annotated[Path, typer.Argument(help="The file of 199 bytes to make.", metavar="NEW")],
) -> None:
    """Make the 199 bytes of a card from a description, after the checks that a meter makes.

    Example: dianka tariff make winter.toml winter.tariff
    """
    with report_errors():
        data = load_set(file)
        try:
            with made.open("xb") as out:
                out.write(card_files.frame(card_files.CMD_USER, data))
        except OSError as error:
            raise CardError(f"{made} can't be made ({error.strerror}): name another file") from None
        typer.echo(f"{made}: {made.stat().st_size} bytes")


@tariff_app.command("show")
def show_command(file: SetArgument) -> None:
    """Say in words what a tariff file holds: its description.

    Example: dianka tariff show winter.tariff
    """
    with report_errors():
        typer.echo(describe_set(load_set(file)), nl=False)


@tariff_app.command("quote")
def quote_command(
    file: SetArgument,
    amount: Annotated[str, typer.Argument(help="How much, such as 30 or 12.34.", metavar="YUAN")],
    time: Annotated[
        str,
        typer.Option("--at", help="Local time, as 2026-03-01T08:00; now if none."),
    ] = "",
    used: Annotated[
        str, typer.Option(help="kWh used so far in this month, or since the billing day.")
    ] = "0",
) -> None:
    """Say what an amount will buy, by the meter's own calculation.

    Example: dianka tariff quote winter.toml 30.00 --at 2026-03-01T08:00 --used 190
    """
    with report_errors():
        data, amount_fen = load_set(file), parse_fen(amount)
        minute = parse_minute(time) if time else get_local_minute()
        found = quote(data, amount_fen, minute, parse_decimal(used, 2, "energy in kWh"))
        lines = [
            (f"rate {found.rate}, {format_price(found.price_e4)}", _format_kwh(found.energy_pj))
        ]
        lines += [
            (f"all of it by rate {rate}", _format_kwh(energy_pj))
            for rate, energy_pj in found.by_rate_pj.items()
            if rate != found.rate
        ]
        print_lines(f"{yuan(amount_fen)} yuan, {format_time(minute)}, {used} kWh used", lines)


def _format_kwh(energy_pj: int) -> str:
    whole = energy_pj * 100 // account.PJ_PER_KWH
    return f"{whole // 100}.{whole % 100:02d} kWh"
