"""`dianka card show`, `verify` and `replace`, and `dianka sell`: the card desk on the command line.

cli/issue.py has the commands that make cards, cli/keys.py those that found systems, and
dianka/readers/ finds the readers.
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
    alarms_fen,
    control_for,
    control_word,
    fen,
    must_have,
    number,
    price_e4,
    print_lines,
    rates_e4,
    same_place,
)
from dianka.desk.cli.output import OUTPUT_FAILED, OutputError
from dianka.desk.cli.plain import plain_errors
from dianka.desk.interrupts import held
from dianka.desk.issue import UserData
from dianka.desk.prices import NewPrice, difference, is_far, switch_minute
from dianka.desk.sell import Receipt, broken_off, sell
from dianka.desk.show import show
from dianka.desk.verify import verify
from dianka.desk.words import price as price_words
from dianka.desk.words import stamp
from dianka.lazy import Later, LazyGroup
from dianka.money import yuan
from dianka.readers import chosen, find


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
    with plain_errors():
        with find(chosen(file, reader)).connect() as card:
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
    with plain_errors():
        place = chosen(file, reader)
        with find(place).connect() as card:
            # A control card can't be checked against itself.
            alone = control is None and same_place(control_word(place, None), place)
            if without_control or alone:
                findings = verify(card.port, None)
            else:
                with control_for(place, control) as desk:
                    findings = verify(card.port, desk.port)
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
    with plain_errors():
        wanted = Wanted(file=file, reader=reader, control=control)
        rates = rates_e4(price) or None
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
                number(count, "purchase") if count else None,
                None if amount is None else fen(amount),
            )
            _replace_former(wanted, former, *record, rates)
            return
        if not (meter and customer and count):
            raise CardError(
                "give --former with the card, or --meter, --customer and --count of the card that "
                "is lost"
            )
        numbers = number(meter, "meter"), number(customer, "customer")
        last = replace.LastPurchase(
            number(count, "purchase"), fen(amount or "0"), in_meter=amount is None
        )
        if last.opens:
            must_have(price=price, alarm1=alarm1, alarm2=alarm2)
        # If the card opens no account, the meter keeps its own price and alarms. The card then has
        # the alarms that were given, or none.
        untold = alarm1 is None and alarm2 is None and not last.opens
        data = UserData(*numbers, *((0, 0) if untold else alarms_fen(alarm1, alarm2)), rates or ())
        made = make_card(
            wanted, kinds.USER, lambda desk, chip: replace.make_replacement(desk, chip, data, last)
        )
        typer.echo(f"{made}\n{_last(last)}")


def _replace_former(
    wanted: Wanted, former: str, count: int | None, amount_fen: int | None, rates: list[int] | None
) -> None:
    """Make a replacement with the former card in hand, and clear the former card last."""
    place = chosen(wanted.file, wanted.reader)
    with find(former).connect() as old:
        with control_for(place, wanted.control) as desk:
            replace.must_be_ours(desk.port, old.port)
        data, last = replace.read_former(old.port, count, amount_fen, rates)
        lines = []
        with exchange.told_what_stands(place, former, old.port, data, last):
            if exchange.stands(place, data, last):
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
                else _last(last)
            )
            try:
                with control_for(place, wanted.control) as desk:
                    replace.clear(desk.port, old.port)
            except BaseException:
                with suppress(OutputError):  # what went wrong is said in any case
                    typer.echo("\n".join(lines))
                raise
        # Last, as output that can't be written must not keep the former card alive.
        typer.echo("\n".join([*lines, f"{former}: cleared"]))


def _last(last: replace.LastPurchase) -> str:
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


def _sale_words(context: typer.Context, words: list[str]) -> list[str]:
    """Return the words of a sale: CARD and YUAN, or YUAN alone when --reader names the card.

    Raise BadParameter if there are more or fewer.
    """
    if len(words) != (1 if context.params.get("reader") else 2):
        raise typer.BadParameter("give CARD and YUAN, or YUAN and --reader")
    return words


def sell_command(
    words: Annotated[
        list[str],
        typer.Argument(
            help="The resident's card, a file or reader:NUMBER or reader:NAME; how much, such as "
            "50 or 12.34.",
            metavar="[CARD] YUAN",
            callback=_sale_words,
        ),
    ],
    reader: Annotated[
        str | None,
        typer.Option(
            "--reader", is_eager=True, help="The resident's card is in this reader: number or name."
        ),
    ] = None,
    control: ControlOption = None,
    price: Annotated[
        str,
        typer.Option(
            help="A new price, yuan per kWh, which the card brings to the meter; with --from."
        ),
    ] = "",
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            help="When it begins, local time: 2026-03-01T00:00. Not a time that has passed.",
        ),
    ] = "",
    at_once: Annotated[
        bool,
        typer.Option(
            "--at-once",
            help="With a --from that has passed: the price begins when the card is put in.",
        ),
    ] = False,
) -> None:
    """Sell credit: write a purchase to a user card, and a new price if there is one.

    Exit code: 0 sold; 1 refused, nothing was sent; 3 keep the money and sell the same again; 4
    sold, but the receipt can't be written; 128 and the signal's number if a signal ended it: its
    line says whether the money is to be kept.

    Example: dianka sell lin.card 50.00

    Example: dianka sell lin.card 50.00 --price 0.6000 --from 2026-03-01T00:00
    """
    with held, plain_errors():
        amount_fen, new = fen(words[-1]), _new_price(price, begin, at_once)
        card = chosen(words[0] if len(words) == 2 else None, reader)
        receipt = _sold(card, control, amount_fen, new)
        try:
            _print_receipt(receipt, new)
        except OutputError as error:
            made = f"purchase {receipt.count} of {yuan(receipt.amount_fen)} yuan is on the card"
            if receipt.completes:
                raise ReceiptError(
                    f"{made}, already paid: take no money; more can't be written ({error})"
                ) from None
            by_hand = "keep the money, write the receipt by hand"
            raise ReceiptError(
                f"{made}, but its receipt can't be written ({error}): {by_hand}"
            ) from None


class ReceiptError(CardError):
    """The sale is made, but its receipt can't be written."""

    exit_code = OUTPUT_FAILED


def _sold(card: str, control: str | None, amount_fen: int, new: NewPrice | None) -> Receipt:
    """Sell to the card at this place. Report any failure around the sale as one of the sale."""
    receipts: list[Receipt] = []
    with broken_off(lambda: bool(receipts)):
        held.raise_if_heard()  # while Python imported all this
        _must_be_two(card, control)
        with find(card).connect() as resident, control_for(card, control) as desk:
            receipts.append(
                sell(
                    desk.port,
                    resident.port,
                    amount_fen,
                    new=new,
                    raise_if_stopped=held.raise_if_heard,
                )
            )
        held.raise_if_heard()
    return receipts[0]


def _print_receipt(receipt: Receipt, new: NewPrice | None) -> None:
    price_lines = _price_lines(new, receipt.former_e4) if new else []
    if receipt.completes:
        on_card = f"{yuan(receipt.amount_fen)} yuan are on card {receipt.serial.hex()}"
        typer.echo(f"completes purchase {receipt.count}, already paid: take no money ({on_card})")
        if price_lines:
            print_lines("new price", price_lines)
        return
    lines = [
        ("sold", f"{yuan(receipt.amount_fen)} yuan"),
        ("purchase", f"{receipt.count}{' (account opened)' if receipt.opened else ''}"),
        ("meter", f"{receipt.meter_no:012d}"),
        ("customer", f"{receipt.customer_no:012d}"),
        ("card", receipt.serial.hex()),
    ]
    print_lines("receipt", [*lines, *price_lines])


def _price_lines(new: NewPrice, former_e4: int | None) -> list[tuple[str, str]]:
    lines = [(f"price from {stamp(new.switch_time)}", price_words(new.price_e4))]
    if is_far(new.price_e4, former_e4):
        lines.append(("look at it again", difference(new.price_e4, former_e4)))
    return lines


def _must_be_two(card: str, control: str | None) -> None:
    """Raise CardError if the resident's card and the control card are one card.

    The message says which of the two it is, not that it is in use.
    """
    if same_place(card, control_word(card, control)):
        with control_for(card, control) as desk:
            raise CardError(f"{desk.name} is the control card itself: name the resident's card")


def _new_price(price: str, begin: str, at_once: bool) -> NewPrice | None:
    if bool(price) != bool(begin):
        raise CardError("a new price has a time: give --price and --from, or neither")
    if at_once and not price:
        raise CardError(
            "--at-once is a word about a new price: give --price and --from with it, or leave it "
            "out"
        )
    return NewPrice(price_e4(price), switch_minute(begin), at_once) if price else None
