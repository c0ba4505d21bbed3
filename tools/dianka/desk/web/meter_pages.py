"""Meters: taken into stock, installed, exchanged, removed, scrapped; each with its history."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.customers import closing, contracts
from dianka.desk.office.customers.history import list_meter_history
from dianka.desk.office.estate import meters, places
from dianka.desk.office.estate.meter_list import list_meters
from dianka.desk.office.estate.models import Meter
from dianka.desk.office.people.rights import Actor
from dianka.desk.web import typed
from dianka.desk.web.account_pages import REASON, find_newest_reading, tell_asked
from dianka.desk.web.done_line import lead
from dianka.desk.web.fields import plain_number
from dianka.desk.web.forms import SECOND, Field, Form, Values, get_consent, label_fields, show_form
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.told import list_links, page_of
from dianka.money import yuan

_ADDING = (
    Field(
        "number",
        gettext_lazy("Number of the first meter"),
        typed.twelve_digits,
        digits=True,
    ),
    Field(
        "count",
        gettext_lazy("How many, with numbers one after the other"),
        typed.number(1, places.MOST_AT_ONCE),
        digits=True,
    ),
    Field("model", gettext_lazy("Model"), typed.text(gettext_lazy("Model"), 40, 0), needed=False),
)
_PLACE = (
    Field("area", gettext_lazy("Area"), typed.text(gettext_lazy("Area"), 60)),
    Field("building", gettext_lazy("Building"), typed.text(gettext_lazy("Building"), 20)),
    Field("unit", gettext_lazy("Unit"), typed.text(gettext_lazy("Unit"), 20, 0), needed=False),
    Field("room", gettext_lazy("Room"), typed.text(gettext_lazy("Room"), 20)),
)
_EXCHANGE = (
    Field("reading", "", typed.maybe(typed.number(1, 10**18)), "hidden", needed=False),
    Field("other", gettext_lazy("Number of the meter from stock"), typed.twelve_digits),
    REASON,
    *SECOND,
)
# What may be done with a meter, by its state.
_ACTIONS = {
    "stock": ("install-meter", "scrap-meter"),
    "installed": ("exchange-meter", "remove-meter"),
    "removed": ("scrap-meter",),
}


def list_all(request: DeskRequest) -> HttpResponseBase:
    """List meters by state and number."""
    actor = require_actor(request)
    state = request.GET.get("state", "")[:20]
    state = state if state in Meter.State.values else ""
    typed_number = request.GET.get("number", "")[:40]
    found = list_meters(actor, state, plain_number(typed_number))
    told = {
        "part": page_of(request, found),
        "state": state,
        "number": typed_number,
        "states": Meter.State.values,
        "links": list_links(actor, ("add-meters",)),
    }
    return render(request, "office/meters.html", told)


def show_meter(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Show a meter, whose it is, and all that happened to it."""
    actor = require_actor(request)
    meter, events = list_meter_history(actor, meter_no)
    told = {
        "meter": meter,
        "contract": contracts.find_contract(meter),
        "links": list_links(actor, _ACTIONS.get(meter.state, ()), meter_no=meter_no),
        "events": page_of(request, list(reversed(events))),
    }
    return render(request, "office/meter.html", told)


def add_meters(request: DeskRequest) -> HttpResponseBase:
    """Take meters into stock."""

    def act(actor: Actor, values: Values) -> str:
        made = meters.add_meters(actor, *(values[each.name] for each in _ADDING))
        told = {"count": len(made), "last": made[-1]}
        return lead("meters", _("%(count)d meters are in stock, up to %(last)s.") % told)

    form = Form(_("Take meters into stock"), _("Take them in"), _ADDING, {"count": "1"})
    form.back = reverse("meters")
    return show_form(request, form, act)


def install_meter(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Install a meter from stock."""
    actor = require_actor(request)
    areas = [(each.name, each.name) for each in places.list_areas(actor)]
    area = Field("area", _PLACE[0].label, _PLACE[0].read, choices=areas)

    def act(actor: Actor, values: Values) -> str:
        words = (values[each.name] for each in _PLACE)
        premise = places.find_premise(actor, *words)
        meters.install_meter(actor, meter_no, premise.pk)
        return lead("meter", _("The meter is installed."), meter_no=meter_no)

    form = _make_form(meter_no, _("Install the meter"))
    form.fields = (area, *_PLACE[1:])
    return show_form(request, form, act)


def exchange_meter(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Exchange a meter for another one; the customer and what is in it go along."""
    actor, reading = require_actor(request), find_newest_reading(meter_no)
    asked = closing.name_exchange(actor, meter_no, 0, reading)

    def act(actor: Actor, values: Values) -> str:
        numbers = meter_no, values["other"]
        asked = closing.name_exchange(actor, *numbers, values["reading"])
        given = get_consent(actor, values, *asked)
        words = values["reading"], values["reason"], given
        contract = closing.exchange_meter(actor, *numbers, *words)
        told = {"amount": yuan(contract.brought_fen)}
        line = _(
            "The meters are exchanged. Make the opening card: it brings %(amount)s yuan along."
        )
        return lead("meter", line % told, meter_no=contract.meter.number)

    form = _make_form(meter_no, _("Exchange the meter"))
    form.fields, form.values = _EXCHANGE, {"reading": str(reading or "")}
    form.facts = [*form.facts, *tell_asked(asked)]
    return show_form(request, form, act)


def remove_meter(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Take a meter down whose account is closed."""
    words = _("Take the meter down"), _("The meter is taken down.")
    return _change(request, meter_no, meters.remove_meter, *words)


def scrap_meter(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Scrap a meter that is in stock or removed."""
    words = _("Scrap the meter"), _("The meter is scrapped.")
    return _change(request, meter_no, meters.scrap_meter, *words)


def _change(
    request: DeskRequest,
    meter_no: int,
    change: Callable[[Actor, int], None],
    title: str,
    line: str,
) -> HttpResponseBase:
    def act(actor: Actor, values: Values) -> str:
        change(actor, meter_no)
        return lead("meter", line, meter_no=meter_no)

    return show_form(request, _make_form(meter_no, title), act)


def _make_form(meter_no: int, title: str) -> Form:
    meter = meters.find_meter(meter_no)
    facts: list[tuple[Text, str]] = [(_("Meter"), str(meter))]
    if meter.premise:
        facts.append((_("Place"), str(meter.premise)))
    return Form(title, title, facts=facts, back=reverse("meter", kwargs={"meter_no": meter_no}))


_BOTH = ("GET", "POST")
_AT = {"meter_no": 1}


def _page(
    name: str, address: str, view: Callable[..., HttpResponseBase], title: Text,
    right: str = "change the estate", fields: tuple[Field, ...] = (),
) -> Page:  # fmt: skip
    address, labels = f"meters/<int:meter_no>/{address}", label_fields(fields)
    return Page(address, name, view, right, title, methods=_BOTH, example=_AT, fields=labels)


PAGES = (
    Page("meters", "meters", list_all, "look things up", gettext_lazy("Meters"), menu="estate"),
    Page(
        "meters/add",
        "add-meters",
        add_meters,
        "change the estate",
        gettext_lazy("Take meters into stock"),
        methods=_BOTH,
        fields=label_fields(_ADDING),
    ),
    Page(
        "meters/<int:meter_no>",
        "meter",
        show_meter,
        "look things up",
        gettext_lazy("Meter"),
        example=_AT,
    ),
    _page(
        "install-meter", "install", install_meter, gettext_lazy("Install the meter"), fields=_PLACE
    ),
    _page(
        "exchange-meter",
        "exchange",
        exchange_meter,
        gettext_lazy("Exchange the meter"),
        "exchange a meter",
        _EXCHANGE,
    ),
    _page("remove-meter", "remove", remove_meter, gettext_lazy("Take the meter down")),
    _page("scrap-meter", "scrap", scrap_meter, gettext_lazy("Scrap the meter")),
)
