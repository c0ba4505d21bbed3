"""Accounts: opened, changed, suspended, resumed, handed on, closed; and lost cards."""

from collections.abc import Callable
from dataclasses import replace

from django.http import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.customers import closing, contracts, lost, new_terms, records, tariffs
from dianka.desk.office.customers.contracts import Terms, find_contract_at
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.customers.statements import PAID_BACK
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending.counting import METHODS
from dianka.desk.web import typed
from dianka.desk.web.counter_form import METHOD_NAMES
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import (
    SECOND,
    Field,
    Form,
    Values,
    get_consent,
    label_fields,
    show_form,
)
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.money import signed_yuan, yuan

_WAYS = {**METHOD_NAMES, PAID_BACK: gettext_lazy("Not from this desk's cash")}
_TARIFF = Field("tariff", gettext_lazy("Tariff"), typed.text(gettext_lazy("Tariff"), 40), "choice")
_ALARMS = (
    Field(
        "alarm1",
        gettext_lazy("Alarm 1, yuan"),
        typed.fen(),
        digits=True,
        hint=gettext_lazy("Below this balance the meter warns by its lamp."),
    ),
    Field(
        "alarm2",
        gettext_lazy("Alarm 2, yuan"),
        typed.fen(),
        digits=True,
        hint=gettext_lazy(
            "Below this balance it cuts the supply until the card is put in; 0: off."
        ),
    ),
    Field(
        "hoard",
        gettext_lazy("Highest balance, yuan"),
        typed.fen(),
        digits=True,
        hint=gettext_lazy("So much may be in the meter; 0 is the meter's own limit."),
    ),
)
_TERMS = (_TARIFF, *_ALARMS)
_METER = Field("meter", gettext_lazy("Meter"), typed.twelve_digits, digits=True)
REASON = Field("reason", gettext_lazy("Reason"), typed.text(gettext_lazy("Reason"), 200))
_READING = Field("reading", "", typed.maybe(typed.number(1, 10**18)), "hidden", needed=False)
_METHOD = Field(
    "method",
    gettext_lazy("Paid by"),
    typed.one_of(*METHODS, PAID_BACK),
    "choice",
    choices=tuple(_WAYS.items()),
)
_HOLDER = Field("customer", gettext_lazy("Number of the new holder"), typed.twelve_digits)
_HAND_OVER = Field(
    "hand-over",
    gettext_lazy("What is in the meter is the new holder's"),
    typed.tick,
    "tick",
    needed=False,
)
_OPENING = (_METER, *_TERMS)
_CHANGING = (*_TERMS, *SECOND)
_CLOSING = (_READING, _METHOD, *SECOND)
_HANDING_ON = (_READING, _HOLDER, _HAND_OVER, *_TERMS, _METHOD, *SECOND)


def open_account(request: DeskRequest, number: int) -> HttpResponseBase:
    """Open a customer's account at an installed meter."""
    actor = require_actor(request)
    shown = records.show_customer(actor, number)

    def act(actor: Actor, values: Values) -> str:
        contracts.open_account(actor, number, values["meter"], _read_terms(values))
        line = _("The account is open. Make its opening card next.")
        return lead("customer", line, number=number)

    first = {"meter": request.GET.get("meter", "")[:20], "hoard": "0"}
    form = Form(
        _("Open an account"),
        _("Open the account"),
        _with_tariffs(actor, _OPENING),
        first,
        facts=[(_("Customer"), f"{shown.details.name} {shown.number:012d}")],
        back=reverse("customer", kwargs={"number": number}),
    )
    return show_form(request, form, act)


def change_terms(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Change the terms of an account that goes on."""
    actor = require_actor(request)
    contract = find_contract_at(meter_no)

    def act(actor: Actor, values: Values) -> str:
        terms = new_terms.plan_terms(actor, meter_no, *_list_terms(values))
        subject = new_terms.name_terms(meter_no, terms)
        given = get_consent(actor, values, new_terms.CONSENT, subject)
        new_terms.change_terms(actor, meter_no, terms, given)
        line = _("The terms are changed. The next sale's card brings the price to the meter.")
        return lead("customer", line, number=contract.customer.number)

    form = _make_form(contract, _("Change the terms"), _("Change them"))
    form.fields = _with_tariffs(actor, _CHANGING)
    form.values = {
        "tariff": contract.tariff.name,
        "alarm1": yuan(contract.alarm1_fen),
        "alarm2": yuan(contract.alarm2_fen),
        "hoard": yuan(contract.hoard_limit_fen),
    }
    return show_form(request, form, act)


def suspend_account(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Sell nothing more to a meter."""
    words = _("Suspend the account"), _("The account is suspended: nothing is sold to it.")
    return _set_state(request, meter_no, contracts.suspend_account, *words)


def resume_account(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Sell to a suspended meter again."""
    words = _("Resume the account"), _("The account is open again.")
    return _set_state(request, meter_no, contracts.resume_account, *words)


def close_account(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Close the account of a meter, and pay back exactly what is in it."""
    actor = require_actor(request)
    contract, reading = find_contract_at(meter_no), find_newest_reading(meter_no)
    asked = closing.name_closing(actor, meter_no, reading)

    def act(actor: Actor, values: Values) -> str:
        given = get_consent(
            actor, values, *closing.name_closing(actor, meter_no, values["reading"])
        )
        words = values["reading"], given, values["method"]
        back_fen = closing.close_account(actor, meter_no, *words)
        return lead("customer", _tell_paid(back_fen), number=contract.customer.number)

    form = _make_form(contract, _("Close the account"), _("Close the account"))
    form.fields, form.values = _CLOSING, {"reading": str(reading or ""), "method": "notes"}
    form.facts = [*form.facts, *tell_asked(asked)]
    return show_form(request, form, act)


def change_holder(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Close the account of a meter and open another customer's at it."""
    actor = require_actor(request)
    contract, reading = find_contract_at(meter_no), find_newest_reading(meter_no)
    asked = closing.name_closing(actor, meter_no, reading)

    def act(actor: Actor, values: Values) -> str:
        words = meter_no, values["customer"]
        asked = closing.name_change(actor, *words, values["reading"], values["hand-over"])
        given = get_consent(actor, values, *asked)
        made = closing.change_holder(
            actor,
            *words,
            _read_terms(values),
            values["reading"],
            given,
            values["hand-over"],
            values["method"],
        )
        line = _("The account is handed on. Set the meter up anew, then make its opening card.")
        return lead("customer", line, number=made.customer.number)

    form = _make_form(contract, _("Change the holder"), _("Hand the account on"))
    form.fields = _with_tariffs(actor, _HANDING_ON)
    form.values = {"reading": str(reading or ""), "method": "notes", "hoard": "0"}
    form.facts = [*form.facts, *tell_asked(asked)]
    return show_form(request, form, act)


def report_lost(request: DeskRequest, serial: str) -> HttpResponseBase:
    """Mark a customer's card as lost."""

    def act(actor: Actor, values: Values) -> str:
        lost.report_lost(actor, serial, values["reason"])
        line = _("The card is lost: from now on it is worth nothing at a desk. Make a replacement.")
        return lead("card-shown", line, serial=serial)

    form = Form(
        _("A card is lost"),
        _("Mark it as lost"),
        (REASON,),
        facts=[(_("Card"), serial)],
        back=reverse("card-shown", kwargs={"serial": serial}),
        notes=[_("What is on the card is not lost: the replacement carries the same purchase.")],
    )
    return show_form(request, form, act)


def find_newest_reading(meter_no: int) -> int | None:
    """Return the number of a meter's newest reading, None if it never said anything."""
    readings = Reading.objects.filter(meter__number=meter_no).order_by("-pk")
    return readings.values_list("pk", flat=True).first()


def tell_asked(asked: closing.Asked) -> list[tuple[Text, str]]:
    """Return what a second person consents to, in words."""
    kind, _subject, fen = asked
    what = gettext_lazy("To pay back") if fen >= 0 else gettext_lazy("To be paid, as it is owed")
    amount = str(_("%(amount)s yuan")) % {"amount": signed_yuan(abs(fen))}
    rows: list[tuple[Text, str]] = [(what, amount)]
    if kind.endswith(closing.BY_OLD):
        old = _("The meter's word is old or not proved: who consents takes that upon himself.")
        rows.append((_("Take care"), old))
    return rows


def _set_state(
    request: DeskRequest,
    meter_no: int,
    change: Callable[[Actor, int, str], None],
    title: str,
    line: str,
) -> HttpResponseBase:
    contract = find_contract_at(meter_no)

    def act(actor: Actor, values: Values) -> str:
        change(actor, meter_no, values["reason"])
        return lead("customer", line, number=contract.customer.number)

    form = _make_form(contract, title, title)
    form.fields = (REASON,)
    return show_form(request, form, act)


def _make_form(contract: Contract, title: str, button: str) -> Form:
    number = contract.customer.number
    return Form(
        title,
        button,
        facts=[
            (_("Customer"), str(contract.customer)),
            (_("Place"), str(contract.premise or "–")),
            (_("Meter"), str(contract.meter)),
        ],
        back=reverse("customer", kwargs={"number": number}),
    )


def _with_tariffs(actor: Actor, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Return the fields, the tariff's with all tariffs to choose from."""
    names = dict.fromkeys(
        each.tariff.name for each in tariffs.list_tariffs(actor) if not each.tariff.archived
    )
    choice = replace(_TARIFF, choices=[(each, each) for each in names])
    return tuple(choice if each is _TARIFF else each for each in fields)


def _read_terms(values: Values) -> Terms:
    return Terms(*_list_terms(values))


def _list_terms(values: Values) -> tuple[str, int, int, int]:
    return values["tariff"], values["alarm1"], values["alarm2"], values["hoard"]


def _tell_paid(back_fen: int) -> str:
    if back_fen > 0:
        told = {"amount": yuan(back_fen)}
        return _("The account is closed. Pay back %(amount)s yuan.") % told
    if back_fen < 0:
        told = {"amount": yuan(-back_fen)}
        return _("The account is closed. Take %(amount)s yuan that were owed.") % told
    return _("The account is closed. There is nothing to pay.")


_BOTH = ("GET", "POST")
_AT = {"meter_no": 1}


def _page(
    name: str, address: str, view: Callable[..., HttpResponseBase], right: str, title: Text,
    fields: tuple[Field, ...],
) -> Page:  # fmt: skip
    address = f"accounts/<int:meter_no>/{address}"
    labels = label_fields(fields)
    return Page(address, name, view, right, title, methods=_BOTH, example=_AT, fields=labels)


PAGES = (
    Page(
        "customers/<int:number>/open",
        "open-account",
        open_account,
        "open an account",
        gettext_lazy("Open an account"),
        methods=_BOTH,
        example={"number": 1},
        fields=label_fields(_OPENING),
    ),
    _page(
        "change-terms",
        "terms",
        change_terms,
        "change a customer",
        gettext_lazy("Change the terms"),
        _CHANGING,
    ),
    _page(
        "suspend-account",
        "suspend",
        suspend_account,
        "change a customer",
        gettext_lazy("Suspend the account"),
        (REASON,),
    ),
    _page(
        "resume-account",
        "resume",
        resume_account,
        "change a customer",
        gettext_lazy("Resume the account"),
        (REASON,),
    ),
    _page(
        "change-holder",
        "holder",
        change_holder,
        "close an account",
        gettext_lazy("Change the holder"),
        _HANDING_ON,
    ),
    _page(
        "close-account",
        "close",
        close_account,
        "close an account",
        gettext_lazy("Close the account"),
        _CLOSING,
    ),
    Page(
        "cards/<slug:serial>/lost",
        "report-lost",
        report_lost,
        "replace a card",
        gettext_lazy("It is lost"),
        methods=_BOTH,
        example={"serial": "0011223344556677"},
        fields=label_fields((REASON,)),
    ),
)
