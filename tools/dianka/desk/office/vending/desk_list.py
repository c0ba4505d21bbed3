"""The desks of an office: added and closed by a manager. A closed one keeps its books."""

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.vending import desk_roles
from dianka.desk.office.vending.models import Desk, Sale
from dianka.desk.office.vending.shifts import find_open


class DeskError(CardError):
    """The desk can't be changed so. Nothing is done."""


@needs("change desks")
def add_desk(actor: Actor, name: str) -> Desk:
    """Add a desk, or open one again that was closed."""
    if not name.strip() or len(name) > 40 or ":" in name:  # as accounts are written cash:<desk>
        raise DeskError("a desk has a name of up to 40 characters without a colon: give another")
    with transaction.atomic():
        desk, new = Desk.objects.select_for_update().get_or_create(name=name)
        if not new and not desk.closed:
            raise DeskError(f"there is a desk {name}: take another name")
        desk.closed = False
        desk.save(update_fields=["closed"])
        chain.append(actor.desk, actor.operator, "desk added", name, rows=tell(desk))
        return desk


@needs("change desks")
def close_desk(actor: Actor, name: str) -> None:
    """Close a desk at which no shift is open and no sale unfinished."""
    with transaction.atomic():
        desk = Desk.objects.select_for_update().filter(name=name).first()
        if desk is None or desk.closed:
            raise DeskError(f"there is no open desk {name}: see dianka office desk list")
        if find_open(desk):
            raise DeskError(f"a shift is open at {name}: close it first")
        if Sale.objects.filter(desk=desk, state=Sale.State.PENDING).exists():
            raise DeskError(f"a sale of {name} is not finished: look at its card first")
        desk.closed = True
        desk.save(update_fields=["closed"])
        desk_roles.lock_out(desk)
        chain.append(actor.desk, actor.operator, "desk closed", name, rows=tell(desk))


@needs("look things up")
def list_desks(actor: Actor) -> list[Desk]:
    """Return all desks by name."""
    return list(Desk.objects.order_by("name"))
