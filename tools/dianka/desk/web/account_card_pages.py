"""The card of an account: its first one, or one in place of a card that is lost or worn out."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.cards import purchases, register
from dianka.desk.office.cards.models import Card
from dianka.desk.office.cards.replacing import Plan, plan_card
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.people.rights import Actor
from dianka.desk.web import card_jobs, typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import (
    MAYBE_SECOND,
    AtFieldError,
    Field,
    Form,
    Values,
    get_consent,
    label_fields,
    show_form,
)
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.station import work_with_card
from dianka.money import yuan

_WAIVED = Field(
    "waived",
    gettext_lazy("Without the money: the meter has it, or it is not to be carried over"),
    typed.tick,
    "tick",
    needed=False,
)
_CARRYING = (_WAIVED, *MAYBE_SECOND)


def pick_action(contract: Contract) -> str:
    """Return the name of the page that makes this account's next card, empty if none may."""
    if contract.state != Contract.State.OPEN:
        return ""
    if register.find_former(contract) or purchases.has_sales(contract) or contract.former_count:
        return "replace-card"
    return "make-card"


def make_card(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Make the first card of an account."""
    return _make(request, meter_no, _("Make the card"))


def replace_card(request: DeskRequest, meter_no: int) -> HttpResponseBase:
    """Make a card in place of one that is lost or worn out."""
    return _make(request, meter_no, _("Replace the card"))


def _make(request: DeskRequest, meter_no: int, title: str) -> HttpResponseBase:
    plan = plan_card(require_actor(request), meter_no)

    def act(actor: Actor, values: Values) -> str:
        waived = bool(values.get("waived"))
        given = _ask(actor, values, plan_card(actor, meter_no, waived))
        words = card_jobs.make_card, meter_no, waived, given
        serial = work_with_card(actor, *words)
        return lead("card-shown", _tell_made(plan, waived), serial=serial)

    form = Form(
        title,
        title,
        _CARRYING if plan.money_fen else (),
        facts=_tell_plan(plan),
        notes=_list_notes(plan),
        back=reverse("customer", kwargs={"number": plan.contract.customer.number}),
    )
    return show_form(request, form, act)


def _ask(actor: Actor, values: Values, plan: Plan) -> int | None:
    """Return the number of the consent that the card takes, which must be given, if it takes one.

    To money on a new card, or to leaving it out.
    """
    asked = plan.ask()
    if asked is None:
        return None
    given = get_consent(actor, values, *asked)
    if given is None:
        raise AtFieldError(
            "second",
            _(
                "Money on a new card, or leaving it out, takes a second person: a supervisor or a "
                "manager."
            ),
        )
    return given


def _tell_plan(plan: Plan) -> list[tuple[Text, str]]:
    contract, last = plan.contract, plan.last
    facts: list[tuple[Text, str]] = [
        (_("Customer"), str(contract.customer)),
        (_("Place"), str(contract.premise or "–")),
        (_("Meter"), str(contract.meter)),
    ]
    if plan.former:
        facts.append((_("Card until now"), plan.former.serial))
    if last.count:
        facts.append((_("Last purchase"), str(last.count)))
    if plan.money_fen:
        facts.append((_("On its way to the meter"), f"{yuan(plan.money_fen)} {_('yuan')}"))
    return facts


def _list_notes(plan: Plan) -> list[Text]:
    notes: list[Text] = [_("Put a blank card into the reader; then send this.")]
    if plan.former and plan.former.state == Card.State.USED:
        notes.append(
            _(
                "The card until now is worth nothing at a desk from then on. If you have it, read "
                "it first, so that its meter's receipt is in the books; clear it afterwards."
            )
        )
    return notes


def _tell_made(plan: Plan, waived: bool) -> str:
    last = plan.last
    if not last.count:
        return _("The card is made. Sell to it next.")
    if waived or last.in_meter:
        return _("The card is made, without money: it goes into the meter first, then sell to it.")
    told = {"count": last.count, "amount": yuan(last.amount_fen)}
    line = _("The card is made with purchase %(count)d of %(amount)s yuan: put it into the meter.")
    return line % told


def _page(
    name: str, address: str, view: Callable[..., HttpResponseBase], right: str, title: Text
) -> Page:
    return Page(
        f"accounts/<int:meter_no>/{address}",
        name,
        view,
        right,
        title,
        methods=("GET", "POST"),
        example={"meter_no": 1},
        fields=label_fields(_CARRYING),
    )


PAGES = (
    _page("make-card", "card", make_card, "make cards", gettext_lazy("Make the card")),
    _page(
        "replace-card",
        "replacement",
        replace_card,
        "replace a card",
        gettext_lazy("Replace the card"),
    ),
)
