"""Customers: looked for, shown with all that happened to them, added, changed, archived."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.customers import history, records
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.records import Details, Shown
from dianka.desk.office.people.rights import Actor
from dianka.desk.web import typed
from dianka.desk.web.account_card_pages import pick_action
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import Field, Form, Values, label_fields, show_form
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.told import list_links, page_of
from dianka.desk.web.words import translate_line

_LONGEST = 200
_SHOWN = 50  # events of a history on one page
NAME = Field("name", gettext_lazy("Name"), typed.text(gettext_lazy("Name"), 60))
_DETAILS = (
    NAME,
    Field(
        "phone",
        gettext_lazy("Phone"),
        typed.text(gettext_lazy("Phone"), 30, 0),
        needed=False,
        digits=True,
    ),
    Field(
        "identity",
        gettext_lazy("Identity number"),
        typed.text(gettext_lazy("Identity number"), 30, 0),
        needed=False,
    ),
    Field("note", gettext_lazy("Note"), typed.text(gettext_lazy("Note"), 500, 0), needed=False),
)
_NUMBER = Field(
    "number",
    gettext_lazy("Customer number"),
    typed.maybe(typed.twelve_digits),
    hint=gettext_lazy("Left empty, the office's next one is taken."),
    needed=False,
    digits=True,
)
# What may be done with a customer: the page, and whether it is for one who is archived.
_ACTIONS = ("change-customer", "open-account", "customer-statement", "archive-customer")
# What may be done with an account, by its state.
ACCOUNT_ACTIONS = {
    "open": ("change-terms", "suspend-account", "change-holder", "close-account"),
    "suspended": ("resume-account", "change-holder", "close-account"),
}


def list_customers(request: DeskRequest) -> HttpResponseBase:
    """Find customers by any part of any word."""
    actor, text = require_actor(request), request.GET.get("q", "")[:_LONGEST]
    found: list[Shown] = []
    line = ""
    if text.strip():
        try:
            found = records.find_customers(actor, text)
        except CardError as error:
            line = translate_line(str(error))
    told = {"text": text, "found": found, "line": line, "most": len(found) >= _SHOWN}
    if request.htmx and not request.htmx.boosted:
        return render(request, "office/customers_found.html", told)
    told["links"] = list_links(actor, ("add-customer",))
    return render(request, "office/customers.html", told, status=422 if line else 200)


def show_customer(request: DeskRequest, number: int) -> HttpResponseBase:
    """Show a customer: details, accounts, what may be done, and all that happened."""
    actor = require_actor(request)
    shown = records.show_customer(actor, number)
    return _draw_customer(request, actor, shown, shown.details)


def reveal_numbers(request: DeskRequest, number: int) -> HttpResponseBase:
    """Show a customer with his whole numbers. The look is an act."""
    actor = require_actor(request)
    details = records.reveal_numbers(actor, number)
    return _draw_customer(request, actor, records.show_customer(actor, number), details, True)


def add_customer(request: DeskRequest) -> HttpResponseBase:
    """Add a customer."""

    def act(actor: Actor, values: Values) -> str:
        added = records.add_customer(actor, _read_details(values), values["number"])
        return lead("customer", _("The customer is added."), number=added.number)

    form = Form(_("Add a customer"), _("Add"), (*_DETAILS, _NUMBER), back=reverse("customers"))
    return show_form(request, form, act)


def change_customer(request: DeskRequest, number: int) -> HttpResponseBase:
    """Change what is known of a customer; a hidden number that is left as it is stays."""
    shown = records.show_customer(require_actor(request), number)
    former = _tell_details(shown.details)

    def act(actor: Actor, values: Values) -> str:
        names = {"name": "name", "phone": "phone", "identity": "id_number", "note": "note"}
        changes = {names[key]: values[key] for key, text in former.items() if values[key] != text}
        if changes:
            records.change_customer(actor, number, **changes)
        return lead("customer", _("Changed."), number=number)

    form = Form(
        _("Change a customer"),
        _("Change"),
        _DETAILS,
        dict(former),
        back=reverse("customer", kwargs={"number": number}),
        notes=[_("Hidden numbers stay as they are unless you type a new one.")],
    )
    return show_form(request, form, act)


def archive_customer(request: DeskRequest, number: int) -> HttpResponseBase:
    """Archive a customer without an account, or take an archived one back."""
    shown = records.show_customer(require_actor(request), number)

    def act(actor: Actor, values: Values) -> str:
        if shown.archived:
            records.restore_customer(actor, number)
            return lead("customer", _("The customer is back."), number=number)
        records.archive_customer(actor, number)
        return lead("customer", _("The customer is archived."), number=number)

    title = _("Take the customer back") if shown.archived else _("Archive the customer")
    form = Form(title, title, facts=[(_("Customer"), name(shown))], back=_address(number))
    return show_form(request, form, act)


def name(shown: Shown) -> str:
    """Return a customer as a form names him."""
    return f"{shown.details.name} {shown.number:012d}"


def _address(number: int) -> str:
    return reverse("customer", kwargs={"number": number})


def _draw_customer(
    request: DeskRequest, actor: Actor, shown: Shown, details: Details, whole: bool = False
) -> HttpResponseBase:
    number = shown.number
    events = page_of(request, list(reversed(history.list_history(actor, number))))
    accounts = [
        (contract, list_links(actor, _name_actions(contract), meter_no=contract.meter.number))
        for contract in shown.contracts
    ]
    names = ("archive-customer", "customer-statement") if shown.archived else _ACTIONS
    told: dict[str, Any] = {
        "shown": shown,
        "details": details,
        "accounts": accounts,
        "links": list_links(actor, names, number=number),
        "may_reveal": not whole and actor.may("see personal numbers"),
        "events": events,
        "cards": _list_cards(shown),
    }
    return render(request, "office/customer.html", told)


def _name_actions(contract: Contract) -> list[str]:
    """Return the names of what may be done with an account now."""
    card = pick_action(contract)
    return [*([card] if card else []), *ACCOUNT_ACTIONS.get(contract.state, ())]


def _list_cards(shown: Shown) -> list[Any]:
    from dianka.desk.office.cards.models import Card

    cards = Card.objects.filter(contract__in=[each.pk for each in shown.contracts])
    return list(cards.select_related("contract__meter").order_by("-pk")[:_SHOWN])


def _read_details(values: Values) -> Details:
    return Details(values["name"], values["phone"], values["identity"], values["note"])


def _tell_details(details: Details) -> dict[str, str]:
    return {
        "name": details.name,
        "phone": details.phone,
        "identity": details.id_number,
        "note": details.note,
    }


_EXAMPLE = {"number": 1}
_BOTH = ("GET", "POST")
PAGES = (
    Page(
        "customers",
        "customers",
        list_customers,
        "look things up",
        gettext_lazy("Customers"),
        menu="customers",
    ),
    Page(
        "customers/add",
        "add-customer",
        add_customer,
        "change a customer",
        gettext_lazy("Add a customer"),
        methods=_BOTH,
        fields=label_fields((*_DETAILS, _NUMBER)),
    ),
    Page(
        "customers/<int:number>",
        "customer",
        show_customer,
        "look things up",
        gettext_lazy("Customer"),
        example=_EXAMPLE,
    ),
    Page(
        "customers/<int:number>/numbers",
        "reveal-numbers",
        reveal_numbers,
        "see personal numbers",
        gettext_lazy("Whole numbers"),
        methods=("POST",),
        example=_EXAMPLE,
    ),
    Page(
        "customers/<int:number>/change",
        "change-customer",
        change_customer,
        "change a customer",
        gettext_lazy("Change a customer"),
        methods=_BOTH,
        example=_EXAMPLE,
        fields=label_fields(_DETAILS),
    ),
    Page(
        "customers/<int:number>/archive",
        "archive-customer",
        archive_customer,
        "change a customer",
        gettext_lazy("Archive or take back"),
        methods=_BOTH,
        example=_EXAMPLE,
    ),
)
