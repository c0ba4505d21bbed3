"""Who works here: operators, their roles and sign-ins; and the desks of the office."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.people import people
from dianka.desk.office.people.models import Operator
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import desk_list
from dianka.desk.office.vending.models import Desk
from dianka.desk.web import typed
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
from dianka.desk.web.states import ROLES
from dianka.desk.web.told import list_links

_NAME = Field("name", gettext_lazy("Name"), typed.text(gettext_lazy("Name"), 150))
_PASSWORDS = (
    Field(
        "new-password",
        gettext_lazy("New password"),
        typed.secret,
        "password",
        hint=gettext_lazy("At least 10 characters; its owner chooses another one first of all."),
    ),
    Field("new-password-again", gettext_lazy("New password once more"), typed.secret, "password"),
)
_ROLES = tuple(
    Field(f"role-{role}", title, typed.tick, "tick", needed=False) for role, title in ROLES.items()
)
_ROLE = Field("role", gettext_lazy("Role"), typed.one_of(*ROLES), choices=tuple(ROLES.items()))
_DESK = Field("desk", gettext_lazy("Name of the desk"), typed.text(gettext_lazy("Name"), 40))
_ADDING = (_NAME, *_PASSWORDS, *_ROLES, *MAYBE_SECOND)
_ROLE_FIELDS = (_ROLE, *MAYBE_SECOND)
_RESET_FIELDS = (*_PASSWORDS, *MAYBE_SECOND)
_ACTIONS = ("give-role", "take-role", "reset-person", "close-person")


def list_people(request: DeskRequest) -> HttpResponseBase:
    """List all operators with their roles."""
    actor = require_actor(request)
    rows = [
        (
            each,
            sorted(group.name for group in each.groups.all()),
            list_links(actor, _ACTIONS, person=each.pk),
        )
        for each in people.list_people(actor)
    ]
    told = {"rows": rows, "links": list_links(actor, ("add-person",))}
    return render(request, "office/people.html", told)


def add_person(request: DeskRequest) -> HttpResponseBase:
    """Add an operator, with a password that he changes before he first signs in."""

    def act(actor: Actor, values: Values) -> str:
        name, password = values["name"], _check_twice(values)
        roles = [role for role in ROLES if values[f"role-{role}"]]
        subject = people.name_change(people.ADD, name, *roles)
        given = get_consent(actor, values, people.CONSENT, subject)
        people.add_operator(actor, name, password, roles, given)
        return lead("people", _("The operator is added."))

    form = Form(_("Add an operator"), _("Add"), _ADDING, back=reverse("people"))
    return show_form(request, form, act)


def give_role(request: DeskRequest, person: int) -> HttpResponseBase:
    """Give an operator a role."""
    return _change_role(request, person, people.GIVE, people.give, _("Give a role"))


def take_role(request: DeskRequest, person: int) -> HttpResponseBase:
    """Take a role from an operator."""
    return _change_role(request, person, people.TAKE, people.take, _("Take a role"))


def close_person(request: DeskRequest, person: int) -> HttpResponseBase:
    """Close an operator's sign-in, or open it again."""
    operator = _find(person)
    active = operator.is_active
    change, kind = (people.close, people.CLOSE) if active else (people.reopen, people.REOPEN)

    def act(actor: Actor, values: Values) -> str:
        subject = people.name_change(kind, operator.username)
        given = get_consent(actor, values, people.CONSENT, subject)
        change(actor, operator.username, given)
        return lead("people", _("The sign-in is changed."))

    title = _("Close the sign-in") if active else _("Open the sign-in again")
    form = _make_form(operator, title, MAYBE_SECOND)
    form.notes = [_("An operator is never deleted: he stays in the books.")]
    return show_form(request, form, act)


def reset_person(request: DeskRequest, person: int) -> HttpResponseBase:
    """Give an operator who forgot his password another one, which he changes first of all."""
    operator = _find(person)

    def act(actor: Actor, values: Values) -> str:
        password = _check_twice(values)
        subject = people.name_change(people.RESET, operator.username)
        given = get_consent(actor, values, people.CONSENT, subject)
        people.reset_password(actor, operator.username, password, given)
        return lead("people", _("The password is set. Its owner chooses another one first of all."))

    return show_form(request, _make_form(operator, _("Set a password"), _RESET_FIELDS), act)


def list_desks(request: DeskRequest) -> HttpResponseBase:
    """List all desks."""
    actor = require_actor(request)
    rows = [
        (each, [] if each.closed else list_links(actor, ("close-desk",), desk=each.pk))
        for each in desk_list.list_desks(actor)
    ]
    told = {"rows": rows, "links": list_links(actor, ("add-desk",))}
    return render(request, "office/desks.html", told)


def add_desk(request: DeskRequest) -> HttpResponseBase:
    """Add a desk, or open one again that was closed."""

    def act(actor: Actor, values: Values) -> str:
        desk_list.add_desk(actor, values["desk"])
        return lead("desks", _("The desk is open."))

    form = Form(_("Add a desk"), _("Add"), (_DESK,), back=reverse("desks"))
    return show_form(request, form, act)


def close_desk(request: DeskRequest, desk: int) -> HttpResponseBase:
    """Close a desk at which nothing is left to do."""
    found = Desk.objects.filter(pk=desk).first()
    if found is None:
        raise CardError(_("There is no such desk."))

    def act(actor: Actor, values: Values) -> str:
        desk_list.close_desk(actor, found.name)
        return lead("desks", _("The desk is closed."))

    facts: list[tuple[Text, str]] = [(_("Desk"), found.name)]
    form = Form(_("Close the desk"), _("Close it"), facts=facts, back=reverse("desks"))
    return show_form(request, form, act)


def _change_role(
    request: DeskRequest,
    person: int,
    kind: str,
    change: Callable[[Actor, str, str, int | None], None],
    title: str,
) -> HttpResponseBase:
    operator = _find(person)

    def act(actor: Actor, values: Values) -> str:
        subject = people.name_change(kind, operator.username, values["role"])
        given = get_consent(actor, values, people.CONSENT, subject)
        change(actor, operator.username, values["role"], given)
        return lead("people", _("The roles are changed."))

    return show_form(request, _make_form(operator, title, _ROLE_FIELDS), act)


def _make_form(operator: Operator, title: str, fields: tuple[Field, ...]) -> Form:
    facts: list[tuple[Text, str]] = [(_("Operator"), operator.username)]
    return Form(title, title, fields, facts=facts, back=reverse("people"))


def _find(person: int) -> Operator:
    operator = Operator.objects.filter(pk=person).first()
    if operator is None:
        raise CardError(_("There is no such operator."))
    return operator


def _check_twice(values: Values) -> str:
    if values["new-password"] != values["new-password-again"]:
        line = _("The two new passwords are not the same: type both again.")
        raise AtFieldError("new-password-again", line)
    return values["new-password"]


_BOTH = ("GET", "POST")
_PERSON = {"person": 1}


def _page(
    name: str, address: str, view: Callable[..., HttpResponseBase], title: Text,
    fields: tuple[Field, ...],
) -> Page:  # fmt: skip
    address, labels = f"people/<int:person>/{address}", label_fields(fields)
    return Page(
        address, name, view, "change people", title, methods=_BOTH, example=_PERSON, fields=labels
    )


PAGES = (
    Page(
        "people", "people", list_people, "look things up", gettext_lazy("Operators"), menu="office"
    ),
    Page(
        "people/add",
        "add-person",
        add_person,
        "change people",
        gettext_lazy("Add an operator"),
        methods=_BOTH,
        fields=label_fields(_ADDING),
    ),
    _page("give-role", "give", give_role, gettext_lazy("Give a role"), _ROLE_FIELDS),
    _page("take-role", "take", take_role, gettext_lazy("Take a role"), _ROLE_FIELDS),
    _page("reset-person", "reset", reset_person, gettext_lazy("Set a password"), _RESET_FIELDS),
    _page("close-person", "sign-in", close_person, gettext_lazy("Sign-in"), MAYBE_SECOND),
    Page("desks", "desks", list_desks, "look things up", gettext_lazy("Desks"), menu="office"),
    Page(
        "desks/add",
        "add-desk",
        add_desk,
        "change desks",
        gettext_lazy("Add a desk"),
        methods=_BOTH,
        fields=label_fields((_DESK,)),
    ),
    Page(
        "desks/<int:desk>/close",
        "close-desk",
        close_desk,
        "change desks",
        gettext_lazy("Close the desk"),
        methods=_BOTH,
        example={"desk": 1},
    ),
)
