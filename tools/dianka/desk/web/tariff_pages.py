"""Tariffs with all their prices, and the limits of what is sold."""

from dataclasses import replace

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.customers import tariffs
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import limits
from dianka.desk.web import typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import SECOND, Field, Form, Values, get_consent, label_fields, show_form
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.told import list_links, page_of

_NAME = Field("name", gettext_lazy("Tariff"), typed.text(gettext_lazy("Tariff"), 40))
_PRICE = Field("price", gettext_lazy("Price, yuan per kWh"), typed.price, digits=True)
_ADDING = (_NAME, _PRICE, *SECOND)
_PRICING = (
    _NAME,
    _PRICE,
    Field(
        "begins",
        gettext_lazy("It begins, local time"),
        typed.minute,
        hint=gettext_lazy("As 2026-03-01T00:00; sales bring it to the meters from now on."),
    ),
    Field("version", gettext_lazy("Number of this version"), typed.number(2, 10**6), digits=True),
    Field(
        "really",
        gettext_lazy("A price far from the former one is meant"),
        typed.tick,
        "tick",
        needed=False,
    ),
    *SECOND,
)
LIMITS: dict[str, Text] = {
    "sale": gettext_lazy("one sale"),
    "customer-day": gettext_lazy("one customer in a day"),
    "operator-sale": gettext_lazy("one sale of an operator"),
    "operator-day": gettext_lazy("one operator in a day"),
    "desk-cash": gettext_lazy("cash at a desk"),
}
_LIMITING = (
    Field("name", gettext_lazy("Limit"), typed.one_of(*LIMITS), choices=tuple(LIMITS.items())),
    Field(
        "owner",
        gettext_lazy("For this operator or desk alone"),
        typed.text(gettext_lazy("Name"), 60, 0),
        needed=False,
    ),
    Field(
        "amount",
        gettext_lazy("At most, yuan"),
        typed.maybe(typed.fen()),
        needed=False,
        digits=True,
        hint=gettext_lazy("Left empty, the limit is taken away."),
    ),
)


def list_tariffs(request: DeskRequest) -> HttpResponseBase:
    """List all tariffs with all their prices."""
    actor = require_actor(request)
    told = {
        "part": page_of(request, tariffs.list_tariffs(actor)),
        "links": list_links(actor, ("add-tariff", "new-price")),
    }
    return render(request, "office/tariffs.html", told)


def add_tariff(request: DeskRequest) -> HttpResponseBase:
    """Add a tariff. Its first price holds from the start."""

    def act(actor: Actor, values: Values) -> str:
        name, price_e4 = values["name"], values["price"]
        subject = tariffs.name_version(name, 1, price_e4, 0)
        given = get_consent(actor, values, tariffs.CONSENT, subject)
        tariffs.add_tariff(actor, name, price_e4, given)
        return lead("tariffs", _("The tariff is added."))

    form = Form(_("Add a tariff"), _("Add"), _ADDING, back=reverse("tariffs"))
    form.notes = [_("Its first price holds from the start.")]
    return show_form(request, form, act)


def add_price(request: DeskRequest) -> HttpResponseBase:
    """Give a tariff a new price from a minute on."""
    actor = require_actor(request)
    last = {each.tariff.name: each.number for each in tariffs.list_tariffs(actor)}
    wanted = request.GET.get("name", "")[:40]

    def act(actor: Actor, values: Values) -> str:
        words = (values[each] for each in ("name", "version", "price", "begins"))
        name, number, price_e4, begins = words
        subject = tariffs.name_version(name, number, price_e4, begins)
        given = get_consent(actor, values, tariffs.CONSENT, subject)
        tariffs.add_version(actor, name, number, price_e4, begins, given, values["really"])
        return lead("tariffs", _("The new price is there."))

    choice = replace(_NAME, choices=[(each, each) for each in last])
    first = {"name": wanted, "version": str(last[wanted] + 1) if wanted in last else ""}
    form = Form(_("A new price"), _("Give it"), (choice, *_PRICING[1:]), first)
    form.back = reverse("tariffs")
    return show_form(request, form, act)


def list_limits(request: DeskRequest) -> HttpResponseBase:
    """List all limits."""
    actor = require_actor(request)
    rows = [(LIMITS.get(each.name, each.name), each) for each in limits.list_limits(actor)]
    told = {"rows": rows, "links": list_links(actor, ("set-limit",))}
    return render(request, "office/limits.html", told)


def set_limit(request: DeskRequest) -> HttpResponseBase:
    """Set a limit, or take it away."""

    def act(actor: Actor, values: Values) -> str:
        limits.set_limit(actor, values["name"], values["amount"], values["owner"])
        return lead("limits", _("The limit is set."))

    form = Form(_("Set a limit"), _("Set it"), _LIMITING, back=reverse("limits"))
    return show_form(request, form, act)


_BOTH = ("GET", "POST")
PAGES = (
    Page(
        "tariffs", "tariffs", list_tariffs, "look things up", gettext_lazy("Tariffs"), menu="money"
    ),
    Page(
        "tariffs/add",
        "add-tariff",
        add_tariff,
        "change tariffs",
        gettext_lazy("Add a tariff"),
        methods=_BOTH,
        fields=label_fields(_ADDING),
    ),
    Page(
        "tariffs/price",
        "new-price",
        add_price,
        "change tariffs",
        gettext_lazy("A new price"),
        methods=_BOTH,
        fields=label_fields(_PRICING),
    ),
    Page("limits", "limits", list_limits, "look things up", gettext_lazy("Limits"), menu="money"),
    Page(
        "limits/set",
        "set-limit",
        set_limit,
        "change limits",
        gettext_lazy("Set a limit"),
        methods=_BOTH,
        fields=label_fields(_LIMITING),
    ),
)
