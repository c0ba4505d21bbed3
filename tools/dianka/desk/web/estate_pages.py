"""Areas and premises: listed by building, added by the room or a building at once, archived."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.estate import places
from dianka.desk.office.estate.meter_list import list_meters_at
from dianka.desk.office.estate.models import Premise
from dianka.desk.office.people.rights import Actor
from dianka.desk.web import typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import Field, Form, Values, label_fields, show_form
from dianka.desk.web.page import Page, Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.told import list_links, page_of

_AREA = Field("area", gettext_lazy("Area"), typed.text(gettext_lazy("Area"), 60))
_PLACES = (
    Field(
        "building",
        gettext_lazy("Building"),
        typed.text(gettext_lazy("Building"), 20),
        hint=gettext_lazy("One, or a range of numbers as 1-6."),
    ),
    Field(
        "unit",
        gettext_lazy("Unit"),
        typed.text(gettext_lazy("Unit"), 20, 0),
        needed=False,
        hint=gettext_lazy("One, a range as 1-3, or none."),
    ),
    Field(
        "room",
        gettext_lazy("Room"),
        typed.text(gettext_lazy("Room"), 20),
        hint=gettext_lazy("One; or all floors and doors, as 101-604."),
    ),
)


def list_premises(request: DeskRequest) -> HttpResponseBase:
    """List the areas, and the premises of the one that is chosen."""
    actor = require_actor(request)
    area, building = request.GET.get("area", "")[:60], request.GET.get("building", "")[:20]
    areas = places.list_areas(actor)
    found = places.list_premises(actor, area, building) if area else []
    part = page_of(request, found, 100)
    told = {
        "area": area,
        "building": building,
        "areas": areas,
        "part": part,
        "meters": list_meters_at(actor, [each.pk for each in part.rows]),
        "may_change": actor.may("change the estate"),
        "links": list_links(actor, ("add-area",)),
        "most": len(found) >= places.MOST_LISTED,
    }
    told["rows"] = [(each, told["meters"].get(each.pk)) for each in part.rows]
    return render(request, "office/premises.html", told)


def add_area(request: DeskRequest) -> HttpResponseBase:
    """Add an area."""

    def act(actor: Actor, values: Values) -> str:
        places.add_area(actor, values["area"])
        return lead("premises", _("The area is added."))

    form = Form(_("Add an area"), _("Add"), (_AREA,), back=reverse("premises"))
    return show_form(request, form, act)


def add_premises(request: DeskRequest) -> HttpResponseBase:
    """Add one premise, or all rooms of buildings and units at once."""
    areas = [(each.name, each.name) for each in places.list_areas(require_actor(request))]
    choice = Field(_AREA.name, _AREA.label, _AREA.read, choices=areas)

    def act(actor: Actor, values: Values) -> str:
        words = (values[each.name] for each in _PLACES)
        made = places.add_premises(actor, values["area"], places.spread_places(*words))
        told = {"count": len(made), "first": made[0], "last": made[-1]}
        return lead("premises", _("%(count)d are added: %(first)s to %(last)s.") % told)

    form = Form(
        _("Add premises"),
        _("Add"),
        (choice, *_PLACES),
        {"area": request.GET.get("area", "")[:60]},
        back=reverse("premises"),
    )
    return show_form(request, form, act)


def set_vacant(request: DeskRequest, premise: int) -> HttpResponseBase:
    """Record that nobody lives there, or somebody does again."""
    place = _find(premise)
    vacant = not place.vacant
    title = _("Nobody lives there") if vacant else _("Somebody lives there again")
    return _change(request, place, title, lambda actor: places.set_vacant(actor, premise, vacant))


def archive_premise(request: DeskRequest, premise: int) -> HttpResponseBase:
    """Archive a premise without a meter, or take it back into use."""
    place = _find(premise)
    act = places.restore_premise if place.archived else places.archive_premise
    title = _("Take the premise back") if place.archived else _("Archive the premise")
    return _change(request, place, title, lambda actor: act(actor, premise))


def _change(
    request: DeskRequest, place: Premise, title: str, change: Callable[[Actor], None]
) -> HttpResponseBase:
    def act(actor: Actor, values: Values) -> str:
        change(actor)
        return lead("premises", _("Done: %(what)s.") % {"what": f"{title}, {place}"})

    facts: list[tuple[Text, str]] = [(_("Place"), str(place))]
    return show_form(request, Form(title, title, facts=facts, back=reverse("premises")), act)


def _find(premise: int) -> Premise:
    found = Premise.objects.select_related("area").filter(pk=premise).first()
    if found is None:
        raise places.EstateError(_("There is no such premise."))
    return found


_BOTH = ("GET", "POST")
_RIGHT = "change the estate"
PAGES = (
    Page(
        "premises",
        "premises",
        list_premises,
        "look things up",
        gettext_lazy("Premises"),
        menu="estate",
    ),
    Page(
        "premises/areas/add",
        "add-area",
        add_area,
        _RIGHT,
        gettext_lazy("Add an area"),
        methods=_BOTH,
        fields=label_fields((_AREA,)),
    ),
    Page(
        "premises/add",
        "add-premises",
        add_premises,
        _RIGHT,
        gettext_lazy("Add premises"),
        methods=_BOTH,
        fields=label_fields((_AREA, *_PLACES)),
    ),
    Page(
        "premises/<int:premise>/vacant",
        "premise-vacant",
        set_vacant,
        _RIGHT,
        gettext_lazy("Who lives there"),
        methods=_BOTH,
        example={"premise": 1},
    ),
    Page(
        "premises/<int:premise>/archive",
        "archive-premise",
        archive_premise,
        _RIGHT,
        gettext_lazy("Archive or take back"),
        methods=_BOTH,
        example={"premise": 1},
    ),
)
