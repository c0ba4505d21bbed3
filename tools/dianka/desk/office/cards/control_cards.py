"""The system control card of a desk: its PIN and its quota, each change an act of the chain.

What the card allows it decides itself: a new PIN takes the former one, an order the approval of two
people's part cards (desk/orders.py). The right that is asked for here is about the pages alone.
"""

from dataclasses import dataclass

from django.db import transaction

from dianka.card_port import CardError, CardPort, serial_of
from dianka.cardos.chip import CardTorn
from dianka.desk import orders
from dianka.desk.office.audit import chain
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.orders import Order
from dianka.desk.pin import BLOCKED, WrongPin, change_pin
from dianka.desk.quota import FORMER_MAKE, Quota, read_quota


@dataclass(frozen=True)
class ControlCard:
    """A control card and what it may still do; `quota` is None for one of an earlier make."""

    serial: str
    quota: Quota | None


@needs("look things up")
def read_control(actor: Actor, control: CardPort) -> ControlCard:
    """Return what the control card says of itself; it takes no PIN."""
    serial = serial_of(control.power_on())
    return ControlCard(serial.hex(), read_quota(control))


@needs("keep the control card")
def set_pin(actor: Actor, control: CardPort, former: str, new: str) -> None:
    """Set or change the PIN; `former` is empty if none is set. WrongPin if it is another one."""
    seen = read_control(actor, control)
    if seen.quota is None:
        raise CardError(FORMER_MAKE)
    if seen.quota.pin_set and not seen.quota.pin_tries:
        raise WrongPin(BLOCKED)
    if seen.quota.pin_set and not former:
        raise WrongPin("the control card has a PIN already: give the one until now")
    with transaction.atomic():  # the card last: what it refuses leaves no act
        told = "changed" if seen.quota.pin_set else "set"
        chain.append(actor.desk, actor.operator, "control card PIN", seen.serial, told)
        try:
            change_pin(control, former if seen.quota.pin_set else None, new)
        except CardTorn:
            raise CardError(
                "the control card was pulled: it has the PIN until now or the new one; put it in, "
                "and try the new one first"
            ) from None


@needs("keep the control card")
def write_order(
    actor: Actor, control: CardPort, purpose: int, quota_fen: int = 0, issues: int = 0
) -> Order:
    """Return the next order to the control card, not approved yet. Nothing is changed."""
    return orders.write_order(control, purpose, quota_fen, issues)


@needs("keep the control card")
def approve_order(actor: Actor, order: Order, part: CardPort) -> Order:
    """Return the order with the approval of the part card. Nothing is changed."""
    return orders.approve(order, part)


@needs("keep the control card")
def carry_out(actor: Actor, control: CardPort, order: Order, new_pin: str = "") -> ControlCard:
    """Bring an approved order to the control card; return what that may do now."""
    orders.check_order(control, order)
    parts = ", ".join(part.hex() for part in order.list_serials())
    what = dict(order.describe())["the card"]
    with transaction.atomic():
        serial = order.control.hex()
        detail = f"order {order.number}: {what}, approved by {parts}"
        chain.append(actor.desk, actor.operator, "control card order", serial, detail)
        try:
            orders.carry_out(control, order, new_pin or None)
        except CardTorn:
            raise CardError(
                "the control card was pulled: put it in and look at its number of orders; if the "
                "order is not carried out, send this again"
            ) from None
    return read_control(actor, control)
