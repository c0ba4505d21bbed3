"""The control card: what it may still do, its PIN, and orders that two people's part cards approve.

An order is a text (desk/orders.py), which stands in the address of its page: so it outlives a
restart, and may be opened at another desk of the office where the second part card is.
"""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.cardos.orders import APPROVALS
from dianka.desk import orders
from dianka.desk.office.people.rights import Actor, RightError
from dianka.desk.orders import Order
from dianka.desk.pin import WrongPin
from dianka.desk.quota import describe_quota
from dianka.desk.web import control_jobs, typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import (
    AtFieldError,
    Field,
    Form,
    Values,
    label_fields,
    show_form,
)
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.station import LOOK_S, get_station, work_with_card
from dianka.desk.web.told import list_links
from dianka.desk.web.words import translate_line

_NEW_PIN = (
    Field(
        "new-pin",
        gettext_lazy("New PIN"),
        typed.new_pin,
        "password",
        hint=gettext_lazy("6 to 8 digits, known to those who work at this desk alone."),
    ),
    Field("new-pin-again", gettext_lazy("New PIN once more"), typed.new_pin, "password"),
)
_PIN = (
    Field(
        "former-pin",
        gettext_lazy("PIN until now"),
        typed.maybe(typed.former_pin, ""),
        "password",
        hint=gettext_lazy("Left empty if none is set. A wrong one costs the card a try."),
        needed=False,
    ),
    *_NEW_PIN,
)
_PURPOSES: dict[str, tuple[Text, int]] = {
    "refill": (gettext_lazy("Set its quota"), orders.REFILL),
    "new-pin": (gettext_lazy("Let it take a new PIN, without the one until now"), orders.NEW_PIN),
    "lift": (gettext_lazy("Lift its quota: no limit, and root keys for key cards"), orders.LIFT),
}
_ORDER = (
    Field(
        "purpose",
        gettext_lazy("What the card is to do"),
        typed.one_of(*_PURPOSES),
        "choice",
        choices=[(name, title) for name, (title, _purpose) in _PURPOSES.items()],
    ),
    Field(
        "amount",
        gettext_lazy("It may seal, yuan"),
        typed.maybe(typed.fen(0, orders.MOST_FEN)),
        needed=False,
        digits=True,
        hint=gettext_lazy("For a quota: what it may seal from then on, not what is added."),
    ),
    Field(
        "cards",
        gettext_lazy("It may make, cards"),
        typed.maybe(typed.number(0, orders.MOST_ISSUES)),
        needed=False,
        digits=True,
        hint=gettext_lazy("For a quota; left empty, as many as it may make now."),
    ),
)


def show_control(request: DeskRequest) -> HttpResponseBase:
    """Show what the control card in the reader is, and may still do."""
    actor = require_actor(request)
    told: dict[str, Any] = {"links": list_links(actor, ("control-pin", "write-order"))}
    try:
        seen = get_station().run(control_jobs.read_control, actor, deadline_s=LOOK_S)
        told |= {"serial": seen.serial, "lines": describe_quota(seen.quota)}
    except RightError:
        raise
    except (CardError, CardTorn) as error:
        told["line"] = str(error)
    return render(request, "office/control.html", told)


def set_pin(request: DeskRequest) -> HttpResponseBase:
    """Set or change the control card's PIN."""

    def act(actor: Actor, values: Values) -> str:
        new = _read_new_pin(values)
        station = get_station()
        try:
            station.run(control_jobs.set_pin, actor, values["former-pin"], new)
        except WrongPin as error:
            raise AtFieldError("former-pin", str(error)) from error
        except CardTorn as error:
            raise CardError(f"{error}: put the card in again, then send this again") from error
        station.keep_pin(new)
        return lead("control-card", _("The control card has its new PIN."))

    form = Form(_("PIN of the control card"), _("Set the PIN"), _PIN, back=reverse("control-card"))
    form.notes = [
        _(
            "The control card is in its reader. Three wrong PINs block it; then an order that two "
            "people's part cards approve lets it take a new one."
        )
    ]
    return show_form(request, form, act)


def write_order(request: DeskRequest) -> HttpResponseBase:
    """Write an order to the control card: its quota, or a new PIN."""

    def act(actor: Actor, values: Values) -> str:
        text = work_with_card(actor, control_jobs.write_order, *_read_order(actor, values))
        return reverse("order", kwargs={"order": text})

    form = Form(
        _("An order to the control card"),
        _("Write the order"),
        _ORDER,
        {"purpose": "refill"},
        notes=[
            _(
                "The control card is in its reader. Nothing is changed yet: two people approve the "
                "order with their part cards, one after the other, here or at another desk."
            )
        ],
        back=reverse("control-card"),
    )
    return show_form(request, form, act)


def show_order(request: DeskRequest, order: str) -> HttpResponseBase:
    """Let part cards approve an order; with two approvals bring it to the control card."""
    found = orders.parse_order(order)
    is_approved = len(found.approvals) >= APPROVALS
    asks_pin = is_approved and found.purpose == orders.NEW_PIN
    form = Form(
        _("An order to the control card"),
        _("Carry it out") if is_approved else _("Approve it with this part card"),
        _NEW_PIN if asks_pin else (),
        facts=[(translate_line(label), translate_line(text)) for label, text in found.describe()],
        notes=[_note(found)],
        back=reverse("control-card"),
    )
    return show_form(request, form, _plan_next(found, is_approved, asks_pin))


def _plan_next(order: Order, is_approved: bool, asks_pin: bool) -> Any:
    def approve(actor: Actor, values: Values) -> str:
        text = work_with_card(actor, control_jobs.approve_order, order.format())
        return lead("order", _("The part card has approved it."), order=text)

    def carry_out(actor: Actor, values: Values) -> str:
        new = _read_new_pin(values) if asks_pin else ""
        work_with_card(actor, control_jobs.carry_out, order.format(), new)
        if new:
            get_station().keep_pin(new)
        told = {"number": order.number}
        return lead("control-card", _("Order %(number)d is carried out.") % told)

    return carry_out if is_approved else approve


def _note(order: Order) -> Text:
    if len(order.approvals) >= APPROVALS:
        return _("Two part cards have approved it. The control card is in its reader: send this.")
    return _(
        "Look at card, number and amounts. Then put a part card into the customers' reader and "
        "send this; its owner keeps it afterwards. Two people must, each with his own."
    )


def _read_new_pin(values: Values) -> str:
    if values["new-pin"] != values["new-pin-again"]:
        raise AtFieldError("new-pin-again", _("The two PINs are not the same: type both again."))
    return values["new-pin"]


def _read_order(actor: Actor, values: Values) -> tuple[int, int, int]:
    """Return purpose, fen and cards of the order that the form asks for."""
    purpose = _PURPOSES[values["purpose"]][1]
    if purpose != orders.REFILL:
        for name in ("amount", "cards"):
            if values[name] is not None:
                raise AtFieldError(name, _("Leave this empty: it is for a quota."))
        return purpose, 0, 0
    if values["amount"] is None:
        raise AtFieldError("amount", _("Give an amount."))
    issues = values["cards"]
    if issues is None:
        quota = work_with_card(actor, control_jobs.read_control).quota
        issues = (quota.issues if quota else None) or 0
    return purpose, values["amount"], issues


_RIGHT = "keep the control card"
PAGES = (
    Page(
        "cards/control",
        "control-card",
        show_control,
        "look things up",
        gettext_lazy("Control card"),
        menu="estate",
    ),
    Page(
        "cards/control/pin",
        "control-pin",
        set_pin,
        _RIGHT,
        gettext_lazy("Set the PIN"),
        methods=("GET", "POST"),
    ),
    Page(
        "cards/control/order",
        "write-order",
        write_order,
        _RIGHT,
        gettext_lazy("Refill it, or let it take a new PIN"),
        methods=("GET", "POST"),
        fields=label_fields(_ORDER),
    ),
    Page(
        "cards/control/order/<slug:order>",
        "order",
        show_order,
        _RIGHT,
        gettext_lazy("Order"),
        methods=("GET", "POST"),
        example={"order": "0123456789ABCDEF0100000001000028001E8480E20B"},
    ),
)
