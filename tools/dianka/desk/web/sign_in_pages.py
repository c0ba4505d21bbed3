"""Signing in and out, one's own password, the language."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.i18n import set_language

from dianka.card_port import CardError
from dianka.desk.office.audit.times import ClockError
from dianka.desk.office.clock import raise_if_apart
from dianka.desk.office.people import people, sign_in
from dianka.desk.office.people.sign_in import MustChangeError, SignInError
from dianka.desk.web import kept, signed_in
from dianka.desk.web.fields import read_text
from dianka.desk.web.menu import list_menu
from dianka.desk.web.page import PUBLIC, SIGNED_IN, Page
from dianka.desk.web.request import DeskRequest
from dianka.desk.web.words import translate_line

_LONGEST = 150  # of what is typed as a name or a password
_AFTER = "home"


def show_home(request: DeskRequest) -> HttpResponseBase:
    """Lead to the first page of the menu that the operator has a right to."""
    assert request.actor
    groups = list_menu(request.actor, None)
    return redirect(groups[0][1][0].address if groups else "password")


def show_sign_in(request: DeskRequest) -> HttpResponseBase:
    """Sign somebody in, and lead where he wanted to."""
    if request.method != "POST":
        told = {"next": request.GET.get("next", ""), "kept": ""}
        return render(request, "sign_in.html", told)
    name, password = request.POST.get("name", ""), request.POST.get("password", "")
    told = {
        "name": name[:_LONGEST],
        "next": request.POST.get("next", ""),
        "kept": request.POST.get("kept", ""),
    }
    try:
        raise_if_apart()
        token = sign_in.sign_in(_clean_name(name), password[:1000], settings.DESK_NAME)
    except MustChangeError:
        told["must_change"] = "yes"
        return render(request, "choose_password.html", told)
    except CardError as error:
        told["line"] = translate_line(str(error))
        told["clock"] = "yes" if isinstance(error, ClockError) else ""
        return render(request, "sign_in.html", told, status=422)
    return _let_in(request, token)


def choose_password(request: DeskRequest) -> HttpResponseBase:
    """Let somebody whose password another person has set choose his own."""
    if request.method != "POST":
        return redirect("sign-in")
    name = request.POST.get("name", "")
    former = request.POST.get("former-password", "")
    told = {key: request.POST.get(key, "") for key in ("next", "kept")} | {"name": name[:_LONGEST]}
    try:
        new = _read_new_password(request)
        found = sign_in.check_password(_clean_name(name), former[:1000], settings.DESK_NAME)
        actor = sign_in.make_actor(found, settings.DESK_NAME)
        people.change_password(actor, former, new)
        token = sign_in.sign_in(found.username, new, settings.DESK_NAME)
    except CardError as error:
        told["line"] = translate_line(str(error))
        return render(request, "choose_password.html", told, status=422)
    return _let_in(request, token)


def change_password(request: DeskRequest) -> HttpResponseBase:
    """Change one's own password; all of one's sign-ins end, and this one begins anew."""
    actor = request.actor
    assert actor
    if request.method != "POST":
        return render(request, "change_password.html")
    try:
        new = _read_new_password(request)
        people.change_password(actor, request.POST.get("former-password", "")[:1000], new)
        token = sign_in.sign_in(actor.operator, new, actor.desk)
    except CardError as error:
        told = {"line": translate_line(str(error))}
        return render(request, "change_password.html", told, status=422)
    response = render(request, "change_password.html", {"done": True})
    signed_in.write_cookie(response, token)
    return response


def sign_out(request: DeskRequest) -> HttpResponseBase:
    """End the sign-in."""
    response = HttpResponseRedirect(reverse("sign-in"))
    signed_in.sign_out(request, response)
    rotate_token(request)
    return response


def choose_language(request: HttpRequest) -> HttpResponseBase:
    """Keep the language that was chosen, and show the same page in it."""
    return set_language(request)


def _let_in(request: DeskRequest, token: str) -> HttpResponse:
    """Lead to what was typed before, to where the request led, or to the first page."""
    rotate_token(request)
    typed = kept.read(request.POST.get("kept", ""))
    if typed:
        request.actor = sign_in.find_actor(token)
        response: HttpResponse = kept.resume(request, typed, _find_page(typed.address))
    else:
        wanted = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(wanted, None) and wanted.startswith("/")
        response = HttpResponseRedirect(wanted if safe else reverse(_AFTER))
    signed_in.write_cookie(response, token)
    return response


def _find_page(address: str) -> Page | None:
    try:
        return getattr(resolve(address).func, "page", None)
    except Resolver404:
        return None


def _clean_name(name: str) -> str:
    """Return a name as it may be looked for; SignInError for one that can be nobody's."""
    try:
        return read_text(name, gettext_lazy("name"), _LONGEST)
    except CardError:
        raise SignInError("name or password is wrong: give both again") from None


def _read_new_password(request: HttpRequest) -> str:
    new = request.POST.get("new-password", "")
    if new != request.POST.get("new-password-again", ""):
        raise CardError(_("The two new passwords are not the same: type both again."))
    if len(new) > 1000:
        raise CardError(_("A password has up to 1000 characters."))
    return new


_TITLE = gettext_lazy("Sign in")
PAGES = (
    Page("", "home", show_home, SIGNED_IN, gettext_lazy("First page")),
    Page("sign-in", "sign-in", show_sign_in, PUBLIC, _TITLE, methods=("GET", "POST")),
    Page(
        "choose-password",
        "choose-password",
        choose_password,
        PUBLIC,
        gettext_lazy("Choose a password"),
        methods=("GET", "POST"),
    ),
    Page(
        "password",
        "password",
        change_password,
        SIGNED_IN,
        gettext_lazy("My password"),
        menu="office",
        methods=("GET", "POST"),
    ),
    Page("sign-out", "sign-out", sign_out, SIGNED_IN, gettext_lazy("Sign out"), methods=("POST",)),
    Page(
        "language", "language", choose_language, PUBLIC, gettext_lazy("Language"), methods=("POST",)
    ),
)
