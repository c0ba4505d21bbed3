"""`dianka card replace`: a card in place of one that is lost or damaged.

With an office its sales say which purchase the new card carries, and its register which card is
replaced; without one the clerk gives both as the sales record says.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer

from dianka.card_port import CardError, CardPort, serial_of
from dianka.cardos import kinds
from dianka.desk import replace
from dianka.desk.cli import exchange
from dianka.desk.cli.by_office import Record, plan_in_place_of, plan_lost
from dianka.desk.cli.issuing import Wanted, find_made, make_card
from dianka.desk.cli.office.signed_in import OfficeOption
from dianka.desk.cli.options import (
    Alarm1Option,
    Alarm2Option,
    ControlOption,
    CustomerOption,
    MeterOption,
    NewCardArgument,
    PriceOption,
    ReaderOption,
    open_control,
    parse_alarms,
    parse_fen,
    parse_number,
    parse_rates,
    require_options,
)
from dianka.desk.cli.output import OutputError
from dianka.desk.cli.plain import report_errors
from dianka.desk.cli.registered import (
    ContractOption,
    Entry,
    Given,
    SecondOption,
)
from dianka.desk.issue import UserData
from dianka.money import yuan
from dianka.readers import find_reader, pick_place

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


@dataclass(frozen=True)
class NewCard:
    """What the new card carries, and what the register is told of it."""

    data: UserData
    last: replace.LastPurchase
    entry: Entry | None = None

    def make(self, wanted: Wanted) -> str:
        """Make the card where it is wanted; return what to say of it."""

        def make(desk: CardPort, chip: CardPort) -> None:
            replace.make_replacement(desk, chip, self.data, self.last)

        return make_card(wanted, kinds.USER, make, self.entry)


Plan = Callable[[CardPort, CardPort], NewCard]  # of control card and former card


def replace_command(
    file: NewCardArgument = None,
    former: FormerOption = None,
    contract: ContractOption = None,
    meter: MeterOption = "",
    customer: CustomerOption = "",
    count: CountOption = "",
    amount: LastAmountOption = None,
    alarm1: Alarm1Option = None,
    alarm2: Alarm2Option = None,
    price: PriceOption = None,
    second: SecondOption = None,
    reader: ReaderOption = None,
    control: ControlOption = None,
    office: OfficeOption = None,
) -> None:
    """Make a replacement card. Once it has been in the meter, the meter refuses the former card.

    With an office its sales say what the new card carries: give the former card, or the meter or
    contract if it is lost. Money that is in transit is on the new card once more, with the consent
    of a second person; --amount 0 leaves it out.

    A replacement that never reached the meter stays good until the next purchase is in the meter:
    make no second one while the first may be found, and break a found one.

    Example: dianka card replace lin2.card --former lin.card

    Example: dianka card replace lin2.card --former lin.card --count 3 --amount 50.00

    Example: dianka card replace lin2.card --meter 42 --customer 7 --count 3 --amount 50.00

    Example: dianka card replace lin2.card --meter 42 --second wu --office office
    """
    with report_errors():
        wanted = Wanted(file=file, reader=reader, control=control, office=office)
        given = Given(contract, meter, customer, alarm1, alarm2, price)
        if office is None and (contract is not None or second):
            raise CardError(
                "contracts and consents are in an office: name it with --office, or leave "
                "--contract and --second out"
            )
        if former is not None:
            _must_be_alone(given)
        record = (
            parse_number(count, "purchase") if count else None,
            None if amount is None else parse_fen(amount),
        )
        if office is not None:
            _replace_in_office(wanted, given, former, record, second)
        elif former is not None:
            rates = parse_rates(price) or None
            _replace_former(
                wanted,
                former,
                record[1] == 0,
                lambda _, old: NewCard(*replace.read_former(old, *record, rates)),
            )
        else:
            new = _plan_by_hand(given, count, amount)
            typer.echo(f"{new.make(wanted)}\n{_format_last(new.last, new.entry)}")


def _must_be_alone(given: Given) -> None:
    """Raise CardError if the former card and what it says itself were given both."""
    if given.meter or given.customer or given.contract is not None:
        raise CardError(
            "the former card says whose it is: leave out --meter and --customer, or leave "
            "out --former"
        )
    if given.alarm1 is not None or given.alarm2 is not None:
        raise CardError(
            "the former card has the alarms: leave out --alarm1 and --alarm2, or --former "
            "and give all numbers"
        )


def _plan_by_hand(given: Given, count: str, amount: str | None) -> NewCard:
    """Return the card in place of a lost one, from the numbers of the sales record."""
    if not (given.meter and given.customer and count):
        raise CardError(
            "give --former with the card, or --meter, --customer and --count of the card that "
            "is lost"
        )
    numbers = parse_number(given.meter, "meter"), parse_number(given.customer, "customer")
    last = replace.LastPurchase(
        parse_number(count, "purchase"), parse_fen(amount or "0"), in_meter=amount is None
    )
    alarm1, alarm2, price = given.alarm1, given.alarm2, given.price
    if last.opens:
        require_options(price=price, alarm1=alarm1, alarm2=alarm2)
    # If the card opens no account, the meter keeps its own price and alarms. The card then has
    # the alarms that were given, or none.
    untold = alarm1 is None and alarm2 is None and not last.opens
    alarms = (0, 0) if untold else parse_alarms(alarm1, alarm2)
    return NewCard(UserData(*numbers, *alarms, parse_rates(price) or ()), last)


def _replace_in_office(
    wanted: Wanted, given: Given, former: str | None, record: Record, second: str | None
) -> None:
    """Make the replacement that the office's register and sales ask for."""
    folder = wanted.office
    assert folder, "the caller has an office"
    if former is not None:
        _replace_former(
            wanted,
            former,
            record[1] == 0,
            lambda desk, old: NewCard(*plan_in_place_of(folder, given, record, second, desk, old)),
        )
        return
    new = NewCard(*plan_lost(folder, given, record, second))
    typer.echo(f"{new.make(wanted)}\n{_format_last(new.last, new.entry)}")


def _replace_former(wanted: Wanted, former: str, waived: bool, plan: Plan) -> None:
    """Make a replacement with the former card in hand, and clear the former card last."""
    place = pick_place(wanted.file, wanted.reader)
    with find_reader(former).connect() as old:
        with open_control(place, wanted.control) as desk:
            replace.must_be_ours(desk.port, old.port)
            new = plan(desk.port, old.port)
        last, lines = new.last, []
        with exchange.report_cards(place, former, old.port, new.data, last):
            if exchange.is_complete(place, new.data, last):
                lines.append(f"{place}: is made already, by a replacement that was broken off")
                _enter_made(new.entry, wanted, place)
            else:
                lines.append(new.make(wanted))
            lines.append(
                "no purchase is carried over: put the card into the meter, then sell"
                if waived and last.count
                else _format_last(last, new.entry)
            )
            try:
                with open_control(place, wanted.control) as desk:
                    replace.clear_card(desk.port, old.port)
                if new.entry:
                    new.entry.note_cleared(serial_of(old.port.power_on()))
            except BaseException:
                with suppress(OutputError):  # what went wrong is said in any case
                    typer.echo("\n".join(lines))
                raise
        # Last, as output that can't be written must not keep the former card alive.
        typer.echo("\n".join([*lines, f"{former}: cleared"]))


def _enter_made(entry: Entry | None, wanted: Wanted, place: str) -> None:
    """Enter a card as in use that an earlier try has made, if the register does not know it yet."""
    if entry:
        with open_control(place, wanted.control) as desk:
            find_made(entry, desk.port, place)


def _format_last(last: replace.LastPurchase, entry: Entry | None = None) -> str:
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
    without = "with --amount 0" if entry else "without --amount"
    return told + (
        f"; Err-33 there: it has that purchase, make another card {without}" if last.opens else ""
    )
