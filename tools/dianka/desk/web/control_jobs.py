"""Work with the control card and part cards: jobs for the card process, as jobs.py has them."""

from typing import TYPE_CHECKING

from dianka.desk import counter as cards
from dianka.desk import orders
from dianka.desk.web.jobs import Work, working

if TYPE_CHECKING:
    from dianka.desk.office.cards.control_cards import ControlCard


def read_control(work: Work) -> "ControlCard":
    """Return what the control card says of itself."""
    with working(work), cards.hold_control(work.roles) as control:
        from dianka.desk.office.cards import control_cards

        return control_cards.read_control(work.actor, control.port)


def set_pin(work: Work, former: str, new: str) -> None:
    """Give the control card a new PIN; WrongPin if `former` is not the one until now."""
    with working(work), cards.hold_control(work.roles) as control:
        from dianka.desk.office.cards import control_cards

        control_cards.set_pin(work.actor, control.port, former, new)


def write_order(work: Work, purpose: int, quota_fen: int, issues: int) -> str:
    """Return the text of the next order to the control card."""
    with working(work), cards.hold_control(work.roles) as control:
        from dianka.desk.office.cards import control_cards

        order = control_cards.write_order(work.actor, control.port, purpose, quota_fen, issues)
        return order.format()


def approve_order(work: Work, text: str) -> str:
    """Return the text of an order with the approval of the part card that is in."""
    with working(work), cards.hold_resident(work.roles) as part:
        from dianka.desk.office.cards import control_cards

        order = control_cards.approve_order(work.actor, orders.parse_order(text), part.port)
        return order.format()


def carry_out(work: Work, text: str, new_pin: str) -> "ControlCard":
    """Bring an approved order to the control card."""
    with working(work), cards.hold_control(work.roles) as control:
        from dianka.desk.office.cards import control_cards

        order = orders.parse_order(text)
        return control_cards.carry_out(work.actor, control.port, order, new_pin)
