"""The counter: a card is put in, its customer is there, Enter sells."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import sales
from dianka.desk.office.vending.models import Sale
from dianka.desk.sell import SaleBroken
from dianka.desk.web import counter_form, receipt_pages
from dianka.desk.web.counter_panel import Panel, keep_typed, make_panel
from dianka.desk.web.fields import plain_number
from dianka.desk.web.jobs import Sold, Wish
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.station import get_station
from dianka.desk.web.words import translate_line

_MADE = (Sale.State.WRITTEN, Sale.State.LOADED)


def show_counter(request: DeskRequest) -> HttpResponseBase:
    """Show the customer whose card is in, or wait for one."""
    return _draw(request, make_panel(require_actor(request)))


def poll_card(request: DeskRequest) -> HttpResponseBase:
    """Answer with nothing while the readers are as the page knows; else with what changed.

    A card that was taken out leaves its customer and what was typed on the page.
    """
    actor, mark = require_actor(request), request.GET.get("mark", "")
    if not connection.in_atomic_block:
        connection.close()  # others need it meanwhile
    presence = get_station().await_change(mark)
    if presence.mark == mark:
        return HttpResponse(status=204)
    if not presence.is_filled:
        panel, shown = Panel(presence, line=presence.line), request.GET.get("shown", "")
        told = {"panel": panel, "serial": shown[:16], "fresh": not shown}
    else:
        panel = make_panel(actor)
        told = {"panel": panel, "serial": panel.serial, "fresh": True}
    return render(request, "counter/changed.html", told | _words())


def show_quote(request: DeskRequest) -> HttpResponseBase:
    """Show what is typed so far buys, and the change to give back."""
    typed = request.GET
    shown = get_station().recall(typed.get("serial", ""))
    words = (typed.get(name, "")[:50] for name in ("amount", "tendered", "method"))
    found = counter_form.quote(shown, *words) if shown else counter_form.Quote()
    return render(request, "counter/quote.html", {"quote": found})


def sell(request: DeskRequest) -> HttpResponseBase:
    """Sell to the card that the page shows. The same form sent again gives the same sale."""
    actor = require_actor(request)
    form, wish = counter_form.read_form(request.POST)
    if wish is None:
        return _draw(request, keep_typed(make_panel(actor), form), 422)
    try:
        known = _find_made(wish)
        if known:
            return _lead_to(known.number, Sold(known.number, (), ""), actor)
        sold = get_station().sell(actor, wish)
    except (CardError, CardTorn) as error:
        return _tell_refusal(request, actor, form, wish, error)
    return _lead_to(sold.number, sold, actor)


def give_pin(request: DeskRequest) -> HttpResponseBase:
    """Give the control card its PIN, until this desk is closed."""
    actor = require_actor(request)
    try:
        get_station().give_pin(actor, plain_number(request.POST.get("pin", "")[:20]))
    except (CardError, CardTorn) as error:
        panel = Panel(get_station().see(), line=str(error), pin=True)
        return _draw(request, panel, 422)
    return redirect("counter")


def _tell_refusal(
    request: HttpRequest, actor: Actor, form: counter_form.SaleForm, wish: Wish, error: Exception
) -> HttpResponse:
    """Show why nothing was sold, or that a sale broke off, with all that was typed.

    A sale that was made all the same, as the books or a look at the card say, is shown as made.
    """
    panel = make_panel(actor)
    known = _find_made_quietly(wish)
    if known:
        lines = panel.shown.lines if panel.shown else ()
        return _lead_to(known.number, Sold(known.number, lines, ""), actor)
    keep_typed(panel, form)
    panel.broken = isinstance(error, SaleBroken)
    lines = [*getattr(error, "lines", ()), str(error)]
    form.wrong["sale"] = " ".join(translate_line(line) for line in lines)
    if panel.form is None:  # neither card nor customer is there any more
        panel.line = form.wrong["sale"]
    elif panel.form is not form:
        panel.form.wrong["sale"] = form.wrong["sale"]
    return _draw(request, panel, 409)


def _find_made(wish: Wish) -> Sale | None:
    """Return the sale that this form has made already, if it is on its card."""
    known = sales.find_by_key(wish.key, wish.amount_fen, wish.method)
    return known if known and known.state in _MADE else None


def _find_made_quietly(wish: Wish) -> Sale | None:
    try:
        return _find_made(wish)
    except CardError:
        return None


def _lead_to(number: int, sold: Sold, actor: Actor) -> HttpResponse:
    first = receipt_pages.sign_first(number, actor, sold.lines, sold.shortage)
    return redirect(f"{reverse('sale', kwargs={'number': number})}?first={first}")


def _draw(request: HttpRequest, panel: Panel, status: int = 200) -> HttpResponse:
    told = {"panel": panel, "serial": panel.serial, "fresh": True}
    return render(request, "counter/page.html", told | _words(), status=status)


def _words() -> dict[str, object]:
    return {"methods": counter_form.METHOD_NAMES.items()}


PAGES = (
    Page("counter", "counter", show_counter, "sell", gettext_lazy("Sell"), menu="counter"),
    Page("counter/card", "card", poll_card, "sell", gettext_lazy("Card"), polled=True),
    Page("counter/quote", "quote", show_quote, "sell", gettext_lazy("What it buys")),
    Page(
        "counter/sell",
        "sell",
        sell,
        "sell",
        gettext_lazy("Sell"),
        methods=("POST",),
        fields=counter_form.FIELDS,
    ),
    Page("counter/pin", "pin", give_pin, "sell", gettext_lazy("PIN"), methods=("POST",)),
)
