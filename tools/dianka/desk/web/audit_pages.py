"""Acts looked up, what second persons consented to, the check and the proof of the books."""

from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from dianka.card_port import CardError
from dianka.desk.office.people.rights import RightError
from dianka.desk.office.statistics.times import begin_of
from dianka.desk.office.vending.act_list import Wanted, find_acts
from dianka.desk.web import typed
from dianka.desk.web.fields import FieldError
from dianka.desk.web.page import Page
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.words import translate_line

_MOST = 200
_FIELDS = ("subject", "operator", "kind", "from", "to")


def list_acts(request: DeskRequest) -> HttpResponseBase:
    """List acts of all desks' chains, the newest first."""
    return _show_acts(request, {}, "office/acts.html")


def list_consents(request: DeskRequest) -> HttpResponseBase:
    """List what second persons have consented to."""
    return _show_acts(request, {"kind": "consent"}, "office/consents.html")


def _show_acts(request: DeskRequest, fixed: dict[str, str], template: str) -> HttpResponseBase:
    asked = {name: request.GET.get(name, "")[:150] for name in _FIELDS} | fixed
    wrong: dict[str, str] = {}
    since, until = (_read_day(asked, name, wrong) for name in ("from", "to"))
    told: dict[str, Any] = {"typed": asked, "wrong": wrong, "line": ""}
    if not wrong:
        try:
            wanted = Wanted(
                asked["subject"].strip(),
                asked["operator"].strip(),
                asked["kind"].strip(),
                begin_of(since) if since else None,
                _end_of(until) if until else None,
                _MOST,
            )
            found = find_acts(require_actor(request), wanted)
            told |= {"acts": found.acts, "rest": found.rest}
        except RightError:
            raise
        except CardError as error:
            told["line"] = translate_line(str(error))
    is_bad = bool(wrong or told["line"])
    return render(request, template, told, status=422 if is_bad else 200)


def _read_day(asked: dict[str, str], name: str, wrong: dict[str, str]) -> date | None:
    try:
        return typed.maybe(typed.day)(asked[name])
    except FieldError as error:
        wrong[name] = str(error)
        return None


def _end_of(day: date) -> datetime:
    return begin_of(day + timedelta(days=1))


PAGES = (
    Page(
        "approvals",
        "approvals",
        list_consents,
        "read acts",
        gettext_lazy("Approvals"),
        menu="money",
    ),
    Page("acts", "acts", list_acts, "read acts", gettext_lazy("Acts"), menu="office"),
)
