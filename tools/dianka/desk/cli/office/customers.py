"""`dianka office customer`: customers, their accounts, and all that happened to them."""

from typing import TYPE_CHECKING, Annotated

import typer

from dianka.desk.cli.office.acts import print_events
from dianka.desk.cli.office.consents import ConsentOption, ask_consent
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.options import (
    Alarm1Option,
    Alarm2Option,
    parse_alarms,
    parse_fen,
    parse_number,
    print_lines,
)
from dianka.desk.cli.plain import report_errors
from dianka.money import yuan

if TYPE_CHECKING:
    from dianka.desk.office.customers.contracts import Terms
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.customers.records import Shown

customer_app = typer.Typer(no_args_is_help=True, help="Customers and their accounts.")

NumberArgument = Annotated[str, typer.Argument(help="Customer number, up to 12 digits.")]
MeterArgument = Annotated[str, typer.Argument(help="Meter number, up to 12 digits.")]
NameOption = Annotated[str | None, typer.Option(help="Name of a person or a firm.")]
PhoneOption = Annotated[str | None, typer.Option(help="Phone; shown masked.")]
IdentityOption = Annotated[str | None, typer.Option(help="Identity number; shown masked.")]
NoteOption = Annotated[str | None, typer.Option(help="A note of one line.")]
TariffOption = Annotated[str, typer.Option(help="Name of the tariff, such as 居民.")]
HoardOption = Annotated[
    str, typer.Option(help="Highest balance in yuan that is sold up to; 0 is the meter's own.")
]
ReasonOption = Annotated[str, typer.Option(help="Why.")]
ReadingOption = Annotated[
    str | None,
    typer.Option(help="Number of the meter's newest reading (customer history): what is in it."),
]
MethodOption = Annotated[
    str, typer.Option(help="How it is paid; refund is not from this desk's cash.")
]


@customer_app.command("add")
def add_command(
    folder: FolderOption,
    name: Annotated[str, typer.Argument(help="Name of a person or a firm.")],
    number: Annotated[
        str | None, typer.Option(help="Customer number; without it the office's next one.")
    ] = None,
    phone: PhoneOption = None,
    identity: IdentityOption = None,
    note: NoteOption = None,
) -> None:
    """Add a customer.

    Example: dianka office customer add 张三 --phone 13812345678
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.records import Details, add_customer

        given = parse_number(number, "customer") if number else None
        details = Details(name, phone or "", identity or "", note or "")
        typer.echo(f"customer {add_customer(actor, details, given).number:012d} is added")


@customer_app.command("change")
def change_command(
    folder: FolderOption,
    number: NumberArgument,
    name: NameOption = None,
    phone: PhoneOption = None,
    identity: IdentityOption = None,
    note: NoteOption = None,
) -> None:
    """Change a customer's name, phone, identity number or note.

    Example: dianka office customer change 12 --phone 13912345678
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.records import change_customer

        given = {"name": name, "phone": phone, "id_number": identity, "note": note}
        changes = {key: text for key, text in given.items() if text is not None}
        change_customer(actor, parse_number(number, "customer"), **changes)
        typer.echo("changed")


@customer_app.command("show")
def show_command(
    folder: FolderOption,
    number: NumberArgument,
    whole: Annotated[
        bool, typer.Option("--whole", help="Whole personal numbers; the look is recorded.")
    ] = False,
) -> None:
    """Show a customer and his accounts.

    Example: dianka office customer show 12
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.records import reveal_numbers, show_customer

        customer_no = parse_number(number, "customer")
        shown = show_customer(actor, customer_no)
        details = reveal_numbers(actor, customer_no) if whole else shown.details
        lines = [
            ("name", details.name),
            ("phone", details.phone),
            ("identity", details.id_number),
            ("note", details.note),
            *(("account", _describe_account(contract)) for contract in shown.contracts),
        ]
        state = " (archived)" if shown.archived else ""
        print_lines(f"customer {shown.number:012d}{state}", [line for line in lines if line[1]])


@customer_app.command("search")
def search_command(
    folder: FolderOption,
    words: Annotated[
        list[str], typer.Argument(help="Parts of name, initials, phone, room, meter or card.")
    ],
) -> None:
    """Find customers who have all these words, best first, 50 at most.

    One letter or digit finds words that begin with it, more find it in any part of a word.

    Example: dianka office customer search 张三 604
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.records import find_customers

        found = find_customers(actor, " ".join(words))
        for shown in found:
            typer.echo(_describe_customer(shown))
        if not found:
            typer.echo("nobody")


@customer_app.command("history")
def history_command(folder: FolderOption, number: NumberArgument) -> None:
    """Print all acts, sales, readings, cards and accounts of a customer, in order of time.

    Times are local. The number of a reading is what closing an account asks for.

    Example: dianka office customer history 12
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.history import list_history

        print_events(list_history(actor, parse_number(number, "customer")))


@customer_app.command("open")
def open_command(
    folder: FolderOption,
    number: NumberArgument,
    meter: MeterArgument,
    tariff: TariffOption,
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    hoard: HoardOption = "0",
) -> None:
    """Open a customer's account at an installed meter.

    Example: dianka office customer open 12 7 --tariff 居民 --alarm1 20 --alarm2 5
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.contracts import open_account

        numbers = parse_number(number, "customer"), parse_number(meter, "meter")
        contract = open_account(actor, *numbers, _parse_terms(tariff, alarm1, alarm2, hoard))
        typer.echo(f"opened: {_describe_account(contract)}; make its opening card")


@customer_app.command("terms")
def terms_command(
    folder: FolderOption,
    meter: MeterArgument,
    tariff: Annotated[str | None, typer.Option(help="Name of another tariff.")] = None,
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    hoard: Annotated[
        str | None,
        typer.Option(help="Highest balance in yuan that is sold up to; 0 is the meter's own."),
    ] = None,
    consent: ConsentOption = "",
) -> None:
    """Change the terms of an account that goes on; what is not given stays as it is.

    A second person consents to just these terms. The next sale's card, or a replacement, brings the
    price to the meter; the limit holds at once.

    Example: dianka office customer terms 7 --tariff 商业 --hoard 500 --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers import new_terms

        meter_no = parse_number(meter, "meter")
        amounts = (None if text is None else parse_fen(text) for text in (alarm1, alarm2, hoard))
        terms = new_terms.plan_terms(actor, meter_no, tariff, *amounts)
        subject = new_terms.name_terms(meter_no, terms)
        given = ask_consent(actor, consent, new_terms.CONSENT, subject)
        changed = new_terms.change_terms(actor, meter_no, terms, given)
        typer.echo(f"changed: meter {changed.meter}, {new_terms.describe(terms)}")
        for line in new_terms.describe_due(changed, alarms=bool(alarm1 or alarm2)):
            typer.echo(line)


@customer_app.command("suspend")
def suspend_command(folder: FolderOption, meter: MeterArgument, reason: ReasonOption) -> None:
    """Sell nothing more to a meter.

    Example: dianka office customer suspend 7 --reason "moved out"
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.contracts import suspend_account

        suspend_account(actor, parse_number(meter, "meter"), reason)
        typer.echo("suspended")


@customer_app.command("resume")
def resume_command(folder: FolderOption, meter: MeterArgument, reason: ReasonOption) -> None:
    """Sell to a suspended meter again.

    Example: dianka office customer resume 7 --reason "back again"
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.contracts import resume_account

        resume_account(actor, parse_number(meter, "meter"), reason)
        typer.echo("resumed")


@customer_app.command("close")
def close_command(
    folder: FolderOption,
    meter: MeterArgument,
    reading: ReadingOption = None,
    consent: ConsentOption = "",
    method: MethodOption = "notes",
) -> None:
    """Close the account of a meter, and pay back exactly what is in it.

    It takes the meter's final statement, the newest reading, and a second person's consent to the
    amount.

    Example: dianka office customer close 7 --reading 31 --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers import closing

        meter_no, reading_id = parse_number(meter, "meter"), _parse_optional(reading, "reading")
        asked = closing.name_closing(actor, meter_no, reading_id)
        given = ask_consent(actor, consent, *asked)
        paid_fen = closing.close_account(actor, meter_no, reading_id, given, method)
        way = f"pay back {yuan(paid_fen)}" if paid_fen >= 0 else f"take {yuan(-paid_fen)}"
        typer.echo(f"closed: {way} yuan")


@customer_app.command("holder")
def holder_command(
    folder: FolderOption,
    meter: MeterArgument,
    number: NumberArgument,
    tariff: TariffOption,
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    hoard: HoardOption = "0",
    reading: ReadingOption = None,
    consent: ConsentOption = "",
    hand_over: Annotated[
        bool, typer.Option("--hand-over", help="What is in the meter is the next holder's.")
    ] = False,
    method: MethodOption = "notes",
) -> None:
    """Close the account of a meter and open another customer's at it.

    The meter is set up anew for him: restore, initialisation, change and opening card.

    A second person consents to the amount, to the new holder, and to whether it is handed over.

    Example: dianka office customer holder 7 13 --tariff 居民 --alarm1 20 --alarm2 5 --reading 31
    --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers import closing

        numbers = parse_number(meter, "meter"), parse_number(number, "customer")
        terms = _parse_terms(tariff, alarm1, alarm2, hoard)
        reading_id = _parse_optional(reading, "reading")
        asked = closing.name_change(actor, *numbers, reading_id, hand_over)
        given = ask_consent(actor, consent, *asked)
        words = (*numbers, terms, reading_id, given, hand_over, method)
        contract = closing.change_holder(actor, *words)
        typer.echo(f"handed on: {_describe_account(contract)}; set the meter up anew")


@customer_app.command("lost")
def lost_command(
    folder: FolderOption,
    serial: Annotated[str, typer.Argument(help="Serial of the card, 16 hexadecimal digits.")],
    reason: ReasonOption,
) -> None:
    """Mark a customer's card as lost: make a replacement next.

    Example: dianka office customer lost 00a1b2c3d4e5f607 --reason "on the bus"
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.lost import report_lost

        report_lost(actor, serial, reason)
        typer.echo("lost: make a replacement card")


@customer_app.command("archive")
def archive_command(folder: FolderOption, number: NumberArgument) -> None:
    """Archive a customer without an account.

    Example: dianka office customer archive 12
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.records import archive_customer

        archive_customer(actor, parse_number(number, "customer"))
        typer.echo("archived")


@customer_app.command("restore")
def restore_command(folder: FolderOption, number: NumberArgument) -> None:
    """Take an archived customer back.

    Example: dianka office customer restore 12
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.customers.records import restore_customer

        restore_customer(actor, parse_number(number, "customer"))
        typer.echo("restored")


def _parse_terms(tariff: str, alarm1: str | None, alarm2: str | None, hoard: str) -> "Terms":
    from dianka.desk.office.customers.contracts import Terms

    return Terms(tariff, *parse_alarms(alarm1, alarm2), parse_fen(hoard))


def _parse_optional(text: str | None, what: str) -> int | None:
    return parse_number(text, what) if text else None


def _describe_account(contract: "Contract") -> str:
    return (
        f"meter {contract.meter} at {contract.premise or 'no premise'}, {contract.tariff.name}, "
        f"{contract.state}"
    )


def _describe_customer(shown: "Shown") -> str:
    accounts = [each for each in shown.contracts if each.state != "closed"]
    places = "; ".join(f"{each.meter} {each.premise or ''}" for each in accounts)
    words = (f"{shown.number:012d}", shown.details.name, shown.details.phone, places)
    return "  ".join(word for word in words if word) + (" (archived)" if shown.archived else "")
