"""What was typed is never lost: a form goes along through signing in, and is sent again.

A form that comes after its sign-in has ended, or from a page of yesterday, is answered by the
sign-in page or by one that shows what was typed; one key sends it. Its fields are signed meanwhile,
so that nobody else can put some there; passwords and PINs are typed anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from dianka.desk.web import signed_in
from dianka.desk.web.problems import show_problem
from dianka.desk.web.request import DeskRequest

_SALT = "dianka.desk.web.kept"
_GOOD_FOR_S = 12 * 3600
SECRET = ("password", "pin", "csrfmiddlewaretoken", "kept")  # parts of names of fields


@dataclass(frozen=True)
class Kept:
    """A form that waits to be sent again: its address, and its fields in their order."""

    address: str
    fields: Sequence[Sequence[str]]


def ask_sign_in(request: DeskRequest) -> HttpResponse:
    """Return the sign-in page for a request of nobody, which goes on where that led."""
    kept = _pack(request) if request.method == "POST" else ""
    if request.htmx and not request.htmx.boosted:  # a part of a page, which stays as it is
        response = render(request, "parts/signed_out.html", status=401)
        response["HX-Retarget"], response["HX-Reswap"] = "#signed-out", "innerHTML"
        return response
    told = {"next": "" if kept else request.get_full_path(), "kept": kept}
    return render(request, "sign_in.html", {"ended": _has_ended(request), **told}, status=401)


def resume(
    request: HttpRequest, kept: Kept, page: Any, status: int = 200, line: str = ""
) -> HttpResponse:
    """Return the page that shows what was typed and sends it again; `line` says what was wrong."""
    labels = page.fields if page else {}
    seen = [(labels[name], value) for name, value in kept.fields if name in labels and value]
    told = {"kept": kept, "seen": seen, "line": line}
    return render(request, "resume.html", told, status=status)


def resume_later(request: DeskRequest, line: str, status: int) -> HttpResponse:
    """Answer a form that could not be looked at now: show it, to be sent again later."""
    typed = read(_pack(request)) or Kept(request.path, ())
    return resume(request, typed, request.page, status, line)


def resume_old_form(request: DeskRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose proof of origin has ended: show it again if it came from these pages."""
    if not _is_ours(request):
        line = _("This form came from another site, or cookies are off: open the page anew.")
        return show_problem(request, line, 403)
    match = request.resolver_match
    request.page = getattr(match.func, "page", None) if match else None  # type: ignore[assignment]
    request.actor = signed_in.find_actor(request)
    if request.page is None or "POST" not in request.page.methods:
        return show_problem(request, _("This address does not take that."), 403)
    if request.actor is None:
        return ask_sign_in(request)
    return resume(request, read(_pack(request)) or Kept("/", ()), request.page, 403)


def read(text: str) -> Kept | None:
    """Return a form that was packed here, None if this is none or too old."""
    try:
        address, fields = signing.loads(text, salt=_SALT, max_age=_GOOD_FOR_S)
    except signing.BadSignature:
        return None
    return Kept(address, fields)


def _pack(request: HttpRequest) -> str:
    fields = [
        (name, value)
        for name, values in _list_fields(request)
        if not any(secret in name for secret in SECRET)
        for value in values
    ]
    return signing.dumps((request.path, fields), salt=_SALT, compress=True)


def _list_fields(request: HttpRequest) -> Iterable[tuple[str, list[str]]]:
    return request.POST.lists()


def _is_ours(request: HttpRequest) -> bool:
    origin = f"{request.scheme}://{request.get_host()}"
    told = request.headers.get("Sec-Fetch-Site", ""), request.headers.get("Origin", "")
    return told[0] in ("", "same-origin") and (told[1] == origin or told[0] == "same-origin")


def _has_ended(request: HttpRequest) -> bool:
    """Return whether somebody was signed in here."""
    return signed_in.read_cookie(request) is not None
