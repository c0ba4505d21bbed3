"""A purchase that never reached its meter: taken off its card and paid back, or reversed.

Within the shift that sold it, and by the same method, the sale's entry is reversed; later it is a
refund (office/vending/refunds.py). Either takes a second person and has a receipt of its own.
"""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import refunds
from dianka.desk.office.vending.counting import METHODS
from dianka.desk.office.vending.models import Sale
from dianka.desk.office.vending.receipts_text import describe_refund
from dianka.desk.web import card_jobs, typed
from dianka.desk.web.account_pages import REASON
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
from dianka.desk.web.receipt_pages import STATES, translate_receipt
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.station import work_with_card
from dianka.desk.web.words import translate_line
from dianka.money import yuan

_METHOD = Field(
    "method",
    gettext_lazy("Paid back by"),
    typed.one_of(*METHODS),
    "choice",
    choices=tuple(METHOD_NAMES.items()),
)
_FIELDS = (REASON, _METHOD, *SECOND)


def pay_back(request: DeskRequest, desk: str, number: int) -> HttpResponseBase:
    """Take a sale's purchase off the card in the reader, and pay it back."""
    sale = refunds.find_sale(require_actor(request), number, desk)

    def act(actor: Actor, values: Values) -> str:
        words = refunds.CONSENT, refunds.name_sale(sale), sale.amount_fen
        given = get_consent(actor, values, *words)
        order = values["reason"], values["method"], given
        wish = card_jobs.Refund(desk, number, *order)
        paid = work_with_card(actor, card_jobs.refund, wish)
        if paid.desk != actor.desk:
            told = {"desk": paid.desk, "number": paid.receipt}
            line = _("It was paid back at %(desk)s, receipt %(number)d: pay nothing here.")
            raise CardError(line % told)
        return lead("refund-paid", _tell_paid(sale, paid), number=paid.receipt)

    form = Form(
        _("Pay a purchase back"),
        _("Pay it back"),
        _FIELDS,
        {"method": sale.method},
        facts=_tell_sale(sale),
        notes=[
            _(
                "Put the card into the reader that it was sold to. Only the last purchase is paid "
                "back, and only before it has been in its meter."
            ),
            _(
                "In the shift that sold it, and by the same method, the sale is reversed; else it "
                "is a refund. Pay nothing before this page says so."
            ),
        ],
        back=reverse("counter"),
    )
    return show_form(request, form, act)


def _tell_paid(sale: Sale, paid: card_jobs.Refunded) -> str:
    """Return whether money is to be given: only for what was not entered before."""
    lines = [translate_line(each) for each in paid.lines]
    if paid.is_new:
        return " ".join(
            [_("Pay back %(amount)s yuan.") % {"amount": yuan(sale.amount_fen)}, *lines]
        )
    before = _(
        "It was entered as paid back before: see time and operator on the receipt. Pay only if "
        "nobody has paid yet."
    )
    return " ".join([before, *lines])


def show_paid(request: DeskRequest, number: int) -> HttpResponseBase:
    """Show the receipt of a refund that this desk has paid."""
    refund = refunds.find_paid(require_actor(request), number)
    receipt = translate_receipt(describe_refund(refund))
    return render(request, "counter/refund.html", {"receipt": receipt, "refund": refund})


def _tell_sale(sale: Sale) -> list[tuple[Text, str]]:
    return [
        (_("Sale"), f"{sale.desk.name} {sale.number}"),
        (_("Amount"), f"{yuan(sale.amount_fen)} {_('yuan')}"),
        (_("Customer"), str(sale.contract.customer)),
        (_("Meter"), str(sale.contract.meter)),
        (_("State"), str(STATES[sale.state])),
    ]


PAGES = (
    Page(
        "counter/refund/<str:desk>/<int:number>",
        "refund",
        pay_back,
        "refund",
        gettext_lazy("Pay it back"),
        methods=("GET", "POST"),
        example={"desk": "desk1", "number": 1},
        fields=label_fields(_FIELDS),
    ),
    Page(
        "counter/refunded/<int:number>",
        "refund-paid",
        show_paid,
        "refund",
        gettext_lazy("Paid back"),
        example={"number": 1},
    ),
)
