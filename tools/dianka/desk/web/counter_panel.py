"""What the counter shows at one moment: the card that is in, and the one thing to do with it."""

from dataclasses import dataclass

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.desk.counter import PinWantedError
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import shifts
from dianka.desk.office.vending.models import Desk
from dianka.desk.pin import WrongPin
from dianka.desk.web.counter_form import SaleForm, new_form
from dianka.desk.web.jobs import Shown
from dianka.desk.web.station import Presence, get_station


@dataclass
class Panel:
    """`shown` is the customer whose card is in; without one `line` says why, or nothing is in."""

    presence: Presence
    shown: Shown | None = None
    form: SaleForm | None = None
    line: str = ""  # what is wrong with the card
    pin: bool = False  # the control card's is asked for
    shift: str = ""  # why nothing is sold at this desk now
    broken: bool = False  # a sale broke off after its money counts as taken

    @property
    def serial(self) -> str:
        """Return the card that the panel shows, empty if it shows none."""
        return self.shown.serial if self.shown else ""


def make_panel(actor: Actor) -> Panel:
    """Look at what is in the readers now."""
    station = get_station()
    presence = station.see()
    panel = Panel(presence, line=presence.line)
    if not presence.is_filled:
        return panel
    try:
        panel.shown = station.look(actor)
        panel.form = new_form(panel.shown)
        panel.shift = find_shift_trouble(actor)
    except (CardError, CardTorn) as error:
        panel.line = str(error)
        panel.pin = isinstance(error, (PinWantedError, WrongPin))
    return panel


def keep_typed(panel: Panel, form: SaleForm) -> Panel:
    """Return the panel with the form as it was sent, if that was for the same card.

    A card that was pulled meanwhile keeps its customer and form, so that nothing is typed twice.
    """
    if panel.shown is None and not panel.pin:
        panel.shown = get_station().recall(form.serial)
    if panel.shown and panel.serial == form.serial:
        if panel.shown.unfinished:  # its own amount completes it, and no other
            form.amount = new_form(panel.shown).amount
        panel.form = form
    return panel


def find_shift_trouble(actor: Actor) -> str:
    """Return why the actor can't sell at this desk: no shift, or another one's. Empty if he can."""
    desk = Desk.objects.filter(name=actor.desk).first()
    if desk is None:
        return ""
    try:
        shifts.raise_if_not_working(actor, desk)
    except CardError as error:
        return str(error)
    return ""
