"""Batches of cards ordered: for accounts, for new meters, for the service staff, blank stock."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.desk import issue
from dianka.desk.amounts import check_alarms, check_balances
from dianka.desk.office.cards import batches
from dianka.desk.office.cards.batch_plans import SERVICE, SERVICE_USES
from dianka.desk.office.cards.models import Batch
from dianka.desk.office.estate import places
from dianka.desk.office.people.rights import Actor
from dianka.desk.prices import get_local_minute
from dianka.desk.web import typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import AtFieldError, Field, Form, Values, label_fields, show_form
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.states import CARDS

_NUMBERS = Field(
    "numbers",
    gettext_lazy("Numbers of the meters"),
    typed.meter_numbers(batches.MOST),
    hint=gettext_lazy("With commas or spaces between them; from-to as 101-250."),
)
_OF_ACCOUNTS = (
    Field(
        "area",
        gettext_lazy("All accounts without a card of this area"),
        typed.text(gettext_lazy("Area"), 60, 0),
        needed=False,
    ),
    replace(
        _NUMBERS,
        label=gettext_lazy("Or of these meters"),
        read=typed.maybe(_NUMBERS.read),
        needed=False,
    ),
)


def _money(name: str, label: Text, hint: Text = "") -> Field:
    return Field(name, label, typed.fen(), hint=hint, digits=True)


_OF_METERS = (
    _NUMBERS,
    Field("price", gettext_lazy("Price, yuan per kWh"), typed.price, digits=True),
    _money("alarm1", gettext_lazy("Alarm 1, yuan")),
    _money("alarm2", gettext_lazy("Alarm 2, yuan"), gettext_lazy("0 is off.")),
    _money("overdraft", gettext_lazy("Overdraft limit, yuan")),
    _money(
        "hoard",
        gettext_lazy("Highest balance, yuan"),
        gettext_lazy("0 is the largest that there is."),
    ),
    _money("close-above", gettext_lazy("The relay closes above this balance, yuan")),
)


def _choose_kind(names: tuple[str, ...]) -> Field:
    choices = [(name, CARDS[name]) for name in names]
    return Field("kind", gettext_lazy("Kind"), typed.one_of(*names), "choice", choices=choices)


_COUNT = Field("count", gettext_lazy("How many"), typed.number(1, batches.MOST), digits=True)
_OF_STAFF = (
    _choose_kind(SERVICE),
    _COUNT,
    Field(
        "uses",
        gettext_lazy("Meters that each may be used on"),
        typed.maybe(typed.number(1, issue.MOST_USES)),
        needed=False,
        digits=True,
        hint=gettext_lazy("Left empty: as many as such a card usually has."),
    ),
)
# A control card is made on its chip, and no blank one.
_STOCK = (_choose_kind(tuple(kind for kind in CARDS if kind != kinds.CONTROL)), _COUNT)


def order_user_cards(request: DeskRequest) -> HttpResponseBase:
    """Order the cards of accounts that have none, by area or by meters."""
    areas = [(each.name, each.name) for each in places.list_areas(require_actor(request))]
    fields = (replace(_OF_ACCOUNTS[0], choices=areas), _OF_ACCOUNTS[1])

    def begin(actor: Actor, values: Values) -> Batch:
        area, numbers = values["area"], values["numbers"]
        if bool(area) == (numbers is not None):
            raise AtFieldError("area", _("Choose an area or give meters, one of the two."))
        if not area:
            try:
                contracts = batches.find_contracts(numbers)
            except CardError as error:
                raise AtFieldError("numbers", str(error)) from error
            return batches.begin_batch(actor, kinds.USER, contracts=contracts)
        contracts = batches.list_without_card(area)
        if not contracts:
            raise AtFieldError("area", _("Every account of this area has a card."))
        return batches.begin_batch(actor, kinds.USER, contracts=contracts)

    return _show_order(request, _("Customers' cards"), fields, begin)


def order_init_cards(request: DeskRequest) -> HttpResponseBase:
    """Order the initialisation cards of new meters, all with one price and the same limits."""

    def begin(actor: Actor, values: Values) -> Batch:
        numbers, terms = values["numbers"], _read_terms(values)
        now = get_local_minute()
        issue.pack_init_files(issue.InitData(numbers[0], **terms, desk_time=now))
        return batches.begin_batch(actor, kinds.INIT, meter_nos=numbers, terms=terms)

    return _show_order(
        request,
        _("Initialisation cards"),
        _OF_METERS,
        begin,
        {"overdraft": "0", "hoard": "0", "close-above": "0"},
    )


def order_service_cards(request: DeskRequest) -> HttpResponseBase:
    """Order cards of the service staff."""

    def begin(actor: Actor, values: Values) -> Batch:
        kind, uses = values["kind"], values["uses"]
        if uses and kind not in SERVICE_USES:
            raise AtFieldError("uses", _("Cards of this kind may be used without end."))
        terms = {"uses": uses or SERVICE_USES[kind]} if kind in SERVICE_USES else {}
        return batches.begin_batch(actor, kind, count=values["count"], terms=terms)

    return _show_order(request, _("Cards of the service staff"), _OF_STAFF, begin)


def order_stock(request: DeskRequest) -> HttpResponseBase:
    """Begin to count blank chips that were delivered."""

    def begin(actor: Actor, values: Values) -> Batch:
        return batches.begin_batch(actor, values["kind"], count=values["count"], received=True)

    return _show_order(request, _("Blank cards received"), _STOCK, begin)


def _show_order(
    request: DeskRequest,
    title: Text,
    fields: tuple[Field, ...],
    begin: Callable[[Actor, Values], Batch],
    typed_before: dict[str, str] | None = None,
) -> HttpResponseBase:
    def act(actor: Actor, values: Values) -> str:
        batch = begin(actor, values)
        line = _("The batch is entered: begin it when the cards are here.")
        return lead("batch", line, batch=batch.pk)

    form = Form(title, _("Enter the batch"), fields, typed_before or {}, back=reverse("batches"))
    return show_form(request, form, act)


def _read_terms(values: Values) -> dict[str, Any]:
    """Return what all cards of the batch carry; what does not fit is said at its field."""
    try:
        check_alarms(values["alarm1"], values["alarm2"])
    except CardError as error:
        raise AtFieldError("alarm1", str(error)) from error
    try:
        check_balances(values["hoard"], values["close-above"])
    except CardError as error:
        raise AtFieldError("close-above", str(error)) from error
    return {
        "alarm1_fen": values["alarm1"],
        "alarm2_fen": values["alarm2"],
        "overdraft_limit_fen": values["overdraft"],
        "hoard_limit_fen": values["hoard"],
        "close_above_fen": values["close-above"],
        "rates_e4": [values["price"]],
    }


def _page(
    address: str,
    view: Callable[..., HttpResponseBase],
    title: Text,
    fields: tuple[Field, ...],
) -> Page:
    return Page(
        f"cards/batches/{address}",
        f"order-{address}",
        view,
        "make cards",
        title,
        methods=("GET", "POST"),
        fields=label_fields(fields),
    )


PAGES = (
    _page("user", order_user_cards, gettext_lazy("Customers' cards"), _OF_ACCOUNTS),
    _page("init", order_init_cards, gettext_lazy("Initialisation cards"), _OF_METERS),
    _page("service", order_service_cards, gettext_lazy("Cards of the service staff"), _OF_STAFF),
    _page("stock", order_stock, gettext_lazy("Blank cards received"), _STOCK),
)
