"""A card whose purchases were made outside of these books: taken in, with a second person."""

from django.http import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending.outside import CONSENT
from dianka.desk.web import card_jobs, typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import SECOND, Field, Form, Values, get_consent, label_fields, show_form
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.station import work_with_card
from dianka.desk.web.words import translate_line
from dianka.money import yuan

_SEEN = Field("seen", "", typed.text("", 100, 0), "hidden", needed=False)
_FIELDS = (_SEEN, *SECOND)


def take_in(request: DeskRequest) -> HttpResponseBase:
    """Take the card in the reader in: what it brings counts as bought outside, once."""

    def act(actor: Actor, values: Values) -> str:
        subject, amount_fen = work_with_card(actor, card_jobs.name_outside)
        if values["seen"] != f"{subject} {amount_fen}":
            raise CardError(_("Another card is in now: open this page anew, nothing was done."))
        given = get_consent(actor, values, CONSENT, subject, amount_fen)
        number = work_with_card(actor, card_jobs.take_in, given)
        return lead("customer", _("The card's purchases are taken in."), number=number)

    form = Form(_("Take its purchases in"), _("Take them in"), _FIELDS, back=reverse("card-reader"))
    form.notes = [_("Its purchases were made elsewhere. What it brings counts as bought outside.")]
    if request.method != "POST":
        _look(require_actor(request), form)
    return show_form(request, form, act)


def _look(actor: Actor, form: Form) -> None:
    """Fill the form with what the card that is in brings; what is wrong becomes its line."""
    try:
        subject, amount_fen = work_with_card(actor, card_jobs.name_outside)
    except CardError as error:
        form.notes = [*form.notes, translate_line(str(error))]
        return
    form.values["seen"] = f"{subject} {amount_fen}"
    form.facts = [
        (_("Card"), translate_line(subject)),
        (_("It brings"), f"{yuan(amount_fen)} {_('yuan')}"),
    ]


PAGES = (
    Page(
        "cards/reader/take-in",
        "take-in",
        take_in,
        "take in purchases",
        gettext_lazy("Take its purchases in"),
        methods=("GET", "POST"),
        fields=label_fields(_FIELDS),
    ),
)
