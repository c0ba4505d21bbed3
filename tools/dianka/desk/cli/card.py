"""`dianka card show`, `verify` and `replace`: the card desk on the command line.

cli/sell.py has the sale, cli/issue.py the commands that make cards, cli/keys.py those that found
systems, and dianka/readers/ finds the readers.
"""

from contextlib import suppress
from typing import Annotated, ClassVar

import typer

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk import replace
from dianka.desk.cli import exchange
from dianka.desk.cli.issuing import Wanted, make_card
from dianka.desk.cli.options import (
    Alarm1Option,
    Alarm2Option,
    CardArgument,
    ControlOption,
    CustomerOption,
    MeterOption,
    NewCardArgument,
    PriceOption,
    ReaderOption,
    is_same_place,
    open_control,
    parse_alarms,
    parse_fen,
    parse_number,
    parse_rates,
    pick_control_place,
    print_lines,
    require_options,
)
from dianka.desk.cli.output import OutputError
from dianka.desk.cli.pins import unlock
from dianka.desk.cli.plain import report_errors
from dianka.desk.issue import UserData
from dianka.desk.reading import read_kind
from dianka.desk.show import show
from dianka.desk.verify import verify
from dianka.lazy import Later, LazyGroup
from dianka.money import yuan
from dianka.readers import find_reader, pick_place


class _Cards(LazyGroup):
    later: ClassVar = {
        "issue": Later(
            "dianka.desk.cli.issue:issue_app",
            "Make a card of one KIND, sealed by the system control card.",
        ),
        "new": Later("dianka.desk.cli.issue:issue_app", "The former name of `issue`.", hidden=True),
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


FormerOption = Annotated[
    str | None,
    typer.Option(
        help="The former card if it can still be read: all but money is taken from it, and it "
        "is cleared."
    ),
]
CountOption = Annotated[
    str, typer.Option(help="Number of the last purchase (the receipt says it).")
]
LastAmountOption = Annotated[
    str | None,
    typer.Option(
        help="Yuan of the last purchase if it may not have reached the meter; the meter never "
        "credits it twice."
    ),
]


@app.command("replace")
def replace_command(
    file: NewCardArgument = None,
    former: FormerOption = None,
    meter: MeterOption = "",
    customer: CustomerOption = "",
    count: CountOption = "",
    amount: LastAmountOption = None,
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    price: PriceOption = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
) -> None:
    """Make a replacement card. Once it has been in the meter, the meter refuses the former card.

    A replacement that never reached the meter stays good until the next purchase is in the meter:
    make no second one while the first may be found, and break a found one.

    Example: dianka card replace lin2.card --former lin.card

    Example: dianka card replace lin2.card --former lin.card --count 3 --amount 50.00

    Example: dianka card replace lin2.card --meter 42 --customer 7 --count 3 --amount 50.00
    """
    with report_errors():
        wanted = Wanted(file=file, reader=reader, control=control)
        rates = parse_rates(price) or None
        if former is not None:
            if meter or customer:
                raise CardError(
                    "the former card says whose it is: leave out --meter and --customer, or leave "
                    "out --former"
                )
            if alarm1 is not None or alarm2 is not None:
                raise CardError(
                    "the former card has the alarms: leave out --alarm1 and --alarm2, or --former "
                    "and give all numbers"
                )
            record = (
                parse_number(count, "purchase") if count else None,
                None if amount is None else parse_fen(amount),
            )
            _replace_former(wanted, former, *record, rates)
            return
        if not (meter and customer and count):
            raise CardError(
                "give --former with the card, or --meter, --customer and --count of the card that "
                "is lost"
            )
        numbers = parse_number(meter, "meter"), parse_number(customer, "customer")
        last = replace.LastPurchase(
            parse_number(count, "purchase"), parse_fen(amount or "0"), in_meter=amount is None
        )
        if last.opens:
            require_options(price=price, alarm1=alarm1, alarm2=alarm2)
        # If the card opens no account, the meter keeps its own price and alarms. The card then has
        # the alarms that were given, or none.
        untold = alarm1 is None and alarm2 is None and not last.opens
        data = UserData(
            *numbers, *((0, 0) if untold else parse_alarms(alarm1, alarm2)), rates or ()
        )
        made = make_card(
            wanted, kinds.USER, lambda desk, chip: replace.make_replacement(desk, chip, data, last)
        )
        typer.echo(f"{made}\n{_format_last(last)}")


def _replace_former(
    wanted: Wanted, former: str, count: int | None, amount_fen: int | None, rates: list[int] | None
) -> None:
    """Make a replacement with the former card in hand, and clear the former card last."""
    place = pick_place(wanted.file, wanted.reader)
    with find_reader(former).connect() as old:
        with open_control(place, wanted.control) as desk:
            replace.must_be_ours(desk.port, old.port)
        data, last = replace.read_former(old.port, count, amount_fen, rates)
        lines = []
        with exchange.report_cards(place, former, old.port, data, last):
            if exchange.is_complete(place, data, last):
                lines.append(f"{place}: is made already, by a replacement that was broken off")
            else:
                lines.append(
                    make_card(
                        wanted,
                        kinds.USER,
                        lambda desk, chip: replace.make_replacement(desk, chip, data, last),
                    )
                )
            waived = last.count > 0 and amount_fen == 0
            lines.append(
                "no purchase is carried over: put the card into the meter, then sell"
                if waived
                else _format_last(last)
            )
            try:
                with open_control(place, wanted.control) as desk:
                    replace.clear_card(desk.port, old.port)
            except BaseException:
                with suppress(OutputError):  # what went wrong is said in any case
                    typer.echo("\n".join(lines))
                raise
        # Last, as output that can't be written must not keep the former card alive.
        typer.echo("\n".join([*lines, f"{former}: cleared"]))


def _format_last(last: replace.LastPurchase) -> str:
    if not last.count:
        return "nothing was bought with the former card: sell to the new one"
    if last.in_meter:
        return (
            f"purchase {last.count} is in the meter already: the card carries no money; put it "
            "into the meter, then sell"
        )
    told = (
        f"purchase {last.count} of {yuan(last.amount_fen)} yuan is on the card once more: put it "
        "into the meter"
    )
    return told + (
        "; Err-33 there: it has that purchase, make another card without --amount"
        if last.opens
        else ""
    )
