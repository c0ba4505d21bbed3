"""Pages that say what is wrong and what to do, in place of the one that was asked for."""

import logging

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn
from dianka.desk.office.people.rights import RightError
from dianka.desk.web.words import translate_line

_log = logging.getLogger("django.request")


def show_problem(
    request: HttpRequest, line: str | Promise, status: int, clock: bool = False
) -> HttpResponse:
    """Return a page with one line that says what is wrong; `clock`: that leads on to its page."""
    return render(request, "problem.html", {"line": line, "clock": clock}, status=status)


def explain(error: Exception) -> tuple[str, int] | None:
    """Return the line and the status of an error that people are told of; None for any other."""
    if isinstance(error, RightError):
        return translate_line(str(error)), 403
    if isinstance(error, (CardError, CardTorn)):
        return translate_line(str(error)), 409
    if isinstance(error, Error):
        return _(
            "The database does not answer: see that it runs, and send it again. What was sent to "
            "a card before that is not lost: look at the card."
        ), 503
    return None


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return the page for an address that is none."""
    return show_problem(request, _("There is no such page."), 404)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return the page for a request that is not understood: too large, or for another host."""
    return show_problem(request, _("The desk does not understand that request."), 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the page for a fault of the program, without a word of what was in it."""
    line = _("The desk failed. What was typed is not stored; look at the card and do it again.")
    return show_problem(request, line, 500)


def refuse(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return the page for what is refused."""
    return show_problem(request, _("That is not allowed."), 403)
