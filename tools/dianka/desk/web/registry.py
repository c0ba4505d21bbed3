"""The table of pages: where each is, who may see it, how it is called and where the menu has it.

Menu, check of rights and the test of all addresses are made from this table, so that a page which
is in it is guarded, and one that is not in it has no address.
"""

from functools import wraps
from typing import Any

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _

from dianka.desk.web import signed_in
from dianka.desk.web.kept import ask_sign_in
from dianka.desk.web.once import find_done, name_page
from dianka.desk.web.page import PUBLIC, Page, View
from dianka.desk.web.problems import show_problem
from dianka.desk.web.request import DeskRequest


def guard(page: Page) -> View:
    """Return the page's view behind its checks: method, sign-in, right."""

    @wraps(page.view)
    def guarded(request: DeskRequest, **parts: Any) -> HttpResponseBase:
        allowed = {*page.methods, *(("HEAD",) if "GET" in page.methods else ())}
        if request.method not in allowed:
            return _refuse_method(request, allowed)
        request.page = page
        request.actor = signed_in.find_actor(request)
        if page.right != PUBLIC:
            if request.actor is None:
                return ask_sign_in(request)
            if page.right:
                request.actor.require(page.right)
            if request.method == "POST":
                done = find_done(request.POST, request.actor.operator, name_page(request))
                if done:
                    return HttpResponseRedirect(done)
        response = page.view(request, **parts)
        if request.actor and not page.polled:
            signed_in.keep_alive(request, response)
        return response

    guarded.page = page  # type: ignore[attr-defined]
    return guarded


def _refuse_method(request: DeskRequest, allowed: set[str]) -> HttpResponse:
    response = show_problem(request, _("This address does not take that."), 405)
    response["Allow"] = ", ".join(sorted(allowed))
    return response
