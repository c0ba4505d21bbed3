"""`dianka keys pin`, `quota`, `refill`, and the orders that two people's part cards approve.

`order` writes one at the desk, `approve` takes it to the part cards, `apply` brings it to the
control card; `refill` does all of it where everything is at hand.
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.desk import orders
from dianka.desk.cli import pins
from dianka.desk.cli.options import find_control, open_part, parse_decimal, print_lines
from dianka.desk.cli.plain import report_errors
from dianka.desk.orders import Order
from dianka.desk.pin import BLOCKED, WrongPin, change_pin
from dianka.desk.quota import FORMER_MAKE, describe_quota, read_quota
from dianka.readers import Held
from dianka.readers.choose import is_reader

ControlArgument = Annotated[
    str,
    typer.Argument(
        help="System control card, a file or reader:NUMBER or reader:NAME.", metavar="CONTROLCARD"
    ),
]
OrderArgument = Annotated[
    str, typer.Argument(help="The order's text, as it was printed.", metavar="ORDER")
]
CardsOption = Annotated[
    int | None,
    typer.Option("--cards", help="How many cards it may make; as many as are left if not given."),
]
PartOption = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        help="A part card of the backup, file or reader; twice. Only if the PIN is blocked or "
        "forgotten.",
    ),
]
_PART_HELP = "Part cards: files, or reader:NUMBER or reader:NAME; one reader may be named twice."


def pin_command(control: ControlArgument, part: PartOption = None) -> None:
    """Set or change a control card's PIN of 6 to 8 digits.

    It is asked for twice, after the former one; from a pipe one line each, first the former one if
    DIANKA_PIN does not have it.

    Example: dianka keys pin control.card

    Example: dianka keys pin control.card --part backup-1.card --part backup-3.card
    """
    with report_errors(), find_control(control, control) as held:
        quota = read_quota(held.port)
        if quota is None:
            raise CardError(FORMER_MAKE)
        if part:
            _bring(held, _approve_all(orders.write_order(held.port, orders.NEW_PIN), part))
            return
        if quota.pin_set and not quota.pin_tries:
            raise WrongPin(BLOCKED)
        former = pins.ask_former_pin(held.name) if quota.pin_set else None
        change_pin(held.port, former, pins.ask_new_pin())
        typer.echo(f"{held.name}: has a new PIN, which every command asks for from now on")


def quota_command(control: ControlArgument) -> None:
    """Say what a control card may still seal and make.

    Example: dianka keys quota control.card
    """
    with report_errors(), find_control(control, control) as held:
        print_lines(held.name, describe_quota(read_quota(held.port)))


def refill_command(
    control: ControlArgument,
    amount: Annotated[str, typer.Argument(help="What it may seal, yuan.", metavar="YUAN")],
    part: Annotated[list[str], typer.Argument(help=_PART_HELP, metavar="PART...")],
    cards: CardsOption = None,
) -> None:
    """Set what a control card may still seal, with two people's part cards at hand.

    Example: dianka keys refill control.card 20000 backup-1.card backup-3.card --cards 40
    """
    with report_errors(), find_control(control, control) as held:
        _bring(held, _approve_all(_write_refill(held, amount, cards), part))


def order_command(
    control: ControlArgument,
    amount: Annotated[
        str | None, typer.Argument(help="What it may seal, yuan.", metavar="[YUAN]")
    ] = None,
    cards: CardsOption = None,
    lift: Annotated[
        bool, typer.Option("--lift", help="Lift the quota: no limit, and root keys for key cards.")
    ] = False,
    new_pin: Annotated[
        bool, typer.Option("--new-pin", help="Let the card take a new PIN without the former one.")
    ] = False,
) -> None:
    """Write an order to a control card, to be approved elsewhere. Its text is the last line.

    Example: dianka keys order control.card 20000 --cards 40

    Example: dianka keys order control.card --new-pin
    """
    with report_errors():
        if (amount is not None) + lift + new_pin != 1 or (amount is None and cards is not None):
            raise CardError("give YUAN with --cards, or --lift, or --new-pin: one order does one")
        with find_control(control, control) as held:
            if amount is not None:
                order = _write_refill(held, amount, cards)
            else:
                purpose = orders.LIFT if lift else orders.NEW_PIN
                order = orders.write_order(held.port, purpose)
        _print_order(order)


def approve_command(
    text: OrderArgument,
    part: Annotated[list[str] | None, typer.Argument(help=_PART_HELP, metavar="[PART]...")] = None,
) -> None:
    """Show an order, and approve it with the part cards that are named. Two people must.

    Look at card, number and amounts before you name a part card. The last line is the order with
    all its approvals: the next person goes on with it.

    Example: dianka keys approve 0123456789ABCDEF0100000001000028001E84803D2C backup-1.card
    """
    with report_errors():
        _print_order(_approve_all(orders.parse_order(text), part or []))


def apply_command(control: ControlArgument, text: OrderArgument) -> None:
    """Bring an approved order to its control card. For a new PIN it is asked for, twice.

    Example: dianka keys apply control.card 0123456789ABCDEF0100000001000028001E8480...
    """
    with report_errors():
        order = orders.parse_order(text)
        with find_control(control, control) as held:
            _bring(held, order)


def _write_refill(held: Held, amount: str, cards: int | None) -> Order:
    quota_fen = parse_decimal(amount, 2, "amount in yuan")
    if cards is None:
        quota = read_quota(held.port)
        cards = (quota.issues if quota else None) or 0
    return orders.write_order(held.port, orders.REFILL, quota_fen, cards)


def _approve_all(order: Order, places: Sequence[str]) -> Order:
    """Return the order as the part cards at these places approve it, one after the other."""
    for at, place in enumerate(places):
        if is_reader(place) and place in places[:at]:
            pins.wait_for_other_card(place)
        with open_part(place) as part:
            order = orders.approve(order, part.port)
    return order


def _bring(held: Held, order: Order) -> None:
    """Carry an order out; ask for the new PIN first if it is for one."""
    orders.check_order(held.port, order)
    new_pin = pins.ask_new_pin() if order.purpose == orders.NEW_PIN else None
    orders.carry_out(held.port, order, new_pin)
    quota = read_quota(held.port)
    print_lines(f"{held.name}: order {order.number} is carried out", describe_quota(quota))


def _print_order(order: Order) -> None:
    print_lines("order", order.describe())
    typer.echo(order.format())
