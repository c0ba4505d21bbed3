"""The office's forms: their fields, what was typed into them, and what is wrong with each.

A page with a form names its fields and what is done with them; all else is here. Whatever is wrong
is shown at its field or at the form's head, with all that was typed but passwords.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from dianka.card_port import CardError
from dianka.desk.office.people.consent import give_consent
from dianka.desk.office.people.rights import Actor, RightError
from dianka.desk.web import typed
from dianka.desk.web.fields import FieldError
from dianka.desk.web.once import FormKeyError, do_once, make_key, name_page, read_texts
from dianka.desk.web.page import Text
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.words import translate_line

_LONGEST = 10_000  # of what is shown again at a field
Values = Mapping[str, Any]
Choices = Iterable[tuple[str, Text]]


class AtFieldError(CardError):
    """What the office refused is due to one field."""

    def __init__(self, name: str, line: str) -> None:
        super().__init__(line)
        self.name = name


@dataclass(frozen=True)
class Field:
    """One field: `kind` is text, password, choice, tick or date, a `wide` one has a whole row."""

    name: str
    label: Text
    read: typed.Read
    kind: str = "text"
    hint: Text = ""
    choices: Choices = ()
    needed: bool = True
    digits: bool = False  # a telephone shows its digits for it

    @property
    def secret(self) -> bool:
        """Return whether what was typed is never shown again."""
        return self.kind == "password"


@dataclass
class Form:
    """A form as it is drawn: `values` are its texts, `wrong` has a line for each bad field."""

    title: Text
    button: Text
    fields: tuple[Field, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    facts: Iterable[tuple[Text, str]] = ()  # what is known, before the fields
    notes: Iterable[Text] = ()
    back: str = ""  # the address to which one leaves
    wrong: dict[str, str] = field(default_factory=dict)
    line: str = ""
    key: str = ""
    upload: bool = False

    def rows(self) -> list[tuple[Field, str, str, bool]]:
        """Return each field with its text, what is wrong with it, and whether it has the cursor."""
        wrong = [each.name for each in self.fields if each.name in self.wrong]
        seen = [each.name for each in self.fields if each.kind != "hidden"]
        first = (wrong or seen or [""])[0]
        return [
            (
                each,
                self.values.get(each.name, ""),
                self.wrong.get(each.name, ""),
                each.name == first,
            )
            for each in self.fields
        ]

    def take(self, sent: QueryDict) -> Values:
        """Return the value of each field that can be taken; `wrong` names the others."""
        found: dict[str, Any] = {}
        for each in self.fields:
            text = sent.get(each.name, "")
            if not each.secret:
                self.values[each.name] = text[:_LONGEST]
            try:
                if each.choices and text:
                    typed.one_of(*(value for value, _title in each.choices))(text)
                found[each.name] = each.read(text)
            except FieldError as error:
                self.wrong[each.name] = str(error)
        return found


# A second person's consent, under his own password.
SECOND = (
    Field("second", _("Second person who consents"), typed.text(_("Name"), 150)),
    Field("second-password", _("His or her password"), typed.secret, "password"),
)
MAYBE_SECOND = (
    Field(
        "second",
        _("Second person who consents"),
        typed.text(_("Name"), 150, 0),
        needed=False,
        hint=_("Left empty if nobody else is needed."),
    ),
    Field(
        "second-password",
        _("His or her password"),
        lambda text: text[:1000],
        "password",
        needed=False,
    ),
)


def get_consent(actor: Actor, values: Values, kind: str, subject: str, fen: int = 0) -> int | None:
    """Return the number of the second person's consent, None if nobody is named."""
    name, password = values["second"], values["second-password"]
    if not name:
        return None
    try:
        return give_consent(actor, name, password, kind, subject, fen)
    except CardError as error:
        raise AtFieldError("second", str(error)) from error


def show_form(
    request: DeskRequest,
    form: Form,
    act: Callable[[Actor, Values], str],
    template: str = "office/form.html",
    told: Mapping[str, Any] | None = None,
) -> HttpResponseBase:
    """Show a form, or do what it asks, once: `act` returns the address to which that leads."""
    actor, page = require_actor(request), name_page(request)
    if request.method == "POST":
        values = form.take(request.POST)
        if not form.wrong:
            texts = read_texts(request.POST)
            key = request.POST.get("key", "")
            try:
                address = do_once(key, actor.operator, page, texts, lambda: act(actor, values))
                return HttpResponseRedirect(address)
            except RightError:
                raise
            except AtFieldError as error:
                form.wrong[error.name] = translate_line(str(error))
            except FormKeyError as error:
                form.line = str(error)
            except CardError as error:
                form.line = translate_line(str(error))
    return draw_form(request, form, template, told)


def draw_form(
    request: DeskRequest, form: Form, template: str, told: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Return the page of a form; status 422 if anything is wrong with it."""
    actor, page = require_actor(request), name_page(request)
    form.key = make_key(actor.operator, page)
    is_wrong = bool(form.wrong or form.line)
    words = {"form": form, "is_wrong": is_wrong, **(told or {})}
    return render(request, template, words, status=422 if is_wrong else 200)


def label_fields(fields: Iterable[Field]) -> dict[str, Text]:
    """Return the labels of what is typed, for a form that is sent again after signing in."""
    return {each.name: each.label for each in fields if each.label and not each.secret}
