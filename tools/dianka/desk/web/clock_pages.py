"""A clock that looks wrong by the acts and is right, accepted by two people.

Nobody can sign in while the clock is refused, as a sign-in is an act. So the page is for everybody,
and both people give their names and passwords on it.
"""

from django.conf import settings
from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office import clock
from dianka.desk.office.audit import chain
from dianka.desk.office.audit.times import ClockError
from dianka.desk.office.people.consent import ConsentError
from dianka.desk.office.people.rights import RightError
from dianka.desk.office.people.sign_in import SignInError
from dianka.desk.web import typed
from dianka.desk.web.done_line import lead
from dianka.desk.web.forms import MAYBE_SECOND, Field, Form, Values
from dianka.desk.web.page import PUBLIC, Page
from dianka.desk.web.request import DeskRequest
from dianka.desk.web.words import translate_line

_OF_PERSON = (SignInError, ConsentError, RightError)
_FIELDS = (
    Field("name", gettext_lazy("Name"), typed.text(gettext_lazy("Name"), 150)),
    Field("password", gettext_lazy("Password"), typed.secret, "password"),
    *MAYBE_SECOND,
)


def accept_clock(request: DeskRequest) -> HttpResponseBase:
    """Say whether the clock is refused; accept it for two people who give their passwords."""
    refused = _find_trouble()
    form = Form(_("Accept the clock"), _("Accept it"), _FIELDS)
    form.notes = [
        translate_line(refused) if refused else _("The clock can be right: nothing is to accept."),
        _(
            "First compare the clock with another one, and set it if it is wrong. If it is right, "
            "a supervisor or manager and a second one accept it, and all desks work on."
        ),
    ]
    if request.method == "POST":
        values = form.take(request.POST)
        if not form.wrong:
            told = _accept(form, values)
            if told:
                return HttpResponseRedirect(lead("sign-in", translate_line(told)))
    elif not refused:
        return render(request, "office/clock.html", {"notes": form.notes})
    status = 422 if form.wrong or form.line else 200
    return render(request, "office/form.html", {"form": form}, status=status)


def _find_trouble() -> str:
    """Return why the clock is refused at this desk, empty if it is not."""
    try:
        chain.raise_if_clock_is_wrong(settings.DESK_NAME)
    except ClockError as error:
        return str(error)
    return ""


def _accept(form: Form, values: Values) -> str:
    """Return the words of the acceptance; without one the form says what is wrong, and where."""
    at = "name"
    try:
        actor = clock.identify(values["name"], values["password"], settings.DESK_NAME)
        actor.require("accept a clock")
        at = "second"
        return clock.accept(actor, values["second"], values["second-password"])
    except CardError as error:
        line = translate_line(str(error))
        if at == "name" or isinstance(error, _OF_PERSON):
            form.wrong[at] = line
        else:
            form.line = line
        return ""


PAGES = (
    Page(
        "clock",
        "accept-clock",
        accept_clock,
        PUBLIC,
        gettext_lazy("Accept the clock"),
        methods=("GET", "POST"),
    ),
)
