"""The register of cards: lists, one card in words with all that happened to it, scrapping."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.cards import listing, register
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.words import describe_card
from dianka.desk.office.customers.history import list_card_history
from dianka.desk.office.people.rights import Actor
from dianka.desk.web.account_pages import REASON
from dianka.desk.web.done_line import lead
from dianka.desk.web.fields import plain_number
from dianka.desk.web.forms import Form, Values, label_fields, show_form
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.states import CARDS
from dianka.desk.web.told import list_links, page_of

_MOST = 1000  # of a list
_SERIAL_DIGITS = 16


def list_cards(request: DeskRequest) -> HttpResponseBase:
    """List the newest cards of the register, by state and kind."""
    actor = require_actor(request)
    state, kind = request.GET.get("state", "")[:20], request.GET.get("kind", "")[:20]
    state = state if state in Card.State.values else ""
    kind = kind if kind in CARDS else ""
    rows, counts = listing.list_cards(actor, state, kind, _MOST)
    told = {
        "part": page_of(request, [card for card, _line in rows]),
        "counts": counts,
        "state": state,
        "kind": kind,
        "states": Card.State.values,
        "kinds": CARDS,
    }
    return render(request, "office/cards.html", told)


def show_card(request: DeskRequest, serial: str) -> HttpResponseBase:
    """Show a card in words, and all that happened to it."""
    actor = require_actor(request)
    card, events = list_card_history(actor, clean_serial(serial))
    names = []
    if card.kind == "user" and card.state == Card.State.USED:
        names.append("report-lost")
    if card.state == Card.State.REPLACED:
        names.append("clear-card")
    if card.state != Card.State.SCRAPPED:
        names.append("scrap-card")
    told = {
        "card": card,
        "lines": describe_card(card),
        "links": list_links(actor, names, serial=card.serial),
        "events": page_of(request, list(reversed(events))),
    }
    return render(request, "office/card.html", told)


def scrap_card(request: DeskRequest, serial: str) -> HttpResponseBase:
    """Enter a card as scrapped that is destroyed or useless."""

    def act(actor: Actor, values: Values) -> str:
        register.scrap(actor, bytes.fromhex(clean_serial(serial)), values["reason"])
        return lead("card-shown", _("The card is scrapped."), serial=serial)

    form = Form(
        _("Scrap a card"),
        _("Scrap it"),
        (REASON,),
        facts=[(_("Card"), serial)],
        back=reverse("card-shown", kwargs={"serial": serial}),
    )
    return show_form(request, form, act)


def clean_serial(serial: str) -> str:
    """Return the serial of an address in its plain form; CardError if it is none."""
    plain = plain_number(serial).lower()
    if len(plain) != _SERIAL_DIGITS or set(plain) - set("0123456789abcdef"):
        raise CardError(_("That is no serial of a card: it has 16 hexadecimal digits."))
    return plain


_EXAMPLE = {"serial": "0011223344556677"}
PAGES = (
    Page("cards", "cards", list_cards, "look things up", gettext_lazy("Cards"), menu="estate"),
    Page(
        "cards/<slug:serial>",
        "card-shown",
        show_card,
        "look things up",
        gettext_lazy("Card"),
        example=_EXAMPLE,
    ),
    Page(
        "cards/<slug:serial>/scrap",
        "scrap-card",
        scrap_card,
        "make cards",
        gettext_lazy("Scrap it"),
        methods=("GET", "POST"),
        example=_EXAMPLE,
        fields=label_fields((REASON,)),
    ),
)
