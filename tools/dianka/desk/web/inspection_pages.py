"""Inspections: what was found at a place, what a card brought from a meter, feeders and outages."""

from collections.abc import Callable
from dataclasses import replace

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.estate import places
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.statistics import inspections
from dianka.desk.office.statistics.models import Inspection
from dianka.desk.web import card_jobs, typed
from dianka.desk.web.card_jobs import Inspected
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import Field, Form, Values, label_fields, show_form
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.states import FOUND
from dianka.desk.web.station import work_with_card
from dianka.desk.web.told import list_links
from dianka.desk.web.words import translate_line
from dianka.money import signed_yuan

_SHOWN = 50
_MOST_HOURS = 100_000
_AREA = Field("area", gettext_lazy("Area"), typed.text(gettext_lazy("Area"), 100))
_VISIT = (
    Field(
        "customer",
        gettext_lazy("Customer number"),
        typed.twelve_digits,
        digits=True,
    ),
    Field(
        "found",
        gettext_lazy("What was found"),
        typed.one_of(*FOUND),
        "choice",
        choices=tuple(FOUND.items()),
    ),
    Field("note", gettext_lazy("Note"), typed.text(gettext_lazy("Note"), 200, 0), needed=False),
)
_FEEDER = (
    _AREA,
    Field(
        "energy",
        gettext_lazy("Total of the feeder's meter, kWh"),
        typed.energy,
        digits=True,
    ),
    Field(
        "at",
        gettext_lazy("When it was read"),
        typed.maybe(typed.moment),
        "time",
        needed=False,
        hint=gettext_lazy("Left empty: now."),
    ),
)
_OUTAGE = (
    _AREA,
    Field("begins", gettext_lazy("From"), typed.moment, "time"),
    Field("ends", gettext_lazy("To"), typed.moment, "time"),
)


def _count(name: str, label: Text) -> Field:
    return Field(name, label, typed.number(0, _MOST_HOURS), digits=True)


_EVENTS = (
    Field("meter", gettext_lazy("Meter"), typed.twelve_digits, digits=True),
    _count("hours", gettext_lazy("Hours since the inspection before")),
    _count("off-hours", gettext_lazy("Of these, without supply")),
    _count("covers", gettext_lazy("Times that a cover was opened")),
    _count("relay-faults", gettext_lazy("Faults of the relay")),
)


def list_inspections(request: DeskRequest) -> HttpResponseBase:
    """List the newest inspections, and what may be recorded."""
    actor = require_actor(request)
    rows = Inspection.objects.select_related("contract__customer", "contract__meter")
    told = {
        "rows": rows.order_by("-pk")[:_SHOWN],
        "links": list_links(actor, [page.name for page in PAGES[1:]]),
        "reports": list_links(actor, ["report"], name="suspects")
        + list_links(actor, ["report"], name="hit-rate"),
    }
    return render(request, "office/inspections.html", told)


def record_visit(request: DeskRequest) -> HttpResponseBase:
    """Record what an inspection found: so the rules' hit rate becomes known."""

    def act(actor: Actor, values: Values) -> str:
        words = values["customer"], values["found"], values["note"]
        row = inspections.record_inspection(actor, *words)
        told = {"rules": row.rules or _("none")}
        return lead("inspections", _("Recorded. Rules that had asked for it: %(rules)s.") % told)

    first = {"customer": request.GET.get("customer", "")[:20]}
    return _show(request, _("Record a visit"), _VISIT, act, first)


def take_card(request: DeskRequest) -> HttpResponseBase:
    """Take in what a meter has copied to the inspection card in the reader."""

    def act(actor: Actor, values: Values) -> str:
        return lead(
            "inspections", _tell_inspected(work_with_card(actor, card_jobs.take_inspection))
        )

    return _show(request, _("Take the inspection card in"), (), act)


def record_feeder(request: DeskRequest) -> HttpResponseBase:
    """Record the total of the meter that measures an area's feeder."""

    def act(actor: Actor, values: Values) -> str:
        words = values["area"], values["energy"], values["at"]
        inspections.record_feeder_reading(actor, *words)
        return lead("inspections", _("The feeder's reading is recorded."))

    return _show(request, _("Record a feeder's reading"), _FEEDER, act)


def record_outage(request: DeskRequest) -> HttpResponseBase:
    """Record a time without supply, which excuses the meters of an area."""

    def act(actor: Actor, values: Values) -> str:
        words = values["area"], values["begins"], values["ends"]
        inspections.record_outage(actor, *words)
        return lead("inspections", _("The outage is recorded."))

    return _show(request, _("Record an outage"), _OUTAGE, act)


def record_events(request: DeskRequest) -> HttpResponseBase:
    """Record what an inspection card told of a meter's events."""

    def act(actor: Actor, values: Values) -> str:
        inspections.record_meter_log(actor, *(values[field.name] for field in _EVENTS))
        return lead("inspections", _("The meter's events are recorded."))

    return _show(request, _("Record a meter's events"), _EVENTS, act)


def _show(
    request: DeskRequest,
    title: str,
    fields: tuple[Field, ...],
    act: Callable[[Actor, Values], str],
    first: dict[str, str] | None = None,
) -> HttpResponseBase:
    areas = [(area.name, area.name) for area in places.list_areas(require_actor(request))]
    fields = tuple(replace(field, choices=areas) if field is _AREA else field for field in fields)
    form = Form(title, _("Record it") if fields else _("Take it in"), fields, first or {})
    form.back = reverse("inspections")
    if not fields:
        form.notes = [_("Put the inspection card into the reader; then send this.")]
    return show_form(request, form, act)


def _tell_inspected(found: Inspected) -> str:
    at = {"meter": f"{found.meter_no:012d}"}
    if found.balance_fen is None:
        lines = [_("Meter %(meter)s: the books have this reading, or a later one.") % at]
    else:
        told = {"amount": signed_yuan(found.balance_fen), "used": signed_yuan(found.used_fen)}
        line = _("Meter %(meter)s: %(amount)s yuan in it, %(used)s yuan used since the last one.")
        lines = [line % {**at, **told}]
    if found.unexplained_fen:
        amount = {"amount": signed_yuan(found.unexplained_fen)}
        lines.append(_("%(amount)s yuan in it were never sold here.") % amount)
    return " ".join([*lines, translate_line(found.log)])


_RIGHT = "record an inspection"


def _page(
    name: str, view: Callable[..., HttpResponseBase], title: Text, fields: tuple[Field, ...] = ()
) -> Page:
    address, labels = f"inspections/{name}", label_fields(fields)
    return Page(address, name, view, _RIGHT, title, methods=("GET", "POST"), fields=labels)


PAGES = (
    Page(
        "inspections",
        "inspections",
        list_inspections,
        _RIGHT,
        gettext_lazy("Field inspection"),
        menu="estate",
    ),
    _page("record-visit", record_visit, gettext_lazy("Record a visit"), _VISIT),
    _page("take-inspection", take_card, gettext_lazy("Take the inspection card in")),
    _page("record-feeder", record_feeder, gettext_lazy("Record a feeder's reading"), _FEEDER),
    _page("record-outage", record_outage, gettext_lazy("Record an outage"), _OUTAGE),
    _page("record-events", record_events, gettext_lazy("Record a meter's events"), _EVENTS),
)
