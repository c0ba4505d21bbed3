"""Any card that is put into the reader: in words, recognised, checked, cleared."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.chip import CardTorn
from dianka.desk.counter import PinWantedError
from dianka.desk.office.cards.models import Card
from dianka.desk.office.people.rights import Actor, RightError
from dianka.desk.pin import WrongPin
from dianka.desk.web import card_jobs
from dianka.desk.web.card_jobs import CardRead, Checked
from dianka.desk.web.card_pages import clean_serial
from dianka.desk.web.done_line import lead
from dianka.desk.web.fields import plain_number
from dianka.desk.web.forms import Form, Values, show_form
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.station import LOOK_S, Presence, get_station, work_with_card
from dianka.desk.web.told import Link, list_links

_NO_READER = Presence("none", False)


@dataclass
class Panel:
    """What is in the reader: a card that was read, or why it was not."""

    presence: Presence = _NO_READER
    read: CardRead | None = None
    checked: Checked | None = None
    links: tuple[Link, ...] = ()
    line: str = ""
    pin: bool = False  # the control card's is asked for

    @property
    def is_good(self) -> bool:
        """Return whether a check has found nothing wrong."""
        return self.checked is not None and all(good for good, _text in self.checked.findings)


def show_reader(request: DeskRequest) -> HttpResponseBase:
    """Show the card that is in, or wait for one."""
    return _draw(request, _make_panel(require_actor(request)))


def poll_reader(request: DeskRequest) -> HttpResponseBase:
    """Answer with nothing while the readers are as the page knows; else with what is in now."""
    actor, mark = require_actor(request), request.GET.get("mark", "")
    if not connection.in_atomic_block:
        connection.close()  # others need it meanwhile
    try:
        presence = get_station().await_change(mark)
    except CardError:
        return HttpResponse(status=204)
    if presence.mark == mark:
        return HttpResponse(status=204)
    return render(request, "office/reader_changed.html", {"panel": _make_panel(actor)})


def check_card(request: DeskRequest) -> HttpResponseBase:
    """Show what a check of the card that is in has found."""
    actor, panel = require_actor(request), Panel()
    _fill(panel, lambda: _check(actor, panel))
    return _draw(request, panel)


def give_pin(request: DeskRequest) -> HttpResponseBase:
    """Give the control card its PIN, until this desk is closed."""
    actor, panel = require_actor(request), Panel()
    pin = plain_number(request.POST.get("pin", "")[:20])
    _fill(panel, lambda: get_station().give_pin(actor, pin))
    if not panel.line:
        return redirect("card-reader")
    panel.pin = True
    return _draw(request, panel, 422)


def clear_card(request: DeskRequest, serial: str) -> HttpResponseBase:
    """Clear a card in the reader in whose place another one stands."""
    plain = clean_serial(serial)

    def act(actor: Actor, values: Values) -> str:
        work_with_card(actor, card_jobs.clear_card, plain)
        return lead("card-shown", _("The card is cleared: it may be made anew."), serial=plain)

    form = Form(
        _("Clear the card"),
        _("Clear it"),
        facts=[(_("Card"), plain)],
        notes=[_("The card is in the reader. It says nothing any more after that.")],
        back=reverse("card-reader"),
    )
    return show_form(request, form, act)


def _make_panel(actor: Actor) -> Panel:
    """Look at what is in the reader now."""
    panel = Panel()
    _fill(panel, lambda: _read(actor, panel))
    return panel


def _fill(panel: Panel, look: Callable[[], None]) -> None:
    """Let a look at the reader fill the panel; what is wrong becomes its line."""
    try:
        panel.presence = get_station().see()
        panel.line = panel.presence.line
        if panel.presence.is_filled:
            look()
    except RightError:
        raise
    except (CardError, CardTorn) as error:
        panel.line = str(error)
        panel.pin = isinstance(error, (PinWantedError, WrongPin))


def _read(actor: Actor, panel: Panel) -> None:
    read = get_station().run(card_jobs.read_card, actor, deadline_s=LOOK_S)
    panel.read, panel.links = read, _list_links(actor, read)


def _check(actor: Actor, panel: Panel) -> None:
    panel.checked = get_station().run(card_jobs.check_card, actor)


def _list_links(actor: Actor, read: CardRead) -> tuple[Link, ...]:
    """Return what may be done with the card that is in."""
    links = list_links(actor, ["check-card"])
    if read.state:
        links += list_links(actor, ["card-shown"], serial=read.serial)
    if read.customer_no and not read.trouble:
        links += list_links(actor, ["customer"], number=read.customer_no)
    if read.waits:
        at = {"desk": read.waits.desk, "number": read.waits.number}
        links += list_links(actor, ["refund"], **at)
    if read.meter_no and read.state == Card.State.USED and not read.trouble:
        links += list_links(actor, ["replace-card"], meter_no=read.meter_no)
    if read.state == Card.State.REPLACED:
        links += list_links(actor, ["clear-card"], serial=read.serial)
    if read.is_outside:
        links += list_links(actor, ["take-in"])
    if read.kind == kinds.INSPECTION and not read.trouble:
        links += list_links(actor, ["take-inspection"])
    return tuple(links)


def _draw(request: DeskRequest, panel: Panel, status: int = 200) -> HttpResponse:
    return render(request, "office/reader.html", {"panel": panel}, status=status)


_RIGHT = "look things up"
_TITLE = gettext_lazy("Read a card")
PAGES = (
    Page("cards/reader", "card-reader", show_reader, _RIGHT, _TITLE, menu="estate"),
    Page("cards/reader/changed", "reader-changed", poll_reader, _RIGHT, _TITLE, polled=True),
    Page("cards/reader/check", "check-card", check_card, _RIGHT, gettext_lazy("Check the card")),
    Page(
        "cards/reader/pin",
        "reader-pin",
        give_pin,
        _RIGHT,
        gettext_lazy("PIN"),
        methods=("POST",),
    ),
    Page(
        "cards/<slug:serial>/clear",
        "clear-card",
        clear_card,
        "replace a card",
        gettext_lazy("Clear the card"),
        methods=("GET", "POST"),
        example={"serial": "0011223344556677"},
    ),
)
