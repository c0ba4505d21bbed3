"""`dianka office tariff` and `limit`: prices, and how much may be sold."""

from typing import Annotated

import typer

from dianka.desk.cli.office.consents import ConsentOption, ask_consent
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import parse_decimal, parse_price
from dianka.desk.cli.plain import report_errors
from dianka.desk.prices import format_price, format_time, parse_minute
from dianka.money import yuan

tariff_app = typer.Typer(no_args_is_help=True, help="Tariffs and their prices.")
limit_app = typer.Typer(no_args_is_help=True, help="Limits of what is sold.")

NameArgument = Annotated[str, typer.Argument(help="The tariff's name.")]
YuanArgument = Annotated[str, typer.Argument(help="Yuan per kWh, such as 0.5483.")]


@tariff_app.command("add")
def add_command(
    folder: FolderOption, name: NameArgument, price: YuanArgument, consent: ConsentOption = ""
) -> None:
    """Add a tariff. Its first price holds from the start.

    Example: dianka office tariff add home 0.5483 --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers import tariffs

        price_e4 = parse_price(price)
        subject = tariffs.name_version(name.strip(), 1, price_e4, 0)
        given = ask_consent(actor, consent, tariffs.CONSENT, subject)
        tariffs.add_tariff(actor, name, price_e4, given)
        typer.echo(f"tariff {name.strip()} is {format_price(price_e4)}")


@tariff_app.command("price")
def price_command(
    folder: FolderOption,
    name: NameArgument,
    price: YuanArgument,
    begin: Annotated[
        str, typer.Option("--from", help="When it begins, local time: 2026-03-01T00:00.")
    ],
    version: Annotated[
        int, typer.Option(help="The number that it will have: one more than the list's last.")
    ],
    consent: ConsentOption = "",
    really: Annotated[
        bool, typer.Option("--really", help="A price far from the former one is meant.")
    ] = False,
) -> None:
    """Give a tariff a new price from a minute on.

    Sales bring it to the meters from now on.

    Example: dianka office tariff price home 0.56 --from 2027-01-01 --version 2 --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers import tariffs

        price_e4, begins = parse_price(price), parse_minute(begin)
        subject = tariffs.name_version(name, version, price_e4, begins)
        given = ask_consent(actor, consent, tariffs.CONSENT, subject)
        tariffs.add_version(actor, name, version, price_e4, begins, given, really)
        typer.echo(f"tariff {name} is {format_price(price_e4)} from {format_time(begins)}")


@tariff_app.command("list")
def list_command(folder: FolderOption) -> None:
    """List all tariffs with all their prices.

    Example: dianka office tariff list --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.tariffs import list_tariffs

        for each in list_tariffs(actor):
            begins = f"from {format_time(each.begins)}" if each.begins else "from the start"
            typer.echo(
                f"{each.tariff.name}  {each.number}  {format_price(each.price_e4)}  {begins}  "
                f"consent {each.approved_by}"
            )


@limit_app.command("set")
def set_command(
    folder: FolderOption,
    name: Annotated[
        str,
        typer.Argument(help="sale, customer-day, operator-sale, operator-day or desk-cash."),
    ],
    amount: Annotated[str, typer.Argument(help="At most so many yuan; none takes it away.")],
    owner: Annotated[str, typer.Option("--of", help="For this operator or desk alone.")] = "",
) -> None:
    """Set a limit.

    Example: dianka office limit set operator-day 20000 --of li
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.limits import set_limit

        amount_fen = None if amount == "none" else parse_decimal(amount, 2, "amount in yuan")
        set_limit(actor, name, amount_fen, owner)
        most = "no limit" if amount_fen is None else f"at most {yuan(amount_fen)} yuan"
        typer.echo(f"{name}{f' of {owner}' if owner else ''}: {most}")


@limit_app.command("list")
def list_limits_command(folder: FolderOption) -> None:
    """List all limits.

    Example: dianka office limit list --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.limits import list_limits

        for each in list_limits(actor):
            typer.echo(f"{each.name}  {each.owner or 'all'}  {yuan(each.amount_fen)} yuan")
